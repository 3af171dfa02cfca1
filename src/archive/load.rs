//! How much may be on the conveyor at once, in bytes: what keeps memory flat whatever the records weigh.
//!
//! Channels bound the number of batches; a page of a thousand forwarded conversations weighs as much as fifty
//! ordinary ones. So each batch carries a permit for its weight from before it enters until it is settled, and
//! whoever brings the next one waits for room. Heavy pages go on in several batches, so that each stage has a part of
//! the room and no stage waits for another.
//!
//! Enters: records. Leaves: batches with their permits. Must not know: what is done with a batch.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{record::Sealed, store::contract::Pending};

/// What the records on the conveyor may take, as [`weight`] counts it. An ordinary page takes about 4 MiB.
const ROOM: usize = 56 << 20;
/// The heaviest batch of several records.
pub(super) const BATCH: usize = ROOM / 8;
/// Permits are counted in these, since their number is limited to 32 bits.
const UNIT: usize = 1 << 10;

/// How often a record's sealed bytes are in memory where it takes most. Opened bytes are three quarters of the sealed ones
/// (base64). While it is opened both are there; behind that, the packed bytes and the texts for the index, each at most
/// as large as the opened ones. Their terms are made in runs of bounded size by the store.
const TIMES: usize = 2;
/// What every record takes besides: message, columns, addresses.
const EACH: usize = 1 << 10;

/// The room on the conveyor.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// A place on the conveyor; given back on drop.
pub(super) type Permit = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }

    /// Waits until there is room for that much. More than the whole room waits for all of it: then such a
    /// batch goes alone.
    pub(super) async fn take(&self, weight: usize) -> Permit {
        let units = weight.div_ceil(UNIT).clamp(1, ROOM / UNIT);
        Arc::clone(&self.0)
            .acquire_many_owned(units as u32)
            .await
            .unwrap_or_else(|_| unreachable!("the room is never closed"))
    }
}

/// Records on their way to be opened, with their place.
pub(super) struct Batch {
    pub(super) records: Vec<Pending>,
    pub(super) permit: Permit,
}

/// Cuts records into batches of at most [`BATCH`]; a heavier record is one of its own. Each gets its share of the permit,
/// so that room becomes free as they are settled.
pub(super) fn batches(records: Vec<Pending>, mut permit: Permit) -> Vec<Batch> {
    let mut left = weight(records.iter().map(|pending| &pending.sealed));
    let mut batches = Vec::new();
    let (mut batch, mut held) = (Vec::new(), 0);
    for pending in records {
        let one = weight([&pending.sealed]);
        if held > 0 && held + one > BATCH {
            let share = permit.num_permits() as u128 * held as u128 / left as u128;
            if let Some(share) = permit.split(share as usize) {
                batches.push(Batch {
                    records: std::mem::take(&mut batch),
                    permit: share,
                });
                left -= held;
                held = 0;
            }
        }
        held += one;
        batch.push(pending);
    }
    if !batch.is_empty() {
        batches.push(Batch {
            records: batch,
            permit,
        });
    }
    batches
}

/// What landed records take at most until they are settled.
pub(super) fn weight<'a>(records: impl IntoIterator<Item = &'a Sealed>) -> usize {
    records
        .into_iter()
        .map(|sealed| TIMES * sealed.bytes() + EACH)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{RecordId, Seq};

    fn pending(seq: u64, bytes: usize) -> Pending {
        Pending {
            id: RecordId(seq as i64),
            sealed: Sealed {
                seq: Seq(seq),
                body: "x".repeat(bytes),
                ..Sealed::default()
            },
        }
    }

    #[tokio::test]
    async fn a_batch_waits_for_room_and_one_that_is_too_large_goes_alone() {
        let room = Room::new();
        let first = room.take(ROOM / 2).await;
        let second = room.take(ROOM / 2).await;
        assert!(Arc::clone(&room.0).try_acquire_many_owned(1).is_err());
        drop((first, second));
        let large = room.take(ROOM * 3).await;
        assert!(Arc::clone(&room.0).try_acquire_many_owned(1).is_err());
        drop(large);
        assert_eq!(room.0.available_permits(), ROOM / UNIT);
    }

    #[tokio::test]
    async fn heavy_records_go_in_several_batches_that_give_back_their_room_one_by_one() {
        let room = Room::new();
        let records: Vec<_> = (0..60).map(|seq| pending(seq, 200_000)).collect();
        let whole = weight(records.iter().map(|pending| &pending.sealed));
        let permit = room.take(whole).await;
        let free = room.0.available_permits();
        let batches = batches(records, permit);
        assert!((4..=5).contains(&batches.len()), "{}", batches.len());
        let seqs = batches.iter().flat_map(|batch| &batch.records);
        assert!(seqs.map(|pending| pending.sealed.seq.0).eq(0..60));
        for batch in &batches {
            let weight = weight(batch.records.iter().map(|pending| &pending.sealed));
            assert!(weight <= BATCH);
            assert!(batch.permit.num_permits().abs_diff(weight / UNIT) <= batches.len());
        }
        assert_eq!(room.0.available_permits(), free);
        let first = batches[0].permit.num_permits();
        let mut left = batches.into_iter();
        drop(left.next());
        assert_eq!(room.0.available_permits(), free + first);
        drop(left);
        assert_eq!(room.0.available_permits(), ROOM / UNIT);
    }

    #[tokio::test]
    async fn a_record_heavier_than_everything_is_a_batch_of_its_own_and_an_ordinary_page_is_one() {
        let room = Room::new();
        let records = vec![pending(1, 10), pending(2, ROOM), pending(3, 10)];
        let permit = room
            .take(weight(records.iter().map(|pending| &pending.sealed)))
            .await;
        assert_eq!(permit.num_permits(), ROOM / UNIT);
        let sizes: Vec<_> = batches(records, permit)
            .iter()
            .map(|batch| batch.records.len())
            .collect();
        assert_eq!(sizes, [1, 1, 1]);
        let page: Vec<_> = (0..1000).map(|seq| pending(seq, 1_300)).collect();
        let permit = room
            .take(weight(page.iter().map(|pending| &pending.sealed)))
            .await;
        assert_eq!(batches(page, permit).len(), 1);
    }
}
