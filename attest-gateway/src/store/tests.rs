//! Outcomes, idempotence, bounds and failure of the embedded store.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use redb::backends::InMemoryBackend;
use redb::{Database, StorageBackend};

use super::*;
use crate::clock::ManualClock;

const NOW: u64 = 1_000_000;

fn open(path: &Path) -> EmbeddedStore {
    EmbeddedStore::open(path, StoreOptions::default(), Arc::new(ManualClock::at(NOW))).unwrap()
}

fn fresh() -> (tempfile::TempDir, EmbeddedStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.redb"));
    (folder, store)
}

pub(super) fn hash(label: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..label.len()].copy_from_slice(label.as_bytes());
    hash
}

pub(super) fn enrolment(device: &str, challenge: &str, evidence: &str) -> EnrollCommit {
    EnrollCommit {
        challenge: hash(challenge),
        challenge_expires_s: NOW + 60,
        evidence_hash: hash(evidence),
        device: DeviceRecord {
            id: device.to_owned(),
            app: "bank".to_owned(),
            thumbprint: format!("key of {device}"),
            public_key: vec![4; 65],
            key_level: "tee".to_owned(),
            evidence_class: "software".to_owned(),
            enrolled_at_s: NOW,
            evidence_at_s: NOW,
            generation: 1,
            last_renewed_at_s: NOW,
            policy_version: 7,
            proof: None,
        },
        response: format!("answer to {evidence}").into_bytes(),
        response_expires_s: NOW + 600,
    }
}

pub(super) fn renewal(device: &str, challenge: &str, evidence: &str) -> RenewCommit {
    RenewCommit {
        challenge: hash(challenge),
        challenge_expires_s: NOW + 60,
        evidence_hash: hash(evidence),
        device_id: device.to_owned(),
        thumbprint: format!("key of {device}"),
        renewed_at_s: NOW + 9,
        policy_version: 8,
        counter: None,
        response: format!("answer to {evidence}").into_bytes(),
        response_expires_s: NOW + 600,
    }
}

fn event(code: &str) -> Event {
    Event {
        at_s: NOW,
        kind: "test".into(),
        device: None,
        app: None,
        code: code.into(),
        detail: String::new(),
        by: None,
        from: None,
    }
}

#[tokio::test]
async fn an_enrolment_is_committed_once_and_its_answer_repeated() {
    let (_folder, store) = fresh();
    let check = async |commit, expect| assert_eq!(store.enroll(commit).await.unwrap(), expect);
    check(enrolment("d1", "c1", "e1"), EnrollOutcome::Committed).await;
    check(
        enrolment("d1", "c1", "e1"),
        EnrollOutcome::Replayed(b"answer to e1".to_vec()),
    )
    .await;
    check(enrolment("d2", "c1", "e2"), EnrollOutcome::ChallengeUsed).await;
    let mut same_key = enrolment("d3", "c3", "e3");
    same_key.device.thumbprint = "key of d1".to_owned();
    check(same_key, EnrollOutcome::KeyTaken("d1".to_owned())).await;
    // Whatever was refused left no trace: neither a device, nor a spent challenge, nor an answer.
    assert_eq!(store.device_count().await.unwrap(), 1);
    check(enrolment("d3", "c3", "e3"), EnrollOutcome::Committed).await;
    assert_eq!(
        store.device("d1").await.unwrap(),
        Some(enrolment("d1", "", "").device)
    );
    assert_eq!(
        store.device_by_thumbprint("key of d3").await.unwrap().unwrap().id,
        "d3"
    );
    assert_eq!(store.device("d2").await.unwrap(), None);
}

#[tokio::test]
async fn a_device_that_enrols_a_new_key_loses_the_old_one() {
    let (_folder, store) = fresh();
    store.enroll(enrolment("d1", "c1", "e1")).await.unwrap();
    let mut again = enrolment("d1", "c2", "e2");
    again.device.thumbprint = "second key".to_owned();
    assert_eq!(store.enroll(again).await.unwrap(), EnrollOutcome::Committed);
    assert_eq!(store.device_by_thumbprint("key of d1").await.unwrap(), None);
    assert_eq!(
        store
            .device_by_thumbprint("second key")
            .await
            .unwrap()
            .unwrap()
            .id,
        "d1"
    );
    assert_eq!(
        store.renew(renewal("d1", "c3", "e3")).await.unwrap(),
        RenewOutcome::DeviceUnknown
    );
}

#[tokio::test]
async fn a_renewal_is_committed_once_and_its_answer_repeated() {
    let (_folder, store) = fresh();
    store.enroll(enrolment("d1", "c1", "e1")).await.unwrap();
    let check = async |commit, expect| assert_eq!(store.renew(commit).await.unwrap(), expect);
    check(renewal("d1", "c2", "e2"), RenewOutcome::Committed).await;
    check(
        renewal("d1", "c2", "e2"),
        RenewOutcome::Replayed(b"answer to e2".to_vec()),
    )
    .await;
    check(renewal("d1", "c2", "e3"), RenewOutcome::ChallengeUsed).await;
    check(renewal("d1", "c1", "e3"), RenewOutcome::ChallengeUsed).await;
    check(renewal("d9", "c9", "e9"), RenewOutcome::DeviceUnknown).await;
    let device = store.device("d1").await.unwrap().unwrap();
    assert_eq!((device.last_renewed_at_s, device.policy_version), (NOW + 9, 8));
}

#[tokio::test]
async fn of_simultaneous_uses_of_a_challenge_one_wins() {
    let (_folder, store) = fresh();
    let uses = (0..50).map(|n| store.enroll(enrolment(&format!("d{n}"), "c", &format!("e{n}"))));
    let outcomes = futures_util::future::join_all(uses.collect::<Vec<_>>()).await;
    let count = |expect: &EnrollOutcome| {
        outcomes
            .iter()
            .flatten()
            .filter(|outcome| *outcome == expect)
            .count()
    };
    assert_eq!(
        (
            count(&EnrollOutcome::Committed),
            count(&EnrollOutcome::ChallengeUsed)
        ),
        (1, 49)
    );
    assert_eq!(store.device_count().await.unwrap(), 1);
}

#[tokio::test]
async fn expired_entries_are_swept_and_live_ones_stay() {
    let (_folder, store) = fresh();
    store.enroll(enrolment("d1", "c1", "e1")).await.unwrap();
    assert!(store.spend(hash("jti"), NOW + 10).await.unwrap());
    assert!(!store.spend(hash("jti"), NOW + 10).await.unwrap());
    let short = Ban {
        scope: BanScope::All,
        kind: BanKind::Banned,
        reason: String::new(),
        at_s: NOW,
        until_s: Some(NOW),
    };
    store.ban(short).await.unwrap();
    let check = async |now_s, removed| {
        assert_eq!(
            store.sweep(now_s).await.unwrap(),
            Swept { removed, more: false },
            "at {now_s}"
        );
    };
    check(NOW, 0).await;
    check(NOW + 1, 1).await;
    check(NOW + 10, 0).await;
    check(NOW + 11, 1).await;
    assert!(store.spend(hash("jti"), NOW + 20).await.unwrap());
    check(NOW + 601, 3).await;
    assert_eq!(
        store.enroll(enrolment("d1", "c1", "e1")).await.unwrap(),
        EnrollOutcome::Committed
    );
    let many = (0..1100).map(|n| store.spend(hash(&format!("many {n}")), NOW));
    futures_util::future::join_all(many.collect::<Vec<_>>()).await;
    assert_eq!(
        store.sweep(NOW + 1).await.unwrap(),
        Swept {
            removed: 1024,
            more: true
        }
    );
    assert_eq!(
        store.sweep(NOW + 1).await.unwrap(),
        Swept {
            removed: 76,
            more: false
        }
    );
}

#[tokio::test]
async fn bans_survive_by_scope_and_kind() {
    let (_folder, store) = fresh();
    let ban = |scope, kind| Ban {
        scope,
        kind,
        reason: "why".to_owned(),
        at_s: NOW,
        until_s: None,
    };
    let device = || BanScope::Device("d1".to_owned());
    store.ban(ban(device(), BanKind::Banned)).await.unwrap();
    store
        .ban(ban(device(), BanKind::SessionsNotBefore(5)))
        .await
        .unwrap();
    store
        .ban(ban(device(), BanKind::SessionsNotBefore(6)))
        .await
        .unwrap();
    store
        .ban(ban(BanScope::App("d1".to_owned()), BanKind::Banned))
        .await
        .unwrap();
    assert!(store.unban(device()).await.unwrap());
    assert!(!store.unban(device()).await.unwrap());
    let mut kept: Vec<_> = store
        .bans()
        .await
        .unwrap()
        .into_iter()
        .map(|ban| (ban.scope, ban.kind))
        .collect();
    kept.sort();
    let app = (BanScope::App("d1".to_owned()), BanKind::Banned);
    assert_eq!(kept, [(device(), BanKind::SessionsNotBefore(6)), app]);
}

#[tokio::test]
async fn events_are_a_ring_and_losses_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        queue_len: 1000,
        events_max: 10,
        ..StoreOptions::default()
    };
    let path = folder.path().join("store.redb");
    let store = EmbeddedStore::open(&path, options, Arc::new(ManualClock::at(NOW))).unwrap();
    for n in 0..25 {
        store.record(event(&format!("code-{n}")));
    }
    let newest = store.events(3).await.unwrap();
    let codes: Vec<_> = newest.iter().map(|event| event.code.as_str()).collect();
    assert_eq!(codes, ["code-24", "code-23", "code-22"]);
    assert_eq!(store.events(100).await.unwrap().len(), 10);
    assert_eq!(store.events_dropped(), 0);
}

#[tokio::test]
async fn an_audit_event_is_durable_when_it_is_answered_and_keeps_who_did_it() {
    let (_folder, store) = fresh();
    let by_operator = Event {
        by: Some("ops".to_owned()),
        from: Some("hash".to_owned()),
        ..event("ok")
    };
    store.audit(by_operator.clone()).await.unwrap();
    assert_eq!(store.events(9).await.unwrap(), [by_operator]);
}

#[tokio::test]
async fn devices_are_read_page_by_page() {
    let (_folder, store) = fresh();
    for n in 0..5 {
        let (device, challenge, evidence) = (format!("d{n}"), format!("c{n}"), format!("e{n}"));
        store
            .enroll(enrolment(&device, &challenge, &evidence))
            .await
            .unwrap();
    }
    let check = async |after: Option<&str>, limit, expect: &[&str]| {
        let page = store.devices(after.map(str::to_owned), limit).await.unwrap();
        let ids: Vec<_> = page.iter().map(|device| device.id.as_str()).collect();
        assert_eq!(ids, expect, "{limit} after {after:?}");
    };
    check(None, 2, &["d0", "d1"]).await;
    check(Some("d1"), 2, &["d2", "d3"]).await;
    check(Some("d3"), 2, &["d4"]).await;
    check(Some("d4"), 2, &[]).await;
    check(Some("d11"), 9, &["d2", "d3", "d4"]).await;
}

#[tokio::test]
async fn a_second_process_and_an_unknown_format_are_refused() {
    let (folder, store) = fresh();
    let path = folder.path().join("store.redb");
    let again = |path: &Path| {
        let opened = EmbeddedStore::open(path, StoreOptions::default(), Arc::new(ManualClock::at(NOW)));
        opened.map_err(|error| error.code()).err()
    };
    assert_eq!(again(&path), Some("store-in-use"));
    drop(store);
    assert_eq!(again(&path), None);
    let database = Database::open(&path).unwrap();
    let txn = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<'_, &str, u64>::new("meta");
    txn.open_table(meta).unwrap().insert("schema", 99).unwrap();
    txn.commit().unwrap();
    drop(database);
    assert_eq!(again(&path), Some("store-format"));
    std::fs::write(&path, b"this is no database, however long it may be").unwrap();
    assert_eq!(again(&path), Some("store-unusable"));
    assert_eq!(again(folder.path()), Some("store-unusable"));
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _store) = fresh();
    let mode = folder
        .path()
        .join("store.redb")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// A disk that can be told to fail, or to block until it is let go.
#[derive(Debug)]
struct Disk {
    inner: Arc<InMemoryBackend>,
    failing: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.inner.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.inner.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.inner.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        let _let_go = self.gate.lock().unwrap();
        if self.failing.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("the disk is full"));
        }
        self.inner.sync_data()
    }
    fn write(&self, offset: u64, bytes: &[u8]) -> std::io::Result<()> {
        self.inner.write(offset, bytes)
    }
}

struct Rig {
    store: EmbeddedStore,
    clock: Arc<ManualClock>,
    failing: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
}

fn rig(queue_len: usize) -> Rig {
    let (failing, gate) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(())));
    let inner = Arc::new(InMemoryBackend::new());
    let clock = Arc::new(ManualClock::at(NOW));
    let disk = {
        let (failing, gate) = (Arc::clone(&failing), Arc::clone(&gate));
        move || Disk {
            inner: Arc::clone(&inner),
            failing: Arc::clone(&failing),
            gate: Arc::clone(&gate),
        }
    };
    let opener: embedded::Opener = Box::new(move || Database::builder().create_with_backend(disk()));
    let options = StoreOptions {
        queue_len,
        events_max: 10,
        ..StoreOptions::default()
    };
    let store = EmbeddedStore::start(
        opener,
        Path::new("memory"),
        options,
        Arc::<ManualClock>::clone(&clock),
    )
    .unwrap();
    Rig {
        store,
        clock,
        failing,
        gate,
    }
}

#[tokio::test]
async fn a_failing_disk_acknowledges_nothing_and_recovers_when_it_is_well() {
    let Rig {
        store,
        clock,
        failing,
        ..
    } = rig(100);
    store.enroll(enrolment("d1", "c1", "e1")).await.unwrap();
    failing.store(true, Ordering::SeqCst);
    assert_eq!(
        store.enroll(enrolment("d2", "c2", "e2")).await,
        Err(StoreError::Unavailable)
    );
    assert_eq!(store.device("d1").await, Err(StoreError::Unavailable));
    store.record(event("lost"));
    assert_eq!(store.spend(hash("jti"), NOW).await, Err(StoreError::Unavailable));
    assert_eq!(store.events_dropped(), 1);
    failing.store(false, Ordering::SeqCst);
    assert_eq!(
        store.device("d1").await,
        Err(StoreError::Unavailable),
        "not asked again within a second"
    );
    clock.advance_s(2);
    assert_eq!(store.device("d1").await.unwrap().unwrap().id, "d1");
    // The failed commit reached this disk all the same: unacknowledged is not undone, so repeating must be safe.
    assert_eq!(
        store.enroll(enrolment("d2", "c2", "e2")).await,
        Ok(EnrollOutcome::Replayed(b"answer to e2".to_vec()))
    );
    assert_eq!(
        store.enroll(enrolment("d3", "c3", "e3")).await,
        Ok(EnrollOutcome::Committed)
    );
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once_and_events_leave_room_for_others() {
    let Rig { store, gate, .. } = rig(8);
    let stuck = gate.lock().unwrap();
    let mut waiting: Vec<_> = Vec::new();
    for _ in 0..20 {
        store.record(event("flood"));
    }
    // Events hold at most half of the queue, so that an enrolment still finds its place.
    assert!(store.events_dropped() >= 16);
    waiting.push(store.enroll(enrolment("d0", "c0", "e0")));
    for n in 1..20 {
        waiting.push(store.enroll(enrolment(&format!("d{n}"), &format!("c{n}"), &format!("e{n}"))));
    }
    drop(stuck);
    let outcomes = futures_util::future::join_all(waiting).await;
    assert_eq!(outcomes[0], Ok(EnrollOutcome::Committed));
    let committed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let busy = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(StoreError::Busy))
        .count();
    assert!(busy > 0 && committed + busy == 20, "{outcomes:?}");
    assert_eq!(
        store.device_count().await.unwrap(),
        u64::try_from(committed).unwrap()
    );
}

/// An enrolment whose key these certificates vouch for, through `NOW + 100`.
fn vouched(device: &str, challenge: &str, certificates: &[&str]) -> EnrollCommit {
    let mut commit = enrolment(device, challenge, challenge);
    commit.device.proof = Some(ProofRecord {
        certificates: certificates.iter().map(|name| hash(name)).collect(),
        certificates_until_s: NOW + 100,
        ..ProofRecord::default()
    });
    commit
}

#[tokio::test]
async fn devices_are_counted_per_certificate_until_they_move_or_time_is_over() {
    let (_folder, store) = fresh();
    for (device, challenge, certificates) in [
        ("d1", "c1", ["batch", "ca"]),
        ("d2", "c2", ["batch", "ca"]),
        ("d3", "c3", ["rkp", "ca"]),
    ] {
        let outcome = store.enroll(vouched(device, challenge, &certificates)).await;
        assert_eq!(outcome, Ok(EnrollOutcome::Committed));
    }
    let counts = async || {
        let mut counts = Vec::new();
        for name in ["batch", "rkp", "ca", "other"] {
            counts.push(store.certificate_devices(hash(name)).await.unwrap());
        }
        counts
    };
    assert_eq!(counts().await, [2, 1, 3, 0]);
    let revoked = |names: &[&str], limit| {
        let certificates = names.iter().map(|name| hash(name)).collect();
        store.devices_vouched_by(certificates, limit)
    };
    assert_eq!(revoked(&["batch", "other"], 9).await.unwrap(), ["d1", "d2"]);
    assert_eq!(revoked(&["batch", "rkp", "ca"], 9).await.unwrap().len(), 3);
    assert_eq!(revoked(&["ca"], 2).await.unwrap().len(), 2);

    // A new key has a new chain; a renewal changes nothing.
    store.enroll(vouched("d1", "c4", &["rkp2", "ca"])).await.unwrap();
    store.renew(renewal("d2", "c5", "e5")).await.unwrap();
    assert_eq!(counts().await, [1, 1, 3, 0]);

    store.sweep(NOW + 100).await.unwrap();
    assert_eq!(counts().await, [1, 1, 3, 0]);
    store.sweep(NOW + 101).await.unwrap();
    assert_eq!(counts().await, [0, 0, 0, 0]);
    let device = store.device("d2").await.unwrap().unwrap();
    assert!(device.proof.unwrap().certificates.is_empty());
}

#[tokio::test]
async fn of_simultaneous_assertions_with_one_counter_one_wins() {
    let (_folder, store) = fresh();
    let mut commit = enrolment("d1", "c0", "e0");
    commit.device.proof = Some(ProofRecord {
        app_attest: Some(AppAttestRecord {
            public_key: vec![4; 65],
            counter: 0,
        }),
        ..ProofRecord::default()
    });
    store.enroll(commit).await.unwrap();
    let asserted = |number: u32, counter| {
        let mut commit = renewal("d1", &format!("c{number}"), &format!("e{number}"));
        commit.counter = Some(counter);
        store.renew(commit)
    };
    let outcomes = futures_util::future::join_all((1..9).map(|number| asserted(number, 5))).await;
    let won = outcomes
        .iter()
        .filter(|outcome| **outcome == Ok(RenewOutcome::Committed));
    assert_eq!(won.count(), 1, "{outcomes:?}");
    for (number, counter, expect) in [
        (11, 5, RenewOutcome::CounterUsed),
        (12, 4, RenewOutcome::CounterUsed),
        (13, 9, RenewOutcome::Committed),
    ] {
        assert_eq!(asserted(number, counter).await, Ok(expect), "counter {counter}");
    }
    // Who has no such key cannot assert.
    store.enroll(enrolment("d2", "c20", "e20")).await.unwrap();
    let mut foreign = renewal("d2", "c21", "e21");
    foreign.counter = Some(1);
    assert_eq!(store.renew(foreign).await, Ok(RenewOutcome::CounterUsed));
}

#[test]
fn serialized_records_keep_their_form() {
    let check = |json: serde_json::Value, expect: &str| assert_eq!(json.to_string(), expect);
    let device = serde_json::to_value(enrolment("d1", "c", "e").device).unwrap();
    let fields: Vec<_> = device.as_object().unwrap().keys().map(String::as_str).collect();
    let expect = [
        "app",
        "enrolled_at_s",
        "evidence_at_s",
        "evidence_class",
        "generation",
        "id",
        "key_level",
        "last_renewed_at_s",
        "policy_version",
        "public_key",
        "thumbprint",
    ];
    assert_eq!(
        fields.iter().collect::<std::collections::BTreeSet<_>>(),
        expect.iter().collect()
    );
    assert_eq!(device["public_key"].as_str().unwrap().len(), 87);
    let scope = serde_json::to_value(BanScope::Device("d1".into())).unwrap();
    check(scope, r#"{"device":"d1"}"#);
    check(serde_json::to_value(BanScope::All).unwrap(), r#""all""#);
    check(
        serde_json::to_value(BanKind::SessionsNotBefore(5)).unwrap(),
        r#"{"sessions-not-before":5}"#,
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Any sequence of enrolments agrees with a plain model of the rules.
    #[test]
    fn enrolments_follow_the_model(steps in prop::collection::vec((0_u8..4, 0_u8..4, 0_u8..6), 1..30)) {
        let Rig { store, .. } = rig(100);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut answers = HashMap::new();
        let mut challenges = std::collections::HashSet::new();
        for (device, challenge, evidence) in steps {
            let commit = enrolment(&format!("d{device}"), &format!("c{challenge}"), &format!("e{evidence}"));
            let expect = if let Some(answer) = answers.get(&evidence) {
                EnrollOutcome::Replayed(Vec::clone(answer))
            } else if challenges.insert(challenge) {
                answers.insert(evidence, commit.response.clone());
                EnrollOutcome::Committed
            } else {
                EnrollOutcome::ChallengeUsed
            };
            prop_assert_eq!(runtime.block_on(store.enroll(commit)), Ok(expect));
        }
    }
}
