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
    let (boot, uptime_ms) = (boot::id(), boot::uptime_ms());
    let mut witnesses = vec![Witness::Records {
        times: reader.newest_times(company)?,
        fresh: fresh || reader.clock_memory(company)?.fresh,
    }];
    if let Some(memory) = reader.last_agreement(&boot)? {
        let same_boot = !boot.is_empty() && memory.boot == boot;
        witnesses.push(Witness::Agreement {
            at: Millis(memory.agreed_at),
            passed_ms: same_boot.then(|| uptime_ms.saturating_sub(memory.uptime_ms)),
        });
    }
    // This process's own observation is the latest, if it made one.
    let server = match directory::server_clock() {
        Some(own) => Some(own),
        None => reader.server_clock()?,
    };
    witnesses.extend(server.map(|said| said.witness(&boot, uptime_ms)));
    Ok(witnesses)
}

/// At the end of a run: compares the clock and remembers when it agreed. `made_up`: the records are not WeCom's and may be
/// of any age.
pub(super) fn confirm(store: &mut Store, company: CompanyId, now: Millis, made_up: bool) -> Result<Verdict> {
    if let Some(said) = directory::server_clock() {
        store.remember_server_clock(&said)?;
    }
    let mut memory = store.clock_memory(company)?;
    let records = Witness::Records {
        times: store.newest_times(company)?,
        fresh: true,
    };
    // Records that came in time once come from where time passes, made up or not.
    let fresh = memory.fresh || !made_up || judge(now, &[records]).is_agreed();
    let mut witnesses = witnesses(store, company, fresh)?;
    // Only here: at the end of a run it is known which records came in it.
    witnesses.push(Witness::Landed {
        times: store.times_of_latest_run(company)?,
    });
    let found = judge(now, &witnesses);
    let before = memory.clone();
    memory.fresh = fresh;
    memory.from_wecom |= !made_up;
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
    if let Some(said) = directory::server_clock() {
        desk.ask(move |store| store.remember_server_clock(&said))
            .await??;
    }
    Ok(())
}

/// For what cannot be undone and concerns no single company: the clock agrees for each of these companies as far as it
/// has a witness, and one has. Companies that are no longer pulled are not asked: nothing could clear their doubt. Tells the
/// log when not.
pub(super) async fn agrees_for_all(
    desk: &Desk,
    companies: Vec<String>,
    what: &'static str,
) -> Result<bool, Error> {
    let verdicts = desk
        .ask(move |store| {
            let mut verdicts = Vec::new();
            for name in companies {
                if let Some(company) = store.company_id(&name)? {
                    verdicts.push((name, verdict(store, company, Millis::now())?));
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Three open records that say they were sent a month after their landing: no clock can have been right.
    fn contradict(path: &std::path::Path, company: CompanyId, now: Millis) {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.pragma_update(None, "foreign_keys", false).unwrap();
        conn.execute("UPDATE company SET cursor = 3 WHERE id = ?", [company.0])
            .unwrap();
        for seq in 1..=3 {
            conn.execute(
                "INSERT INTO record (company, seq, msgid, version, state, sha256, landed_at) VALUES (?, ?, 'm', 1, 1, x'', ?)",
                [company.0, seq, now.0],
            )
            .unwrap();
            conn.execute(
                "INSERT INTO message (record, company, seq, time, sender, chat, audience, type, action, scope, direction,
                   flags, flaws) VALUES (?, ?, ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
                [conn.last_insert_rowid(), company.0, seq, now.0 + 30 * DAY_MS],
            )
            .unwrap();
        }
    }

    #[test]
    fn that_records_came_from_wecom_is_never_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("archive.db")).unwrap();
        let company = store.company("acme", "ww1").unwrap();
        let mut after = |made_up| {
            confirm(&mut store, company, Millis::now(), made_up).unwrap();
            store.clock_memory(company).unwrap().from_wecom
        };
        assert_eq!([after(true), after(false), after(true)], [false, true, true]);
    }

    #[tokio::test]
    async fn a_company_that_is_no_longer_pulled_holds_nothing_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive.db");
        let mut store = Store::open(&path).unwrap();
        let now = Millis::now();
        let acme = store.company("acme", "ww1").unwrap();
        let retired = store.company("retired", "ww2").unwrap();
        let agreed = ClockMemory {
            agreed_at: now.0,
            boot: boot::id(),
            uptime_ms: boot::uptime_ms(),
            ..ClockMemory::default()
        };
        store.remember_clock(acme, &agreed).unwrap();
        contradict(&path, retired, now);
        assert!(!verdict(&store, retired, now).unwrap().is_agreed());
        let desk = Desk::open(store).unwrap();
        let agrees = async |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            agrees_for_all(&desk, names, "nothing is let go").await.unwrap()
        };
        assert!(agrees(&["acme", "not there yet"]).await);
        assert!(!agrees(&["acme", "retired"]).await);
        assert!(!agrees(&[]).await, "nobody spoke");
    }
}
