//! The only file of this crate that reads time. Everything else is told what time it is, or sleeps on tokio's timers.
//!
//! It never steps back: wall time may jump, so durations are measured on the monotonic side only.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where the gateway's time comes from.
pub trait Clock: Send + Sync + Debug {
    /// Unix seconds. May jump when the operator or NTP sets the clock.
    fn now_s(&self) -> u64;

    /// Milliseconds since an arbitrary start. Never goes back.
    fn monotonic_ms(&self) -> u64;

    /// Unix microseconds, for records of what happened when; nothing is decided by it.
    fn now_us(&self) -> u64 {
        self.now_s().saturating_mul(1_000_000)
    }

    /// Microseconds since the same start as [`Clock::monotonic_ms`].
    fn monotonic_us(&self) -> u64 {
        self.monotonic_ms().saturating_mul(1000)
    }
}

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now_s(&self) -> u64 {
        // Before 1970 every token is from the future and every ticket unknown: zero refuses, it does not accept.
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs())
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn now_us(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is told otherwise.
#[derive(Debug)]
pub struct ManualClock {
    wall_s: AtomicU64,
    monotonic_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now_s` and a monotonic zero.
    #[must_use]
    pub const fn at(now_s: u64) -> Self {
        Self {
            wall_s: AtomicU64::new(now_s),
            monotonic_ms: AtomicU64::new(0),
        }
    }

    /// Lets both sides move on by `seconds`.
    pub fn advance_s(&self, seconds: u64) {
        self.wall_s.fetch_add(seconds, Ordering::SeqCst);
        self.monotonic_ms
            .fetch_add(seconds.saturating_mul(1000), Ordering::SeqCst);
    }

    /// Sets the wall side, forwards or back, and leaves the monotonic side alone.
    pub fn set_s(&self, now_s: u64) {
        self.wall_s.store(now_s, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_s(&self) -> u64 {
        self.wall_s.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_ms.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told_and_its_monotonic_side_never_back() {
        let clock = ManualClock::at(1_000);
        clock.advance_s(5);
        clock.set_s(10);
        assert_eq!((clock.now_s(), clock.monotonic_ms()), (10, 5_000));
    }

    #[test]
    fn the_system_clock_is_after_this_file_was_written() {
        let clock = SystemClock::new();
        assert!(clock.now_s() > 1_750_000_000);
        assert!(clock.monotonic_ms() <= clock.monotonic_ms());
    }
}
