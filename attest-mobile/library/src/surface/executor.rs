//! The library's own thread: it keeps the session alive, and all that the app waits for runs there, never on the app's thread.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use attest_mobile::foreign::BoxFuture;
use futures_channel::{mpsc, oneshot};
use futures_util::future::{FutureExt as _, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::failure::AttestError;
use super::threads::{block_on, spawn};

/// So many calls may wait at once; one more is told to come again.
const WAITING_MAX: usize = 1024;

/// What a list of threads shows.
const NAME: &str = "attest";

type Task = BoxFuture<'static, ()>;

/// Hands tasks to the thread. Once it has stopped, what waited for it is told so.
#[derive(Debug)]
pub(super) struct Executor {
    tasks: mpsc::UnboundedSender<Task>,
    waiting: Arc<AtomicUsize>,
}

impl Executor {
    /// Starts the thread, with work that goes on until it is stopped; `None` if there is none to be had.
    pub(super) fn start(endless: impl Future<Output = ()> + Send + 'static) -> Option<Self> {
        let (tasks, mut arriving) = mpsc::unbounded::<Task>();
        let run = move || {
            let mut work = FuturesUnordered::new();
            work.push(contained(endless));
            block_on(|context| turn(&mut arriving, &mut work, context));
        };
        spawn(NAME, Box::new(run)).then(|| Self {
            tasks,
            waiting: Arc::default(),
        })
    }

    /// What `work` returns, which runs on the thread and ends there when nobody waits for it any longer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, AttestError>> + Send + 'static,
    ) -> Result<T, AttestError> {
        let waits = Waits::new(&self.waiting).ok_or_else(AttestError::busy)?;
        let (mut sender, returned) = oneshot::channel();
        let work = Box::pin(work);
        let task = async move {
            let ended = select(work, sender.cancellation()).await;
            if let futures_util::future::Either::Left((value, _)) = ended {
                drop(sender.send(value));
            }
        };
        if self.tasks.unbounded_send(contained(task)).is_err() {
            return Err(AttestError::stopped());
        }
        let returned = returned.await;
        drop(waits);
        returned.unwrap_or_else(|_| {
            Err(match self.has_stopped() {
                true => AttestError::stopped(),
                false => AttestError::panicked(),
            })
        })
    }

    /// Ends the thread and all that runs on it.
    pub(super) fn stop(&self) {
        self.tasks.close_channel();
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.tasks.is_closed()
    }
}

/// A panic ends the task, and neither the thread nor the app.
fn contained(task: impl Future<Output = ()> + Send + 'static) -> Task {
    Box::pin(AssertUnwindSafe(task).catch_unwind().map(drop))
}

/// Takes what has arrived and goes on with all of it; ready when the other end has stopped.
fn turn(
    arriving: &mut mpsc::UnboundedReceiver<Task>,
    work: &mut FuturesUnordered<Task>,
    context: &mut Context<'_>,
) -> Poll<()> {
    loop {
        match arriving.poll_next_unpin(context) {
            Poll::Ready(Some(task)) => work.push(task),
            Poll::Ready(None) => return Poll::Ready(()),
            Poll::Pending => break,
        }
    }
    while let Poll::Ready(Some(())) = work.poll_next_unpin(context) {}
    Poll::Pending
}

struct Waits(Arc<AtomicUsize>);

impl Waits {
    fn new(waiting: &Arc<AtomicUsize>) -> Option<Self> {
        let waits = Self(Arc::clone(waiting));
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        (before < WAITING_MAX).then_some(waits)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        block_on(|context| future.as_mut().poll(context))
    }

    fn executor() -> Executor {
        Executor::start(pending()).unwrap()
    }

    #[test]
    fn work_runs_on_the_librarys_thread() {
        let executor = executor();
        let named = async { Ok(thread::current().name().map(str::to_owned)) };
        assert_eq!(wait(executor.run(named)), Ok(Some(NAME.to_owned())));
    }

    #[test]
    fn a_panic_is_a_typed_result_and_the_thread_goes_on() {
        let executor = executor();
        let panics = async { panic!("on purpose") };
        assert_eq!(wait(executor.run::<u8>(panics)), Err(AttestError::panicked()));
        assert_eq!(wait(executor.run(ready(Ok(7)))), Ok(7));
        let executor = Executor::start(async { panic!("on purpose") }).unwrap();
        assert_eq!(wait(executor.run(ready(Ok(7)))), Ok(7));
    }

    #[test]
    fn what_waits_when_it_stops_is_told() {
        let executor = Arc::new(executor());
        let (begins, begun) = mpsc::channel();
        let waiting = thread::spawn({
            let executor = Arc::clone(&executor);
            move || {
                let endless = async move {
                    begins.send(()).unwrap();
                    pending().await
                };
                wait(executor.run::<u8>(endless))
            }
        });
        begun.recv().unwrap();
        executor.stop();
        executor.stop();
        assert_eq!(waiting.join().unwrap(), Err(AttestError::stopped()));
        assert_eq!(wait(executor.run(ready(Ok(7)))), Err(AttestError::stopped()));
    }

    #[test]
    fn there_is_an_end_to_what_may_wait() {
        let executor = executor();
        let mut waiting: Vec<_> = (0..WAITING_MAX)
            .map(|_| Box::pin(executor.run::<u8>(pending())))
            .collect();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(
            waiting
                .iter_mut()
                .all(|run| run.as_mut().poll(&mut context).is_pending())
        );
        assert_eq!(wait(executor.run(ready(Ok(7)))), Err(AttestError::busy()));
        drop(waiting);
        assert_eq!(wait(executor.run(ready(Ok(7)))), Ok(7));
    }
}
