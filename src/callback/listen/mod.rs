//! The HTTP listener: few, short, bounded connections.
//!
//! hyper alone: two routes need no framework. One request per connection, an end to every wait, and when all places
//! are taken the oldest connection that has not yet sent a genuine event makes room: a genuine request is complete in
//! milliseconds, so the oldest is the one that dawdles. Meant to stand behind a reverse proxy that speaks TLS; nothing
//! here relies on it.
//!
//! An event is answered 200 when it is on disk. A full queue, a store that fails and a store that takes longer than
//! [`Limits::answer`] are answered 503: WeCom gives up after 5 seconds and asks again, and it also asks again after a
//! 503. An event that reaches the disk after its 503 is recognised when it is repeated.
//!
//! Enters: bytes of strangers. Leaves: wake-ups and [`Pending`] events, through a bounded queue.
//!
//! Must not know: what happens to events.

mod answer;
mod query;
mod tally;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
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
use super::{Pending, crypto::Codec, replay::Memory};
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
    /// Where events go; see [`drain`](super::drain). When it is full they are answered 503. Each event in it holds a
    /// connection open, so its capacity must be well below the number of files this process may open.
    pub events: mpsc::Sender<Pending>,
    /// Ends of waits.
    pub limits: Limits,
}

/// What one caller may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time, without those whose event waits to be kept; the queue bounds those.
    pub connections: usize,
    /// Until the head of the request is there.
    pub head: Duration,
    /// From there until its body is there.
    pub body: Duration,
    /// From the first byte until an event must be on disk; then it is answered 503. Below the 5 seconds that WeCom
    /// waits.
    pub answer: Duration,
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
            answer: Duration::from_millis(3_500),
            whole: Duration::from_secs(12),
            leave: Duration::from_secs(2),
        }
    }
}

/// What all connections share.
struct House {
    doors: BTreeMap<String, Door>,
    events: mpsc::Sender<Pending>,
    tally: Tally,
    limits: Limits,
}

/// One connection, as the listener and its answer see it.
struct Connection {
    since: time::Instant,
    /// A genuine event came by it, and waits to be kept: it does not make room for others.
    genuine: AtomicBool,
}

impl Connection {
    fn new() -> Self {
        Self {
            since: time::Instant::now(),
            genuine: AtomicBool::new(false),
        }
    }
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
        let mut by_age: VecDeque<(Id, AbortHandle, Arc<Connection>)> = VecDeque::new();
        loop {
            tokio::select! {
                biased;
                () = told_to(&mut stop) => break,
                Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                    let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                    by_age.retain(|(known, ..)| *known != id);
                }
                accepted = socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        make_room(&mut by_age, self.house.limits.connections);
                        let connection = Arc::new(Connection::new());
                        let task = tasks.spawn(serve(Arc::clone(&self.house), Arc::clone(&connection), stream));
                        by_age.push_back((task.id(), task, connection));
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

/// Ends the oldest connection by which nothing genuine came, when there are as many of those as there may be.
fn make_room(by_age: &mut VecDeque<(Id, AbortHandle, Arc<Connection>)>, most: usize) {
    let mut idle = by_age
        .iter()
        .enumerate()
        .filter(|(_, (_, _, connection))| !connection.genuine.load(Ordering::Relaxed));
    let oldest = idle.next().map(|(at, _)| at);
    if 1 + idle.count() >= most
        && let Some((_, oldest, _)) = oldest.and_then(|at| by_age.remove(at))
    {
        oldest.abort();
    }
}

/// One connection, one request.
async fn serve(house: Arc<House>, connection: Arc<Connection>, stream: TcpStream) {
    let limits = house.limits;
    let service = service_fn(|request| {
        let (house, connection) = (Arc::clone(&house), Arc::clone(&connection));
        async move {
            let answer = answer::answer(&house, &connection, request, Millis::now).await;
            Ok::<_, std::convert::Infallible>(answer)
        }
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
