//! Threads that calls of the app's side run on: one for each call, and never more than [`CALLS_MAX`], so that what hangs there costs
//! no more than that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use futures_channel::oneshot;

use super::failure::HostFailure;

/// Calls at the same time, with those that hang; one more fails at once.
const CALLS_MAX: usize = 16;

/// What a list of threads shows; at most 15 bytes.
const NAME: &str = "attest-call";

/// Counts calls.
#[derive(Debug, Default)]
pub(super) struct Threads(AtomicUsize);

impl Threads {
    /// Runs `call` on a thread of its own. What panics there, or finds no thread, has failed.
    pub(super) fn call<T: Send + 'static>(
        self: &Arc<Self>,
        call: impl FnOnce() -> Result<T, HostFailure> + Send + 'static,
    ) -> impl Future<Output = Result<T, HostFailure>> + Send + 'static {
        let (sender, returned) = oneshot::channel();
        if let Some(seat) = Seat::take(self) {
            let run = move || {
                let value = catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(HostFailure::Failed));
                drop(seat);
                // Nobody may be waiting any longer.
                drop(sender.send(value));
            };
            // Without a thread the sender is dropped, and the call has failed.
            let _: bool = spawn(NAME, Box::new(run));
        }
        async move { returned.await.unwrap_or(Err(HostFailure::Failed)) }
    }
}

/// Starts a thread; whether there is one.
pub(super) fn spawn(name: &str, run: Box<dyn FnOnce() + Send>) -> bool {
    thread::Builder::new().name(name.to_owned()).spawn(run).is_ok()
}

struct Seat(Arc<Threads>);

impl Seat {
    fn take(threads: &Arc<Threads>) -> Option<Self> {
        let seat = Self(Arc::clone(threads));
        let before = threads.0.fetch_add(1, Ordering::Relaxed);
        // One that was not to be had is given back here.
        (before < CALLS_MAX).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Polls until it is ready, sleeping in between.
pub(super) fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;

    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        block_on(|context| future.as_mut().poll(context))
    }

    #[test]
    fn what_is_called_returns_fails_or_panics() {
        let threads = Arc::new(Threads::default());
        assert_eq!(wait(threads.call(|| Ok(7))), Ok(7));
        assert_eq!(
            wait(threads.call::<u8>(|| Err(HostFailure::Gone))),
            Err(HostFailure::Gone)
        );
        assert_eq!(
            wait(threads.call::<u8>(|| panic!("on purpose"))),
            Err(HostFailure::Failed)
        );
        assert_eq!(threads.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_hangs_takes_a_place_and_gives_it_back() {
        let threads = Arc::new(Threads::default());
        let (hung, released): (Vec<_>, Vec<_>) = (0..CALLS_MAX)
            .map(|_| {
                let (release, released) = mpsc::channel::<()>();
                (threads.call(move || Ok(released.recv().is_err())), release)
            })
            .unzip();
        assert_eq!(wait(threads.call(|| Ok(true))), Err(HostFailure::Failed));
        drop(released);
        for hung in hung {
            assert_eq!(wait(hung), Ok(true));
        }
        assert_eq!(wait(threads.call(|| Ok(true))), Ok(true));
    }
}
