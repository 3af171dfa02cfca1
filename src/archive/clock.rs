//! Whether this machine's time can be believed, from what this archive knows of the time.

use super::{Desk, Error};
use crate::{
    clock::{By, Verdict, Witness, judge},
    directory, events,
    ids::{CompanyId, Millis, boot},
    store::{Reader, Result, Store, contract::ClockMemory},
};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Compares the clock with what is known of the time: WeCom's server, this company's newest records, and the last time
/// they agreed. Changes nothing.
pub fn verdict(reader: &Reader, company: CompanyId, now: Millis) -> Result<Verdict> {
    Ok(judge(now, &witnesses(reader, company, false)?))
}

fn witnesses(reader: &Reader, company: CompanyId, fresh: bool) -> Result<Vec<Witness>> {
    let memory = reader.clock_memory(company)?;
    let mut witnesses = vec![Witness::Records {
        times: reader.newest_times(company)?,
        fresh: fresh || memory.fresh,
    }];
    if memory.agreed_at > 0 {
        let same_boot = !memory.boot.is_empty() && memory.boot == boot::id();
        let passed = same_boot.then(|| boot::uptime_ms().saturating_sub(memory.uptime_ms));
        witnesses.push(Witness::Agreement {
            at: Millis(memory.agreed_at),
            passed_ms: passed,
        });
    }
    // This process's own observation is the latest, if it made one.
    let server = match directory::server_clock() {
        Some(own) => Some(own),
        None => reader.server_clock()?,
    };
    witnesses.extend(server.map(|(ahead_ms, observed)| Witness::Server { ahead_ms, observed }));
    Ok(witnesses)
}

/// Compares the clock and remembers when it agreed. `made_up`: the records are not WeCom's and may be of any age.
pub(super) fn confirm(store: &mut Store, company: CompanyId, now: Millis, made_up: bool) -> Result<Verdict> {
    if let Some((ahead_ms, observed)) = directory::server_clock() {
        store.remember_server_clock(ahead_ms, observed)?;
    }
    let mut memory = store.clock_memory(company)?;
    let records = Witness::Records {
        times: store.newest_times(company)?,
        fresh: true,
    };
    // Records that came in time once come from where time passes, made up or not.
    let fresh = memory.fresh || !made_up || judge(now, &[records]).is_agreed();
    let found = judge(now, &witnesses(store, company, fresh)?);
    let before = memory.clone();
    memory.fresh = fresh;
    if found.is_agreed() {
        memory.agreed_at = now.0;
        memory.boot = boot::id();
        memory.uptime_ms = boot::uptime_ms();
    }
    match found {
        Verdict::Agreed if now.is_past(Millis(memory.brought_back), DAY_MS) => {
            store.bring_back_due(company, now)?;
            memory.brought_back = now.0;
        }
        Verdict::Agreed => {}
        _ => memory.brought_back = 0,
    }
    // The boot's own count is what the agreement is for; writing it down at every pull would be a commit each.
    let only_newer = ClockMemory {
        agreed_at: before.agreed_at,
        uptime_ms: before.uptime_ms,
        ..memory.clone()
    };
    if only_newer != before || now.is_past(Millis(before.agreed_at), HOUR_MS) {
        store.remember_clock(company, &memory)?;
    }
    Ok(found)
}

/// Keeps what this process learnt of WeCom's time for processes that ask no server.
pub async fn keep_server_clock(desk: &Desk) -> Result<(), Error> {
    if let Some((ahead_ms, observed)) = directory::server_clock() {
        desk.ask(move |store| store.remember_server_clock(ahead_ms, observed))
            .await??;
    }
    Ok(())
}

/// For what cannot be undone and concerns no single company: every known company's clock agrees as far as it has a
/// witness, and one has. Tells the log when not.
pub(super) async fn agrees_for_all(desk: &Desk, what: &'static str) -> Result<bool, Error> {
    let verdicts = desk
        .ask(move |store| {
            let mut verdicts = Vec::new();
            for (company, name) in store.companies()? {
                verdicts.push((name, verdict(store, company, Millis::now())?));
            }
            Ok::<_, crate::store::StoreError>(verdicts)
        })
        .await??;
    for (name, verdict) in &verdicts {
        if let Verdict::Doubtful { by, why } = verdict {
            events::clock_doubtful(name, *by, why, what);
            return Ok(false);
        }
    }
    Ok(verdicts.iter().any(|(_, verdict)| verdict.is_agreed()))
}

/// In the log, when the clock is contradicted.
pub(super) fn tell(company: &str, verdict: &Verdict) {
    if let Verdict::Doubtful { by, why } = verdict {
        tell_doubt(company, *by, why);
    }
}

fn tell_doubt(company: &str, by: By, why: &str) {
    events::clock_doubtful(
        company,
        by,
        why,
        "nothing is deleted and nothing is given up by time",
    );
}
