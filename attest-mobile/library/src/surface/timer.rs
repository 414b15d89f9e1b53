//! Wakes futures by a clock, on a thread of its own that sleeps until the next is due.

use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use attest_mobile::foreign::{BoxFuture, Clock, Timer};

use super::threads::spawn;

/// What a list of threads shows.
const NAME: &str = "attest-timer";

/// A timer whose thread ends with it.
pub(super) struct ThreadTimer(Arc<Shared>);

struct Shared {
    clock: Arc<dyn Clock>,
    sleepers: Mutex<Sleepers>,
    changed: Condvar,
}

#[derive(Default)]
struct Sleepers {
    stopped: bool,
    last_id: u64,
    asleep: Vec<Sleeper>,
}

struct Sleeper {
    id: u64,
    until_ms: u64,
    waker: Waker,
}

impl ThreadTimer {
    /// Starts the thread; `None` if there is none to be had.
    pub(super) fn start(clock: Arc<dyn Clock>) -> Option<Arc<Self>> {
        let shared = Arc::new(Shared {
            clock,
            sleepers: Mutex::default(),
            changed: Condvar::new(),
        });
        let timer = Arc::new(Self(Arc::clone(&shared)));
        spawn(NAME, Box::new(move || shared.run())).then_some(timer)
    }

    /// Looks at the clock again: it may have gone on while nothing ran.
    pub(super) fn look_again(&self) {
        self.0.changed.notify_one();
    }

    /// Ends the thread. Nothing that sleeps is woken any more.
    pub(super) fn stop(&self) {
        self.0.lock().stopped = true;
        self.0.changed.notify_one();
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Timer for ThreadTimer {
    fn sleep_until(&self, monotonic_ms: u64) -> BoxFuture<'_, ()> {
        Box::pin(Sleep {
            shared: &self.0,
            until_ms: monotonic_ms,
            id: None,
        })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut sleepers = self.lock();
        while !sleepers.stopped {
            let now_ms = self.clock.monotonic_ms();
            let due: Vec<Waker> = sleepers
                .asleep
                .extract_if(.., |sleeper| sleeper.until_ms <= now_ms)
                .map(|sleeper| sleeper.waker)
                .collect();
            if !due.is_empty() {
                drop(sleepers);
                due.into_iter().for_each(Waker::wake);
                sleepers = self.lock();
                continue;
            }
            let next_ms = sleepers.asleep.iter().map(|sleeper| sleeper.until_ms).min();
            sleepers = match next_ms {
                None => self
                    .changed
                    .wait(sleepers)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(next_ms) => {
                    let pause = Duration::from_millis(next_ms.saturating_sub(now_ms));
                    let waited = self.changed.wait_timeout(sleepers, pause);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

struct Sleep<'a> {
    shared: &'a Shared,
    until_ms: u64,
    id: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.clock.monotonic_ms() >= self.until_ms {
            return Poll::Ready(());
        }
        let mut sleepers = self.shared.lock();
        let known = self.id;
        let waker = context.waker();
        if let Some(sleeper) = sleepers
            .asleep
            .iter_mut()
            .find(|sleeper| Some(sleeper.id) == known)
        {
            sleeper.waker.clone_from(waker);
            return Poll::Pending;
        }
        sleepers.last_id = sleepers.last_id.wrapping_add(1);
        let sleeper = Sleeper {
            id: sleepers.last_id,
            until_ms: self.until_ms,
            waker: waker.clone(),
        };
        let is_next = sleepers
            .asleep
            .iter()
            .all(|other| sleeper.until_ms < other.until_ms);
        self.id = Some(sleeper.id);
        sleepers.asleep.push(sleeper);
        drop(sleepers);
        if is_next {
            self.shared.changed.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.lock().asleep.retain(|sleeper| sleeper.id != id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::threads::block_on;
    use super::*;

    #[derive(Default)]
    struct SetClock(AtomicU64);

    impl Clock for SetClock {
        fn wall_s(&self) -> u64 {
            0
        }

        fn monotonic_ms(&self) -> u64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn what_sleeps_is_woken_by_the_clock_alone() {
        const HOUR_MS: u64 = 3_600_000;
        let clock = Arc::new(SetClock::default());
        let timer = ThreadTimer::start(Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let mut sleeps = [HOUR_MS, HOUR_MS + 1].map(|until_ms| timer.sleep_until(until_ms));
        let mut context = Context::from_waker(Waker::noop());
        assert!(
            sleeps
                .iter_mut()
                .all(|sleep| sleep.as_mut().poll(&mut context).is_pending())
        );
        clock.0.store(HOUR_MS, Ordering::SeqCst);
        timer.look_again();
        let [first, mut second] = sleeps;
        let mut first = pin!(first);
        block_on(|context| first.as_mut().poll(context));
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(second);
        assert!(
            timer
                .0
                .lock()
                .asleep
                .iter()
                .all(|sleeper| sleeper.until_ms <= HOUR_MS)
        );
    }
}
