//! Sessions that began since the set of spent keys did, or since the clock was put back. Bounded: one that finds no room is not
//! known, so its phone is asked to renew until the time has passed in which that matters.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Digests of what the tokens of recent sessions show.
#[derive(Debug)]
pub(super) struct Sessions {
    capacity: usize,
    known: Mutex<HashSet<[u8; 32]>>,
}

impl Sessions {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            known: Mutex::default(),
        }
    }

    pub(super) fn insert(&self, digests: &[[u8; 32]]) {
        let mut known = self.lock();
        if known.len().saturating_add(digests.len()) <= self.capacity {
            known.extend(digests);
        }
    }

    pub(super) fn contains(&self, digest: &[u8; 32]) -> bool {
        self.lock().contains(digest)
    }

    /// Forgets all of them, and gives their memory back.
    pub(super) fn clear(&self) {
        let mut known = self.lock();
        if !known.is_empty() {
            *known = HashSet::new();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
