//! Somebody between a phone and the gateway who has broken into its TLS, and answers some of its requests himself.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use attest_mobile::HttpReply;

/// What he answers, each once.
#[derive(Debug, Default)]
pub struct Meddler {
    replies: Mutex<Vec<(String, HttpReply)>>,
    given: AtomicUsize,
}

impl Meddler {
    /// The next request whose target begins with this gets this reply instead of the gateway's.
    pub fn answer(&self, target: impl Into<String>, reply: HttpReply) {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        replies.push((target.into(), reply));
    }

    /// How many requests he answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.given.load(Relaxed)
    }

    pub(crate) fn reply(&self, target: &str) -> Option<HttpReply> {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        let at = replies
            .iter()
            .position(|(prefix, _)| target.starts_with(prefix))?;
        self.given.fetch_add(1, Relaxed);
        Some(replies.remove(at).1)
    }
}
