//! One file, one thread, one durable transaction for everything that waits: the default store.
//!
//! A caller is answered after the commit that holds its work is on disk, never before. A failed file is closed and opened
//! again, at most once a second; until then everything fails closed. It never blocks a caller and never grows its queue.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase, WriteTransaction};
use tokio::sync::oneshot;

use super::certificates;
use super::tables::{self, OpError};
use super::{
    Answer, Ban, BanScope, CertificateHash, DeviceRecord, EnrollCommit, EnrollOutcome, Event, RenewCommit,
    RenewOutcome, Store, StoreError, StoreLoad, Swept,
};
use crate::clock::Clock;

/// Bounds of an embedded store.
#[derive(Debug, Clone, Copy)]
pub struct StoreOptions {
    /// Calls that may wait for the store's thread; beyond, callers are told [`StoreError::Busy`]. Half of it is open to
    /// events.
    pub queue_len: usize,
    /// Events kept; the oldest make room.
    pub events_max: u64,
    /// Memory for the file's pages.
    pub cache_bytes: usize,
}

impl StoreOptions {
    /// What a configuration asks for.
    #[must_use]
    pub const fn of(config: &crate::config::StoreConfig) -> Self {
        Self {
            queue_len: config.queue_len,
            events_max: config.events_max,
            cache_bytes: config.cache_bytes,
        }
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            queue_len: 4096,
            events_max: 100_000,
            cache_bytes: 64 << 20,
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreOpenError {
    /// Another process uses the file.
    #[error("{path} is in use by another process")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by another version of the program.
    #[error("{path} has format {found}, which this version does not understand")]
    Format {
        /// The file.
        path: PathBuf,
        /// The version found in it.
        found: u64,
    },
    /// The file system failed, or the file is no store.
    #[error("{path} cannot be opened: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// In the words of the system.
        reason: String,
    },
}

impl StoreOpenError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "store-in-use",
            Self::Format { .. } => "store-format",
            Self::Unusable { .. } => "store-unusable",
        }
    }
}

/// A store in one local file.
///
/// Dropping it writes what is queued, then closes the file: it blocks for as long as that takes.
#[derive(Debug)]
pub struct EmbeddedStore {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    events: Arc<EventCounters>,
    counts: Arc<Counts>,
    events_waiting_max: usize,
    events_max: u64,
}

/// What [`Store::load`] tells.
#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicU64,
    busy: AtomicU64,
    failures: AtomicU64,
}

#[derive(Debug, Default)]
struct EventCounters {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// Opens the database, the first time and after each failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// Returns how the file failed, if it did, and what to do after the commit.
type Write = Box<dyn FnOnce(&WriteTransaction) -> (Option<redb::Error>, AfterCommit) + Send>;
type Read = Box<dyn FnOnce(Option<&ReadTransaction>) + Send>;

enum Job {
    Write(Write),
    Read(Read),
}

/// Takes whether the commit is durable.
type AfterCommit = Box<dyn FnOnce(bool)>;

/// An event on its way to the disk. Dropped before it is durable, it counts as lost.
struct PendingEvent {
    counters: Arc<EventCounters>,
    durable: bool,
}

impl PendingEvent {
    fn settle(mut self, durable: bool) {
        self.durable = durable;
    }
}

impl Drop for PendingEvent {
    fn drop(&mut self) {
        self.counters.waiting.fetch_sub(1, Ordering::Relaxed);
        if !self.durable {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl EmbeddedStore {
    /// Opens or creates the store at `path`, readable by its owner only, and starts its thread.
    ///
    /// # Errors
    /// [`StoreOpenError`] when another process has it, another version wrote it, or the system refuses.
    pub fn open(path: &Path, options: StoreOptions, clock: Arc<dyn Clock>) -> Result<Self, StoreOpenError> {
        create_private(path).map_err(|error| StoreOpenError::Unusable {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let file = path.to_owned();
        let opener = move || {
            Database::builder()
                .set_cache_size(options.cache_bytes)
                .create(&file)
        };
        Self::start(Box::new(opener), path, options, clock)
    }

    pub(super) fn start(
        opener: Opener,
        path: &Path,
        options: StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreOpenError> {
        let path = path.to_owned();
        let unusable = |reason: &dyn ToString| StoreOpenError::Unusable {
            path: path.clone(),
            reason: reason.to_string(),
        };
        let database = match opener() {
            Ok(database) => database,
            Err(DatabaseError::DatabaseAlreadyOpen) => return Err(StoreOpenError::InUse { path }),
            Err(error) => return Err(unusable(&error)),
        };
        let found = tables::prepare(&database).map_err(|error| unusable(&error))?;
        if !tables::understands(found) {
            return Err(StoreOpenError::Format { path, found });
        }
        let (queue, jobs) = sync_channel(options.queue_len);
        let counts = Arc::<Counts>::default();
        let writer = Writer {
            counts: Arc::clone(&counts),
            opener,
            database: Some(database),
            reopen_at_ms: 0,
            clock,
        };
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&jobs))
            .map_err(|error| unusable(&error))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            events: Arc::default(),
            counts,
            events_waiting_max: (options.queue_len / 2).max(1),
            events_max: options.events_max,
        })
    }

    fn enqueue(&self, job: Job) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::Unavailable)?;
        // Before it is sent: the thread may take it at once.
        self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        queue.try_send(job).map_err(|error| {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => {
                    self.counts.busy.fetch_add(1, Ordering::Relaxed);
                    StoreError::Busy
                }
                TrySendError::Disconnected(_) => StoreError::Unavailable,
            }
        })
    }

    fn write<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&WriteTransaction) -> Result<T, OpError> + Send + 'static,
    ) -> Answer<T> {
        let (sender, answer) = oneshot::channel();
        let job = move |txn: &WriteTransaction| {
            let (outcome, failed) = split(operation(txn));
            let answer: AfterCommit = Box::new(move |durable| {
                // A caller that went away needs no answer.
                let _gone = sender
                    .send(if durable {
                        outcome
                    } else {
                        Err(StoreError::Unavailable)
                    })
                    .is_err();
            });
            (failed, answer)
        };
        await_answer(self.enqueue(Job::Write(Box::new(job))), answer)
    }

    fn read<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&ReadTransaction) -> Result<T, OpError> + Send + 'static,
    ) -> Answer<T> {
        let (sender, answer) = oneshot::channel();
        let job = move |txn: Option<&ReadTransaction>| {
            let outcome = txn.map_or(Err(StoreError::Unavailable), |txn| split(operation(txn)).0);
            let _gone = sender.send(outcome).is_err();
        };
        await_answer(self.enqueue(Job::Read(Box::new(job))), answer)
    }
}

/// The outcome as callers see it, and the failure that must abort the whole transaction.
fn split<T>(outcome: Result<T, OpError>) -> (Result<T, StoreError>, Option<redb::Error>) {
    match outcome {
        Ok(outcome) => (Ok(outcome), None),
        Err(OpError::Corrupt(table)) => (Err(StoreError::Corrupt { table }), None),
        Err(OpError::Storage(error)) => (Err(StoreError::Unavailable), Some(error)),
    }
}

fn await_answer<T: Send + 'static>(
    queued: Result<(), StoreError>,
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> Answer<T> {
    Box::pin(async move {
        queued?;
        answer.await.unwrap_or(Err(StoreError::Unavailable))
    })
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was reported when it happened, and every caller since was told `Unavailable`.
            let _panicked = thread.join().is_err();
        }
    }
}

impl Store for EmbeddedStore {
    fn device(&self, id: &str) -> Answer<Option<DeviceRecord>> {
        let id = id.to_owned();
        self.read(move |txn| tables::device(txn, &id))
    }

    fn device_by_thumbprint(&self, thumbprint: &str) -> Answer<Option<DeviceRecord>> {
        let thumbprint = thumbprint.to_owned();
        self.read(move |txn| tables::device_by_thumbprint(txn, &thumbprint))
    }

    fn device_count(&self) -> Answer<u64> {
        self.read(tables::device_count)
    }

    fn devices(&self, after: Option<String>, limit: usize) -> Answer<Vec<DeviceRecord>> {
        self.read(move |txn| tables::devices(txn, after.as_deref(), limit))
    }

    fn certificate_devices(&self, certificate: CertificateHash) -> Answer<u64> {
        self.read(move |txn| certificates::count(txn, &certificate))
    }

    fn devices_vouched_by(&self, vouching: Vec<CertificateHash>, limit: usize) -> Answer<Vec<String>> {
        self.read(move |txn| certificates::devices(txn, &vouching, limit))
    }

    fn enroll(&self, commit: EnrollCommit) -> Answer<EnrollOutcome> {
        self.write(move |txn| tables::enroll(txn, &commit))
    }

    fn renew(&self, commit: RenewCommit) -> Answer<RenewOutcome> {
        self.write(move |txn| tables::renew(txn, &commit))
    }

    fn spend(&self, key: [u8; 32], expires_s: u64) -> Answer<bool> {
        self.write(move |txn| tables::spend(txn, &key, expires_s))
    }

    fn ban(&self, ban: Ban) -> Answer<()> {
        self.write(move |txn| tables::ban(txn, &ban))
    }

    fn unban(&self, scope: BanScope) -> Answer<bool> {
        self.write(move |txn| tables::unban(txn, &scope))
    }

    fn bans(&self) -> Answer<Vec<Ban>> {
        self.read(tables::bans)
    }

    fn record(&self, event: Event) {
        let waiting = self.events.waiting.fetch_add(1, Ordering::Relaxed);
        let pending = PendingEvent {
            counters: Arc::clone(&self.events),
            durable: false,
        };
        if waiting >= self.events_waiting_max {
            return;
        }
        let events_max = self.events_max;
        let job = move |txn: &WriteTransaction| {
            let (outcome, failed) = split(tables::record(txn, &event, events_max));
            let after: AfterCommit = Box::new(move |durable| pending.settle(durable && outcome.is_ok()));
            (failed, after)
        };
        // A full queue drops the job, and with it `pending`, which counts the loss.
        let _lost = self.enqueue(Job::Write(Box::new(job))).is_err();
    }

    fn audit(&self, event: Event) -> Answer<()> {
        let events_max = self.events_max;
        self.write(move |txn| tables::record(txn, &event, events_max))
    }

    fn events(&self, limit: usize) -> Answer<Vec<Event>> {
        self.read(move |txn| tables::events(txn, limit))
    }

    fn events_dropped(&self) -> u64 {
        self.events.dropped.load(Ordering::Relaxed)
    }

    fn load(&self) -> StoreLoad {
        StoreLoad {
            waiting: self.counts.waiting.load(Ordering::Relaxed),
            busy: self.counts.busy.load(Ordering::Relaxed),
            failures: self.counts.failures.load(Ordering::Relaxed),
        }
    }

    fn sweep(&self, now_s: u64) -> Answer<Swept> {
        self.write(move |txn| tables::sweep(txn, now_s))
    }
}

/// The store's thread.
struct Writer {
    counts: Arc<Counts>,
    opener: Opener,
    database: Option<Database>,
    reopen_at_ms: u64,
    clock: Arc<dyn Clock>,
}

impl Writer {
    fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut writes = Vec::new();
            let mut reads = Vec::new();
            // What queued up during the last commit shares the next one.
            for job in std::iter::once(first).chain(jobs.try_iter().take(BATCH_MAX - 1)) {
                self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
                match job {
                    Job::Write(write) => writes.push(write),
                    Job::Read(read) => reads.push(read),
                }
            }
            self.reopen_if_due();
            if !writes.is_empty() {
                self.commit(writes);
            }
            if !reads.is_empty() {
                let txn = self
                    .database
                    .as_ref()
                    .and_then(|database| database.begin_read().ok());
                for read in reads {
                    read(txn.as_ref());
                }
            }
        }
    }

    /// Applies everything in one transaction and answers once it is durable; a failure answers, and undoes, everything.
    /// What a failure kept from running is dropped, which its caller reads as `Unavailable`.
    fn commit(&mut self, writes: Vec<Write>) {
        let Some(database) = &self.database else { return };
        let mut answers = Vec::with_capacity(writes.len());
        let committed = apply(database, writes, &mut answers);
        if let Err(error) = &committed {
            tracing::error!(%error, "the store failed; it is closed and opened again");
            self.counts.failures.fetch_add(1, Ordering::Relaxed);
            self.database = None;
            self.reopen_at_ms = self.clock.monotonic_ms().saturating_add(REOPEN_AFTER_MS);
        }
        for answer in answers {
            answer(committed.is_ok());
        }
    }

    fn reopen_if_due(&mut self) {
        if self.database.is_some() || self.clock.monotonic_ms() < self.reopen_at_ms {
            return;
        }
        match (self.opener)() {
            Ok(database) => {
                tracing::info!("the store is open again");
                self.database = Some(database);
            }
            Err(error) => {
                tracing::error!(%error, "the store cannot be opened");
                self.reopen_at_ms = self.clock.monotonic_ms().saturating_add(REOPEN_AFTER_MS);
            }
        }
    }
}

fn apply(database: &Database, writes: Vec<Write>, answers: &mut Vec<AfterCommit>) -> Result<(), redb::Error> {
    let txn = database.begin_write()?;
    for write in writes {
        let (failed, answer) = write(&txn);
        answers.push(answer);
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(txn.commit()?)
}

/// Creates the file with mode 0600 and makes its name durable, so that a first enrolment cannot vanish with its file.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.sync_all()?;
    match path.parent() {
        #[cfg(unix)]
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Writes that share one commit at most: what a slow disk lets pile up is paid for in a few commits, and one commit stays
/// short enough for those behind it.
const BATCH_MAX: usize = 256;
/// A broken disk is asked again once a second: reopening may have to read the whole file.
const REOPEN_AFTER_MS: u64 = 1000;
