//! One puller per company, and none that was asleep writes over another.

use super::{Scratch, sealed};
use crate::{
    ids::Millis,
    store::{StoreError, Watcher, contract::Lease},
};

fn take(scratch: &mut Scratch, holder: &str, now: i64, alive: bool) -> Result<Lease, StoreError> {
    let company = scratch.company;
    scratch
        .store
        .acquire_lease(company, holder, Millis(now), 1_000, &|_| alive)
}

#[test]
fn a_live_lease_is_refused_with_its_holder() {
    let mut scratch = Scratch::new();
    match take(&mut scratch, "you", 999, true) {
        Err(StoreError::HeldBy { holder, until }) => {
            assert_eq!((holder.as_str(), until), ("me", Millis(1_000)))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_passes_on_when_its_holder_died_or_does_not_renew_it_while_it_is_watched() {
    let mut scratch = Scratch::new();
    // It ran out at 1000 by its own word; half a term of watching shows that it is so.
    assert!(take(&mut scratch, "you", 1_000, true).is_err());
    assert!(take(&mut scratch, "you", 1_499, true).is_err());
    assert_eq!(
        take(&mut scratch, "you", 1_500, true).expect("it ran out").term,
        2
    );
    assert_eq!(
        take(&mut scratch, "me", 1_501, false)
            .expect("the holder died")
            .term,
        3
    );
}

const YEARS: i64 = 3 * 365 * 24 * 3_600_000;

/// A look with a monotonic clock of its own beside the wall clock.
fn look(scratch: &mut Scratch, place: &str, wall: i64, at_ms: i64) -> Result<Lease, StoreError> {
    let company = scratch.company;
    let watcher = Watcher {
        place,
        at_ms,
        maybe_alive: &|_| true,
    };
    scratch
        .store
        .take_lease(company, "you", Millis(wall), 1_000, &watcher)
}

#[test]
fn a_lease_until_a_far_future_lasts_one_term_of_watching_whatever_clocks_say() {
    let mut scratch = Scratch::new();
    let lease = scratch.lease.clone();
    scratch
        .store
        .renew_lease(&lease, Millis(YEARS), 1_000)
        .expect("renewed by a clock that was ahead");
    assert_eq!(scratch.store.lease_in_the_way(scratch.company).unwrap(), None);
    assert!(look(&mut scratch, "here", 100, 50).is_err());
    let seen = scratch.store.lease_in_the_way(scratch.company).unwrap().unwrap();
    assert_eq!(
        (seen.holder.as_str(), seen.until, seen.since),
        ("me", Millis(YEARS + 1_000), Millis(100))
    );
    // The wall clock goes back a day meanwhile.
    assert!(look(&mut scratch, "here", -86_400_000, 1_049).is_err());
    assert_eq!(look(&mut scratch, "here", 200, 1_050).expect("watched").term, 2);
    assert_eq!(scratch.store.lease_in_the_way(scratch.company).unwrap(), None);
    // The old holder wakes up and is fenced off.
    let call = scratch.call();
    let refused = scratch.store.land(&lease, &call, &[sealed(1, "body")], &[]);
    assert!(matches!(refused, Err(StoreError::LeaseLost { term: 1 })));
}

#[test]
fn a_holder_that_renews_is_never_robbed_under_any_clock() {
    let mut scratch = Scratch::new();
    let lease = scratch.lease.clone();
    for turn in 0..50 {
        // Holder and watcher disagree about the time by years, either way, and the holder's clock may stand still.
        let theirs = [0, -YEARS, YEARS][turn % 3];
        scratch
            .store
            .renew_lease(&lease, Millis(theirs), 1_000)
            .expect("renewed");
        let wall = [YEARS, 0, -YEARS][turn % 3];
        let refused = look(&mut scratch, "here", wall, turn as i64 * 250);
        assert!(matches!(refused, Err(StoreError::HeldBy { .. })), "{turn}");
        let refused = look(&mut scratch, "here", wall, turn as i64 * 250 + 249);
        assert!(matches!(refused, Err(StoreError::HeldBy { .. })), "{turn}");
    }
}

#[test]
fn clocks_of_different_machines_are_not_compared() {
    let mut scratch = Scratch::new();
    assert!(look(&mut scratch, "here", 0, 5).is_err());
    assert!(look(&mut scratch, "there", 0, 9_000_000).is_err());
    // The machine here started anew: its clock is behind what it was.
    assert!(look(&mut scratch, "here", 0, 1).is_err());
    assert!(look(&mut scratch, "here", 0, 1_000).is_err());
    assert!(look(&mut scratch, "here", 0, 1_001).is_ok());
}

#[test]
fn a_puller_that_was_taken_over_lands_nothing() {
    let mut scratch = Scratch::new();
    let old = scratch.lease.clone();
    let new = take(&mut scratch, "you", 5_000, false).expect("its holder was taken for dead");
    let before = scratch.hash();
    let call = scratch.call();
    let refused = scratch
        .store
        .land(&old, &call, &[sealed(1, "body")], &[b"stray".to_vec()]);
    assert!(matches!(refused, Err(StoreError::LeaseLost { term: 1 })));
    assert!(matches!(
        scratch.store.renew_lease(&old, Millis(6_000), 1),
        Err(StoreError::LeaseLost { .. })
    ));
    assert_eq!(scratch.hash(), before);
    assert!(
        scratch
            .store
            .calls(scratch.company, 10)
            .expect("listed")
            .is_empty()
    );
    scratch.store.release_lease(old).expect("no error");
    scratch
        .store
        .land(&new, &call, &[sealed(1, "body")], &[])
        .expect("the new holder still has it");
}

#[test]
fn a_renewed_lease_lasts_and_a_released_one_is_free() {
    let mut scratch = Scratch::new();
    let lease = scratch.lease.clone();
    scratch
        .store
        .renew_lease(&lease, Millis(900), 1_000)
        .expect("renewed");
    assert!(take(&mut scratch, "you", 1_500, true).is_err());
    scratch.store.release_lease(lease.clone()).expect("released");
    assert!(matches!(
        scratch.store.renew_lease(&lease, Millis(900), 1),
        Err(StoreError::LeaseLost { .. })
    ));
    assert_eq!(take(&mut scratch, "you", 901, true).expect("free").term, 2);
}

#[test]
fn a_lease_that_ran_out_and_was_not_taken_still_lands() {
    let mut scratch = Scratch::new();
    assert_eq!(
        scratch.land(&[sealed(1, "body")]).fresh.len(),
        1,
        "the call says time 7, whatever the clock says"
    );
}
