//! Counts requests of each device over the last minute, in fixed memory: an input of rules, never a refusal by itself.
//!
//! Two windows per device; the older one counts by the part of it that is still within the minute. A flood of new devices
//! displaces the quietest of its slot, so a count may be too low under such a flood, never too high.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

const WAYS: usize = 8;
const MINUTE_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u64,
    minute: u64,
    current: u32,
    previous: u32,
}

/// Counters for any number of devices, 24 bytes each.
#[derive(Debug)]
pub struct Counters {
    sets: Box<[Mutex<[Slot; WAYS]>]>,
    hasher: RandomState,
}

impl Counters {
    /// Counters that remember at least `devices`.
    #[must_use]
    pub fn new(devices: usize) -> Self {
        let sets = devices.div_ceil(WAYS).max(1);
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts one request of `device` and returns how many it made within the last minute, this one included.
    pub fn count(&self, device: &[u8; 16], now_ms: u64) -> u32 {
        // Zero marks an empty slot.
        let key = self.hasher.hash_one(device) | 1;
        let index = usize::try_from((key >> 1) % self.sets.len() as u64).unwrap_or(0);
        let Some(set) = self.sets.get(index) else { return 1 };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now_ms / MINUTE_MS;
        let place = set.iter().position(|slot| slot.key == key);
        let slot = match place {
            Some(place) => set.get_mut(place),
            None => set.iter_mut().min_by_key(|slot| (slot.minute, slot.current)),
        };
        let Some(slot) = slot else { return 1 };
        if slot.key != key {
            *slot = Slot {
                key,
                minute,
                current: 0,
                previous: 0,
            };
        }
        slot.turn(minute);
        slot.current = slot.current.saturating_add(1);
        let left_ms = MINUTE_MS - now_ms % MINUTE_MS;
        let earlier = u64::from(slot.previous) * left_ms / MINUTE_MS;
        slot.current
            .saturating_add(u32::try_from(earlier).unwrap_or(u32::MAX))
    }
}

impl Slot {
    fn turn(&mut self, minute: u64) {
        if self.minute != minute {
            self.previous = if self.minute.checked_add(1) == Some(minute) {
                self.current
            } else {
                0
            };
            self.current = 0;
            self.minute = minute;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_sliding_minute_per_device() {
        let counters = Counters::new(64);
        let (a, b) = ([1; 16], [2; 16]);
        let counted: Vec<u32> = (1..=10).map(|_| counters.count(&a, 1_000)).collect();
        assert_eq!(counted, (1..=10).collect::<Vec<u32>>());
        assert_eq!(counters.count(&b, 1_000), 1);
        assert_eq!(counters.count(&a, 60_000 + 30_000), 6);
        assert_eq!(counters.count(&a, 10 * 60_000), 1);
    }

    #[test]
    fn memory_is_bounded_and_floods_only_lower_counts() {
        let counters = Counters::new(8);
        for n in 0..1_000_u32 {
            let mut device = [0; 16];
            device[..4].copy_from_slice(&n.to_be_bytes());
            assert_eq!(counters.count(&device, 5), 1);
        }
    }
}
