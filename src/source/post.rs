//! A desk where one child works: started when needed, initialised, replaced when it is worn or dead.
//!
//! Enters: requests. Leaves: replies, or [`Trouble`]. Must not know: what to do about a death; that is decided where
//! the request came from.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sdk_ffi::codes::Code;
use sdk_ffi::wire::{Fields, Frame, Kind, WireError};

use super::child::{Child, Fall, Launch, Patience, absolute};
use super::death::Tally;
use super::diagnostics::Mask;
use super::{Build, Call, Error, Options, pin};

/// Kills from outside are nobody's fault; this many in a row end the patience all the same.
pub(super) const OUTSIDE: u32 = 10;
/// Deaths at birth in a row before starting is given up.
const STILLBORN: u32 = 3;

/// What all desks of one company share.
#[derive(Debug)]
pub(super) struct Office {
    pub(super) options: Options,
    launch: Launch,
    build: OnceLock<Build>,
    pub(super) tally: Tally,
}

/// A request that gave no reply.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The child died of it, or while it was there.
    Fell(Fall),
    /// No child could be had.
    Error(Error),
}

impl Office {
    pub(super) fn new(options: &Options) -> Result<Arc<Self>, Error> {
        let Options {
            corpid,
            secret,
            route,
            ..
        } = options;
        if !(1..=3600).contains(&route.timeout_s) {
            return Err(Error::Options(
                "the SDK's timeout must be between 1 and 3600 seconds; 0 would wait for ever",
            ));
        }
        if [corpid, secret.expose(), &route.proxy, route.passwd.expose()]
            .iter()
            .any(|text| text.contains('\0'))
        {
            return Err(Error::Options(
                "corpid, secret, proxy and its credentials must not contain a zero byte",
            ));
        }
        let launch = Launch {
            program: options.program.clone(),
            library: absolute(&options.library),
            corpus: options.mock_corpus.clone(),
            keep_proxies: options.inherit_proxy_env,
            mask: Mask::of(options),
        };
        Ok(Arc::new(Self {
            options: options.clone(),
            launch,
            build: OnceLock::new(),
            tally: Tally::default(),
        }))
    }

    /// The library that answers; known once a child has been started.
    pub(super) fn build(&self) -> &Build {
        self.build.get_or_init(|| Build {
            path: self.launch.library.clone(),
            sha256: String::new(),
        })
    }

    /// How long a network call may take: the SDK's timeout for the token and once more for the request itself.
    pub(super) fn patience(&self) -> Patience {
        let timeout = Duration::from_secs(self.options.route.timeout_s.into());
        Patience::Whole(2 * timeout + self.options.deadline_grace)
    }

    /// Proxy, credentials, timeout: the tail of both network requests.
    pub(super) fn route(&self, frame: &mut Frame<'_>) {
        let route = &self.options.route;
        frame.bytes(route.proxy.as_bytes());
        frame.bytes(route.passwd.expose().as_bytes());
        frame.i32(route.timeout_s as i32); // at most 3600, see `new`
    }
}

/// One desk.
#[derive(Debug)]
pub(super) struct Post {
    office: Arc<Office>,
    child: Option<Child>,
}

impl Post {
    pub(super) fn new(office: Arc<Office>) -> Self {
        Self { office, child: None }
    }

    /// Starts the child now instead of at the first request.
    pub(super) async fn open(&mut self) -> Result<(), Error> {
        self.child = Some(self.ready().await?);
        Ok(())
    }

    /// Asks, and reads the reply's payload after its first field, the child's size. While the request is under way
    /// the desk is empty, so that a caller who gives up half-way leaves no half-read pipe behind.
    pub(super) async fn ask<R>(
        &mut self,
        kind: Kind,
        calls: u64,
        patience: Patience,
        fill: impl FnOnce(&mut Frame<'_>) -> usize,
        read: impl FnOnce(&mut Fields<'_>) -> Result<R, WireError>,
    ) -> Result<R, Trouble> {
        let mut child = self.ready().await.map_err(Trouble::Error)?;
        match converse(&mut child, kind, calls, patience, fill, read).await {
            Ok(result) => {
                self.child = Some(child);
                Ok(result)
            }
            Err(fall) => {
                self.office.tally.died(&fall.death);
                tracing::warn!(target: "shiguan::sdk", ?kind, "the SDK's process {}", fall.death);
                Err(Trouble::Fell(fall))
            }
        }
    }

    /// A network call, which may be made again: after a kill from outside it is, on a new child. Any other death is an
    /// error that can be retried.
    pub(super) async fn call<R>(
        &mut self,
        call: Call,
        kind: Kind,
        fill: impl Fn(&mut Frame<'_>) -> usize,
        read: impl Fn(&mut Fields<'_>) -> Result<R, WireError>,
    ) -> Result<R, Error> {
        let patience = self.office.patience();
        let mut outside = 0;
        loop {
            match self.ask(kind, 1, patience, &fill, &read).await {
                Ok(result) => return Ok(result),
                Err(Trouble::Error(error)) => return Err(error),
                Err(Trouble::Fell(fall)) if fall.death.from_outside() && outside < OUTSIDE => outside += 1,
                Err(Trouble::Fell(fall)) => {
                    return Err(Error::Child {
                        during: call,
                        death: fall.death,
                    });
                }
            }
        }
    }

    /// The last reply's payload, for this buffer instead.
    pub(super) fn take_reply(&mut self, instead: Vec<u8>) -> Vec<u8> {
        match &mut self.child {
            Some(child) => child.take_reply(instead),
            None => Vec::new(),
        }
    }

    pub(super) async fn close(&mut self) {
        if let Some(child) = self.child.take() {
            child.close().await;
        }
    }

    async fn ready(&mut self) -> Result<Child, Error> {
        let Options {
            max_calls,
            max_rss_bytes,
            ..
        } = self.office.options;
        if let Some(child) = self.child.take() {
            let old = max_calls != 0 && child.calls >= max_calls;
            let fat = max_rss_bytes != 0 && child.resident > max_rss_bytes;
            if !old && !fat {
                return Ok(child);
            }
            self.office.tally.recycled();
            tracing::info!(
                target: "shiguan::sdk", calls = child.calls, resident = child.resident, "the SDK's process is replaced"
            );
            tokio::spawn(child.close());
        }
        let (mut outside, mut stillborn) = (0, 0);
        loop {
            let (during, fall) = match self.birth().await? {
                Ok(child) => return Ok(child),
                Err(fall) => fall,
            };
            self.office.tally.died(&fall.death);
            let count = if fall.death.from_outside() {
                &mut outside
            } else {
                &mut stillborn
            };
            *count += 1;
            if outside > OUTSIDE || stillborn >= STILLBORN {
                return Err(Error::Child {
                    during,
                    death: fall.death,
                });
            }
        }
    }

    async fn birth(&self) -> Result<Result<Child, (Call, Fall)>, Error> {
        let path = self.office.launch.library.clone();
        if let Some(pinned) = &self.office.options.pinned {
            pin::check(&path, pinned).await?;
        }
        let (mut child, welcome) = match Child::start(&self.office.launch).await? {
            Ok(started) => started,
            Err(fall) => return Ok(Err((Call::Load, fall))),
        };
        // The file may have been replaced in between; its child has nothing of the company yet.
        if let Some(pinned) = &self.office.options.pinned {
            pin::same(&path, pinned, &welcome.sha256)?;
        }
        if !welcome.missing.is_empty() {
            return Err(Error::MissingSymbols {
                path,
                missing: welcome.missing,
            });
        }
        if !welcome.loaded {
            return Err(Error::Library(welcome.refusal));
        }
        let now = welcome.sha256;
        let build = self.office.build.get_or_init(|| Build {
            path,
            sha256: now.clone(),
        });
        if build.sha256 != now {
            return Err(Error::LibraryChanged {
                path: build.path.clone(),
                was: build.sha256.clone(),
                now,
            });
        }
        let Options { corpid, secret, .. } = &self.office.options;
        let introduction = |frame: &mut Frame<'_>| {
            frame.bytes(corpid.as_bytes());
            frame.bytes(secret.expose().as_bytes());
            frame.payload_len()
        };
        match converse(
            &mut child,
            Kind::Init,
            1,
            self.office.patience(),
            introduction,
            |fields| fields.i32(),
        )
        .await
        {
            Ok(code) => match Code::from_raw(code) {
                None => Ok(Ok(child)),
                Some(code) => Err(Error::Sdk {
                    call: Call::Init,
                    code,
                    errcode: 0,
                    message: String::new(),
                }),
            },
            Err(fall) => Ok(Err((Call::Init, fall))),
        }
    }
}

async fn converse<R>(
    child: &mut Child,
    kind: Kind,
    calls: u64,
    patience: Patience,
    fill: impl FnOnce(&mut Frame<'_>) -> usize,
    read: impl FnOnce(&mut Fields<'_>) -> Result<R, WireError>,
) -> Result<R, Fall> {
    let mut secret = 0;
    let asked = child.ask(kind, patience, |frame| secret = fill(frame)).await;
    child.wipe(secret);
    asked?;
    let mut fields = Fields::new(child.reply());
    let understood = fields.u64().and_then(|resident| {
        let result = read(&mut fields)?;
        fields.done()?;
        Ok((resident, result))
    });
    match understood {
        Ok((resident, result)) => {
            child.resident = resident;
            child.calls += calls;
            // Of a file's chunk the caller may still want the buffer.
            if kind != Kind::MediaChunk {
                child.relax();
            }
            Ok(result)
        }
        Err(error) => Err(child.nonsense(error).await),
    }
}
