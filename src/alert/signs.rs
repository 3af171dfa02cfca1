//! What was seen at one look, and from when on it is worth telling.

use super::{
    Alert, Kind,
    incident::Look,
    kind::{Held, Part},
};
use crate::{clock::By, ids::Millis};

/// Key versions told apart; a company has one a year, so more would mean that somebody makes them up.
const VERSIONS: usize = 8;
/// Characters of a cause that are told.
const CAUSE: usize = 200;

/// What a look at one condition brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sign<T> {
    /// Nobody looked, or it could not be told: an incident that is open stays as it is.
    #[default]
    Unknown,
    /// All well.
    Fine,
    /// This was seen.
    Seen(T),
}

impl<T> Sign<T> {
    /// [`Sign::Seen`] or [`Sign::Fine`], of something that was looked at.
    pub fn of(seen: Option<T>) -> Self {
        seen.map_or(Self::Fine, Self::Seen)
    }
}

/// What was seen of one company, or, with an empty name, of the archive as a whole. Fields left at their default were
/// not looked at, so whoever fills in one more needs to touch nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signs {
    /// The company's name in the configuration; empty for the archive as a whole.
    pub company: String,
    /// Pulls that failed since the last that went well.
    pub pulling: Sign<Failing>,
    /// What is left of WeCom's five days.
    pub window: Sign<WindowSign>,
    /// Key versions without a private key here, and how many records wait for each.
    pub keys: Sign<Vec<(u32, u64)>>,
    /// Records that wait, for any reason.
    pub waiting: Sign<u64>,
    /// Records that took the SDK's process down.
    pub poison: Sign<u64>,
    /// Files not yet fetched that WeCom deletes soon.
    pub media: Sign<Expiring>,
    /// Pairs of a member and a customer where the customer lately said no.
    pub consent: Sign<u64>,
    /// Free space where the archive is.
    pub disk: Sign<Disk>,
    /// A refusal because of the address that calls.
    pub address: Sign<Refused>,
    /// A refusal because of the service itself, by its code.
    pub service: Sign<i64>,
    /// Five-day windows that were missed, oldest first. Those that were acknowledged may be among them.
    pub missed: Sign<Vec<MissedWindow>>,
    /// Records that wait as `unreadable`.
    pub unreadable: Sign<u64>,
    /// Items without a usable seq that nobody has looked at.
    pub strays: Sign<u64>,
    /// Holes in the stream.
    pub holes: Sign<Holes>,
    /// Ranges with records that were given up. Those that were acknowledged may be among them.
    pub lost: Sign<Vec<LostRange>>,
    /// A cursor that waits.
    pub cursor: Sign<HeldCursor>,
    /// A clock that another witness of the time contradicts.
    pub clock: Sign<ClockDoubt>,
    /// Somebody else's lease that was in the way.
    pub lease: Sign<StuckLease>,
    /// Parts of the company's configuration that cannot be used, with the cause; without anything secret.
    pub setup: Sign<Vec<(Part, String)>>,
    /// Why the archive cannot be written.
    pub store: Sign<String>,
    /// How much of what is stored is not what was written, and when that was last looked at.
    pub damage: Sign<(u64, Millis)>,
    /// Pulls that another library file answered than the pull before. Those that were acknowledged may be among them.
    pub library: Sign<Vec<LibraryChange>>,
}

/// The library file was replaced between two pulls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryChange {
    /// The first call of the new one, on the ledger.
    pub call: i64,
    /// When that was.
    pub at: Millis,
    /// SHA-256 before.
    pub was: String,
    /// SHA-256 since.
    pub now: String,
}

/// A time during which nothing was pulled until WeCom had begun to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissedWindow {
    /// Everything said until then was pulled in time.
    pub from: Millis,
    /// What was said since then was still at WeCom when pulling went on.
    pub to: Millis,
}

/// Records that `GetChatData` cannot deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holes {
    /// How many records are missing, as far as it is known.
    pub records: u64,
    /// The first range of them, both ends inclusive.
    pub first_range: (u64, u64),
}

/// A range of the stream with records that WeCom has deleted before they could be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// Its row on the ledger.
    pub gap: i64,
    /// Both ends inclusive.
    pub range: (u64, u64),
    /// What happened.
    pub cause: String,
}

/// A cursor that waits because a seq is implausible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCursor {
    /// The seq that was seen.
    pub seq: u64,
    /// Where the cursor stays.
    pub cursor: u64,
    /// What is wrong with the seq.
    pub held: Held,
}

/// Two sayings about the time that cannot both be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockDoubt {
    /// The time of this machine.
    pub ours: Millis,
    /// Who says otherwise.
    pub witness: By,
    /// What that witness says, for people.
    pub why: String,
}

/// A lease that others hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckLease {
    /// Host, process and start time of the holder.
    pub holder: String,
    /// When it was first in the way.
    pub since: Millis,
    /// When it ends unless renewed, by the clock of its holder.
    pub until: Millis,
    /// It claims to last longer than any lease does.
    pub implausible: bool,
    /// When WeCom last answered whoever holds it, since it is in the way: then it is held by somebody who pulls.
    pub answered: Option<Millis>,
}

/// Pulls that fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// When the first of them began.
    pub since: Millis,
    /// What the last of them ended with; without anything secret.
    pub cause: String,
}

/// How much is left of the five days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSign {
    /// Milliseconds; negative when WeCom has begun to delete.
    pub left_ms: i64,
    /// Up to when nothing can be missing.
    pub covered_until: Millis,
    /// False when the clocks in the books contradict each other, so that nobody knows what is left.
    pub is_certain: bool,
}

/// Files that will be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiring {
    /// How many, counted to [`Expiring::MANY`].
    pub files: u64,
    /// When the first of them is gone.
    pub soonest: Option<Millis>,
}

impl Expiring {
    /// Nobody needs to know it more exactly, and counting on may mean to read a million.
    pub const MANY: u64 = 10_000;
}

/// The disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// MiB that are free.
    pub free_mib: u64,
    /// MiB that should be.
    pub wanted_mib: u64,
}

/// A refusal of the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its code.
    pub code: i64,
    /// The address as the platform saw it.
    pub address: Option<String>,
}

/// From when on a sign is worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Pulls may fail so long.
    pub pull_failing_ms: i64,
    /// So little of the window may be left.
    pub window_left_ms: i64,
    /// So many records may wait.
    pub waiting_above: u64,
    /// For so long another process may hold a company's lease without a break.
    pub lease_held_ms: i64,
}

/// Which of the signs are alerts now. Kinds that nobody looked at are not in the answer.
pub fn judge(signs: &Signs, rules: &Rules, now: Millis) -> Look {
    let mut look = Look {
        company: signs.company.clone(),
        verdicts: Vec::new(),
    };
    look.add(Kind::PullFailing, &signs.pulling, |failing| {
        (now.0 - failing.since.0 >= rules.pull_failing_ms).then(|| Alert::PullFailing {
            since: failing.since,
            cause: tame(&failing.cause),
        })
    });
    look.add(Kind::WindowInDanger, &signs.window, |window| {
        (window.left_ms <= rules.window_left_ms).then_some(Alert::WindowInDanger {
            left_ms: window.left_ms,
            covered_until: window.covered_until,
            is_certain: window.is_certain,
        })
    });
    look.add(Kind::UnknownKeyVersion, &signs.keys, |keys| {
        keys.iter()
            .filter(|(_, records)| *records > 0)
            .take(VERSIONS)
            .map(|&(version, records)| Alert::UnknownKeyVersion { version, records })
            .collect::<Vec<_>>()
    });
    look.add(Kind::RecordsWaiting, &signs.waiting, |&records| {
        (records > rules.waiting_above).then_some(Alert::RecordsWaiting {
            records,
            threshold: rules.waiting_above,
        })
    });
    look.add(Kind::PoisonRecord, &signs.poison, |&records| {
        (records > 0).then_some(Alert::PoisonRecord { records })
    });
    look.add(Kind::MediaExpiring, &signs.media, |media| {
        (media.files > 0).then_some(Alert::MediaExpiring {
            files: media.files,
            soonest: media.soonest,
        })
    });
    look.add(Kind::ConsentRefused, &signs.consent, |&pairs| {
        (pairs > 0).then_some(Alert::ConsentRefused { pairs })
    });
    look.add(Kind::DiskBelowHeadroom, &signs.disk, |disk| {
        (disk.free_mib < disk.wanted_mib).then_some(Alert::DiskBelowHeadroom {
            free_mib: disk.free_mib,
            wanted_mib: disk.wanted_mib,
        })
    });
    look.add(Kind::AddressNotTrusted, &signs.address, |refused| {
        Some(Alert::AddressNotTrusted {
            code: refused.code,
            address: refused.address.as_deref().map(tame),
        })
    });
    look.add(Kind::ServiceExpired, &signs.service, |&code| {
        Some(Alert::ServiceExpired { code })
    });
    look.add(Kind::WindowMissed, &signs.missed, |missed| {
        missed
            .iter()
            .map(|window| Alert::WindowMissed {
                from: window.from,
                to: window.to,
                hours_beyond: (window.to.0 - window.from.0).max(0) / 3_600_000,
            })
            .collect::<Vec<_>>()
    });
    look.add(Kind::RecordUnreadable, &signs.unreadable, |&records| {
        (records > 0).then_some(Alert::RecordUnreadable { records })
    });
    look.add(Kind::StrayItems, &signs.strays, |&items| {
        (items > 0).then_some(Alert::StrayItems { items })
    });
    look.add(Kind::Unpullable, &signs.holes, |holes| {
        (holes.records > 0).then_some(Alert::Unpullable {
            records: holes.records,
            first: holes.first_range.0,
            last: holes.first_range.1,
        })
    });
    look.add(Kind::LibraryChanged, &signs.library, |changes| {
        changes
            .iter()
            .map(|change| Alert::LibraryChanged {
                call: change.call,
                at: change.at,
                was: tame(&change.was),
                now: tame(&change.now),
            })
            .collect::<Vec<_>>()
    });
    look.add(Kind::RecordsLost, &signs.lost, |lost| {
        let alert = |lost: &LostRange| Alert::RecordsLost {
            gap: lost.gap,
            first: lost.range.0,
            last: lost.range.1,
            cause: tame(&lost.cause),
        };
        lost.iter().map(alert).collect::<Vec<_>>()
    });
    look.add(Kind::CursorHeld, &signs.cursor, |held| {
        Some(Alert::CursorHeld {
            seq: held.seq,
            cursor: held.cursor,
            held: held.held,
        })
    });
    look.add(Kind::ClockDoubtful, &signs.clock, |doubt| {
        Some(Alert::ClockDoubtful {
            ours: doubt.ours,
            witness: doubt.witness,
            why: tame(&doubt.why),
        })
    });
    look.add(Kind::LeaseStuck, &signs.lease, |lease| {
        let is_long = |since: Millis| now.0.saturating_sub(since.0) >= rules.lease_held_ms;
        let stuck = match lease.answered {
            Some(answered) => is_long(answered),
            None => lease.implausible || is_long(lease.since),
        };
        stuck.then(|| Alert::LeaseStuck {
            holder: tame(&lease.holder),
            since: lease.since,
            until: lease.until,
        })
    });
    look.add(Kind::CompanyUnusable, &signs.setup, |parts| {
        parts
            .iter()
            .map(|(part, cause)| Alert::CompanyUnusable {
                part: *part,
                cause: tame(cause),
            })
            .collect::<Vec<_>>()
    });
    look.add(Kind::StoreUnwritable, &signs.store, |cause| {
        Some(Alert::StoreUnwritable { cause: tame(cause) })
    });
    look.add(Kind::ArchiveDamaged, &signs.damage, |&(found, at)| {
        (found > 0).then_some(Alert::ArchiveDamaged { found, at })
    });
    look
}

impl Look {
    fn add<T, A: IntoIterator<Item = Alert>>(
        &mut self,
        kind: Kind,
        sign: &Sign<T>,
        judge: impl FnOnce(&T) -> A,
    ) {
        let alerts = match sign {
            Sign::Unknown => return,
            Sign::Fine => Vec::new(),
            Sign::Seen(seen) => judge(seen).into_iter().collect(),
        };
        self.verdicts.push((kind, alerts));
    }
}

/// One line, not too long: causes come from libraries and servers.
fn tame(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CAUSE)
        .collect()
}
