//! Where the app's requests stand, between a token and the reply to it. What is never followed up is forgotten.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use attest_mobile::{Attempt, Authorization as Authorized};

use super::records::{Authorization, named};

/// The newest attempts.
#[derive(Default)]
pub(super) struct Attempts(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    last: u64,
    open: VecDeque<(u64, Attempt, Authorized)>,
}

impl Attempts {
    /// A request's first token.
    pub(super) fn first(&self, authorized: Authorized) -> Authorization {
        self.next(Attempt::default(), authorized)
    }

    /// A request's next token.
    pub(super) fn next(&self, attempt: Attempt, mut authorized: Authorized) -> Authorization {
        let headers = named(std::mem::take(&mut authorized.headers));
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last = kept.last.wrapping_add(1);
        if kept.open.len() >= OPEN_MAX {
            kept.open.pop_front();
        }
        let id = kept.last;
        kept.open.push_back((id, attempt, authorized));
        Authorization { headers, attempt: id }
    }

    /// What a token was minted with, once.
    pub(super) fn take(&self, id: u64) -> Option<(Attempt, Authorized)> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.open.binary_search_by_key(&id, |(known, ..)| *known).ok()?;
        let (_, attempt, authorized) = kept.open.remove(at)?;
        Some((attempt, authorized))
    }
}

/// So many requests may be under way; the reply to an older one stands as it is.
const OPEN_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_taken_once_and_the_oldest_go() {
        let attempts = Attempts::default();
        let ids: Vec<u64> = (0..=OPEN_MAX)
            .map(|_| attempts.first(Authorized::default()).attempt)
            .collect();
        assert!(attempts.take(ids[0]).is_none());
        assert!(attempts.take(ids[5]).is_some());
        assert!(attempts.take(ids[5]).is_none());
        assert!(attempts.take(ids[OPEN_MAX]).is_some());
        assert!(attempts.take(u64::MAX).is_none());
    }
}
