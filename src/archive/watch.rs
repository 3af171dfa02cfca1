//! Looking for trouble and keeping what was found: signs out of the books, incidents into the store, notices out of it.
//!
//! Sending is somebody else's: a target is claimed, told, and settled, and nothing here waits for a network.

use super::{Desk, Error, Window, clock, lease};
use crate::{
    alert::{
        ClockDoubt, Expiring, Failing, Held, HeldCursor, Holes, Incident, LibraryChange, Look, LostRange,
        Memory, MissedWindow, Notice, Pace, Refused, Sign, Signs, StuckLease, TargetState, WindowSign, due,
        tend,
    },
    clock::Verdict,
    events,
    ids::Millis,
    record::Reason,
    store::{
        Reader, Result, StoreError,
        contract::{GapKind, GapState},
    },
};

/// Codes by which WeCom says that the address is not on a list; 10009 is the SDK's own.
const ADDRESS: [i64; 3] = [60_020, 301_042, 10_009];
/// Codes by which it says that the archive service has ended, or was never on.
const SERVICE: [i64; 2] = [301_052, 301_053];
/// For so long people are told that the stream began again below the cursor.
const REWOUND_MS: i64 = 24 * 60 * 60 * 1000;
/// For so long no other process tells a target that one has taken; longer than any sending takes.
const HOLD_MS: i64 = 180_000;
/// Lost ranges that are looked at, latest first.
const LOST: usize = 100;
/// Missed windows that are looked at.
const WINDOWS: usize = 20;

/// Is a code of the platform about the address that calls?
pub fn is_about_address(code: i64) -> bool {
    ADDRESS.contains(&code)
}

/// Is it about the archive service itself?
pub fn is_about_service(code: i64) -> bool {
    SERVICE.contains(&code)
}

/// When a file that is not fetched is in danger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// For so long after it was sent WeCom is expected to have it.
    pub deadline_ms: i64,
    /// With so much of it left, people are told.
    pub left_ms: i64,
}

/// What the books say about a company; without `files` nothing about those.
pub async fn look(desk: &Desk, company: &str, files: Option<Files>, now: Millis) -> Result<Signs, Error> {
    let name = company.to_owned();
    Ok(desk.ask(move |store| signs(store, name, files, now)).await??)
}

/// What verifying found lately, by daily shares or as a whole; nothing when nobody verified yet.
pub async fn damage(desk: &Desk) -> Result<Sign<(u64, Millis)>, Error> {
    let state = desk.ask(|store| store.verify_state()).await??;
    Ok(match state.at {
        0 => Sign::Unknown,
        at => Sign::Seen((state.found_lately(), Millis(at))),
    })
}

fn signs(reader: &Reader, company: String, files: Option<Files>, now: Millis) -> Result<Signs> {
    let mut signs = Signs {
        company,
        ..Signs::default()
    };
    let Some(id) = reader.company_id(&signs.company)? else {
        return Ok(signs);
    };
    let failing = reader.pulls_failing(id)?;
    let last = reader.calls(id, 1)?.pop();
    // What a failing pull ended with may be told before any call is made.
    let codes = last.iter().flat_map(|call| [call.errcode, i64::from(call.code)]);
    let codes: Vec<i64> = codes.filter(|code| *code != 0).collect();
    let of = |known: &[i64]| codes.iter().copied().find(|code| known.contains(code));
    if last.is_some() || failing.is_none() {
        let address = failing.as_ref().and_then(|(_, cause)| address_in(cause));
        signs.address = Sign::of(of(&ADDRESS).map(|code| Refused { code, address }));
        signs.service = Sign::of(of(&SERVICE));
    }
    signs.pulling = Sign::of(failing.map(|(since, cause)| Failing { since, cause }));
    if let Some(covered) = reader.covered_until(id, now)? {
        signs.window = Sign::Seen(WindowSign {
            left_ms: Window::at(covered, now).left_ms,
            covered_until: covered.until,
            is_certain: covered.is_certain,
        });
    }
    let versions = reader.versions_without_key(id)?;
    signs.keys = Sign::Seen(
        versions
            .into_iter()
            .map(|(version, records)| (version.0, records))
            .collect(),
    );
    let waiting = reader.waiting(Some(id))?;
    let count = |wanted: Option<Reason>| -> u64 {
        let chosen = waiting
            .iter()
            .filter(|(reason, _)| wanted.is_none_or(|wanted| wanted == *reason));
        chosen.map(|(_, count)| count).sum()
    };
    signs.waiting = Sign::Seen(count(None));
    signs.poison = Sign::Seen(count(Some(Reason::Poison)));
    if let Some(files) = files {
        let before = Millis(now.0 - files.deadline_ms + files.left_ms);
        let (count, oldest) = reader.media_unfetched(id, before, Expiring::MANY)?;
        signs.media = Sign::Seen(Expiring {
            files: count,
            soonest: oldest.map(|since| Millis(since.0 + files.deadline_ms)),
        });
    }
    signs.consent = Sign::Seen(reader.consent_refused(id, now)?);
    let missed = reader.missed_windows(id, WINDOWS)?;
    signs.missed = Sign::Seen(
        missed
            .into_iter()
            .map(|(from, to)| MissedWindow { from, to })
            .collect(),
    );
    // A holder that pulls is in nobody's way, this process least of all.
    let in_the_way = reader
        .lease_in_the_way(id)?
        .filter(|lease| lease.holder != lease::this_process());
    signs.lease = Sign::of(match in_the_way {
        Some(lease) => Some(StuckLease {
            implausible: lease.until.0.saturating_sub(now.0) > 2 * lease::TTL_MS,
            answered: reader.answered_since(id, lease.since, now)?,
            holder: lease.holder,
            since: lease.since,
            until: lease.until,
        }),
        None => None,
    });
    let changes = reader.library_changes(id)?.into_iter();
    signs.library = Sign::Seen(
        changes
            .map(|(call, at, was, now)| LibraryChange { call, at, was, now })
            .collect(),
    );
    signs.unreadable = Sign::Seen(count(Some(Reason::Unreadable)));
    let aside = reader.aside(Some(id))?;
    signs.strays = Sign::Seen(aside.strays);
    let gaps = reader.gaps_since(id, Millis(now.0 - REWOUND_MS))?;
    let mut holes = gaps
        .iter()
        .filter(|gap| gap.kind == GapKind::Unpullable && gap.state == GapState::Open);
    signs.holes = Sign::of(holes.next().map(|first| Holes {
        records: 1 + holes.count() as u64,
        first_range: (first.range.first.0, first.range.last.0),
    }));
    let lost = reader.lost_ranges(id, LOST)?;
    let lost = lost.into_iter().map(|gap| LostRange {
        gap: gap.id,
        range: (gap.range.first.0, gap.range.last.0),
        cause: gap.cause,
    });
    signs.lost = Sign::Seen(lost.collect());
    let restarted = gaps
        .iter()
        .rev()
        .find(|gap| gap.kind == GapKind::Rewound && now.0 - gap.found.0 < REWOUND_MS);
    signs.cursor = Sign::of(match (reader.held_cursor(id)?, restarted) {
        (Some((seq, cursor)), _) => Some(HeldCursor {
            seq: seq.0,
            cursor: cursor.0,
            held: Held::Ahead,
        }),
        (None, Some(gap)) => Some(HeldCursor {
            seq: gap.range.first.0,
            cursor: gap.range.last.0,
            held: Held::Below,
        }),
        (None, None) => None,
    });
    signs.clock = match clock::verdict(reader, id, now)? {
        Verdict::Agreed => Sign::Fine,
        Verdict::Unwitnessed => Sign::Unknown,
        Verdict::Doubtful { by, why } => Sign::Seen(ClockDoubt {
            ours: now,
            witness: by,
            why,
        }),
    };
    Ok(signs)
}

/// `… from ip: 203.0.113.7, …`
fn address_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("from ip:")?;
    let word = rest.trim_start().split([',', ' ', ')']).next()?;
    word.parse::<std::net::IpAddr>()
        .ok()
        .map(|address| address.to_string())
}

/// Keeps what the looks change and tells it to the log.
pub async fn keep(
    desk: &Desk,
    looks: Vec<Look>,
    companies: Vec<String>,
    now: Millis,
    calm_ms: i64,
) -> Result<(), Error> {
    let changed = desk
        .ask(move |store| store.tend_incidents(now, |known| tend(known, &looks, &companies, now, calm_ms)))
        .await??;
    tell_log(&changed);
    Ok(())
}

/// What the store knows of incidents and of what these targets were told, for going on without it.
pub async fn to_memory(desk: &Desk, targets: Vec<String>) -> Result<Memory, Error> {
    Ok(desk.ask(move |store| store.to_memory(&targets)).await??)
}

/// Gives back what was found and told meanwhile.
pub async fn take_memory(desk: &Desk, memory: Memory) -> Result<(), Error> {
    Ok(desk.ask(move |store| store.take_memory(&memory)).await??)
}

/// Tells the log of incidents that began or ended.
pub fn tell_log(changed: &[Incident]) {
    for incident in changed {
        let (company, kind, subject) = (&incident.company, incident.kind.as_str(), &incident.subject);
        match incident.ended {
            Some(ended) => events::alert_over(company, kind, subject, ended.0 - incident.began.0),
            None if incident.began == incident.seen => events::alert_raised(company, kind, subject),
            None => {}
        }
    }
}

/// What a target is to be told now; from here on it is this process's to tell.
pub async fn claim(desk: &Desk, target: &str, pace: Pace, now: Millis) -> Result<Vec<Notice>, Error> {
    let target = target.to_owned();
    Ok(desk
        .ask(move |store| {
            store.claim_target(&target, now, HOLD_MS, |incidents, tellings, state| {
                due(incidents, tellings, state, &pace, now)
            })
        })
        .await??)
}

/// The target was told.
pub async fn told(desk: &Desk, target: &str, notices: Vec<Notice>, now: Millis) -> Result<(), Error> {
    let (name, count) = (target.to_owned(), notices.len());
    desk.ask(move |store| store.target_told(&name, &notices, now))
        .await??;
    // Only now: whoever reads it in the log may rely on its being kept.
    events::alert_told(target, count);
    Ok(())
}

/// The target could not be told; it will be tried again, what is due stays due.
pub async fn failed(
    desk: &Desk,
    target: &str,
    now: Millis,
    fatal: bool,
    cause: String,
) -> Result<TargetState, Error> {
    let (name, text) = (target.to_owned(), cause.clone());
    let state = desk
        .ask(move |store| store.target_failed(&name, now, fatal, &text))
        .await??;
    events::alert_not_told(target, &cause, (state.next_try.0 - now.0) / 1000);
    Ok(state)
}

/// Incidents as they are listed, and who was told.
pub type Listed = (
    Incident,
    std::collections::BTreeMap<String, crate::alert::Telling>,
);

/// The open incidents, and `over` of those that are over, latest first.
pub fn list(reader: &Reader, over: usize) -> Result<Vec<Listed>, StoreError> {
    reader
        .incidents(over)?
        .into_iter()
        .map(|incident| {
            let told = match incident.id {
                Some(id) => reader.told_of(id)?,
                None => Default::default(),
            };
            Ok((incident, told))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::address_in;

    #[test]
    fn the_address_is_taken_out_of_a_refusal_and_out_of_nothing_else() {
        assert_eq!(
            address_in("WeCom answered 301042 (not allow, hint: [1], from ip: 203.0.113.7, more info)"),
            Some("203.0.113.7".into())
        );
        assert_eq!(address_in("from ip: 2001:db8::1"), Some("2001:db8::1".into()));
        assert_eq!(address_in("from ip: secret"), None);
        assert_eq!(address_in("nothing"), None);
    }
}
