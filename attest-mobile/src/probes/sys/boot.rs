//! The phone's clocks, of which the monotonic one counts while the phone sleeps. The standard library's does not.

use crate::foreign::Clock;
use crate::host::wall_s;

/// Of the clocks that never go back, the one that counts while the phone sleeps.
#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// The clocks of a phone.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl Clock for BootClock {
    fn wall_s(&self) -> u64 {
        wall_s()
    }

    fn monotonic_ms(&self) -> u64 {
        self.monotonic_us() / 1000
    }

    fn monotonic_us(&self) -> u64 {
        let mut now = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the call writes to the one place that it is given.
        if unsafe { libc::clock_gettime(CLOCK, &raw mut now) } != 0 {
            return 0;
        }
        let [seconds, nanoseconds] = [i128::from(now.tv_sec), i128::from(now.tv_nsec)];
        u64::try_from(seconds * 1_000_000 + nanoseconds / 1000).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_and_never_back() {
        let clock = BootClock;
        let before = clock.monotonic_us();
        assert!(before > 0 && clock.monotonic_us() >= before);
        assert!(clock.wall_s() > 1_700_000_000);
    }
}
