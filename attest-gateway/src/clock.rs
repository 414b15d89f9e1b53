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

/// One look at both sides of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// [`Clock::now_s`].
    pub wall_s: u64,
    /// [`Clock::monotonic_ms`].
    pub monotonic_ms: u64,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn of(clock: &dyn Clock) -> Self {
        Self {
            wall_s: clock.now_s(),
            monotonic_ms: clock.monotonic_ms(),
        }
    }
}

/// Wall time that follows a jump ahead only once it has lasted. Whatever is deleted because its time is over goes by this: it
/// cannot be brought back when somebody corrects the clock.
#[derive(Debug)]
pub struct SettledTime {
    anchor: Moment,
    ahead_since_ms: Option<u64>,
}

/// A clock that was put ahead by mistake is noticed and corrected sooner.
const SETTLES_MS: u64 = 6 * 3_600_000;
/// Drift and leap seconds are no jumps.
const STEP_S: u64 = 60;

impl SettledTime {
    /// Begins with what the clock shows.
    #[must_use]
    pub const fn new(now: Moment) -> Self {
        Self {
            anchor: now,
            ahead_since_ms: None,
        }
    }

    /// The settled wall time, never ahead of the wall.
    pub fn follow(&mut self, now: Moment) -> u64 {
        let passed_ms = now.monotonic_ms.saturating_sub(self.anchor.monotonic_ms);
        let settled_s = self.anchor.wall_s.saturating_add(passed_ms / 1000);
        if now.wall_s <= settled_s.saturating_add(STEP_S) {
            self.ahead_since_ms = None;
            return settled_s.min(now.wall_s);
        }
        let since_ms = *self.ahead_since_ms.get_or_insert(now.monotonic_ms);
        if now.monotonic_ms.saturating_sub(since_ms) >= SETTLES_MS {
            *self = Self::new(now);
            return now.wall_s;
        }
        settled_s
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
    fn a_jump_ahead_settles_only_once_it_has_lasted() {
        let start = Moment {
            wall_s: 10_000,
            monotonic_ms: 0,
        };
        let mut time = SettledTime::new(start);
        let mut check = |wall_s, monotonic_s: u64, expect| {
            let monotonic_ms = monotonic_s * 1000;
            assert_eq!(
                time.follow(Moment { wall_s, monotonic_ms }),
                expect,
                "{wall_s} at {monotonic_s}"
            );
        };
        check(10_010, 10, 10_010);
        check(10_060, 20, 10_020);
        check(17_230, 30, 10_030);
        check(10_040, 40, 10_040);
        check(2_850, 50, 2_850);
        check(10_060, 60, 10_060);
        check(100_000, 100, 10_100);
        check(100_000 + 21_599, 100 + 21_599, 10_100 + 21_599);
        check(100_000 + 21_600, 100 + 21_600, 100_000 + 21_600);
        check(100_000 + 21_610, 100 + 21_610, 100_000 + 21_610);
    }

    #[test]
    fn the_system_clock_is_after_this_file_was_written() {
        let clock = SystemClock::new();
        assert!(clock.now_s() > 1_750_000_000);
        assert!(clock.monotonic_ms() <= clock.monotonic_ms());
    }
}
