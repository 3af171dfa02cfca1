//! How far the archive is known to reach: our own calls in their order, whatever clocks and messages say.

use super::{Scratch, opened, sealed, text};
use crate::{
    clock::ServerTime,
    ids::{Millis, Seq},
    store::contract::{ClockMemory, Covered, PullCall},
};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
const T: i64 = 1_790_000_000_000;
const YEARS: i64 = 3 * 365 * DAY;

fn call(scratch: &Scratch, at: i64, outcome: &str) -> PullCall {
    PullCall {
        at: Millis(at),
        outcome: outcome.into(),
        ..scratch.call()
    }
}

fn drain(scratch: &mut Scratch, at: i64) {
    let call = call(scratch, at, "empty");
    scratch.store.note_call(scratch.company, &call).expect("noted");
}

fn fail(scratch: &mut Scratch, at: i64) {
    let call = call(scratch, at, "no network");
    scratch.store.note_call(scratch.company, &call).expect("noted");
}

/// One record that was landed at `at` and says that it was sent at `sent`.
fn land(scratch: &mut Scratch, seq: u64, at: i64, sent: i64) {
    let call = PullCall {
        count: 1,
        last: Some(Seq(seq)),
        ..call(scratch, at, "ok")
    };
    let lease = scratch.lease.clone();
    let landed = scratch.store.land(&lease, &call, &[sealed(seq, "b")], &[]);
    let (id, _) = landed.expect("landed").fresh[0];
    scratch.settle(&[opened(id, text(&format!("m{seq}"), "a", "b", sent, "w"))]);
}

/// A store whose run began at `T`.
fn scratch() -> Scratch {
    let mut scratch = Scratch::new();
    scratch.run = scratch
        .store
        .begin_run(scratch.company, "pull", Millis(T))
        .expect("a run");
    scratch
}

fn covered(scratch: &Scratch, now: i64) -> Option<(i64, bool)> {
    let covered = scratch.store.covered_until(scratch.company, Millis(now));
    covered
        .expect("asked")
        .map(|Covered { until, is_certain }| (until.0, is_certain))
}

#[test]
fn the_end_of_the_stream_counts_and_failures_do_not() {
    let mut scratch = scratch();
    assert_eq!(covered(&scratch, T), None);
    drain(&mut scratch, T);
    for hour in 1..90 {
        fail(&mut scratch, T + hour * HOUR);
    }
    assert_eq!(covered(&scratch, T + 90 * HOUR), Some((T, true)));
    drain(&mut scratch, T + 91 * HOUR);
    assert_eq!(covered(&scratch, T + 92 * HOUR), Some((T + 91 * HOUR, true)));
}

#[test]
fn a_message_of_the_year_2099_covers_nothing() {
    let mut scratch = scratch();
    drain(&mut scratch, T);
    land(&mut scratch, 1, T + HOUR, 4_070_908_800_000);
    assert_eq!(covered(&scratch, T + 50 * HOUR), Some((T, true)));
    // Without any end of the stream, the landing is all there is.
    let mut first = self::scratch();
    land(&mut first, 1, T + HOUR, 4_070_908_800_000);
    assert_eq!(covered(&first, T + 50 * HOUR), Some((T + HOUR, true)));
}

#[test]
fn a_backlog_reaches_only_as_far_as_its_messages() {
    let mut scratch = scratch();
    drain(&mut scratch, T);
    // After four days off: what came first was sent in the first of them.
    land(&mut scratch, 1, T + 4 * DAY, T + DAY);
    assert_eq!(covered(&scratch, T + 4 * DAY), Some((T + DAY, true)));
    drain(&mut scratch, T + 4 * DAY + 1);
    assert_eq!(covered(&scratch, T + 4 * DAY + 1), Some((T + 4 * DAY + 1, true)));
}

#[test]
fn a_pull_dated_after_now_makes_nothing_certain() {
    let mut scratch = scratch();
    drain(&mut scratch, T);
    drain(&mut scratch, T + YEARS);
    assert_eq!(
        covered(&scratch, T + YEARS + HOUR),
        Some((T + YEARS, true)),
        "consistent in itself"
    );
    // The clock was put right, and nothing was pulled since.
    assert_eq!(covered(&scratch, T + HOUR), Some((T + HOUR, false)));
    // Failures since fix the latest moment at which it can have been; three years later that is still so.
    fail(&mut scratch, T + 2 * HOUR);
    for moment in [T + 3 * HOUR, T + 30 * DAY, T + YEARS + DAY] {
        assert_eq!(covered(&scratch, moment), Some((T + 2 * HOUR, false)), "{moment}");
    }
    drain(&mut scratch, T + 31 * DAY);
    assert_eq!(covered(&scratch, T + 31 * DAY), Some((T + 31 * DAY, true)));
}

#[test]
fn a_clock_that_went_back_makes_nothing_certain_until_the_next_end() {
    let mut scratch = scratch();
    drain(&mut scratch, T);
    assert_eq!(covered(&scratch, T - YEARS), Some((T - YEARS, false)));
    drain(&mut scratch, T - YEARS);
    assert_eq!(covered(&scratch, T - YEARS + HOUR), Some((T - YEARS, true)));
}

#[test]
fn failing_pulls_fail_since_the_earliest_of_their_dates() {
    let mut scratch = Scratch::new();
    for began in [T + YEARS, T, T + HOUR] {
        let run = scratch
            .store
            .begin_run(scratch.company, "pull", Millis(began))
            .expect("a run");
        scratch
            .store
            .end_run(run, &Default::default(), "no network", Millis(began))
            .expect("ended");
    }
    let run = scratch.run;
    scratch
        .store
        .end_run(run, &Default::default(), "done", Millis(T - HOUR))
        .expect("ended");
    let failing = scratch.store.pulls_failing(scratch.company).expect("asked");
    assert_eq!(failing.map(|(since, _)| since), Some(Millis(T)));
}

#[test]
fn a_window_missed_behind_a_pull_that_was_dated_ahead_is_noticed() {
    let missed = |scratch: &Scratch| {
        let missed = scratch.store.missed_windows(scratch.company, 9).expect("asked");
        missed.iter().map(|(from, to)| (from.0, to.0)).collect::<Vec<_>>()
    };
    let ahead = (T, T + YEARS - 5 * DAY);
    // The clock was ahead for one pull, and then nothing was pulled for six days.
    let mut scratch = scratch();
    for at in [T, T + YEARS, T + 6 * DAY] {
        drain(&mut scratch, at);
    }
    assert_eq!(missed(&scratch), [ahead, (T + 1, T + DAY)]);
    drain(&mut scratch, T + 6 * DAY + HOUR);
    assert_eq!(missed(&scratch).len(), 2);
    // It was ahead for six days, and pulls went on all the time.
    let mut scratch = self::scratch();
    for at in [
        T,
        T + YEARS + HOUR,
        T + YEARS + 3 * DAY,
        T + YEARS + 6 * DAY,
        T + 6 * DAY + 2 * HOUR,
    ] {
        drain(&mut scratch, at);
    }
    assert_eq!(missed(&scratch), [(T, T + YEARS + HOUR - 5 * DAY)]);
}

#[test]
fn an_answer_counts_from_a_moment_on_and_never_from_the_future() {
    let mut scratch = scratch();
    let answered = |scratch: &Scratch, since: i64, now: i64| {
        let answered = scratch
            .store
            .answered_since(scratch.company, Millis(since), Millis(now));
        answered.expect("asked").map(|at| at.0)
    };
    assert_eq!(answered(&scratch, 0, T), None);
    drain(&mut scratch, T);
    fail(&mut scratch, T + HOUR);
    assert_eq!(
        answered(&scratch, T - HOUR, T + DAY),
        Some(T),
        "failures are no answers"
    );
    assert_eq!(answered(&scratch, T + 1, T + DAY), None);
    assert_eq!(
        answered(&scratch, T - HOUR, T - 1),
        None,
        "of a clock that was ahead"
    );
}

#[test]
fn what_a_clock_ahead_put_off_becomes_due() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    scratch
        .store
        .conn_for_tests()
        .execute_batch(&format!(
            "INSERT INTO consent_ask (company, kind, who, external, asked, due, failures) VALUES
               (1, 1, 'asked ahead', '', {ahead}, {ahead}, 0), (1, 1, 'failed ahead', '', 0, {ahead}, 2),
               (1, 1, 'asked now', '', {T}, {soon}, 0), (1, 1, 'failed now', '', 0, {soon}, 2);
             INSERT INTO subject (company, class, kind, key, spelt, asked, due) VALUES
               (1, 0, 0, 'ahead', '', {ahead}, {ahead}), (1, 0, 0, 'now', '', {T}, {month}),
               (1, 0, 0, 'never', '', {ahead}, {never});
             INSERT INTO reading (company, list, read_at) VALUES (1, 'ahead', {ahead}), (1, 'now', {T});",
            ahead = T + YEARS,
            soon = T + DAY,
            month = T + 30 * DAY,
            never = i64::MAX,
        ))
        .expect("written");
    assert_eq!(scratch.store.bring_back_due(company, Millis(T)).expect("done"), 4);
    assert_eq!(scratch.store.bring_back_due(company, Millis(T)).expect("done"), 0);
    let due = scratch
        .store
        .consent_due(company, Millis(T), 9, 9)
        .expect("asked");
    assert_eq!(due.len(), 2);
}

#[test]
fn files_that_a_clock_behind_landed_before_they_were_sent_count_from_their_sending() {
    let mut scratch = scratch();
    let company = scratch.company;
    // By a clock three years behind, by a right one, and one that says it comes from the future.
    land(&mut scratch, 1, T - YEARS, T - HOUR);
    land(&mut scratch, 2, T, T - HOUR);
    land(&mut scratch, 3, T, T + YEARS);
    let since = |scratch: &Scratch| -> Vec<i64> {
        let conn = scratch.store.conn_for_tests();
        let mut statement = conn
            .prepare("SELECT since FROM media_file ORDER BY record")
            .expect("prepared");
        let rows = statement.query_map([], |row| row.get(0)).expect("read");
        rows.collect::<Result<_, _>>().expect("read")
    };
    scratch
        .store
        .conn_for_tests()
        .execute(
            "INSERT INTO media_file (record, ord, company, handle, kind, since)
             SELECT r.id, 0, 1, CAST(r.id AS BLOB), 'image', min(m.time, r.landed_at)
             FROM record r JOIN message m ON m.record = r.id",
            [],
        )
        .expect("written");
    assert_eq!(since(&scratch), [T - YEARS, T - HOUR, T]);
    scratch.store.bring_back_due(company, Millis(T)).expect("done");
    assert_eq!(since(&scratch), [T - HOUR, T - HOUR, T]);
}

#[test]
fn what_is_known_of_the_time_is_remembered() {
    let mut scratch = Scratch::new();
    let company = scratch.company;
    assert_eq!(
        scratch.store.clock_memory(company).expect("read"),
        ClockMemory::default()
    );
    assert_eq!(scratch.store.server_clock().expect("read"), None);
    let memory = ClockMemory {
        agreed_at: T,
        boot: "b".into(),
        uptime_ms: 5,
        fresh: true,
        brought_back: 7,
        from_wecom: true,
    };
    let said = ServerTime {
        ahead_ms: -7,
        observed: Millis(T),
        boot: "b".into(),
        uptime_ms: 9,
    };
    scratch
        .store
        .remember_clock(company, &memory)
        .and_then(|()| scratch.store.remember_server_clock(&said))
        .expect("kept");
    assert_eq!(scratch.store.clock_memory(company).expect("read"), memory);
    assert_eq!(scratch.store.server_clock().expect("read"), Some(said.clone()));
    // As versions before wrote it: nobody counted since when.
    let conn = scratch.store.conn_for_tests();
    conn.execute(
        "UPDATE fact SET value = '-7 1790000000000' WHERE name = 'clock_server'",
        [],
    )
    .expect("written");
    let older = ServerTime {
        boot: String::new(),
        uptime_ms: 0,
        ..said
    };
    assert_eq!(scratch.store.server_clock().expect("read"), Some(older));
}

#[test]
fn the_last_agreement_is_the_machines_whichever_company_it_was_about() {
    let mut scratch = Scratch::new();
    let other = scratch.store.company("other", "ww2").expect("a company");
    assert_eq!(scratch.store.last_agreement("b").expect("read"), None);
    let memory = |agreed_at, boot: &str, uptime_ms| ClockMemory {
        agreed_at,
        boot: boot.into(),
        uptime_ms,
        ..ClockMemory::default()
    };
    let (first, second) = (memory(T + DAY, "b", 5), memory(T, "b", 500));
    let company = scratch.company;
    scratch
        .store
        .remember_clock(company, &first)
        .and_then(|()| scratch.store.remember_clock(other, &second))
        .expect("kept");
    assert_eq!(
        scratch.store.last_agreement("b").expect("read"),
        Some(second),
        "later by the count of this boot, whatever the dates"
    );
    assert_eq!(scratch.store.last_agreement("c").expect("read"), Some(first));
}

#[test]
fn only_what_the_latest_run_landed_is_of_now() {
    let mut scratch = scratch();
    land(&mut scratch, 1, T, T - HOUR);
    assert_eq!(
        scratch.store.times_of_latest_run(scratch.company).expect("asked"),
        [(Millis(T), Millis(T - HOUR))]
    );
    scratch.run = scratch
        .store
        .begin_run(scratch.company, "pull", Millis(T))
        .expect("a run");
    drain(&mut scratch, T);
    assert_eq!(
        scratch.store.times_of_latest_run(scratch.company).expect("asked"),
        []
    );
    land(&mut scratch, 2, T + 1, T);
    assert_eq!(
        scratch.store.times_of_latest_run(scratch.company).expect("asked"),
        [(Millis(T + 1), Millis(T))]
    );
}
