//! The only file of this crate that reads the time.

#![expect(clippy::disallowed_methods, reason = "this is the one file that may")]

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::foreign::Clock;

/// The wall clock, Unix seconds.
pub(crate) fn wall_s() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// The system's clocks. The monotonic one begins when this is made.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    begun: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
        }
    }
}

impl SystemClock {
    /// The moment of a reading of [`Clock::monotonic_ms`], for timers of a runtime.
    #[must_use]
    pub fn instant_of(&self, monotonic_ms: u64) -> Option<Instant> {
        self.begun
            .checked_add(std::time::Duration::from_millis(monotonic_ms))
    }
}

impl Clock for SystemClock {
    fn wall_s(&self) -> u64 {
        wall_s()
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
