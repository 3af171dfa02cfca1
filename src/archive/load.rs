//! How much may be on the conveyor at once, in bytes: what keeps memory flat whatever the records weigh.
//!
//! Channels bound the number of batches; a page of a thousand forwarded conversations weighs as much as fifty
//! ordinary ones. So each batch carries a permit for its weight from before it enters until it is settled, and
//! whoever brings the next one waits for room.
//!
//! Enters: batches and their weight. Leaves: permits. Must not know: what is in a batch.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{record::Sealed, store::contract::Pending};

/// Sealed bytes on the conveyor. On its way a record is there about four times (sealed, frame, opened, message),
/// so this stands for some 100 MiB; an ordinary page weighs 1.5 MiB.
const ROOM: usize = 24 << 20;
/// Permits are counted in these, since their number is limited to 32 bits.
const UNIT: usize = 1 << 10;

/// The room on the conveyor.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

/// A place on the conveyor; given back on drop.
pub(super) type Permit = OwnedSemaphorePermit;

impl Room {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ROOM / UNIT)))
    }

    /// Waits until there is room for that many bytes. More than the whole room waits for all of it: then such a
    /// batch goes alone.
    pub(super) async fn take(&self, bytes: usize) -> Permit {
        let units = bytes.div_ceil(UNIT).clamp(1, ROOM / UNIT);
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

/// What landed records weigh.
pub(super) fn weight<'a>(records: impl IntoIterator<Item = &'a Sealed>) -> usize {
    records
        .into_iter()
        .map(|sealed| sealed.body.len() + sealed.random_key.len() + sealed.msgid.len() + size_of::<Sealed>())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
