//! The bounded pool on which evidence is appraised, apart from the request cores. A full queue answers at once, so that a flood
//! of enrolments costs requests nothing. Nor does it cost known devices their renewals: a part of the queue is theirs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::metrics::Histogram;

type Job = Box<dyn FnOnce() + Send>;

/// Why a job was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The queue is full: answer `later`.
    #[error("the appraisal queue is full")]
    Full,
    /// The pool has stopped, or the job did not finish.
    #[error("the appraisal pool has stopped")]
    Stopped,
}

/// For whom a job is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Anybody: may fill three quarters of the queue.
    Stranger,
    /// A renewal, or somebody whose evidence was appraised already.
    Known,
}

/// A fixed number of threads behind a bounded queue. Dropping it lets queued jobs finish.
#[derive(Debug, Clone)]
pub struct AppraisalPool {
    queue: SyncSender<Job>,
    load: Arc<PoolLoad>,
    strangers_max: u64,
}

/// What the pool tells about itself.
#[derive(Debug, Default)]
struct PoolLoad {
    waiting: AtomicU64,
    durations: Histogram,
}

impl AppraisalPool {
    /// Starts `workers` threads behind a queue of `capacity` jobs.
    ///
    /// # Errors
    /// The operating system's answer if a thread cannot be started.
    pub fn start(workers: usize, capacity: usize) -> std::io::Result<Self> {
        let (queue, jobs) = sync_channel::<Job>(capacity.max(1));
        let jobs = Arc::new(Mutex::new(jobs));
        for n in 0..workers.max(1) {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new()
                .name(format!("appraisal-{n}"))
                .spawn(move || work(&jobs))?;
        }
        Ok(Self {
            queue,
            load: Arc::default(),
            strangers_max: u64::try_from(capacity.saturating_mul(3).div_ceil(4).max(1)).unwrap_or(u64::MAX),
        })
    }

    /// The result of `job`, run on the pool.
    ///
    /// # Errors
    /// [`PoolError::Full`] at once, when there is no room in this lane; [`PoolError::Stopped`] if the job's thread is gone.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (done, answer) = oneshot::channel();
        let begun = Instant::now();
        let before = self.load.waiting.fetch_add(1, Relaxed);
        let waits = Waiting(Arc::clone(&self.load));
        if lane == Lane::Stranger && before >= self.strangers_max {
            return Err(PoolError::Full);
        }
        let job = Box::new(move || {
            drop(waits);
            // The caller may have gone away; its answer is then nobody's.
            let _unsent = done.send(job());
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => PoolError::Full,
            TrySendError::Disconnected(_) => PoolError::Stopped,
        })?;
        let answer = answer.await.map_err(|_| PoolError::Stopped);
        self.load.durations.record(begun.elapsed());
        answer
    }

    /// Jobs that wait for a thread.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.load.waiting.load(Relaxed)
    }

    /// How long jobs took, waiting included.
    #[must_use]
    pub fn durations(&self) -> &Histogram {
        &self.load.durations
    }
}

/// Counts a job until it begins, or is never queued.
struct Waiting(Arc<PoolLoad>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    #[tokio::test]
    async fn a_full_queue_answers_at_once_and_recovers() {
        let pool = AppraisalPool::start(1, 1).unwrap();
        let (release, gate) = channel::<()>();
        let (started, running) = channel::<()>();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move {
                pool.run(Lane::Known, move || {
                    started.send(()).unwrap();
                    gate.recv().unwrap();
                })
                .await
            }
        });
        tokio::task::spawn_blocking(move || running.recv().unwrap())
            .await
            .unwrap();
        let mut queued = Box::pin(pool.run(Lane::Known, || 1));
        assert!(
            queued
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(pool.run(Lane::Known, || 2).await, Err(PoolError::Full));
        release.send(()).unwrap();
        assert_eq!(busy.await.unwrap(), Ok(()));
        assert_eq!(queued.await, Ok(1));
        assert_eq!(pool.run(Lane::Known, || 3).await, Ok(3));
    }

    #[tokio::test]
    async fn strangers_never_fill_the_queue_of_known_devices() {
        let pool = AppraisalPool::start(1, 4).unwrap();
        let (release, gate) = channel::<()>();
        let (started, running) = channel::<()>();
        let mut context = Context::from_waker(Waker::noop());
        let mut busy = Box::pin(pool.run(Lane::Stranger, move || {
            started.send(()).unwrap();
            gate.recv().unwrap();
        }));
        assert!(busy.as_mut().poll(&mut context).is_pending());
        tokio::task::spawn_blocking(move || running.recv().unwrap())
            .await
            .unwrap();
        let mut strangers: Vec<_> = (0..3)
            .map(|n| Box::pin(pool.run(Lane::Stranger, move || n)))
            .collect();
        for stranger in &mut strangers {
            assert!(stranger.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(pool.run(Lane::Stranger, || 9).await, Err(PoolError::Full));
        let mut known = Box::pin(pool.run(Lane::Known, || 4));
        assert!(known.as_mut().poll(&mut context).is_pending());
        assert_eq!(pool.run(Lane::Known, || 9).await, Err(PoolError::Full));
        release.send(()).unwrap();
        assert_eq!(known.await, Ok(4));
        assert_eq!(pool.run(Lane::Stranger, || 5).await, Ok(5));
    }
}
