//! The child's life: enter the cage, be greeted, load the library, answer requests until the pipe closes.
//!
//! One thread, one handle (finance-sdk §11). It never decides anything: codes and bytes go back as they are, and
//! what it dies of is the parent's business.
//!
//! Enters: frames. Leaves: frames. Must not know: private keys, records, retries, deadlines.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::cage;
use crate::codes::Code;
use crate::handle::{Media, NoObject, Ready, Sdk};
use crate::lend::Lender;
use crate::load::{self, Library, LoadError};
use crate::mark::Mark;
use crate::wire::{
    self, Batch, Fields, Frame, Header, Hello, Kind, MAX_CHUNK, MAX_CURSOR, MAX_PAGE, MAX_PAYLOAD, Welcome,
    WireError,
};

pub use crate::wire::ARGUMENT;

/// Room kept free in a reply, enough for the empty outcomes of a whole batch after one that did not fit.
const SLACK: usize = 16 * wire::MAX_ITEMS as usize;

/// The whole life of a child process; returns its exit code. To be called before anything else in `main`, while the
/// process has a single thread.
pub fn run() -> i32 {
    let told = |what: &dyn std::fmt::Display| {
        eprintln!("shiguan {ARGUMENT}: {what}");
        2
    };
    let mut line = match cage::enter() {
        Ok(line) => line,
        Err(error) => return told(&error),
    };
    // SAFETY: `serve` leaves a reply as it is until the next request has come, and the parent sends none before it has read
    // the reply; the last one is never given back.
    let mut replies = unsafe { Lender::new(line.replies) };
    match serve(&mut line.requests, &mut replies, Process::Own) {
        Ok(()) => 0,
        Err(error) => told(&error),
    }
}

/// Whose process the loop runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// A child made for it: its environment may be changed.
    Own,
    /// Somebody else's, such as a test's: the environment stays.
    Borrowed,
}

/// Answers requests until the peer closes. An error means that the peer does not speak the protocol.
pub fn serve(requests: &mut impl Read, replies: &mut impl Write, process: Process) -> Result<(), WireError> {
    // A reply is touched again only after the next request has come, since it may be lent to the pipe; so is the last one's
    // memory, which is why it is not given back.
    let (mut payload, mut reply) = (Vec::new(), ManuallyDrop::new(Vec::new()));
    let Some(header) = wire::read_frame(requests, &mut payload)? else {
        return Err(WireError::Garbage("the peer left without a greeting"));
    };
    if header.kind != Kind::Hello || header.reply {
        return Err(WireError::Garbage("the first frame is no greeting"));
    }
    let hello = Hello::read(&payload)?;
    if process == Process::Own && !hello.keep_proxies {
        // SAFETY: `run` is called first in `main`, and no library that could start threads is loaded yet.
        unsafe { cage::forget_proxies() }
    }
    let mut desk = Desk {
        size: File::open("/proc/self/statm").ok(),
        mark: marker(hello.mark)?,
        number: header.number,
    };
    let opened = Library::open(hello.library);
    desk.welcome(hello.library, &opened, &mut reply)?;
    wire::write_frame(replies, &reply)?;
    // Without a library there is nothing to ask for; the end of the pipe tells the parent, too.
    let Ok(library) = opened else { return Ok(()) };

    let mut sdk = None;
    while let Some(header) = wire::read_frame(requests, &mut payload)? {
        desk.number = header.number;
        // The last reply has been read, since this request has come.
        if reply.capacity() > wire::KEEP {
            *reply = Vec::new();
        }
        let secret = desk.answer(&library, &mut sdk, header, &payload, &mut reply);
        wire::wipe(&mut payload[..secret.as_ref().map_or(header.len, |prefix| *prefix)]);
        secret?;
        if payload.capacity() > wire::KEEP {
            payload = Vec::new();
        }
        wire::write_frame(replies, &reply)?;
    }
    Ok(())
}

/// The file must be there already and be no link: it is the parent's.
fn marker(path: &Path) -> io::Result<File> {
    let nofollow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    OpenOptions::new().write(true).custom_flags(nofollow).open(path)
}

/// What the loop keeps at hand besides the library.
struct Desk {
    size: Option<File>,
    mark: File,
    number: u32,
}

impl Desk {
    fn welcome(
        &self,
        path: &Path,
        opened: &Result<Library, LoadError>,
        reply: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let mut welcome = Welcome {
            resident: self.resident(),
            ..Welcome::default()
        };
        match load::fingerprint(path) {
            Ok((sha256, size)) => (welcome.sha256, welcome.size) = (sha256, size),
            Err(error) => welcome.refusal = format!("cannot read {}: {error}", path.display()),
        }
        match opened {
            Ok(_) => welcome.loaded = welcome.refusal.is_empty(),
            Err(error) => {
                welcome.refusal = error.to_string();
                if let LoadError::Missing { missing, .. } = error {
                    welcome.missing = missing.iter().map(ToString::to_string).collect();
                }
            }
        }
        let mut frame = Frame::begin(reply, Kind::Hello, true, self.number);
        welcome.write(&mut frame);
        frame.finish()
    }

    /// Makes one request's calls and builds the reply; returns how many bytes at the payload's front are secret.
    fn answer<'lib>(
        &self,
        library: &'lib Library,
        sdk: &mut Option<Sdk<'lib, Ready>>,
        header: Header,
        payload: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<usize, WireError> {
        if header.reply {
            return Err(WireError::Garbage("a reply where a request belongs"));
        }
        let mut frame = Frame::begin(reply, header.kind, true, header.number);
        frame.u64(0); // resident size, known at the end
        let mut fields = Fields::new(payload);
        let mut secret = payload.len();
        match (header.kind, sdk.as_mut()) {
            (Kind::Init, None) => {
                let (corpid, secret) = (fields.c_str()?, fields.c_str()?);
                fields.done()?;
                self.inside(0)?;
                let code = match Sdk::new(library).map(|created| created.init(corpid, secret)) {
                    Ok(Ok(ready)) => {
                        *sdk = Some(ready);
                        0
                    }
                    Ok(Err(code)) => code,
                    Err(NoObject) => Code::NO_OBJECT,
                };
                frame.i32(code);
            }
            (Kind::ChatData, Some(sdk)) => {
                let (seq, limit) = (fields.u64()?, fields.u32()?);
                let (proxy, passwd, timeout) = (fields.c_str()?, fields.c_str()?, fields.i32()?);
                fields.done()?;
                self.inside(0)?;
                match sdk.chat_data(seq, limit, proxy, passwd, timeout) {
                    Ok((code, slice)) if limit > 1 && slice.bytes().len() > MAX_PAGE => {
                        outcome(&mut frame, oversize(code), &[]);
                    }
                    Ok((code, slice)) => outcome(&mut frame, code, slice.bytes()),
                    Err(NoObject) => outcome(&mut frame, Code::NO_OBJECT, &[]),
                }
            }
            (Kind::Decrypt, Some(sdk)) => {
                let mut batch = Batch::read(payload)?;
                secret = batch.secret_prefix;
                frame.u32(batch.count);
                for item in 0..batch.count {
                    let (key, body) = batch.item()?;
                    self.inside(item)?;
                    match sdk.decrypt(key, body) {
                        Ok((code, slice)) => outcome(&mut frame, code, slice.bytes()),
                        Err(NoObject) => outcome(&mut frame, Code::NO_OBJECT, &[]),
                    }
                }
            }
            (Kind::MediaChunk, Some(sdk)) => {
                let (index, file_id) = (fields.c_str()?, fields.c_str()?);
                let (proxy, passwd, timeout) = (fields.c_str()?, fields.c_str()?, fields.i32()?);
                fields.done()?;
                self.inside(0)?;
                match sdk.media_chunk(index, file_id, proxy, passwd, timeout) {
                    Ok((code, media)) => chunk(&mut frame, code, &media),
                    Err(NoObject) => no_chunk(&mut frame, Code::NO_OBJECT),
                }
            }
            (Kind::Hello, _) => return Err(WireError::Garbage("a second greeting")),
            (Kind::Init, Some(_)) => return Err(WireError::Garbage("a second Init")),
            (_, None) => return Err(WireError::Garbage("a call before Init")),
        }
        Mark {
            request: self.number,
            item: u32::MAX,
            inside: false,
        }
        .write(&self.mark)?;
        let resident = self.resident();
        frame.patch_u32(0, resident as u32);
        frame.patch_u32(4, (resident >> 32) as u32);
        frame.finish()?;
        Ok(secret)
    }

    fn inside(&self, item: u32) -> Result<(), WireError> {
        Ok(Mark {
            request: self.number,
            item,
            inside: true,
        }
        .write(&self.mark)?)
    }

    /// Second number of `/proc/self/statm`, in bytes; 0 when it cannot be read.
    fn resident(&self) -> u64 {
        let mut bytes = [0; 128];
        let read = self
            .size
            .as_ref()
            .and_then(|file| file.read_at(&mut bytes, 0).ok())
            .unwrap_or(0);
        let pages = std::str::from_utf8(&bytes[..read])
            .ok()
            .and_then(|text| text.split_ascii_whitespace().nth(1)?.parse::<u64>().ok());
        pages.unwrap_or(0) * rustix::param::page_size() as u64
    }
}

/// A chunk as it is, or, where a success cannot be one, the code that says so and nothing of it.
fn chunk(frame: &mut Frame<'_>, code: i32, media: &Media<'_>) {
    if code == 0 && !media.is_plausible() {
        return no_chunk(frame, Code::IMPLAUSIBLE);
    }
    let (data, next) = (media.data(), media.next_index());
    if data.len() > MAX_CHUNK || next.len() > MAX_CURSOR {
        return no_chunk(frame, oversize(code));
    }
    outcome(frame, code, data);
    frame.u8(media.finished().into());
    frame.bytes(next);
}

fn no_chunk(frame: &mut Frame<'_>, code: i32) {
    outcome(frame, code, &[]);
    frame.u8(0);
    frame.bytes(&[]);
}

/// The code of an answer whose bytes are left out for their size. A refusal stays what it is.
fn oversize(code: i32) -> i32 {
    if code == 0 { Code::OVERSIZE } else { code }
}

/// A code and the bytes that came with it, unless they would burst the frame.
fn outcome(frame: &mut Frame<'_>, code: i32, bytes: &[u8]) {
    if frame.payload_len() + bytes.len() + SLACK > MAX_PAYLOAD {
        frame.i32(oversize(code));
        frame.bytes(&[]);
    } else {
        frame.i32(code);
        frame.bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::HEADER;

    #[test]
    fn an_answer_too_large_for_its_frame_keeps_the_code_of_a_refusal() {
        let bytes = vec![0; MAX_PAYLOAD];
        for (code, expected) in [(0, Code::OVERSIZE), (10_001, 10_001), (-7, -7)] {
            let mut written = Vec::new();
            let mut frame = Frame::begin(&mut written, Kind::ChatData, true, 1);
            outcome(&mut frame, code, &bytes);
            frame.finish().expect("it fits");
            let mut fields = Fields::new(&written[HEADER..]);
            assert_eq!(fields.i32().expect("a code"), expected);
            assert!(fields.bytes().expect("no bytes").is_empty());
        }
    }
}
