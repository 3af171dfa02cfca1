//! The one thread that starts children.
//!
//! The kernel ties a child's parent-death signal to the *thread* that forked it, not to the process, and a runtime
//! may end any of its threads. This thread lives as long as the process, so the signal means what it should.
//! Must not know: what is started.

use std::io;
use std::sync::{OnceLock, mpsc};
use std::thread;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Birth {
    command: Command,
    runtime: Handle,
    born: oneshot::Sender<io::Result<Child>>,
}

/// Starts the command on the nursery's thread, with its pipes on the caller's runtime.
pub(super) async fn spawn(command: Command) -> io::Result<Child> {
    let (born, awaited) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    queue()?
        .send(Birth {
            command,
            runtime: Handle::current(),
            born,
        })
        .map_err(|_| gone())?;
    awaited.await.map_err(|_| gone())?
}

fn queue() -> io::Result<mpsc::Sender<Birth>> {
    static QUEUE: OnceLock<mpsc::Sender<Birth>> = OnceLock::new();
    if let Some(queue) = QUEUE.get() {
        return Ok(queue.clone());
    }
    let (queue, births) = mpsc::channel::<Birth>();
    thread::Builder::new().name("nursery".into()).spawn(move || {
        for mut birth in births {
            let _entered = birth.runtime.enter();
            // A caller that left meanwhile drops the child, which kills it.
            let _ = birth.born.send(birth.command.spawn());
        }
    })?;
    // Two first callers may race; the loser's thread ends with its queue once its jobs are done — but its children
    // would lose their parent thread, so everyone uses the winner's.
    Ok(QUEUE.get_or_init(|| queue).clone())
}
