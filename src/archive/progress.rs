//! Counters that a screen may read while a run works. The books come from the store's answers, not from here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Shared between the conveyor, which counts, and a screen, which looks.
#[derive(Debug, Default)]
pub struct Progress {
    received: AtomicU64,
    stored: AtomicU64,
    opened: AtomicU64,
    waiting: AtomicU64,
    duplicate: AtomicU64,
}

/// One look at the counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records in the SDK's answers so far.
    pub received: u64,
    /// New rows so far.
    pub stored: u64,
    /// Records opened so far.
    pub opened: u64,
    /// Records set aside so far.
    pub waiting: u64,
    /// Records that were there already.
    pub duplicate: u64,
}

impl Progress {
    pub(super) fn landed(&self, received: u64, stored: u64, duplicate: u64) {
        self.received.fetch_add(received, Relaxed);
        self.stored.fetch_add(stored, Relaxed);
        self.duplicate.fetch_add(duplicate, Relaxed);
    }

    pub(super) fn settled(&self, opened: u64, waiting: u64) {
        self.opened.fetch_add(opened, Relaxed);
        self.waiting.fetch_add(waiting, Relaxed);
    }

    /// The counters now; each is exact, together they may be an instant apart.
    pub fn counts(&self) -> Counts {
        Counts {
            received: self.received.load(Relaxed),
            stored: self.stored.load(Relaxed),
            opened: self.opened.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            duplicate: self.duplicate.load(Relaxed),
        }
    }
}
