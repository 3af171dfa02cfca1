//! SIGTERM and SIGINT ask for a clean stop: the call in flight ends, the books are closed. A second one insists.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Turns true at the first SIGTERM or SIGINT; a second one ends the process at once (the store is safe at any
/// instant, promise 1).
pub(super) fn stop() -> std::io::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if *sender.borrow() {
                std::process::exit(1);
            }
            errln!("stopping after the call in flight; once more to stop at once");
            sender.send_replace(true);
        }
    });
    Ok(receiver)
}
