//! Notices when something that should move has stood still, or moved too slowly, for too long. Costs nothing while it moves.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A limit on each pause, optionally on the whole, and optionally on the rate: time waited is a debt, bytes pay it off, and a
/// debt as long as the longest pause is too much.
#[derive(Debug)]
pub(crate) struct IdleTimer {
    idle: Duration,
    deadline: Option<Instant>,
    /// Bytes that pay for a second of waiting; without it any movement pays for everything.
    rate: Option<u64>,
    debt: Duration,
    waiting: Option<Instant>,
    /// Made at the first pause and moved at each later one.
    sleep: Option<Pin<Box<Sleep>>>,
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stalled {
    /// It stood still.
    Idle,
    /// It moved, but too slowly.
    Slow,
    /// It took too long as a whole.
    Total,
}

impl IdleTimer {
    /// Starts now; `total` bounds all pauses together, as seen at each of them.
    pub(crate) fn new(idle: Duration, total: Option<Duration>) -> Self {
        Self {
            idle,
            deadline: total.map(|total| Instant::now() + total),
            rate: None,
            debt: Duration::ZERO,
            waiting: None,
            sleep: None,
        }
    }

    /// The same with a least rate, bytes per second.
    pub(crate) const fn with_rate(mut self, bytes_per_s: u64) -> Self {
        self.rate = Some(bytes_per_s);
        self
    }

    /// Limits each pause alone from now on.
    pub(crate) const fn pauses_only(&mut self) {
        self.deadline = None;
        self.rate = None;
    }

    /// The longest pause.
    pub(crate) const fn idle(&self) -> Duration {
        self.idle
    }

    /// To be called when something moved.
    pub(crate) const fn moved(&mut self) {
        self.waiting = None;
        self.debt = Duration::ZERO;
    }

    /// To be called when this many bytes moved.
    pub(crate) fn moved_by(&mut self, bytes: usize) {
        let Some(rate) = self.rate else {
            return self.moved();
        };
        if let Some(waited) = self.waiting.take().map(|since| since.elapsed()) {
            // Nobody asked meanwhile, or it would have been given up: whoever reads was slow, not who sends.
            if waited < self.idle {
                self.debt += waited;
            }
        }
        if !self.debt.is_zero() {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            let worth_ms = bytes.saturating_mul(1000) / rate.max(1);
            self.debt = self.debt.saturating_sub(Duration::from_millis(worth_ms));
        }
    }

    /// To be called when nothing could move; ready when that has lasted too long.
    pub(crate) fn poll_stalled(&mut self, cx: &mut Context<'_>) -> Poll<Stalled> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(Instant::now())));
        if self.waiting.is_none() {
            let now = Instant::now();
            self.waiting = Some(now);
            let idle_end = now + self.idle.saturating_sub(self.debt);
            sleep
                .as_mut()
                .reset(self.deadline.map_or(idle_end, |deadline| deadline.min(idle_end)));
        }
        sleep.as_mut().poll(cx).map(|()| match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Stalled::Total,
            _ if self.debt.is_zero() => Stalled::Idle,
            _ => Stalled::Slow,
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

    /// Moves `bytes` after each second, for at most a hundred; returns the second in which that was given up.
    async fn given_up_after(rate: u64, bytes: usize) -> Option<(u64, Stalled)> {
        let start = Instant::now();
        let mut timer = IdleTimer::new(10 * SECOND, None).with_rate(rate);
        for _ in 0..100 {
            let pause = tokio::time::timeout(SECOND, poll_fn(|cx| timer.poll_stalled(cx)));
            if let Ok(stalled) = pause.await {
                return Some((start.elapsed().as_secs(), stalled));
            }
            timer.moved_by(bytes);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_is_given_up_and_a_slow_stream_is_not() {
        assert_eq!(given_up_after(1000, 1).await, Some((10, Stalled::Slow)));
        assert_eq!(given_up_after(1000, 500).await, Some((19, Stalled::Slow)));
        assert_eq!(given_up_after(1000, 1100).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_pause_is_paid_off_by_what_follows() {
        let mut timer = IdleTimer::new(10 * SECOND, None).with_rate(1000);
        for _ in 0..5 {
            let pause = tokio::time::timeout(9 * SECOND, poll_fn(|cx| timer.poll_stalled(cx)));
            assert!(pause.await.is_err());
            timer.moved_by(9_000);
        }
    }
}
