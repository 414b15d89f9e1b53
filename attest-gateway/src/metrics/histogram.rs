//! Durations in fixed buckets: recording is three relaxed additions, whatever the number of buckets.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds in microseconds, from what the gateway itself takes to what a slow backend may take.
pub(super) const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    5_000_000, 30_000_000,
];

/// A histogram of durations. Never decreases.
#[derive(Debug, Default)]
pub struct Histogram {
    /// By the first bound that is not below the duration; the last one holds what is beyond all bounds.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// What a histogram, or several, held at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) buckets: [u64; BOUNDS_US.len() + 1],
    pub(super) sum_us: u64,
}

impl Histogram {
    /// Records one duration.
    pub fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// Adds what was recorded here to `sum`.
    pub(super) fn add_to(&self, sum: &mut Recorded) {
        for (bucket, own) in sum.buckets.iter_mut().zip(&self.buckets) {
            *bucket += own.load(Relaxed);
        }
        sum.sum_us = sum.sum_us.wrapping_add(self.sum_us.load(Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_falls_into_the_first_bucket_that_holds_it() {
        let check = |us: u64, expect: usize| {
            let histogram = Histogram::default();
            histogram.record(Duration::from_micros(us));
            let mut sum = Recorded::default();
            histogram.add_to(&mut sum);
            histogram.add_to(&mut sum);
            let found = sum.buckets.iter().position(|count| *count == 2);
            assert_eq!((found, sum.sum_us), (Some(expect), 2 * us), "{us} µs");
        };
        check(0, 0);
        check(100, 0);
        check(101, 1);
        check(30_000_000, 14);
        check(30_000_001, 15);
    }
}
