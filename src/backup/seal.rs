//! Encryption to `age` recipients, and the key by which encrypted parts get their names.
//!
//! Who takes backups has public keys only, and cannot read again what it wrote. It recognises what is there by names and
//! marks that are made with a random key: they say nothing to whoever lacks that key, not even of a file that is known.
//! The key lies in the archive's private folder, and encrypted in every generation.
//!
//! ```text
//! a part   an age file (objects are compressed before), then 48 bytes: "SGSEAL\0\x01", its length, its SHA-256
//! ```
//!
//! The 48 bytes tell accidents to whoever has no identity. That nobody else wrote a part tells its name.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use age::x25519;
use aws_lc_rs::{hmac, rand};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{Error, Result, folder::unhex, map::MARK};
use crate::media::vault::hex;

const MAGIC: &[u8; 8] = b"SGSEAL\0\x01";
/// Bytes behind the age file.
const TAIL: usize = 48;
/// Bytes of an identity file or a list of recipients that are read.
const MOST: u64 = 1 << 20;
/// How an encrypted file begins: an identity with a passphrase is one.
const AGE: &[u8] = b"age-encryption.org/";
const ARMORED: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// To whom backups are encrypted; each can read all of them.
#[derive(Clone)]
pub struct Recipients(Vec<(String, x25519::Recipient)>);

/// The private halves, for reading.
pub struct Identities(Vec<x25519::Identity>);

/// Names pages and files; see the module.
#[derive(Clone)]
pub(super) struct NameKey {
    key: hmac::Key,
    bytes: Zeroizing<[u8; 32]>,
}

/// What it takes to write an encrypted generation.
pub(super) struct Seal {
    pub(super) recipients: Recipients,
    pub(super) key: NameKey,
}

/// What it takes to read an encrypted generation.
pub struct Opened {
    pub(super) identities: Identities,
    pub(super) key: NameKey,
}

/// Neither keys nor identities print.
macro_rules! silent {
    ($($name:ident)*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )*};
}
silent!(Recipients Identities NameKey Seal Opened);

impl Recipients {
    /// Reads public keys, blanks or line ends between them; none when there are none. What is no public key is not
    /// repeated: it may be a private one.
    pub fn parse(text: &str) -> Result<Option<Self>> {
        let mut all = Vec::new();
        for (at, word) in text.split_whitespace().enumerate() {
            let recipient: x25519::Recipient = word.parse().map_err(|_| Error::Recipient {
                which: format!("number {}", at + 1),
                why: fault(word),
            })?;
            all.push((recipient.to_string(), recipient));
        }
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all.dedup_by(|one, other| one.0 == other.0);
        Ok((!all.is_empty()).then_some(Self(all)))
    }

    /// Reads a file of public keys, one a line; empty lines and those that begin with `#` say nothing.
    pub fn from_file(path: &Path) -> Result<Option<Self>> {
        let text = read(path)?;
        let mut all = String::new();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.parse::<x25519::Recipient>().is_err() {
                return Err(Error::Recipient {
                    which: format!("line {} of {}", at + 1, path.display()),
                    why: fault(line),
                });
            }
            all += line;
            all.push('\n');
        }
        Self::parse(&all)
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        let mut all = self.0;
        all.extend(other.0);
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all.dedup_by(|one, other| one.0 == other.0);
        Self(all)
    }

    /// As text, sorted.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }

    fn writer<W: Write>(&self, out: W) -> io::Result<age::stream::StreamWriter<W>> {
        let recipients = self
            .0
            .iter()
            .map(|(_, recipient)| recipient as &dyn age::Recipient);
        age::Encryptor::with_recipients(recipients)
            .map_err(|error| io::Error::other(error.to_string()))?
            .wrap_output(out)
    }

    /// A short text, encrypted.
    pub(super) fn encrypt(&self, plain: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::with_capacity(plain.len() + 512);
        let mut writer = self.writer(&mut out)?;
        writer.write_all(plain)?;
        writer.finish()?;
        Ok(out)
    }
}

/// Why a word is no recipient, without the word.
fn fault(word: &str) -> &'static str {
    let begins = |with: &str| {
        word.get(..with.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(with))
    };
    if begins("AGE-SECRET-KEY-") {
        "is an identity, a private key, which does not belong here; its public half begins with age1 (`age-keygen -y FILE`)"
    } else if begins("ssh-") {
        "is a key of SSH, which is not supported; make one with `age-keygen`"
    } else if begins("age1") {
        "is no age recipient: mistyped, cut off, or of a plugin, which is not supported"
    } else {
        "is no age recipient, which begins with age1 (`age-keygen` makes one)"
    }
}

impl Identities {
    /// Reads an identity file as `age-keygen` writes it. Only its owner may read it.
    pub fn from_file(path: &Path) -> Result<Self> {
        let unusable = |why: String| Error::IdentityFile {
            path: path.to_owned(),
            why,
        };
        let mode = std::fs::metadata(path)
            .map(|about| std::os::unix::fs::MetadataExt::mode(&about) & 0o7777)
            .map_err(|error| unusable(format!("cannot be read: {error}")))?;
        if mode & 0o077 != 0 {
            return Err(unusable(format!(
                "can be read by others (mode {mode:04o}); type: chmod 600 {}",
                path.display()
            )));
        }
        let text = read(path).map_err(|error| match error {
            Error::Io { cause, .. } if cause.kind() == io::ErrorKind::InvalidData => {
                unusable("is no identity file, or one with a passphrase, which is not supported".to_owned())
            }
            error => error,
        })?;
        if text.as_bytes().starts_with(AGE) || text.as_bytes().starts_with(ARMORED) {
            return Err(unusable(
                "is protected with a passphrase, which is not supported; decrypt it with `age -d` into a file in memory \
                 (/dev/shm, mode 600), and remove that afterwards"
                    .to_owned(),
            ));
        }
        let mut all = Vec::new();
        for (at, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            all.push(
                line.parse().map_err(|_| {
                    unusable(format!("line {} is no age identity (AGE-SECRET-KEY-1…)", at + 1))
                })?,
            );
        }
        if all.is_empty() {
            return Err(unusable("holds no identity".to_owned()));
        }
        Ok(Self(all))
    }

    /// Those of several files.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn reader<R: Read>(&self, from: R) -> Result<age::stream::StreamReader<R>, Closed> {
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        age::Decryptor::new(from)
            .and_then(|decryptor| decryptor.decrypt(identities))
            .map_err(|error| match error {
                age::DecryptError::NoMatchingKeys => Closed::OtherRecipients,
                _ => Closed::Altered,
            })
    }

    /// A text of at most so many bytes.
    pub(super) fn decrypt(&self, sealed: &[u8], most: u64) -> Result<Zeroizing<Vec<u8>>, Closed> {
        let mut plain = Zeroizing::new(Vec::new());
        self.reader(sealed)?
            .take(most)
            .read_to_end(&mut plain)
            .map_err(|_| Closed::Altered)?;
        Ok(plain)
    }
}

/// Why something cannot be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It is for others.
    OtherRecipients,
    /// It is not what was encrypted.
    Altered,
}

impl Closed {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::OtherRecipients => "it is encrypted for others than this identity",
            Self::Altered => "it is altered: it cannot be decrypted",
        }
    }
}

impl NameKey {
    pub(super) fn fresh() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut *bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
        Ok(Self::new(bytes))
    }

    fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &*bytes),
            bytes,
        }
    }

    /// From the 64 digits of [`Self::to_text`].
    pub(super) fn from_text(text: &str) -> Option<Self> {
        unhex(text.trim()).map(|bytes| Self::new(Zeroizing::new(bytes)))
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.bytes))
    }

    /// Tells keys apart and says nothing of them.
    pub(super) fn id(&self) -> String {
        hex(&self.digest(b'i', &[])[..8])
    }

    /// Pages are recognised by it.
    pub(super) fn mark(&self, page: &[u8]) -> [u8; MARK] {
        let digest = self.digest(b'p', page);
        std::array::from_fn(|at| digest[at])
    }

    /// The name of pages.
    pub(super) fn object(&self, raw: &[u8]) -> [u8; 32] {
        self.digest(b'o', raw)
    }

    /// The name of a file with this SHA-256.
    pub(super) fn file(&self, sha256: &[u8; 32]) -> [u8; 32] {
        self.digest(b'f', sha256)
    }

    /// Shows that a generation was written by somebody who has the key.
    pub(super) fn tag(&self, generation: &[u8]) -> [u8; 32] {
        self.digest(b'g', generation)
    }

    fn digest(&self, what: u8, bytes: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[what]);
        context.update(bytes);
        let tag = context.sign();
        std::array::from_fn(|at| tag.as_ref()[at])
    }
}

/// Writes a part, whatever `fill` gives, encrypted, with its tail. Returns what `fill` returned and the bytes written.
pub(super) fn write<W: Write + Send, T>(
    recipients: &Recipients,
    out: W,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<T>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<(T, u64)> {
    let mut counted = Counted {
        out,
        hash: Sha256::new(),
        bytes: 0,
    };
    let mut writer = recipients.writer(&mut counted).map_err(&failed)?;
    let filled = fill(&mut writer)?;
    writer.finish().map_err(&failed)?;
    let length = counted.bytes;
    let sha256: [u8; 32] = counted.hash.clone().finalize().into();
    for part in [&MAGIC[..], &length.to_le_bytes(), &sha256] {
        counted.out.write_all(part).map_err(&failed)?;
    }
    Ok((filled, length + TAIL as u64))
}

/// Digests and counts what it hands on.
pub(super) struct Counted<W> {
    pub out: W,
    pub hash: Sha256,
    pub bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What stands behind the age file: its length and its SHA-256. None when the part is cut off, or is none.
pub(super) fn tail(file: &File) -> io::Result<Option<(u64, [u8; 32])>> {
    let whole = file.metadata()?.len();
    let Some(length) = whole.checked_sub(TAIL as u64) else {
        return Ok(None);
    };
    let mut tail = [0; TAIL];
    file.read_exact_at(&mut tail, length)?;
    let (magic, rest) = tail.split_at(MAGIC.len());
    let (said, sha256) = rest.split_at(8);
    let is_whole = magic == MAGIC && said == length.to_le_bytes();
    Ok(is_whole.then(|| (length, std::array::from_fn(|at| sha256[at]))))
}

/// Why a part could not be read to its end.
pub(super) enum Unread {
    /// It is not what was written.
    Altered(&'static str),
    /// It is for others.
    Closed(&'static str),
    /// It cannot be read.
    Part(io::Error),
    /// It cannot be written where it should go.
    Out(io::Error),
}

/// Reads a part against its tail; with an identity its content goes to `out`, without one nothing does.
pub(super) fn read_part(
    file: File,
    identities: Option<&Identities>,
    out: &mut dyn Write,
) -> Result<(), Unread> {
    let Some((length, sha256)) = tail(&file).map_err(Unread::Part)? else {
        return Err(Unread::Altered(
            "it is altered: it is cut off, or its end is another one",
        ));
    };
    let mut stored = Hashing {
        from: BufReader::with_capacity(1 << 16, file).take(length),
        hash: Sha256::new(),
    };
    let mut step = Zeroizing::new(vec![0; 1 << 16]);
    let mut closed = None;
    if let Some(identities) = identities {
        match identities.reader(&mut stored) {
            Ok(mut plain) => loop {
                match plain.read(&mut step) {
                    Ok(0) => break,
                    Ok(read) => out.write_all(&step[..read]).map_err(Unread::Out)?,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => {
                        closed = Some(Closed::Altered);
                        break;
                    }
                }
            },
            Err(why) => closed = Some(why),
        }
    }
    io::copy(&mut stored, &mut io::sink()).map_err(Unread::Part)?;
    // What was altered since it was written is that first, whoever reads it.
    if stored.hash.finalize().as_slice() != sha256 {
        return Err(Unread::Altered("it is altered: its SHA-256 is another one"));
    }
    match closed {
        Some(why @ Closed::Altered) => Err(Unread::Altered(why.why())),
        Some(why @ Closed::OtherRecipients) => Err(Unread::Closed(why.why())),
        None => Ok(()),
    }
}

struct Hashing<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| file.take(MOST).read_to_string(&mut text))
        .map_err(super::error::io("read", path))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use age::secrecy::ExposeSecret;
    use proptest::prelude::*;

    use super::*;

    fn pair() -> (Recipients, Identities) {
        let key = x25519::Identity::generate();
        let recipients = Recipients::parse(&key.to_public().to_string());
        (
            recipients.expect("a recipient").expect("one"),
            Identities(vec![key]),
        )
    }

    /// A part in a file.
    fn part(recipients: &Recipients, content: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let failed = |cause| super::super::error::io("write", Path::new("x"))(cause);
        let fill = |out: &mut (dyn Write + Send)| out.write_all(content).map_err(failed);
        let ((), written) = write(recipients, &mut out, fill, failed).expect("written");
        assert_eq!(written, out.len() as u64);
        out
    }

    fn read_back(bytes: &[u8], identities: Option<&Identities>) -> Result<Vec<u8>, &'static str> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        std::io::Seek::rewind(&mut file).expect("rewound");
        let mut out = Vec::new();
        match read_part(file, identities, &mut out) {
            Ok(()) => Ok(out),
            Err(Unread::Altered(_)) => Err("altered"),
            Err(Unread::Closed(_)) => Err("closed"),
            Err(Unread::Part(error) | Unread::Out(error)) => panic!("{error}"),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_part_comes_back_for_its_recipients_and_for_nobody_else(
            content in prop::collection::vec(any::<u8>(), 0..200_000),
        ) {
            let ((one, first), (two, second), (_, stranger)) = (pair(), pair(), pair());
            let bytes = part(&one.and(two), &content);
            prop_assert_eq!(read_back(&bytes, Some(&first)), Ok(content.clone()));
            prop_assert_eq!(read_back(&bytes, Some(&second)), Ok(content));
            prop_assert_eq!(read_back(&bytes, Some(&stranger)), Err("closed"));
            prop_assert_eq!(read_back(&bytes, None), Ok(Vec::new()));
        }

        /// With and without an identity; also where the digests behind it were written anew.
        #[test]
        fn an_altered_or_cut_part_is_not_believed(
            content in prop::collection::vec(any::<u8>(), 1..3_000), at in any::<prop::sample::Index>(), bit in 0..8_u8,
        ) {
            let (recipients, identities) = pair();
            let whole = part(&recipients, &content);
            let mut bytes = whole.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            for identities in [None, Some(&identities)] {
                prop_assert_eq!(read_back(&bytes, identities), Err("altered"));
                prop_assert_eq!(read_back(&whole[..at], identities), Err("altered"));
            }
            if at < whole.len() - TAIL {
                let age = &bytes[..whole.len() - TAIL];
                let forged = [age, MAGIC, &(age.len() as u64).to_le_bytes(), &Sha256::digest(age)].concat();
                prop_assert!(read_back(&forged, Some(&identities)).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let (_, identities) = pair();
            prop_assert!(read_back(&bytes, Some(&identities)).is_err());
            let tail = [&bytes[..], MAGIC, &(bytes.len() as u64).to_le_bytes(), &Sha256::digest(&bytes)].concat();
            prop_assert!(read_back(&tail, Some(&identities)).is_err());
            prop_assert!(identities.decrypt(&bytes, 100).is_err());
        }

        #[test]
        fn no_word_but_a_recipient_is_one_and_none_is_repeated(word in "[ -~]{1,80}") {
            if let Err(error) = Recipients::parse(&word) {
                let long = word.split_whitespace().filter(|word| word.len() > 12);
                for word in long {
                    prop_assert!(!error.to_string().contains(word));
                }
            }
        }
    }

    #[test]
    fn names_come_from_the_key_and_differ_by_what_they_name() {
        let (one, two) = (
            NameKey::fresh().expect("random"),
            NameKey::fresh().expect("random"),
        );
        let again = NameKey::from_text(&one.to_text()).expect("its text");
        assert_eq!((one.id(), one.object(b"x")), (again.id(), again.object(b"x")));
        assert_ne!(one.id(), two.id());
        assert_ne!(one.object(b"x"), two.object(b"x"));
        assert_ne!(one.object(&[7; 32]), one.file(&[7; 32]));
        assert_ne!(one.object(b"x"), one.tag(b"x"));
        let text = format!("{one:?}");
        assert!(!text.contains(&one.to_text()[..8]), "{text}");
        assert!(NameKey::from_text("abc").is_none());
    }

    #[test]
    fn an_identity_file_is_private_and_holds_identities() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let file = |text: &str, mode: u32| {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
            Identities::from_file(&path).map_err(|error| error.to_string())
        };
        let key = x25519::Identity::generate().to_string();
        let secret = key.expose_secret();
        assert_eq!(
            file(&format!("# comment\r\n\n{secret}\r\n{secret}"), 0o600)
                .expect("two")
                .0
                .len(),
            2
        );
        let refused = |text: &str, mode: u32, why: &str| {
            let said = file(text, mode).expect_err("refused");
            assert!(said.contains(why), "{said}");
            assert!(!said.contains(&secret[20..30]));
        };
        refused(secret, 0o640, "chmod 600");
        refused("", 0o600, "no identity");
        refused(&secret[..40], 0o600, "line 1");
        refused("age-encryption.org/v1\n-> scrypt x 18\n", 0o600, "passphrase");
        refused("-----BEGIN AGE ENCRYPTED FILE-----\n", 0o600, "passphrase");
    }
}
