//! How many different devices there were, in bounded memory: exact while there are few, estimated beyond.

use std::collections::BTreeSet;

use serde::Serialize;

/// Tags that are kept. The estimate is off by about 3 %.
const KEPT: usize = 1_024;

/// The smallest of the tags that were seen. Tags are evenly distributed, so the largest of them tells how many there were.
#[derive(Debug, Clone, Default)]
pub(super) struct Sketch {
    smallest: BTreeSet<u64>,
    full: bool,
}

/// A number of devices; a device counts once for each day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// False if it is an estimate.
    pub exact: bool,
}

impl Sketch {
    pub(super) fn add(&mut self, tag: u64) {
        if self.full && self.smallest.last().is_none_or(|largest| tag > *largest) {
            return;
        }
        self.smallest.insert(tag);
        if self.smallest.len() > KEPT {
            self.smallest.pop_last();
            self.full = true;
        }
    }

    pub(super) fn count(&self) -> Count {
        let kept = u64::try_from(self.smallest.len()).unwrap_or(u64::MAX);
        let largest = self.smallest.last().copied().unwrap_or_default();
        if !self.full {
            return Count {
                count: kept,
                exact: true,
            };
        }
        let whole = u128::from(u64::MAX) * u128::from(kept.saturating_sub(1));
        let count = whole.checked_div(u128::from(largest)).unwrap_or(u128::from(kept));
        Count {
            count: u64::try_from(count).unwrap_or(u64::MAX),
            exact: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_counted_and_many_estimated() {
        let check = |devices: u64, within: u64| {
            let mut sketch = Sketch::default();
            for _ in 0..2 {
                for device in 1..=devices {
                    // The finaliser of SplitMix64: even, and without two devices of one tag.
                    let mut tag = device.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    tag = (tag ^ (tag >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    tag = (tag ^ (tag >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                    sketch.add(tag ^ (tag >> 31));
                }
            }
            let Count { count, exact } = sketch.count();
            assert_eq!(exact, devices <= 1_024, "{devices}");
            assert!(count.abs_diff(devices) <= within, "{count} of {devices}");
            assert!(sketch.smallest.len() <= KEPT);
        };
        check(0, 0);
        check(7, 0);
        check(1_024, 0);
        check(100_000, 10_000);
    }
}
