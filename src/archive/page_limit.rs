//! How many records the next page is asked for. An answer is in memory as a whole, in the child and here, before
//! anything about it is known; so the first page of a run is small, and each page says what the next may have.
//!
//! Enters: the configured limit, and what each page weighed. Leaves: the next `limit`. Must not know: who asks.

/// Records of a run's first page: 260 texts of 330,000 characters would be 340 MiB on one page.
const FIRST: u32 = 64;
/// Bytes a page is to have at most, as far as the page before tells. A thousand ordinary records have 1.5 MiB.
const BYTES: usize = 8 << 20;
/// How much larger a page may be than the one before: a light page says little about the next one.
const GROWTH: u32 = 4;
/// The same after a page was refused as too large: the bound is near.
const SLOW_GROWTH: u32 = 2;
/// What is left of a limit that was too large.
const SHRINK: u32 = 4;

/// `limit` of the next `GetChatData`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageLimit {
    /// The configured limit; never more.
    most: u32,
    next: u32,
    growth: u32,
}

impl PageLimit {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            next: FIRST.min(most),
            growth: GROWTH,
        }
    }

    /// What to ask for.
    pub(super) fn next(self) -> u32 {
        self.next
    }

    /// A page has come.
    pub(super) fn saw(&mut self, bytes: usize, records: usize) {
        if records == 0 {
            return;
        }
        let fit = BYTES / bytes.div_ceil(records).max(1);
        let fit = u32::try_from(fit).unwrap_or(u32::MAX).clamp(1, self.most);
        self.next = fit.min(self.next.saturating_mul(self.growth));
    }

    /// What matters stands behind what is not believed: ask for as many as may be, also where one at a time is configured.
    pub(super) fn widen(&mut self) {
        self.next = self.most.max(FIRST);
    }

    /// The page was too large, or did not come whole. False when there is no smaller one.
    pub(super) fn smaller(&mut self) -> bool {
        let possible = self.next > 1;
        self.next = (self.next / SHRINK).max(1);
        self.growth = SLOW_GROWTH;
        possible
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Limits asked for while records of that size come.
    fn asked(most: u32, bytes: usize, pages: usize) -> Vec<u32> {
        let mut limit = PageLimit::new(most);
        (0..pages)
            .map(|_| {
                let now = limit.next();
                limit.saw(now as usize * bytes, now as usize);
                now
            })
            .collect()
    }

    #[test]
    fn ordinary_records_reach_the_configured_limit_on_the_third_page() {
        assert_eq!(asked(1000, 1_528, 4), [64, 256, 1000, 1000]);
        assert_eq!(asked(1000, 8_000, 4), [64, 256, 1000, 1000]);
        assert_eq!(asked(200, 1_528, 3), [64, 200, 200]);
        assert_eq!(asked(10, 1_528, 2), [10, 10]);
    }

    #[test]
    fn heavy_records_come_in_pages_of_a_few_mebibytes() {
        for bytes in [201_000, 1_321_000, 9_000_000, 400_000_000] {
            let most = (BYTES / bytes).max(1) as u32;
            assert_eq!(asked(1000, bytes, 3)[1..], [most, most], "{bytes}");
        }
    }

    #[test]
    fn light_records_after_heavy_ones_grow_the_page_again() {
        let mut limit = PageLimit::new(1000);
        limit.saw(64 * 1_000_000, 64);
        assert_eq!(limit.next(), 8);
        let mut after = Vec::new();
        while limit.next() < 1000 {
            limit.saw(limit.next() as usize * 1_500, limit.next() as usize);
            after.push(limit.next());
        }
        assert_eq!(after, [32, 128, 512, 1000]);
    }

    #[test]
    fn a_refused_page_is_asked_for_in_parts_down_to_a_single_record() {
        let mut limit = PageLimit::new(1000);
        let mut asked = Vec::new();
        while limit.smaller() {
            asked.push(limit.next());
        }
        assert_eq!((asked, limit.next()), (vec![16, 4, 1], 1));
        limit.saw(1_500, 1);
        assert_eq!(limit.next(), 2);
        limit.widen();
        assert_eq!(limit.next(), 1000);
        assert!(limit.smaller());
        let mut one = PageLimit::new(1);
        one.widen();
        assert!(one.next() > 1, "behind a single record");
        // An empty page says nothing.
        let next = limit.next();
        limit.saw(40, 0);
        assert_eq!(limit.next(), next);
    }
}
