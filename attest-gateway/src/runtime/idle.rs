//! Notices when something that should move has stood still for too long. Costs nothing while it moves.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A limit on each pause, and optionally on the whole.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    idle: Duration,
    deadline: Option<Instant>,
    waiting: bool,
    /// Made at the first pause and moved at each later one.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stalled {
    Idle,
    Total,
}

impl IdleTimer {
    /// Starts now; `total` bounds all pauses together, as seen at each of them.
    pub(crate) fn new(idle: Duration, total: Option<Duration>) -> Self {
        Self {
            idle,
            deadline: total.map(|total| Instant::now() + total),
            waiting: false,
            sleep: None,
        }
    }

    /// To be called when something moved.
    pub(crate) const fn moved(&mut self) {
        self.waiting = false;
    }

    /// To be called when nothing could move; ready when that has lasted too long.
    pub(crate) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Stalled> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now())));
        if !self.waiting {
            self.waiting = true;
            let idle_end = Instant::now() + self.idle;
            sleep
                .as_mut()
                .reset(self.deadline.map_or(idle_end, |deadline| deadline.min(idle_end)));
        }
        sleep.as_mut().poll(cx).map(|()| match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Stalled::Total,
            _ => Stalled::Idle,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_limited_and_so_is_the_whole() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(10 * SECOND, Some(25 * SECOND));
        for _ in 0..2 {
            let pause = tokio::time::timeout(9 * SECOND, poll_fn(|cx| timer.poll_stalled(cx)));
            assert!(pause.await.is_err());
            timer.moved();
        }
        assert_eq!(poll_fn(|cx| timer.poll_stalled(cx)).await, Stalled::Total);
        assert_eq!(start.elapsed(), 25 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_polled_again_and_again_does_not_start_anew() {
        let start = Instant::now();
        let mut timer = IdleTimer::new(10 * SECOND, None);
        for _ in 0..3 {
            let pause = tokio::time::timeout(3 * SECOND, poll_fn(|cx| timer.poll_stalled(cx)));
            assert!(pause.await.is_err());
        }
        assert_eq!(poll_fn(|cx| timer.poll_stalled(cx)).await, Stalled::Idle);
        assert_eq!(start.elapsed(), 10 * SECOND);
    }
}
