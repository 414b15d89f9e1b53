//! How long a connection may wait for a head: from accept, or from the end of the last answer, to its last byte. No byte on the
//! way moves the deadline.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The deadline of the next head.
#[derive(Debug)]
pub(super) struct HeadWait {
    timeout: Duration,
    deadline: Option<Instant>,
    /// Moved only when it fires too early, so that a busy connection does not touch the timer for each request.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl HeadWait {
    /// Begins with the connection.
    pub(super) fn since(accepted: Instant, timeout: Duration) -> Self {
        Self {
            timeout,
            deadline: Some(accepted + timeout),
            sleep: None,
        }
    }

    /// The head is there: the next wait begins when it is polled for.
    pub(super) const fn end(&mut self) {
        self.deadline = None;
    }

    /// Ready when the head is late.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = self.timeout;
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + timeout);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
