//! A disk that fails at any one point: nothing acknowledged is lost, nothing unacknowledged is half there, and the store works
//! again as soon as the disk does.

use std::path::Path;
use std::sync::{Arc, Mutex};

use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::tests::{enrolment, hash, renewal};
use super::{EmbeddedStore, EnrollOutcome, RenewOutcome, Store, StoreError, StoreOptions, embedded};
use crate::clock::ManualClock;

const NOW: u64 = 1_000_000;

/// How a disk fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// One operation fails; the next one works.
    Once,
    /// Each operation fails until there is room again.
    Full,
    /// A write is cut in the middle, and each operation after it fails until there is room again.
    Torn,
}

#[derive(Debug)]
struct Fate {
    failure: Failure,
    /// Writes, growths and syncs until it strikes; `None` when the disk is well.
    left: Option<u64>,
    /// Whether it has struck.
    struck: bool,
}

impl Fate {
    /// How this operation fails, if it does.
    fn strikes(&mut self) -> Option<Failure> {
        let left = self.left.as_mut()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let first = !self.struck;
        self.struck = true;
        match self.failure {
            Failure::Once => {
                self.left = None;
                Some(Failure::Once)
            }
            Failure::Torn if first => Some(Failure::Torn),
            Failure::Torn | Failure::Full => Some(Failure::Full),
        }
    }
}

#[derive(Debug, Clone)]
struct Disk {
    inner: Arc<InMemoryBackend>,
    fate: Arc<Mutex<Fate>>,
}

impl Disk {
    fn strike(&self) -> std::io::Result<()> {
        match self.fate.lock().unwrap().strikes() {
            None => Ok(()),
            Some(_) => Err(std::io::ErrorKind::StorageFull.into()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.strike()?;
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.strike()?;
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let fate = self.fate.lock().unwrap().strikes();
        match fate {
            None => self.inner.write(offset, bytes),
            Some(Failure::Torn) => {
                self.inner.write(offset, bytes.split_at(bytes.len() / 2).0)?;
                Err(std::io::ErrorKind::StorageFull.into())
            }
            Some(_) => Err(std::io::ErrorKind::StorageFull.into()),
        }
    }
}

struct Rig {
    store: EmbeddedStore,
    clock: Arc<ManualClock>,
    disk: Disk,
}

impl Rig {
    fn new() -> Self {
        let fate = Fate {
            failure: Failure::Once,
            left: None,
            struck: false,
        };
        let disk = Disk {
            inner: Arc::new(InMemoryBackend::new()),
            fate: Arc::new(Mutex::new(fate)),
        };
        let clock = Arc::new(ManualClock::at(NOW));
        let store = open(&disk, &clock);
        Self { store, clock, disk }
    }

    /// Makes it work again: there is room on the disk, and a second has passed.
    fn mend(&self) {
        self.disk.fate.lock().unwrap().left = None;
        self.clock.advance_s(2);
    }
}

fn open(disk: &Disk, clock: &Arc<ManualClock>) -> EmbeddedStore {
    let disk = disk.clone();
    let opener: embedded::Opener = Box::new(move || Database::builder().create_with_backend(disk.clone()));
    let clock = Arc::<ManualClock>::clone(clock);
    EmbeddedStore::start(opener, Path::new("memory"), StoreOptions::default(), clock).unwrap()
}

/// What every device goes through; whether it was acknowledged.
async fn enrol(store: &EmbeddedStore, device: &str) -> Result<(), StoreError> {
    let commit = enrolment(device, &format!("c{device}"), &format!("e{device}"));
    let answer = commit.response.clone();
    match store.enroll(commit).await? {
        EnrollOutcome::Committed => {}
        // The commit before had reached the disk, whole: its answer is there, too.
        EnrollOutcome::Replayed(kept) => assert_eq!(kept, answer, "{device}"),
        outcome @ (EnrollOutcome::ChallengeUsed | EnrollOutcome::KeyTaken(_)) => {
            panic!("{device} is half there: {outcome:?}")
        }
    }
    Ok(())
}

async fn renew(store: &EmbeddedStore, device: &str) -> Result<(), StoreError> {
    let commit = renewal(device, &format!("r{device}"), &format!("f{device}"));
    let answer = commit.response.clone();
    match store.renew(commit).await? {
        RenewOutcome::Committed => {}
        RenewOutcome::Replayed(kept) => assert_eq!(kept, answer, "{device}"),
        outcome @ (RenewOutcome::ChallengeUsed | RenewOutcome::DeviceUnknown | RenewOutcome::CounterUsed) => {
            panic!("the renewal of {device} is half there: {outcome:?}")
        }
    }
    Ok(())
}

/// Lets the disk fail at its `n`th operation. Returns whether it came to that.
async fn fails_at(n: u64, failure: Failure) -> bool {
    let mut rig = Rig::new();
    enrol(&rig.store, "before").await.unwrap();
    *rig.disk.fate.lock().unwrap() = Fate {
        failure,
        left: Some(n),
        struck: false,
    };
    let mut acknowledged = vec!["before".to_owned()];
    for device in 0..4 {
        let device = format!("d{device}");
        match enrol(&rig.store, &device).await {
            Ok(()) => acknowledged.push(device.clone()),
            Err(error) => {
                assert_eq!(error, StoreError::Unavailable, "{failure:?} at {n}");
                rig.mend();
                let again = enrol(&rig.store, &device).await;
                assert_eq!(
                    again,
                    Ok(()),
                    "{failure:?} at {n}: the disk is well, the store is not"
                );
                acknowledged.push(device.clone());
            }
        }
        if renew(&rig.store, &device).await.is_err() {
            rig.mend();
            assert_eq!(renew(&rig.store, &device).await, Ok(()), "{failure:?} at {n}");
        }
    }
    let struck = rig.disk.fate.lock().unwrap().struck;
    rig.mend();
    // What is there now, and what a restart finds.
    for _ in 0..2 {
        for device in &acknowledged {
            let kept = rig.store.device(device).await.unwrap();
            assert!(
                kept.is_some(),
                "{device} was acknowledged and is gone: {failure:?} at {n}"
            );
        }
        assert_eq!(rig.store.device_count().await.unwrap(), 5);
        assert!(rig.store.spend(hash(&format!("jti{n}")), NOW).await.is_ok());
        let Rig { store, clock, disk } = rig;
        drop(store);
        let store = open(&disk, &clock);
        rig = Rig { store, clock, disk };
    }
    struck
}

#[tokio::test]
async fn a_disk_may_fail_at_any_operation() {
    for failure in [Failure::Once, Failure::Full, Failure::Torn] {
        let mut n = 0;
        while fails_at(n, failure).await {
            n += 1;
        }
        assert!(n > 20, "{failure:?}: only {n} operations were there to fail");
    }
}
