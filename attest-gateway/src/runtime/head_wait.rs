//! How long a connection may wait for a head: from accept, or from the end of the last answer, to its last byte. No byte on the
//! way moves the deadline.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The deadline of the next head.
#[derive(Debug)]
pub(super) struct HeadWait {
    timeout: Duration,
    since: Instant,
    /// Moved only when it fires, so that a busy connection does not touch the timer for each request.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HeadWait {
    /// Begins with the connection.
    pub(super) const fn new(accepted: Instant, timeout: Duration) -> Self {
        Self {
            timeout,
            since: accepted,
            sleep: None,
        }
    }

    /// The wait begins at `at`, unless it began later.
    pub(super) fn begin(&mut self, at: Instant) {
        self.since = self.since.max(at);
    }

    /// Ready when the head is late. While none is `waited` for, it never is; it is polled again all the same before it could be,
    /// because the library does not read again by itself when an answer has ended.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>, waited: bool) -> Poll<()> {
        let deadline = self.since + self.timeout;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            ready!(sleep.as_mut().poll(cx));
            let now = Instant::now();
            if waited && now >= deadline {
                return Poll::Ready(());
            }
            sleep
                .as_mut()
                .reset(if waited { deadline } else { now + self.timeout });
        }
    }
}
