//! One puller per company, and none that was asleep writes over another.

use super::{Scratch, sealed};
use crate::{
    ids::Millis,
    store::{StoreError, contract::Lease},
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
fn a_lease_passes_on_when_it_ran_out_or_its_holder_died() {
    let mut scratch = Scratch::new();
    assert_eq!(
        take(&mut scratch, "you", 1_000, true).expect("it ran out").term,
        2
    );
    assert_eq!(
        take(&mut scratch, "me", 1_001, false)
            .expect("the holder died")
            .term,
        3
    );
}

#[test]
fn a_puller_that_was_taken_over_lands_nothing() {
    let mut scratch = Scratch::new();
    let old = scratch.lease.clone();
    let new = take(&mut scratch, "you", 5_000, true).expect("it ran out");
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
