//! The bounded pool on which evidence is appraised, apart from the request cores. A full queue answers at once, so that a flood
//! of enrolments costs requests nothing.

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

/// A fixed number of threads behind a bounded queue. Dropping it lets queued jobs finish.
#[derive(Debug, Clone)]
pub struct AppraisalPool {
    queue: SyncSender<Job>,
    load: Arc<PoolLoad>,
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
        })
    }

    /// The result of `job`, run on the pool.
    ///
    /// # Errors
    /// [`PoolError::Full`] at once, [`PoolError::Stopped`] if the job's thread is gone.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (done, answer) = oneshot::channel();
        let begun = Instant::now();
        let load = Arc::clone(&self.load);
        load.waiting.fetch_add(1, Relaxed);
        let job = Box::new(move || {
            load.waiting.fetch_sub(1, Relaxed);
            // The caller may have gone away; its answer is then nobody's.
            let _unsent = done.send(job());
        });
        self.queue.try_send(job).map_err(|error| {
            self.load.waiting.fetch_sub(1, Relaxed);
            match error {
                TrySendError::Full(_) => PoolError::Full,
                TrySendError::Disconnected(_) => PoolError::Stopped,
            }
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
                pool.run(move || {
                    started.send(()).unwrap();
                    gate.recv().unwrap();
                })
                .await
            }
        });
        tokio::task::spawn_blocking(move || running.recv().unwrap())
            .await
            .unwrap();
        let mut queued = Box::pin(pool.run(|| 1));
        assert!(
            queued
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        assert_eq!(pool.run(|| 2).await, Err(PoolError::Full));
        release.send(()).unwrap();
        assert_eq!(busy.await.unwrap(), Ok(()));
        assert_eq!(queued.await, Ok(1));
        assert_eq!(pool.run(|| 3).await, Ok(3));
    }
}
