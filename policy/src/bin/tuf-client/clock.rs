//! The only file of this program that reads time.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix seconds. Before 1970 everything has expired, so that nothing is trusted by a broken clock.
pub(crate) fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |since| since.as_secs())
}
