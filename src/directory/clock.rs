//! Time as a value: what waits, waits through this, so that a test of an hour takes no time.
//!
//! Must not know: what is waited for.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::ids::Millis;

/// A pause under way.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Tells the time and lets it pass.
pub trait Clock: fmt::Debug + Send + Sync {
    /// UTC milliseconds; never runs backwards.
    fn now(&self) -> Millis;
    /// Comes back when so much time is over.
    fn sleep(&self, pause: Duration) -> Sleep<'_>;
}

/// The clock of this machine: the wall's time when it was made, and what passed since then, so that a correction of
/// the wall's clock does not stop or rush anything.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    began: std::time::Instant,
    at: Millis,
}

impl Default for WallClock {
    fn default() -> Self {
        Self {
            began: std::time::Instant::now(),
            at: Millis::now(),
        }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Millis {
        Millis(self.at.0 + i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX / 2))
    }

    fn sleep(&self, pause: Duration) -> Sleep<'_> {
        Box::pin(tokio::time::sleep(pause))
    }
}
