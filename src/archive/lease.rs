//! Keeps the company's lease alive while a run works, and knows whether an old holder still lives.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinHandle, time};

use super::{Desk, Error};
use crate::{
    ids::{CompanyId, Millis},
    store::{StoreError, contract::Lease},
};

/// How long a lease lasts without renewal: longer than any commit, short enough for a host that died.
const TTL_MS: i64 = 60_000;

/// A lease that renews itself until released.
pub(super) struct Keeper {
    lease: Lease,
    desk: Desk,
    lost: Arc<Notify>,
    renewal: JoinHandle<()>,
}

impl Keeper {
    /// Takes the company's lease, or says who has it.
    pub(super) async fn acquire(desk: &Desk, company: CompanyId, name: &str) -> Result<Self, Error> {
        let holder = this_process();
        let taken = desk
            .ask(move |store| store.acquire_lease(company, &holder, Millis::now(), TTL_MS, &still_alive))
            .await?;
        let lease = match taken {
            Ok(lease) => lease,
            Err(StoreError::HeldBy { holder, until }) => {
                return Err(Error::Busy {
                    company: name.to_owned(),
                    holder,
                    until,
                });
            }
            Err(error) => return Err(error.into()),
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
        if !matches!(renewed, Ok(Ok(()))) {
            lost.notify_one();
            return;
        }
    }
}

/// `host/boot/pid/start`: enough to tell a living holder from a dead one on the same machine.
fn this_process() -> String {
    let pid = std::process::id();
    format!("{}/{}/{pid}/{}", host(), boot(), started(pid).unwrap_or_default())
}

/// False only when the holder is surely gone: same machine, and no such process or another boot.
fn still_alive(holder: &str) -> bool {
    let parts: Vec<&str> = holder.split('/').collect();
    let [their_host, their_boot, pid, start] = parts[..] else {
        return true;
    };
    if their_host != host() {
        return true;
    }
    if their_boot != boot() {
        return false;
    }
    let Ok(pid) = pid.parse::<u32>() else { return true };
    started(pid).is_some_and(|now| start.is_empty() || now == start)
}

fn host() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.replace('/', "-")
}

fn boot() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
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
        assert!(still_alive(&me));
        assert!(
            !still_alive(&format!("{me}0")),
            "same pid, other start: the number was used again"
        );
        let other_boot = me.replacen(&boot(), "another-boot", 1);
        assert!(!still_alive(&other_boot));
        let elsewhere = me.replacen(&host(), "another-host", 1);
        assert!(
            still_alive(&elsewhere),
            "another machine cannot be asked, so the lease must run out"
        );
    }
}
