//! No acknowledged enrolment is ever lost: not to `kill -9`, not to a power cut.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use redb::{Database, StorageBackend};

use super::tests::enrolment;
use super::{EmbeddedStore, EnrollOutcome, Store as _, StoreOptions, embedded};
use crate::clock::ManualClock;

const KILLS: usize = 120;
const FILE: &str = "ATTEST_CRASH_TEST_FILE";
const RUN: &str = "ATTEST_CRASH_TEST_RUN";

/// SplitMix64: the points of death are random but the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn open(path: &Path) -> EmbeddedStore {
    EmbeddedStore::open(path, StoreOptions::default(), Arc::new(ManualClock::at(0))).unwrap()
}

/// The process that gets killed. Enrols eight devices at a time and prints each id once it is acknowledged.
#[test]
fn crash_child() {
    let (Ok(file), Ok(run)) = (std::env::var(FILE), std::env::var(RUN)) else {
        return;
    };
    let store = open(Path::new(&file));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut out = std::io::stdout();
    for n in 0.. {
        let ids: Vec<_> = (0..8).map(|lane| format!("r{run}-{n}-{lane}")).collect();
        let acks = ids
            .iter()
            .map(|id| store.enroll(enrolment(id, &format!("c{id}"), &format!("e{id}"))));
        for (id, ack) in ids.iter().zip(acks.collect::<Vec<_>>()) {
            assert_eq!(runtime.block_on(ack), Ok(EnrollOutcome::Committed));
            if writeln!(out, "ack {id}").and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    }
}

#[test]
fn a_killed_process_loses_no_acknowledged_enrolment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut random = Seeded(7);
    let mut acknowledged = HashSet::new();
    for run in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::crash_tests::crash_child",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FILE, &path)
            .env(RUN, run.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let dies_after = 1 + random.below(40);
        // The child runs on while we read, so death finds it at any point of any transaction.
        let mut seen = 0;
        let mut line = String::new();
        while seen < dies_after && lines.read_line(&mut line).unwrap() > 0 {
            if let Some(id) = line.trim_end().strip_prefix("ack ") {
                acknowledged.insert(id.to_owned());
                seen += 1;
            }
            line.clear();
        }
        assert_eq!(seen, dies_after, "the child ended by itself in run {run}");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it printed before it died was acknowledged, too; a line without its end was not printed.
        while lines.read_line(&mut line).unwrap() > 0 {
            if let Some(id) = line.strip_suffix('\n').and_then(|line| line.strip_prefix("ack ")) {
                acknowledged.insert(id.to_owned());
            }
            line.clear();
        }
        if run % 10 == 0 || run == KILLS - 1 {
            let store = open(&path);
            for id in &acknowledged {
                let device = runtime.block_on(store.device(id)).unwrap();
                assert!(
                    device.is_some(),
                    "{id} was acknowledged and is gone after run {run}"
                );
            }
        }
    }
    assert!(acknowledged.len() > KILLS);
}

/// A disk with a volatile cache: what was not synced may or may not be there after a power cut.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug, Default)]
struct DiskState {
    synced: Vec<u8>,
    current: Vec<u8>,
    /// Writes and truncations since the last sync, in order.
    volatile: Vec<(usize, Vec<u8>)>,
    syncs_until_cut: Option<u64>,
}

impl DiskState {
    /// The disk as it comes back: each unsynced write survived, or did not, or in part.
    fn after_power_cut(&self, random: &mut Seeded) -> Vec<u8> {
        let mut disk = self.synced.clone();
        disk.resize(disk.len().max(self.current.len()), 0);
        for (offset, bytes) in &self.volatile {
            let survived = match random.below(3) {
                0 => 0,
                1 => bytes.len(),
                _ => usize::try_from(random.below(bytes.len() as u64 + 1)).unwrap(),
            };
            disk[*offset..offset + survived].copy_from_slice(&bytes[..survived]);
        }
        disk
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        Ok(self.0.lock().unwrap().current.len() as u64)
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let disk = self.0.lock().unwrap();
        out.copy_from_slice(&disk.current[offset..offset + out.len()]);
        Ok(())
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        let len = usize::try_from(len).unwrap();
        let mut disk = self.0.lock().unwrap();
        disk.current.resize(len, 0);
        disk.volatile
            .retain(|(offset, bytes)| offset + bytes.len() <= len);
        Ok(())
    }
    fn sync_data(&self) -> std::io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if let Some(left) = &mut disk.syncs_until_cut {
            if *left == 0 {
                return Err(std::io::Error::other("power cut"));
            }
            *left -= 1;
        }
        disk.synced = disk.current.clone();
        disk.volatile.clear();
        Ok(())
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        let mut disk = self.0.lock().unwrap();
        disk.current[offset..offset + bytes.len()].copy_from_slice(bytes);
        disk.volatile.push((offset, bytes.to_vec()));
        Ok(())
    }
}

fn start(disk: &Disk) -> EmbeddedStore {
    let disk = disk.clone();
    let opener: embedded::Opener = Box::new(move || Database::builder().create_with_backend(disk.clone()));
    let clock = Arc::new(ManualClock::at(0));
    EmbeddedStore::start(opener, Path::new("memory"), StoreOptions::default(), clock).unwrap()
}

#[test]
fn a_power_cut_loses_no_acknowledged_enrolment() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut random = Seeded(11);
    let mut disk = Disk::default();
    let mut acknowledged = HashSet::new();
    for cut in 0..60 {
        let store = start(&disk);
        disk.0.lock().unwrap().syncs_until_cut = Some(random.below(6));
        for n in 0..200 {
            let id = format!("p{cut}-{n}");
            if runtime
                .block_on(store.enroll(enrolment(&id, &format!("c{id}"), &format!("e{id}"))))
                .is_err()
            {
                break;
            }
            acknowledged.insert(id);
        }
        drop(store);
        let mut state = DiskState::default();
        state.synced = disk.0.lock().unwrap().after_power_cut(&mut random);
        state.current = state.synced.clone();
        disk = Disk(Arc::new(Mutex::new(state)));
        let store = start(&disk);
        for id in &acknowledged {
            assert!(
                runtime.block_on(store.device(id)).unwrap().is_some(),
                "{id} is gone after cut {cut}"
            );
        }
        drop(store);
    }
    assert!(acknowledged.len() > 60);
}
