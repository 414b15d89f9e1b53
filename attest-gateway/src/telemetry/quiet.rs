//! Says when a repeated warning may be repeated again, and how often it was not.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One warning's rest.
#[derive(Debug)]
pub(crate) struct Quiet {
    rest_ms: u64,
    /// Zero before the first one.
    next_ms: AtomicU64,
    suppressed: AtomicU64,
}

impl Quiet {
    /// A warning that rests for `rest_ms` after each time.
    pub(crate) const fn new(rest_ms: u64) -> Self {
        Self {
            rest_ms,
            next_ms: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// How often it was suppressed since the last time, if it may be given now.
    pub(crate) fn speaks(&self, now_ms: u64) -> Option<u64> {
        let next_ms = self.next_ms.load(Relaxed);
        // Zero stands for "never", so the first one after a rest is at least at 1.
        let after_ms = now_ms.saturating_add(self.rest_ms).max(1);
        let turn = now_ms >= next_ms
            && self
                .next_ms
                .compare_exchange(next_ms, after_ms, Relaxed, Relaxed)
                .is_ok();
        if turn {
            Some(self.suppressed.swap(0, Relaxed))
        } else {
            self.suppressed.fetch_add(1, Relaxed);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_speaks_once_a_rest_and_tells_what_it_kept() {
        let quiet = Quiet::new(1_000);
        let check = |now_ms, expect| assert_eq!(quiet.speaks(now_ms), expect, "at {now_ms}");
        check(0, Some(0));
        check(0, None);
        check(999, None);
        check(1_000, Some(2));
        check(1_001, None);
        check(9_000, Some(1));
    }
}
