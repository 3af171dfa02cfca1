//! What operators watch, as named events with fixed fields: `pull.page`, `pull.retry`, `open.batch`, …
//!
//! One function per event, emitted per batch and never per record. Must not carry a secret or a message body
//! (promise 9): arguments are counts, ids and errors that are already safe to print.

use std::{fmt::Display, time::Duration};

use tracing::{debug, error, info, warn};

use crate::{
    clock::By,
    ids::Seq,
    store::contract::{Books, PullCall, Settled},
};

/// A pass over the files ended: so many came to an end, so many are tried again later, so many are not kept by now.
pub fn media_fetched(
    company: &str,
    settled: u64,
    later: u64,
    bytes: u64,
    missing: u64,
    took: Duration,
    failure: &Option<impl Display>,
) {
    let took_ms = took.as_millis() as u64;
    match failure {
        None => info!(
            name: "media.fetched", event = "media.fetched", company, settled, later, bytes, missing, took_ms, "files fetched"
        ),
        Some(cause) => warn!(
            name: "media.failed", event = "media.failed", company, settled, later, bytes, missing, took_ms, cause = %cause,
            "fetching files ended early"
        ),
    }
}

/// Messages were derived again by the present rules; so many are left.
pub fn reindexed(moved: u64, left: u64, took: Duration) {
    let took_ms = took.as_millis() as u64;
    info!(name: "index.renewed", event = "index.renewed", moved, left, took_ms, "messages derived again by the present rules");
}

/// Files wait for room on the disk; records go on.
pub fn media_waits(company: &str, why: &str) {
    warn!(name: "media.waits", event = "media.waits", company, cause = why, "files wait; free space, or lower store.disk_headroom_mib");
}

/// A page came from the SDK.
pub fn page_pulled(company: &str, call: &PullCall) {
    debug!(
        name: "pull.page",
        event = "pull.page",
        company,
        asked = call.asked.0,
        first = call.first.map(|seq| seq.0),
        last = call.last.map(|seq| seq.0),
        count = call.count,
        outcome = call.outcome,
        took_ms = call.took_ms,
        "page pulled"
    );
}

/// A pull failed and will be repeated.
pub fn pull_retried(company: &str, attempt: u32, pause: Duration, cause: &dyn Display) {
    warn!(
        name: "pull.retry",
        event = "pull.retry",
        company,
        attempt,
        pause_ms = pause.as_millis() as u64,
        cause = %cause,
        "pull failed, trying again"
    );
}

/// A batch left the conveyor.
pub fn batch_settled(company: &str, settled: &Settled) {
    debug!(
        name: "open.batch",
        event = "open.batch",
        company,
        opened = settled.opened,
        stale = settled.stale,
        "batch settled"
    );
    for (reason, count) in &settled.waiting {
        warn!(
            name: "open.waiting",
            event = "open.waiting",
            company,
            reason = reason.as_str(),
            count,
            "records set aside; see `shiguan waiting`"
        );
    }
}

/// Opening ended on an error; landing goes on.
pub fn opening_ended_early(company: &str) {
    debug!(
        name: "open.ended",
        event = "open.ended",
        company,
        "page landed and left sealed, because opening has ended"
    );
}

/// A record came with a seq that cannot be right; the cursor stays.
pub fn seq_doubted(company: &str, seq: Seq, cursor: Seq) {
    warn!(
        name: "pull.seq_doubted",
        event = "pull.seq_doubted",
        company,
        seq = seq.0,
        cursor = cursor.0,
        "a record's seq is too far above the one before it and WeCom does not confirm it; the record is kept, the cursor does not follow"
    );
}

/// A range was skipped at somebody's wish.
pub fn range_skipped(company: &str, first: Seq, last: Seq) {
    warn!(
        name: "pull.skipped",
        event = "pull.skipped",
        company,
        first = first.0,
        last = last.0,
        "a range of the stream is skipped, as asked; it stays on the ledger as not seen"
    );
}

/// The cursor turned out to be wrong.
pub fn cursor_went_back(company: &str, from: Seq, to: Seq, why: &str) {
    warn!(
        name: "pull.rewound",
        event = "pull.rewound",
        company,
        from = from.0,
        to = to.0,
        "{why}; reading again from there"
    );
}

/// `GetChatData` fails on a record, which was stepped over.
pub fn hole_found(company: &str, first: Seq, last: Seq, cause: &dyn Display) {
    error!(
        name: "pull.hole",
        event = "pull.hole",
        company,
        first = first.0,
        last = last.0,
        cause = %cause,
        "GetChatData cannot deliver a record; it was stepped over and is asked for again (`shiguan runs`)"
    );
}

/// Waiting records went back to be opened.
pub fn released(company: &str, count: u64) {
    info!(name: "open.released", event = "open.released", company, count, "waiting records are tried again");
}

/// Sealed originals were let go, as configured.
pub fn sealed_forgotten(company: &str, count: u64) {
    info!(
        name: "store.forgot",
        event = "store.forgot",
        company,
        count,
        "sealed originals of opened records were let go; their hashes stay"
    );
}

/// Originals whose time is over stay, because what they were opened to cannot be verified.
pub fn sealed_unverified(company: &str, count: u64) {
    warn!(
        name: "store.unverified",
        event = "store.unverified",
        company,
        count,
        "sealed originals are kept beyond their time: their plaintexts are missing, damaged or not their messages"
    );
}

/// The clock of this machine is contradicted, so `kept` is not done by it.
pub fn clock_doubtful(company: &str, by: By, why: &str, kept: &str) {
    warn!(
        name: "clock.doubtful",
        event = "clock.doubtful",
        company,
        by = %by,
        why,
        "the clock of this machine is doubtful: {kept}; check the time and NTP"
    );
}

/// A test moved the clock of this process.
pub fn clock_shifted(ms: i64) {
    warn!(
        name: "clock.shifted",
        target: "shiguan::test_clock",
        event = "clock.shifted",
        ms,
        "SHIGUAN_TEST_CLOCK moves the clock of this process; only a test may do that"
    );
}

/// WeCom will soon delete what the archive lacks. `left` says so in words.
pub fn window_in_danger(company: &str, left_ms: i64, left: &str) {
    warn!(
        name: "pull.window",
        event = "pull.window",
        company,
        left_ms,
        "the 5-day window is in danger: {left}"
    );
}

/// A run reached its end, or a stop.
pub fn run_ended(company: &str, books: &Books, waiting: u64, stopped: bool, took: Duration) {
    info!(
        name: "run.ended",
        event = "run.ended",
        company,
        received = books.received,
        stored = books.stored,
        opened = books.opened,
        duplicate = books.duplicate,
        waiting,
        stopped,
        took_ms = took.as_millis() as u64,
        "run ended"
    );
}

/// A run broke; what it did before stands in the books.
pub fn run_failed(company: &str, books: &Books, cause: &dyn Display) {
    error!(
        name: "run.failed",
        event = "run.failed",
        company,
        received = books.received,
        stored = books.stored,
        opened = books.opened,
        cause = %cause,
        "run failed"
    );
}

/// A notification ended the wait for the next pull.
pub fn run_woken(company: &str) {
    debug!(name: "run.woken", event = "run.woken", company, "WeCom says that records are waiting, pulling now");
}

/// The door for callbacks is open.
pub fn callback_listening(address: std::net::SocketAddr, companies: &[&str]) {
    info!(
        name: "callback.listening",
        event = "callback.listening",
        address = %address,
        paths = companies.iter().map(|name| format!("/callback/{name}")).collect::<Vec<_>>().join(" "),
        "waiting for callbacks"
    );
}

/// The platform checked the address.
pub fn callback_verified(company: &str) {
    info!(name: "callback.verified", event = "callback.verified", company, "the callback's address was verified");
}

/// An event reached its consumer. `what` is its name, already safe to print; `count` is how many of that name came
/// since the start, 0 when they are no longer counted apart.
pub fn callback_taken(company: &str, what: &str, known: bool, count: u64) {
    info!(name: "callback.event", event = "callback.event", company, what, known, count, "event taken");
}

/// An event came once more and was only counted.
pub fn callback_repeated(company: &str, what: &str) {
    debug!(name: "callback.repeated", event = "callback.repeated", company, what, "event was there already");
}

/// So many events could not be kept; `what` is the name of the first. They were not acknowledged, so WeCom asks again.
pub fn callback_not_kept(company: &str, what: &str, count: usize, cause: &dyn Display) {
    error!(
        name: "callback.lost",
        event = "callback.lost",
        company,
        what,
        count,
        cause = %cause,
        "events could not be kept; they were not acknowledged, so that WeCom sends them again"
    );
}

/// Old events were let go, as configured.
pub fn callbacks_forgotten(count: u64) {
    info!(name: "callback.forgot", event = "callback.forgot", count, "old events were let go");
}

/// Old events could not be let go; tried again with a later event.
pub fn callbacks_not_forgotten(cause: &dyn Display) {
    error!(name: "callback.not_forgotten", event = "callback.not_forgotten", cause = %cause, "old events could not be let go");
}

/// Events came faster than the archive keeps them. They were not acknowledged, so WeCom asks again.
pub fn callback_overflowed(company: &str, count: u64) {
    warn!(
        name: "callback.overflow",
        event = "callback.overflow",
        company,
        count,
        "the queue of events is full; this one was answered 503, so that WeCom sends it again"
    );
}

/// Requests were refused; told once in a while with their number.
pub fn callback_refused(company: &str, cause: &str, count: u64) {
    warn!(name: "callback.refused", event = "callback.refused", company, cause, count, "callback refused");
}

/// A condition was seen that people are told of.
pub fn alert_raised(company: &str, kind: &str, subject: &str) {
    warn!(name: "alert.raised", event = "alert.raised", company, kind, subject, "something needs attention: {kind}");
}

/// It is over.
pub fn alert_over(company: &str, kind: &str, subject: &str, lasted_ms: i64) {
    info!(name: "alert.over", event = "alert.over", company, kind, subject, lasted_ms, "over: {kind}");
}

/// A target got a message with so many notices.
pub fn alert_told(target: &str, notices: usize) {
    info!(name: "alert.told", event = "alert.told", target, notices, "target was told");
}

/// A target could not be told.
pub fn alert_not_told(target: &str, cause: &str, pause_s: i64) {
    warn!(name: "alert.not_told", event = "alert.not_told", target, cause, pause_s, "target could not be told, trying again");
}

/// The server API cannot be called for a company; its records are pulled all the same.
pub fn api_unusable(company: &str, cause: &dyn Display) {
    error!(name: "api.unusable", event = "api.unusable", company, cause = %cause, "cannot call the server API");
}

/// A message reached some of its receivers only.
pub fn alert_partly_told(target: &str, missed: usize) {
    warn!(
        name: "alert.partly",
        event = "alert.partly",
        target,
        missed,
        "some receivers are unknown or outside the app's visible range"
    );
}

/// A look failed; the next may succeed.
pub fn alert_not_looked(cause: &dyn Display) {
    warn!(name: "alert.blind", event = "alert.blind", cause = %cause, "could not look for trouble this time");
}

/// A part of a company's configuration cannot be used; other companies go on, and it is tried again.
pub fn company_unusable(company: &str, part: &str, cause: &dyn Display) {
    error!(
        name: "company.unusable",
        event = "company.unusable",
        company,
        part,
        cause = %cause,
        "cannot be used as configured; the others go on"
    );
}

/// A part of `shiguan run` ended before a stop; it begins anew after the pause.
pub fn part_failed(part: &str, company: &str, pause: Duration, cause: &dyn Display) {
    let pause_ms = pause.as_millis() as u64;
    error!(name: "run.part", event = "run.part", part, company, pause_ms, cause = %cause, "a part ended, beginning anew");
}

/// The archive cannot be opened for writing now; it is tried again.
pub fn archive_closed(cause: &dyn Display, pause: Duration) {
    let pause_ms = pause.as_millis() as u64;
    error!(name: "run.closed", event = "run.closed", cause = %cause, pause_ms, "the archive cannot be opened, trying again");
}

/// A fault of this program broke off what the archive was asked to do; nothing of it was kept.
pub fn store_broke_off() {
    error!(name: "store.broke_off", event = "store.broke_off", "a task of the archive panicked and was rolled back; the archive is opened anew");
}

/// The archive could not be opened anew after that; what it is asked fails until it can.
pub fn store_not_reopened(cause: &dyn Display) {
    error!(name: "store.closed", event = "store.closed", cause = %cause, "the archive cannot be opened anew, trying again at the next task");
}

/// Connections could not be accepted for a moment.
pub fn callback_accept_failed(cause: &std::io::Error) {
    warn!(name: "callback.accept", event = "callback.accept", cause = %cause, "cannot accept connections, trying on");
}

/// A pass over the directory ended. Counts: met, calls, answered, refused, left.
pub fn directory_read(company: &str, [met, calls, answered, refused, left]: &[u64; 5]) {
    debug!(
        name: "directory.pass",
        event = "directory.pass",
        company,
        met,
        calls,
        answered,
        refused,
        left,
        "directory read"
    );
}

/// A call that WeCom refuses, whatever it is about.
pub fn directory_refused(company: &str, api: &str, cause: &str) {
    warn!(
        name: "directory.refused",
        event = "directory.refused",
        company,
        api,
        cause,
        "names stay unknown that this call would tell"
    );
}

/// The directory cannot be reached; messages are archived all the same.
pub fn directory_down(company: &str, cause: &str) {
    warn!(
        name: "directory.down",
        event = "directory.down",
        company,
        cause,
        "the directory cannot be asked; trying again later, archiving goes on"
    );
}

/// Consent was asked for, or something new about it was found.
pub fn consent_pass(company: &str, answered: u64, failed: u64, changes: u64, due: u64) {
    debug!(
        name: "consent.pass",
        event = "consent.pass",
        company,
        answered,
        failed,
        changes,
        due,
        "consent looked after"
    );
}

/// WeCom could not be asked for consent; it is tried again.
pub fn consent_stopped(company: &str, cause: &dyn Display) {
    warn!(
        name: "consent.stopped",
        event = "consent.stopped",
        company,
        cause = %cause,
        "consent could not be asked for, trying again later"
    );
}
