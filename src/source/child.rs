//! One child process: started, greeted, asked, and, when it dies, examined.
//!
//! Enters: a request's fields and how long to wait. Leaves: the reply's payload, or a [`Fall`] that says of what it
//! died and with which item in hand. Must not know: what is asked, whether it is asked again.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use sdk_ffi::mark::Mark;
use sdk_ffi::wire::{Frame, HEADER, Header, Hello, Kind, Welcome, WireError};
use sdk_ffi::{cage, wire};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{self, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::death::Death;
use super::diagnostics::{self, Mask};
use super::{Error, leftover, nursery};

/// Loading and hashing the library on a slow disk.
const GREETING: Duration = Duration::from_secs(60);
/// A process that has closed its pipes or was killed is expected to be gone by then.
const REAPING: Duration = Duration::from_secs(5);
/// A whole batch fits, so that writing it does not need the child to read at the same time.
const PIPE: usize = 1 << 20;
/// Where the bytes of a file begin in a reply that brings some: behind the child's size, a code and their length. They are laid
/// at the beginning of a page, from which a disk can take them.
const CHUNK_AT: usize = 8 + 4 + 4;
const PAGE: usize = 4096;
/// Files here are in memory.
const SHARED: &str = "/dev/shm";
/// All a child inherits besides the mock's corpus: how the loader finds libraries, and the locale.
const ENVIRONMENT: [&str; 6] = ["LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// What a child is started with.
#[derive(Debug, Clone)]
pub(super) struct Launch {
    pub(super) program: PathBuf,
    pub(super) library: PathBuf,
    pub(super) corpus: Option<PathBuf>,
    pub(super) keep_proxies: bool,
    pub(super) mask: Mask,
}

/// How long a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// This long for the whole request.
    Whole(Duration),
    /// This long without the marker moving on.
    PerItem(Duration),
}

/// A child's end.
#[derive(Debug)]
pub(super) struct Fall {
    pub(super) death: Death,
    /// Index of the item inside the native call it died in, when it died in one.
    pub(super) item: Option<u32>,
}

/// A living child. Dropping it kills it: its conversation could not be taken up again.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    requests: ChildStdin,
    replies: ChildStdout,
    marker: File,
    number: u32,
    frame: Vec<u8>,
    reply: Reply,
    /// Native calls so far.
    pub(super) calls: u64,
    /// Resident size as last reported, in bytes.
    pub(super) resident: u64,
}

/// The last reply's payload, which begins at `start`.
#[derive(Debug, Default)]
struct Reply {
    buffer: Vec<u8>,
    start: usize,
}

enum Broken {
    Wire(WireError),
    Late(Duration),
}

impl Child {
    /// Starts the program as a child and greets it. The library may have failed to load: see the welcome.
    pub(super) async fn start(launch: &Launch) -> Result<Result<(Self, Welcome), Fall>, Error> {
        let (marker, path) = marker().map_err(Error::Marker)?.into_parts();
        let program = |cause| Error::Program {
            program: launch.program.clone(),
            cause,
        };
        let mut process = nursery::spawn(launch.command()).await.map_err(program)?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(requests), Some(replies), Some(errors)) = pipes else {
            return Err(program(io::Error::other("its pipes are missing")));
        };
        for grown in [
            rustix::pipe::fcntl_setpipe_size(&requests, PIPE),
            rustix::pipe::fcntl_setpipe_size(&replies, PIPE),
        ] {
            // Refused beyond a user's quota; smaller pipes are only slower.
            if let Err(error) = grown {
                tracing::debug!(target: "shiguan::sdk", "pipes keep their size: {error}");
            }
        }
        tokio::spawn(diagnostics::relay(
            errors,
            launch.mask.clone(),
            process.id().unwrap_or(0),
        ));
        let mut child = Self {
            process,
            requests,
            replies,
            marker,
            number: 0,
            frame: Vec::new(),
            reply: Reply::default(),
            calls: 0,
            resident: 0,
        };
        let greeting = Hello {
            library: &launch.library,
            mark: &path,
            keep_proxies: launch.keep_proxies,
        };
        if let Err(fall) = child
            .ask(Kind::Hello, Patience::Whole(GREETING), |frame| {
                greeting.write(frame)
            })
            .await
        {
            return Ok(Err(fall));
        }
        drop(path); // both sides have it open: a killed parent leaves nothing behind
        match Welcome::read(child.reply()) {
            Ok(welcome) => {
                child.resident = welcome.resident;
                Ok(Ok((child, welcome)))
            }
            Err(error) => Ok(Err(child.fell(Broken::Wire(error)).await)),
        }
    }

    /// One request and its reply, whose payload is then [`Child::reply`]. After a fall the child is gone.
    pub(super) async fn ask(
        &mut self,
        kind: Kind,
        patience: Patience,
        fill: impl FnOnce(&mut Frame<'_>),
    ) -> Result<(), Fall> {
        self.number = self.number.wrapping_add(1);
        let mut frame = Frame::begin(&mut self.frame, kind, false, self.number);
        fill(&mut frame);
        if let Err(error) = frame.finish() {
            return Err(self.fell(Broken::Wire(error)).await);
        }
        let Self {
            requests,
            replies,
            frame,
            reply,
            ..
        } = self;
        let exchange = async {
            requests.write_all(frame).await.map_err(WireError::from)?;
            reply.read(replies, kind, self.number).await
        };
        let outcome = match patience {
            Patience::Whole(limit) => timeout(limit, exchange)
                .await
                .map_or(Err(Broken::Late(limit)), |done| done.map_err(Broken::Wire)),
            Patience::PerItem(limit) => {
                tokio::pin!(exchange);
                let mut before = Mark::read(&self.marker);
                loop {
                    match timeout(limit, &mut exchange).await {
                        Ok(done) => break done.map_err(Broken::Wire),
                        Err(_) => {
                            let now = Mark::read(&self.marker);
                            if now == before {
                                break Err(Broken::Late(limit));
                            }
                            before = now;
                        }
                    }
                }
            }
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(broken) => Err(self.fell(broken).await),
        }
    }

    /// Payload of the last reply.
    pub(super) fn reply(&self) -> &[u8] {
        &self.reply.buffer[self.reply.start..]
    }

    /// Gives the last reply away for another buffer; its payload is at the end.
    pub(super) fn take_reply(&mut self, mut instead: Vec<u8>) -> Vec<u8> {
        instead.clear();
        self.reply.start = 0;
        std::mem::replace(&mut self.reply.buffer, instead)
    }

    /// Gives back what large requests and replies took; the last reply is gone then.
    pub(super) fn relax(&mut self) {
        if self.frame.capacity() > wire::KEEP {
            self.frame = Vec::new();
        }
        if self.reply.buffer.capacity() > wire::KEEP {
            self.reply = Reply::default();
        }
    }

    /// Wipes the last request, whose first `secret` payload bytes must not linger.
    pub(super) fn wipe(&mut self, secret: usize) {
        let end = self.frame.len().min(HEADER + secret);
        wire::wipe(&mut self.frame[..end]);
    }

    /// The reply made no sense beyond its frame.
    pub(super) async fn nonsense(&mut self, error: WireError) -> Fall {
        self.fell(Broken::Wire(error)).await
    }

    /// Ends it the polite way: it leaves at the end of its input.
    pub(super) async fn close(self) {
        let Self {
            mut process,
            requests,
            replies,
            ..
        } = self;
        drop((requests, replies));
        if timeout(REAPING, process.wait()).await.is_err() {
            end(&mut process).await;
        }
    }

    async fn fell(&mut self, broken: Broken) -> Fall {
        let death = match broken {
            Broken::Late(limit) => {
                end(&mut self.process).await;
                Death::Hang(limit)
            }
            Broken::Wire(WireError::Io(_)) => match timeout(REAPING, self.process.wait()).await {
                Ok(Ok(status)) => Death::of(status),
                _ => {
                    end(&mut self.process).await;
                    Death::Garbage("it closed its pipe and stayed".into())
                }
            },
            Broken::Wire(error) => {
                end(&mut self.process).await;
                Death::Garbage(error.to_string())
            }
        };
        let mark = Mark::read(&self.marker).filter(|mark| mark.inside && mark.request == self.number);
        Fall {
            death,
            item: mark.map(|mark| mark.item),
        }
    }
}

impl Launch {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(wire::ARGUMENT)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // A terminal's Ctrl-C is for the parent, which then ends the child in its own time.
            .process_group(0);
        let proxies = if self.keep_proxies {
            &cage::PROXY_VARIABLES[..]
        } else {
            &[]
        };
        for name in ENVIRONMENT.iter().chain(proxies) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(corpus) = &self.corpus {
            command.env("SHIGUAN_MOCK_CORPUS", absolute(corpus));
        }
        command
    }
}

/// A path that means the same whatever the working folder.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// In memory where the system offers it: a mark is written before every single record.
fn marker() -> io::Result<tempfile::NamedTempFile> {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        for folder in [Path::new(SHARED), &std::env::temp_dir()] {
            leftover::sweep(folder);
        }
    });
    leftover::new(Path::new(SHARED)).or_else(|_| leftover::new(&std::env::temp_dir()))
}

async fn end(process: &mut process::Child) {
    // A process that cannot even be killed hangs in the kernel; it is left to `kill_on_drop`.
    let _ = timeout(REAPING, process.kill()).await;
}

impl Reply {
    async fn read(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        kind: Kind,
        number: u32,
    ) -> Result<(), WireError> {
        let mut head = [0; HEADER];
        from.read_exact(&mut head).await?;
        let header = Header::decode(&head)?;
        if !header.reply || header.number != number || header.kind != kind {
            return Err(WireError::Garbage("an answer to another question"));
        }
        let Self { buffer, start } = self;
        buffer.clear();
        buffer.reserve(PAGE + header.len.min(PIPE));
        *start = buffer.as_ptr().wrapping_add(CHUNK_AT).align_offset(PAGE);
        buffer.resize(*start, 0);
        let end = *start + header.len;
        let mut rest = from.take(header.len as u64);
        while buffer.len() < end {
            // Memory is taken as bytes arrive, whatever the header claims.
            buffer.reserve((end - buffer.len()).min(PIPE));
            if rest.read_buf(buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
        Ok(())
    }
}
