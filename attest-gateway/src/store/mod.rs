//! What outlives a process: registered devices, spent challenges, idempotent answers, bans and events.
//!
//! Whatever [`Store`] acknowledges is durable. No call blocks the thread that makes it, none waits in a queue without
//! bound: a full one answers [`StoreError::Busy`]. A store never decides: it commits what a caller concluded, or says why
//! that conclusion no longer holds (the challenge is used, the device is gone).

mod certificates;
mod embedded;
mod record;
mod tables;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::pin::Pin;

pub use certificates::CertificateHash;
pub use embedded::{EmbeddedStore, StoreOpenError, StoreOptions};
pub use record::{
    AppAttestRecord, Ban, BanKind, BanScope, DeviceRecord, EnrollCommit, Event, ProofRecord, RenewCommit,
};

/// The answer of a store: a future that needs no borrow and may be awaited on any core.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// Durable state of a gateway or a fleet.
///
/// Work is queued by the call itself; the future only waits for its outcome. Dropping it does not undo the work.
pub trait Store: Send + Sync + Debug {
    /// The device with this id.
    fn device(&self, id: &str) -> Answer<Option<DeviceRecord>>;

    /// The device whose key has this JWK thumbprint.
    fn device_by_thumbprint(&self, thumbprint: &str) -> Answer<Option<DeviceRecord>>;

    /// How many devices are registered.
    fn device_count(&self) -> Answer<u64>;

    /// At most `limit` devices in the order of their ids, from the first one after `after`.
    fn devices(&self, after: Option<String>, limit: usize) -> Answer<Vec<DeviceRecord>>;

    /// How many registered devices a certificate vouches for.
    fn certificate_devices(&self, certificate: CertificateHash) -> Answer<u64>;

    /// At most `limit` ids of devices for which any of these certificates vouches.
    fn devices_vouched_by(&self, certificates: Vec<CertificateHash>, limit: usize) -> Answer<Vec<String>>;

    /// Registers a device, spends its challenge and keeps the answer, all or nothing.
    fn enroll(&self, commit: EnrollCommit) -> Answer<EnrollOutcome>;

    /// Notes a renewal, spends its challenge and keeps the answer, all or nothing.
    fn renew(&self, commit: RenewCommit) -> Answer<RenewOutcome>;

    /// Spends a single-use key for as long as its token could be shown again. True exactly once per key.
    fn spend(&self, key: [u8; 32], expires_s: u64) -> Answer<bool>;

    /// Keeps a ban, in place of an earlier one of the same scope and kind.
    fn ban(&self, ban: Ban) -> Answer<()>;

    /// Lifts the `banned` of a scope and says whether there was one. Cut sessions stay cut.
    fn unban(&self, scope: BanScope) -> Answer<bool>;

    /// Every ban that is kept, expired ones included until they are swept.
    fn bans(&self) -> Answer<Vec<Ban>>;

    /// Notes an event behind the caller's back. Lost, and counted, when events come faster than the disk takes them.
    fn record(&self, event: Event);

    /// Keeps an event durably, or says that it could not: for what must be on record, unlike [`Store::record`].
    fn audit(&self, event: Event) -> Answer<()>;

    /// The newest `limit` events, newest first.
    fn events(&self, limit: usize) -> Answer<Vec<Event>>;

    /// How many events were lost since the start.
    fn events_dropped(&self) -> u64;

    /// How busy it is, and how often it failed.
    fn load(&self) -> StoreLoad;

    /// Forgets a bounded number of challenges, single-use keys, answers, certificates and bans that expired before `now_s`.
    fn sweep(&self, now_s: u64) -> Answer<Swept>;
}

/// What became of an enrolment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrollOutcome {
    /// Durable: the answer may be sent.
    Committed,
    /// Other evidence already used this challenge. Nothing was changed.
    ChallengeUsed,
    /// The same evidence was answered before: send this answer again. Nothing was changed.
    Replayed(Vec<u8>),
    /// The key is registered under this other device id, by an enrolment that won a race. Nothing was changed, the
    /// challenge is not spent: appraise again for that device.
    KeyTaken(String),
}

/// What became of a renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenewOutcome {
    /// Durable: the answer may be sent.
    Committed,
    /// Other evidence already used this challenge. Nothing was changed.
    ChallengeUsed,
    /// The same evidence was answered before: send this answer again. Nothing was changed.
    Replayed(Vec<u8>),
    /// No such device, or it has another key by now. Nothing was changed.
    DeviceUnknown,
    /// The counter is not above the one that is kept: this assertion, or a later one, was used before. Nothing was changed.
    CounterUsed,
}

/// How busy a store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreLoad {
    /// Calls that wait now.
    pub waiting: u64,
    /// Calls answered [`StoreError::Busy`] since the start.
    pub busy: u64,
    /// Commits that failed since the start.
    pub failures: u64,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Entries forgotten.
    pub removed: usize,
    /// Whether expired entries remain, because one sweep is bounded.
    pub more: bool,
}

/// Why a store could not answer. Nothing was acknowledged; whether it reached the disk is unknown, and repeating the same
/// call is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The queue is full: shed load, ask for `later`.
    #[error("the store's queue is full")]
    Busy,
    /// The disk or the store's thread failed: fail closed, ask for `later`.
    #[error("the store is unavailable")]
    Unavailable,
    /// A record of this table is not what this version can read.
    #[error("a record in table `{table}` cannot be read")]
    Corrupt {
        /// The table's name.
        table: &'static str,
    },
}

impl StoreError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy => "store-busy",
            Self::Unavailable => "store-unavailable",
            Self::Corrupt { .. } => "store-corrupt",
        }
    }
}
