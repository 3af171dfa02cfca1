//! Voices as browsers play them: AMR, narrow and wide band, becomes WAV.
//!
//! The original is what counts and is never touched; this is a second content beside it. What the decoder is fed comes
//! from strangers, so a panic of it is caught and the voice then has no such form. SILK is recognised and not decoded
//! here: every decoder of it found is old C. A program of the operator's own may do it, in a process of its own.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Seek, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use codec_core::{
    codecs::amr::{AmrCodec, AmrFrameType, AmrStorageReader, AmrVariant},
    types::{CodecConfig, CodedFrame, FrameKind, VariableRateCodec},
};

use super::{
    private,
    sniff::{AMR, AMR_WB, SILK, Sniffed},
};

/// Bytes of a recording that is decoded: more than five hours of AMR at its highest rate.
const LONGEST: u64 = 32 << 20;
/// Bytes of the form that browsers play: six hours at 24,000 samples a second.
pub const MOST: u64 = 1 << 30;
/// Samples a second that decoders of SILK write unless told otherwise.
const SILK_RATE: u32 = 24_000;
/// Why there is no such form when the decoder gave up.
pub const FAILED: &str = "the decoder failed on it";
/// Mode that stands for a gap before any speech.
const FIRST_MODE: u8 = 0;

/// What a voice became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Playable {
    /// Browsers play it as it is, or it is no sound.
    AsIs,
    /// Written as WAV to the path asked for.
    Made,
    /// There is no form that browsers play, and why.
    None(&'static str),
}

/// Writes the WAV form of the file at `from` to `to`, when it is of a sort that needs one. Blocks.
pub fn playable(sniffed: Sniffed, from: &Path, to: &Path) -> io::Result<Playable> {
    if sniffed == SILK {
        return Ok(Playable::None(
            "SILK is not decoded unless media.silk_decoder names a program for it",
        ));
    }
    if sniffed != AMR && sniffed != AMR_WB {
        return Ok(Playable::AsIs);
    }
    if fs::metadata(from)?.len() > LONGEST {
        return Ok(Playable::None("it is too long to be decoded"));
    }
    let data = fs::read(from)?;
    let decoded = catch_unwind(AssertUnwindSafe(|| decode(&data)));
    match decoded {
        Ok(Some((rate, samples))) => {
            write_wav(to, rate, &samples)?;
            Ok(Playable::Made)
        }
        Ok(None) => Ok(Playable::None("no frame of it could be decoded")),
        Err(_) => Ok(Playable::None(FAILED)),
    }
}

/// Sample rate and samples of an AMR file, as far as its frames are whole; `None` when the first is not.
pub fn decode(data: &[u8]) -> Option<(u32, Vec<i16>)> {
    let mut reader = AmrStorageReader::new(data).ok()?;
    let (config, rate, per_frame) = match reader.variant() {
        AmrVariant::NarrowBand => (CodecConfig::amr_nb(), 8_000, 160),
        AmrVariant::WideBand => (CodecConfig::amr_wb(), 16_000, 320),
    };
    let mut codec = AmrCodec::new(&config).ok()?;
    let mut samples = Vec::with_capacity(data.len() / 32 * per_frame);
    let mut mode = FIRST_MODE;
    // A recording is often cut off in its last frame; what came before is sound all the same.
    while let Ok(Some(frame)) = reader.next_frame() {
        let kind = match frame.frame_type {
            AmrFrameType::Speech(spoken) => {
                mode = spoken.index();
                FrameKind::Speech
            }
            AmrFrameType::Sid(_) => FrameKind::ComfortNoise,
            AmrFrameType::NoData => FrameKind::NoData,
            AmrFrameType::SpeechLost => FrameKind::Lost,
        };
        let coded = CodedFrame {
            kind,
            mode,
            quality_ok: frame.quality_ok,
            data: frame.data,
        };
        match codec.decode_frame(&coded) {
            Ok(decoded) => samples.extend_from_slice(&decoded),
            // Time goes on where a frame is lost.
            Err(_) => samples.extend(std::iter::repeat_n(0, per_frame)),
        }
    }
    (!samples.is_empty()).then_some((rate, samples))
}

/// Writes what a decoder in another process made as WAV to `to`: it is WAV already, or bare samples of 16 bits,
/// lower byte first, 24,000 a second, as decoders of SILK write them. False when it is neither. Blocks.
pub fn wav_of(made: &Path, to: &Path) -> io::Result<bool> {
    let mut made = File::open(made)?;
    let bytes = made.metadata()?.len();
    let mut head = Vec::new();
    (&mut made).take(12).read_to_end(&mut head)?;
    made.rewind()?;
    let is_wav = head.starts_with(b"RIFF") && head.ends_with(b"WAVE");
    if bytes == 0 || !is_wav && bytes % 2 != 0 {
        return Ok(false);
    }
    let mut out = private::create(to)?;
    if !is_wav {
        write_header(&mut out, SILK_RATE, bytes)?;
    }
    io::copy(&mut made, &mut out)?;
    out.sync_all()?;
    Ok(true)
}

fn write_wav(to: &Path, rate: u32, samples: &[i16]) -> io::Result<()> {
    let mut out = BufWriter::new(private::create(to)?);
    write_header(&mut out, rate, samples.len() as u64 * 2)?;
    for sample in samples {
        out.write_all(&sample.to_le_bytes())?;
    }
    out.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}

/// 16 bit, one channel.
fn write_header(out: &mut impl Write, rate: u32, bytes: u64) -> io::Result<()> {
    let size = u32::try_from(bytes).unwrap_or(u32::MAX - 36);
    out.write_all(b"RIFF")?;
    out.write_all(&(size + 36).to_le_bytes())?;
    out.write_all(b"WAVEfmt ")?;
    out.write_all(&16u32.to_le_bytes())?;
    out.write_all(&1u16.to_le_bytes())?; // PCM
    out.write_all(&1u16.to_le_bytes())?; // channels
    out.write_all(&rate.to_le_bytes())?;
    out.write_all(&(rate * 2).to_le_bytes())?; // bytes a second
    out.write_all(&2u16.to_le_bytes())?; // bytes of a sample
    out.write_all(&16u16.to_le_bytes())?;
    out.write_all(b"data")?;
    out.write_all(&size.to_le_bytes())
}

#[cfg(test)]
mod tests {
    use codec_core::codecs::amr::{AmrMode, AmrPayloadFrame, storage};
    use proptest::prelude::*;

    use super::*;

    /// A second of a tone, encoded.
    fn tone(variant: AmrVariant) -> (Vec<u8>, Vec<i16>) {
        let (config, rate, frame) = match variant {
            AmrVariant::NarrowBand => (CodecConfig::amr_nb(), 8_000.0, 160),
            AmrVariant::WideBand => (CodecConfig::amr_wb(), 16_000.0, 320),
        };
        let samples: Vec<i16> = (0..50 * frame)
            .map(|at| ((at as f64 * 440.0 * std::f64::consts::TAU / rate).sin() * 8_000.0) as i16)
            .collect();
        let mut codec = AmrCodec::new(&config).expect("a codec");
        let frames: Vec<AmrPayloadFrame> = samples
            .chunks(frame)
            .map(|chunk| {
                let coded = codec.encode_frame(chunk).expect("encoded");
                let mode = AmrMode::new(variant, coded.mode).expect("a mode");
                AmrPayloadFrame::new(AmrFrameType::Speech(mode), true, coded.data).expect("a frame")
            })
            .collect();
        (storage::write(variant, &frames).expect("a file"), samples)
    }

    /// How alike two sounds are at their best shift, 1 being the same.
    fn likeness(a: &[i16], b: &[i16]) -> f64 {
        let dot = |a: &[i16], b: &[i16]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        (0..400)
            .map(|shift| {
                let (a, b) = (&a[..a.len() - 400], &b[shift..]);
                dot(a, b) / (dot(a, a) * dot(&b[..a.len()], &b[..a.len()])).sqrt().max(1.0)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn a_tone_is_heard_again_from_both_bands() {
        for variant in [AmrVariant::NarrowBand, AmrVariant::WideBand] {
            let (file, samples) = tone(variant);
            let (rate, heard) = decode(&file).expect("sound");
            assert_eq!(heard.len(), samples.len());
            assert_eq!(rate as usize, samples.len());
            assert!(
                likeness(&samples, &heard) > 0.9,
                "{variant:?}: {}",
                likeness(&samples, &heard)
            );
        }
    }

    #[test]
    fn wav_says_what_it_is_and_a_cut_voice_is_heard_up_to_the_cut() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (from, to) = (scratch.path().join("v.amr"), scratch.path().join("v.wav"));
        let (file, samples) = tone(AmrVariant::NarrowBand);
        fs::write(&from, &file[..file.len() - 5]).expect("written");
        assert_eq!(playable(AMR, &from, &to).expect("decoded"), Playable::Made);
        let wav = fs::read(&to).expect("a file");
        assert_eq!((&wav[..4], &wav[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!(wav.len(), 44 + (samples.len() - 160) * 2);
        assert_eq!(super::super::sniff::sniff(&wav).mime, "audio/x-wav");
    }

    #[test]
    fn bare_samples_become_wav_and_wav_stays() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (made, to) = (scratch.path().join("made"), scratch.path().join("v.wav"));
        fs::write(&made, [1, 2, 3, 4]).expect("written");
        assert!(wav_of(&made, &to).expect("looked"));
        let wav = fs::read(&to).expect("a file");
        assert_eq!((wav.len(), &wav[44..]), (48, &[1, 2, 3, 4][..]));
        assert_eq!(wav[24..28], 24_000_u32.to_le_bytes());
        fs::write(&made, &wav).expect("written");
        fs::remove_file(&to).expect("removed");
        assert!(wav_of(&made, &to).expect("looked"));
        assert_eq!(fs::read(&to).expect("a file"), wav);
        for neither in [&b""[..], b"odd"] {
            fs::write(&made, neither).expect("written");
            assert!(!wav_of(&made, &to).expect("looked"));
        }
    }

    #[test]
    fn what_cannot_be_heard_says_why() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (from, to) = (scratch.path().join("v"), scratch.path().join("w"));
        fs::write(&from, b"#!AMR\n").expect("written");
        assert!(matches!(playable(AMR, &from, &to), Ok(Playable::None(_))));
        assert!(matches!(playable(SILK, &from, &to), Ok(Playable::None(_))));
        let jpeg = super::super::sniff::sniff(b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01");
        assert_eq!(playable(jpeg, &from, &to).expect("looked"), Playable::AsIs);
        assert!(!to.exists());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_end(wide: bool, rest in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut file = if wide { b"#!AMR-WB\n".to_vec() } else { b"#!AMR\n".to_vec() };
            file.extend(rest);
            if let Some((_, samples)) = decode(&file) {
                prop_assert!(samples.len() <= file.len() * 320);
            }
        }
    }
}
