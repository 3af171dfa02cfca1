//! The HTTP listener: few, short, bounded connections, each answered without waiting for anything behind.
//!
//! hyper alone: two routes need no framework. One request per connection, an end to every wait, and when all places
//! are taken the oldest connection makes room: a genuine request is over in milliseconds, so the oldest is the one
//! that dawdles. Meant to stand behind a reverse proxy that speaks TLS; nothing here relies on it.
//!
//! Enters: bytes of strangers. Leaves: wake-ups and [`Arrived`] events, through a bounded queue that is never waited
//! for: WeCom wants its answer within 5 seconds, and some of its checks within 1.
//!
//! Must not know: what happens to events.

mod answer;
mod query;
mod tally;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc, watch},
    task::{AbortHandle, Id, JoinSet},
    time,
};

use self::tally::Tally;
use super::{Arrived, crypto::Codec, replay::Memory};
use crate::{events, ids::Millis};

/// One company's path, and who is behind it.
pub struct Door {
    name: String,
    codec: Codec,
    wake: Arc<Notify>,
    memory: Mutex<Memory>,
}

impl Door {
    /// `name` is the company's in the configuration and the end of its path. `wake` is notified for
    /// `msgaudit_notify`; however many come, one wake-up waits at most. `window` is how far a timestamp may be from
    /// this machine's clock, and how long repetitions are refused.
    pub fn new(name: impl Into<String>, codec: Codec, wake: Arc<Notify>, window: Duration) -> Self {
        Self {
            name: name.into(),
            codec,
            wake,
            memory: Mutex::new(Memory::new(window.as_secs() as i64)),
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("name", &self.name)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}

/// Everything a listener needs.
#[derive(Debug)]
pub struct Options {
    /// Address to listen on; port 0 lets the system choose.
    pub address: SocketAddr,
    /// One per company.
    pub doors: Vec<Door>,
    /// Where events go. When it is full they are acknowledged and only counted.
    pub events: mpsc::Sender<Arrived>,
    /// Ends of waits.
    pub limits: Limits,
}

/// What one caller may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Until the head of the request is there.
    pub head: Duration,
    /// From there until its body is there.
    pub body: Duration,
    /// From the first byte to the last of the answer.
    pub whole: Duration,
    /// For requests in hand when the listener is told to stop.
    pub leave: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head: Duration::from_secs(5),
            body: Duration::from_secs(5),
            whole: Duration::from_secs(12),
            leave: Duration::from_secs(2),
        }
    }
}

/// What all connections share.
struct House {
    doors: BTreeMap<String, Door>,
    events: mpsc::Sender<Arrived>,
    tally: Tally,
    limits: Limits,
}

/// A bound address.
pub struct Listener {
    socket: TcpListener,
    house: Arc<House>,
}

impl Listener {
    /// Takes the address, so that a wrong or a taken one is told before anything else begins.
    pub fn bind(options: Options) -> io::Result<Self> {
        let socket = TcpListener::bind(options.address)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            house: Arc::new(House {
                doors: options
                    .doors
                    .into_iter()
                    .map(|door| (door.name.clone(), door))
                    .collect(),
                events: options.events,
                tally: Tally::default(),
                limits: options.limits,
            }),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Answers until told to stop (or until nobody is left to tell), then lets requests in hand end.
    ///
    /// Give it a thread with a runtime of its own: answers must be in time whatever else this process is doing.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) -> io::Result<()> {
        let address = self.address()?;
        let socket = tokio::net::TcpListener::from_std(self.socket)?;
        let names: Vec<&str> = self.house.doors.keys().map(String::as_str).collect();
        events::callback_listening(address, &names);
        let mut tasks = JoinSet::new();
        let mut by_age: VecDeque<(Id, AbortHandle)> = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                () = told_to(&mut stop) => break,
                Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                    let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                    by_age.retain(|(known, _)| *known != id);
                }
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        if by_age.len() >= self.house.limits.connections
                            && let Some((_, oldest)) = by_age.pop_front()
                        {
                            oldest.abort();
                        }
                        let task = tasks.spawn(connection(Arc::clone(&self.house), stream));
                        by_age.push_back((task.id(), task));
                    }
                    // Out of descriptors, mostly; waiting is all that helps.
                    Err(error) => {
                        events::callback_accept_failed(&error);
                        time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(socket);
        let leave = async { while tasks.join_next().await.is_some() {} };
        // Who has not asked by then is cut off when the tasks are dropped.
        let _cut_off = time::timeout(self.house.limits.leave, leave).await;
        Ok(())
    }
}

/// Until somebody says so, or nobody can any more.
async fn told_to(stop: &mut watch::Receiver<bool>) {
    let _either = stop.wait_for(|stop| *stop).await;
}

/// One connection, one request.
async fn connection(house: Arc<House>, stream: TcpStream) {
    let limits = house.limits;
    let service = service_fn(|request| {
        let house = Arc::clone(&house);
        async move { Ok::<_, std::convert::Infallible>(answer::answer(&house, request, Millis::now).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(64 * 1024)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // How a stranger's connection ends is of no interest; what was refused was counted.
    let _ended = time::timeout(limits.whole, serving).await;
}

#[cfg(test)]
mod tests;
