//! Nothing is taken twice, and nothing is taken late (msgaudit-api §4.2).
//!
//! A request that could not be kept is released again, because the platform repeats it with the same signature.
//!
//! What is remembered is the signature itself: it covers timestamp, nonce and text, and it stays the same when
//! somebody moves the border between two of them, which their plain joining allows. Only what was found genuine is
//! remembered, so a stranger cannot fill the memory. It ends with the process; what a replay after a restart can do
//! is what a repetition by WeCom does: nothing new.

use std::collections::{BTreeSet, HashSet};

/// Signatures kept at most, some 150 bytes each. At 100 events a second this is the default window, both sides of it.
const MOST: usize = 131_072;

/// Why a genuine request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its timestamp is too far from now, on either side.
    Stale,
    /// It was taken before.
    Again,
}

/// What was taken within the window.
#[derive(Debug)]
pub(super) struct Memory {
    window_s: i64,
    most: usize,
    seen: HashSet<[u8; 40]>,
    by_time: BTreeSet<(i64, [u8; 40])>,
    /// Timestamps up to this one were pushed out of a full memory and can no longer be told from new ones.
    forgotten: i64,
}

impl Memory {
    pub(super) fn new(window_s: i64) -> Self {
        Self::with_room(window_s, MOST)
    }

    fn with_room(window_s: i64, most: usize) -> Self {
        Self {
            window_s,
            most,
            seen: HashSet::new(),
            by_time: BTreeSet::new(),
            forgotten: i64::MIN,
        }
    }

    /// Is a timestamp near enough to now? Both in seconds. Cheap, so it is asked before anything else is done.
    pub(super) fn fresh(&self, timestamp: i64, now: i64) -> Result<(), Refused> {
        if timestamp.abs_diff(now) <= self.window_s.unsigned_abs() && timestamp > self.forgotten {
            Ok(())
        } else {
            Err(Refused::Stale)
        }
    }

    /// Remembers a genuine request, or says that it was here before.
    pub(super) fn take(&mut self, signature: [u8; 40], timestamp: i64, now: i64) -> Result<(), Refused> {
        self.fresh(timestamp, now)?;
        while let Some(&(old, expired)) = self.by_time.first()
            && old < now.saturating_sub(self.window_s)
        {
            self.forget((old, expired));
        }
        if !self.seen.insert(signature) {
            return Err(Refused::Again);
        }
        self.by_time.insert((timestamp, signature));
        if self.by_time.len() > self.most
            && let Some(&oldest) = self.by_time.first()
        {
            self.forgotten = self.forgotten.max(oldest.0);
            self.forget(oldest);
        }
        Ok(())
    }

    /// Takes a request back that was not kept after all, so that its repetition is welcome.
    pub(super) fn release(&mut self, signature: [u8; 40], timestamp: i64) {
        self.forget((timestamp, signature));
    }

    fn forget(&mut self, one: (i64, [u8; 40])) {
        self.by_time.remove(&one);
        self.seen.remove(&one.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(number: u32) -> [u8; 40] {
        let mut bytes = [b'0'; 40];
        bytes[..10].copy_from_slice(format!("{number:010}").as_bytes());
        bytes
    }

    #[test]
    fn what_was_taken_is_refused_as_long_as_its_timestamp_is_fresh() {
        let mut memory = Memory::new(600);
        assert_eq!(memory.take(signature(1), 1_600, 1_000), Ok(()));
        for now in [1_000, 1_600, 2_200] {
            assert_eq!(
                memory.take(signature(1), 1_600, now),
                Err(Refused::Again),
                "{now}"
            );
        }
        assert_eq!(memory.take(signature(1), 1_600, 2_201), Err(Refused::Stale));
    }

    #[test]
    fn what_was_released_is_taken_again() {
        let mut memory = Memory::new(600);
        memory.take(signature(1), 1_000, 1_000).unwrap();
        memory.take(signature(2), 1_000, 1_000).unwrap();
        memory.release(signature(1), 1_000);
        assert_eq!(memory.take(signature(1), 1_000, 1_000), Ok(()));
        assert_eq!(memory.take(signature(2), 1_000, 1_000), Err(Refused::Again));
    }

    #[test]
    fn timestamps_beyond_the_window_are_stale_on_both_sides() {
        let memory = Memory::new(600);
        assert_eq!(memory.fresh(400, 1_000), Ok(()));
        assert_eq!(memory.fresh(399, 1_000), Err(Refused::Stale));
        assert_eq!(memory.fresh(1_600, 1_000), Ok(()));
        assert_eq!(memory.fresh(1_601, 1_000), Err(Refused::Stale));
        assert_eq!(memory.fresh(i64::MAX, 1_000), Err(Refused::Stale));
        assert_eq!(memory.fresh(i64::MIN, 1_000), Err(Refused::Stale));
    }

    #[test]
    fn memory_is_bounded_and_what_it_forgot_is_stale_instead_of_new() {
        let mut memory = Memory::with_room(600, 10);
        for number in 0..25 {
            memory
                .take(signature(number), 1_000 + i64::from(number), 1_010)
                .unwrap();
        }
        assert_eq!(memory.seen.len(), 10);
        assert_eq!(memory.by_time.len(), 10);
        for number in 0..25 {
            let again = memory.take(signature(number), 1_000 + i64::from(number), 1_010);
            assert!(again.is_err(), "{number} was taken twice");
        }
    }

    #[test]
    fn what_expired_leaves_the_memory() {
        let mut memory = Memory::new(600);
        for number in 0..100 {
            memory.take(signature(number), 1_000, 1_000).unwrap();
        }
        memory.take(signature(100), 2_000, 2_000).unwrap();
        assert_eq!(memory.seen.len(), 1);
    }
}
