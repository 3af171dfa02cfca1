//! Staying below the platform's limit on chunks (finance-sdk §10: 25,000 a minute for a company), shared by all
//! children of that company.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const WINDOW: Duration = Duration::from_secs(60);

/// Counts calls of the minute that runs.
#[derive(Debug)]
pub struct Pace {
    most: u32,
    minute: Mutex<Option<(Instant, u32)>>,
}

impl Pace {
    /// At most so many calls a minute; 0 for any number.
    pub fn new(most: u32) -> Self {
        Self {
            most,
            minute: Mutex::new(None),
        }
    }

    /// Takes one call's place. `Some`: not now; ask again after that time.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        if self.most == 0 {
            return None;
        }
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *minute {
            Some((began, count)) if now.duration_since(*began) < WINDOW => {
                if *count >= self.most {
                    return Some(WINDOW - now.duration_since(*began));
                }
                *count += 1;
            }
            _ => *minute = Some((now, 1)),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_calls_than_allowed_in_a_minute() {
        let (pace, start) = (Pace::new(3), Instant::now());
        for second in 0..3 {
            assert_eq!(pace.wait(start + Duration::from_secs(second)), None);
        }
        assert_eq!(
            pace.wait(start + Duration::from_secs(20)),
            Some(Duration::from_secs(40))
        );
        assert_eq!(pace.wait(start + Duration::from_secs(60)), None);
        let free = Pace::new(0);
        assert!((0..100_000).all(|_| free.wait(start).is_none()));
    }
}
