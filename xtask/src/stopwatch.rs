//! The one file that reads the clock: how long a step took, for people to read. Nothing is decided by it.

use std::time::{Duration, Instant};

/// A running measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub(crate) fn read(self) -> Duration {
        self.0.elapsed()
    }
}

/// A duration as people read it: `0.4 s`, `2 min 09 s`.
pub(crate) fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{seconds}.{} s", duration.subsec_millis() / 100)
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, words};

    #[test]
    fn durations_read_well() {
        let check = |ms, expect| assert_eq!(words(Duration::from_millis(ms)), expect);
        check(0, "0.0 s");
        check(470, "0.4 s");
        check(59_999, "59.9 s");
        check(60_000, "1 min 00 s");
        check(129_000, "2 min 09 s");
    }
}
