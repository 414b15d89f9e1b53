//! Names of files that a probe makes and removes at once: each is given once in the life of a process.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// A name that no other call gets.
pub(super) fn fresh_name() -> String {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    format!(
        "attest-{}-{}",
        process::id(),
        GIVEN.fetch_add(1, Ordering::Relaxed)
    )
}
