//! Tells waiting futures that something changed. It holds no value: who wakes looks again.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Counts changes and wakes who waits for the next.
#[derive(Debug, Default)]
pub(crate) struct Signal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    changes: u64,
    next_id: u64,
    waiting: Vec<(u64, Waker)>,
}

impl Signal {
    pub(crate) fn changes(&self) -> u64 {
        self.lock().changes
    }

    pub(crate) fn change(&self) {
        let woken = {
            let mut state = self.lock();
            state.changes = state.changes.wrapping_add(1);
            std::mem::take(&mut state.waiting)
        };
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Completes once there was a change after `seen`.
    pub(crate) const fn changed_since(&self, seen: u64) -> Changed<'_> {
        Changed {
            signal: self,
            seen,
            id: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Future of [`Signal::changed_since`].
#[derive(Debug)]
pub(crate) struct Changed<'a> {
    signal: &'a Signal,
    seen: u64,
    id: Option<u64>,
}

impl Future for Changed<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.signal.lock();
        if state.changes != self.seen {
            return Poll::Ready(());
        }
        let id = match self.id {
            Some(id) => id,
            None => {
                state.next_id = state.next_id.wrapping_add(1);
                state.next_id
            }
        };
        match state.waiting.iter_mut().find(|(known, _)| *known == id) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => state.waiting.push((id, context.waker().clone())),
        }
        drop(state);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.signal.lock().waiting.retain(|(known, _)| *known != id);
        }
    }
}
