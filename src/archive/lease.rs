//! Keeps the company's lease alive while a run works, and knows whether an old holder still lives.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time,
};

use super::{Desk, Error};
use crate::{
    ids::{CompanyId, Millis, boot},
    store::{StoreError, Watcher, contract::Lease},
};

/// How long a lease lasts without renewal: longer than any commit, short enough for a host that died.
pub(super) const TTL_MS: i64 = 60_000;
/// How long a lease is watched here that has run out by its own word; longer than the store asks for.
const PATIENCE: Duration = Duration::from_millis(TTL_MS as u64 / 2 + 5_000);

/// A lease that renews itself until released.
pub(super) struct Keeper {
    lease: Lease,
    desk: Desk,
    lost: Arc<Notify>,
    renewal: JoinHandle<()>,
}

impl Keeper {
    /// Takes the company's lease, or says who has it. After a stop nothing is waited for.
    pub(super) async fn acquire(
        desk: &Desk,
        company: CompanyId,
        name: &str,
        stop: &watch::Receiver<bool>,
    ) -> Result<Self, Error> {
        let mut stopped = stop.clone();
        let began = Instant::now();
        let lease = loop {
            let taken = desk
                .ask(move |store| {
                    let (holder, place) = (this_process(), place());
                    let watcher = Watcher {
                        place: &place,
                        at_ms: boot::uptime_ms(),
                        maybe_alive: &maybe_alive,
                    };
                    store.take_lease(company, &holder, Millis::now(), TTL_MS, &watcher)
                })
                .await?;
            match taken {
                Ok(lease) => break lease,
                // Most likely its host is gone, but clocks may lie: a holder that lives renews it while we look.
                Err(StoreError::HeldBy { until, .. })
                    if until <= Millis::now() && began.elapsed() < PATIENCE && !*stop.borrow() =>
                {
                    tokio::select! {
                        () = time::sleep(Duration::from_secs(1)) => {}
                        Ok(_) = stopped.wait_for(|stop| *stop) => {}
                    }
                }
                Err(StoreError::HeldBy { holder, until }) => {
                    return Err(Error::Busy {
                        company: name.to_owned(),
                        holder,
                        until,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        };
        let lost = Arc::new(Notify::new());
        let renewal = tokio::spawn(renew(desk.clone(), lease.clone(), Arc::clone(&lost)));
        Ok(Self {
            lease,
            desk: desk.clone(),
            lost,
            renewal,
        })
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Rings when another process took the lease.
    pub(super) fn lost(&self) -> Arc<Notify> {
        Arc::clone(&self.lost)
    }

    /// Gives the lease back.
    pub(super) async fn release(self) -> Result<(), Error> {
        self.renewal.abort();
        let lease = self.lease.clone();
        Ok(self.desk.ask(move |store| store.release_lease(lease)).await??)
    }
}

/// A run that could not even be closed must not keep its lease alive: it runs out by itself.
impl Drop for Keeper {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(desk: Desk, lease: Lease, lost: Arc<Notify>) {
    let mut tick = time::interval(Duration::from_millis(TTL_MS as u64 / 4));
    tick.tick().await;
    loop {
        tick.tick().await;
        let mine = lease.clone();
        let renewed = desk
            .ask(move |store| store.renew_lease(&mine, Millis::now(), TTL_MS))
            .await;
        match renewed {
            Ok(Ok(())) => {}
            // A store that is busy or full for a moment says nothing about the lease; the fence guards every write.
            Ok(Err(error)) if !matches!(error, StoreError::LeaseLost { .. }) => {}
            _ => {
                lost.notify_one();
                return;
            }
        }
    }
}

/// `host/boot/namespace/pid/start`: enough to tell a living holder from a dead one on the same machine. Process numbers
/// mean something inside one namespace only: the containers of one machine all have a process 1.
pub(super) fn this_process() -> String {
    let pid = std::process::id();
    format!(
        "{}/{}/{}/{pid}/{}",
        host(),
        boot::id(),
        namespace("pid"),
        started(pid).unwrap_or_default()
    )
}

/// False only when the holder is surely gone: same machine, and no such process or another boot. A process of another
/// namespace cannot be looked up.
fn maybe_alive(holder: &str) -> bool {
    let parts: Vec<&str> = holder.split('/').collect();
    let (their_host, their_boot, their_namespace, pid, start) = match parts[..] {
        [host, boot, namespace, pid, start] => (host, boot, Some(namespace), pid, start),
        // As versions before wrote it.
        [host, boot, pid, start] => (host, boot, None, pid, start),
        _ => return true,
    };
    if their_host != host() {
        return true;
    }
    if their_boot != boot::id() {
        return false;
    }
    if their_namespace.is_some_and(|theirs| theirs != namespace("pid")) {
        return true;
    }
    let Ok(pid) = pid.parse::<u32>() else { return true };
    started(pid).is_some_and(|now| start.is_empty() || now == start)
}

/// Where [`boot::uptime_ms`] counts: it begins anew with each boot, and a time namespace may shift it. It goes on while the
/// machine sleeps, so a holder that slept as well may be taken over before it renews; the fence keeps it from writing then.
fn place() -> String {
    format!("{}/{}/{}", host(), boot::id(), namespace("time"))
}

/// The number of one of this process's namespaces; empty where there are none.
fn namespace(kind: &str) -> String {
    let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default();
    link.to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect()
}

fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.replace('/', "-")
}

/// Start time of a process in clock ticks since boot (field 22 of `/proc/PID/stat`), `None` when it is gone.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name may hold spaces and parentheses; fields are counted behind its last one.
    let rest = &stat[stat.rfind(')')? + 1..];
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_its_neighbours_in_time_are_not() {
        let me = this_process();
        assert!(maybe_alive(&me));
        assert!(
            !maybe_alive(&format!("{me}0")),
            "same pid, other start: the number was used again, by a container that was made anew for example"
        );
        let other_boot = me.replacen(&boot::id(), "another-boot", 1);
        assert!(!maybe_alive(&other_boot));
        let elsewhere = me.replacen(&host(), "another-host", 1);
        assert!(
            maybe_alive(&elsewhere),
            "another machine cannot be asked, so the lease must be watched"
        );
    }

    #[test]
    fn a_process_of_another_namespace_is_not_looked_up_in_ours() {
        let me = this_process();
        let ours = format!("/{}/", namespace("pid"));
        // Its number and start time are nobody's here; in its own container it may live.
        let other = me
            .replacen(&ours, "/7/", 1)
            .replace(&std::process::id().to_string(), "4194304");
        assert!(maybe_alive(&other));
    }

    #[tokio::test]
    async fn a_stop_ends_the_watching_of_a_lease() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = crate::store::Store::open(&dir.path().join("archive.db")).unwrap();
        let company = store.company("acme", "ww1").unwrap();
        let long_ago = Millis(Millis::now().0 - 10 * TTL_MS);
        store
            .acquire_lease(company, "elsewhere/boot/7/1/1", long_ago, TTL_MS, &maybe_alive)
            .unwrap();
        let desk = Desk::open(store).unwrap();
        let (stop, stopped) = watch::channel(false);
        let began = Instant::now();
        let (taken, ()) = tokio::join!(Keeper::acquire(&desk, company, "acme", &stopped), async {
            stop.send_replace(true);
        });
        assert!(matches!(taken.err(), Some(Error::Busy { .. })));
        assert!(began.elapsed() < PATIENCE, "it watched to the end");
    }

    #[test]
    fn a_holder_written_by_an_earlier_version_is_understood() {
        let pid = std::process::id();
        let start = started(pid).expect("it lives");
        let old = |start: &str| format!("{}/{}/{pid}/{start}", host(), boot::id());
        assert!(maybe_alive(&old(&start)));
        assert!(!maybe_alive(&old("1")));
    }
}
