//! A repository of the tests' own, whose parts each test spoils.

mod attacks;
mod forms;
mod properties;
mod samples;
mod search;

use std::collections::BTreeMap;

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::*;
use crate::encoding::{hex, sha256};

pub(super) const NOW_S: u64 = 1_800_000_000;
pub(super) const DAY_S: u64 = 86_400;

/// A key and its id.
pub(super) struct Key {
    pair: Ed25519KeyPair,
    pub(super) id: String,
}

impl Key {
    pub(super) fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let id = hex(sha256(&[pair.public_key().as_ref()]));
        Self { pair, id }
    }

    pub(super) fn public(&self) -> Value {
        json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(self.pair.public_key())}})
    }

    pub(super) fn signature(&self, signed: &Value) -> Value {
        let message = in_order(signed);
        json!({"keyid": self.id, "sig": hex(self.pair.sign(&message))})
    }
}

pub(super) fn signed_by(signed: &Value, keys: &[&Key]) -> Vec<u8> {
    let signatures: Vec<Value> = keys.iter().map(|key| key.signature(signed)).collect();
    in_order(&json!({"signed": signed, "signatures": signatures}))
}

/// The text of a value with its members in order, whatever order a `Value` keeps them in.
pub(super) fn in_order(value: &Value) -> Vec<u8> {
    let tree = crate::json::read(value.to_string().as_bytes());
    tree.and_then(|tree| tree.canonical()).unwrap()
}

pub(super) fn role_of(keys: &[&Key], threshold: u64) -> Value {
    let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
    json!({"keyids": ids, "threshold": threshold})
}

/// Keys of the top-level roles, and the files that are served.
pub(super) struct Repository {
    pub(super) root: Key,
    pub(super) timestamp: Key,
    pub(super) snapshot: Key,
    pub(super) targets: Key,
    pub(super) versions: [u64; 4],
    pub(super) expires_s: u64,
    /// What `targets` says, and each delegated role: name, version, `signed`, its keys.
    pub(super) delegated: BTreeMap<String, (u64, Value, Vec<u8>)>,
    pub(super) targets_signed: Value,
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    pub(super) fn new() -> Self {
        let mut repository = Self {
            root: Key::new(),
            timestamp: Key::new(),
            snapshot: Key::new(),
            targets: Key::new(),
            versions: [1; 4],
            expires_s: NOW_S + 30 * DAY_S,
            delegated: BTreeMap::new(),
            targets_signed: json!({"targets": {}}),
            files: BTreeMap::new(),
        };
        repository.publish_root(1, &[]);
        repository.publish();
        repository
    }

    pub(super) fn expires(&self) -> String {
        expiry_text(self.expires_s).unwrap()
    }

    pub(super) fn root_signed(&self, version: u64) -> Value {
        let keys: BTreeMap<&str, Value> = [&self.root, &self.timestamp, &self.snapshot, &self.targets]
            .into_iter()
            .map(|key| (key.id.as_str(), key.public()))
            .collect();
        json!({
            "_type": "root", "spec_version": "1.0.31", "version": version, "expires": self.expires(),
            "consistent_snapshot": true, "keys": keys,
            "roles": {
                "root": role_of(&[&self.root], 1), "timestamp": role_of(&[&self.timestamp], 1),
                "snapshot": role_of(&[&self.snapshot], 1), "targets": role_of(&[&self.targets], 1),
            },
        })
    }

    /// Publishes a root signed by its key and by those of before.
    pub(super) fn publish_root(&mut self, version: u64, before: &[&Key]) {
        let keys: Vec<&Key> = std::iter::once(&self.root)
            .chain(before.iter().copied())
            .collect();
        let bytes = signed_by(&self.root_signed(version), &keys);
        self.files.insert(format!("{version}.root.json"), bytes);
    }

    pub(super) fn targets_bytes(&self) -> Vec<u8> {
        let mut signed = self.targets_signed.clone();
        signed["_type"] = json!("targets");
        signed["spec_version"] = json!("1.0.31");
        signed["version"] = json!(self.versions[3]);
        signed["expires"] = json!(self.expires());
        signed_by(&signed, &[&self.targets])
    }

    pub(super) fn snapshot_signed(&self) -> Value {
        let targets = self.targets_bytes();
        let mut meta = BTreeMap::from([(
            "targets.json".to_owned(),
            json!({"version": self.versions[3], "length": targets.len(), "hashes": {"sha256": hex(sha256(&[&targets]))}}),
        )]);
        for (name, (version, _, _)) in &self.delegated {
            meta.insert(format!("{name}.json"), json!({"version": version}));
        }
        json!({
            "_type": "snapshot", "spec_version": "1.0.31", "version": self.versions[2], "expires": self.expires(), "meta": meta,
        })
    }

    pub(super) fn timestamp_signed(&self) -> Value {
        json!({
            "_type": "timestamp", "spec_version": "1.0.31", "version": self.versions[1], "expires": self.expires(),
            "meta": {"snapshot.json": {"version": self.versions[2]}},
        })
    }

    /// Writes all but the root anew, under the versions of now.
    pub(super) fn publish(&mut self) {
        let [_, _, snapshot, targets] = self.versions;
        self.files
            .insert(format!("{targets}.targets.json"), self.targets_bytes());
        for (name, (version, _, bytes)) in &self.delegated {
            let file = RoleName::named(name).published_name(Some(*version));
            self.files.insert(file, bytes.clone());
        }
        let bytes = signed_by(&self.snapshot_signed(), &[&self.snapshot]);
        self.files.insert(format!("{snapshot}.snapshot.json"), bytes);
        let bytes = signed_by(&self.timestamp_signed(), &[&self.timestamp]);
        self.files.insert("timestamp.json".to_owned(), bytes);
    }

    /// All versions but the root's rise by one, and everything is written anew.
    pub(super) fn publish_next(&mut self) {
        for version in self.versions.iter_mut().skip(1) {
            *version += 1;
        }
        self.publish();
    }
}

/// A client with a disk.
pub(super) struct Client {
    pub(super) kept: BTreeMap<RoleName, Vec<u8>>,
    pub(super) now_s: u64,
    /// What was fetched by the last refresh.
    pub(super) asked: Vec<String>,
}

impl Client {
    pub(super) fn of(repository: &Repository) -> Self {
        Self {
            kept: BTreeMap::from([(RoleName::Root, repository.files["1.root.json"].clone())]),
            now_s: NOW_S,
            asked: Vec::new(),
        }
    }

    pub(super) fn refresh(&mut self, repository: &Repository) -> Result<Updater, TufError> {
        self.asked.clear();
        let mut updater = Updater::new(&self.kept[&RoleName::Root], self.now_s, Bounds::PHONE)?;
        self.run(&mut updater, repository)?;
        Ok(updater)
    }

    pub(super) fn run(&mut self, updater: &mut Updater, repository: &Repository) -> Result<(), TufError> {
        loop {
            let bytes = match updater.want()? {
                Want::Nothing => return Ok(()),
                Want::Kept(role) => self.kept.get(&role).cloned(),
                Want::Fetch { name, .. } => {
                    let bytes = repository.files.get(&name).cloned();
                    self.asked.push(name);
                    bytes
                }
            };
            let supply = bytes.as_deref().map_or(Supply::Missing, Supply::Bytes);
            if let Some(role) = updater.supply(supply)? {
                self.kept.insert(role, bytes.unwrap());
            }
        }
    }
}

#[test]
fn a_refresh_asks_for_what_is_new_and_no_more() {
    let mut repository = Repository::new();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    assert_eq!(
        client.asked,
        [
            "2.root.json",
            "timestamp.json",
            "1.snapshot.json",
            "1.targets.json"
        ]
    );
    client.refresh(&repository).unwrap();
    assert_eq!(client.asked, ["2.root.json", "timestamp.json"]);
    repository.publish_next();
    let updater = client.refresh(&repository).unwrap();
    assert_eq!(
        client.asked,
        [
            "2.root.json",
            "timestamp.json",
            "2.snapshot.json",
            "2.targets.json"
        ]
    );
    assert_eq!(updater.trusted().version(&RoleName::Targets), Some(2));
    assert_eq!(updater.trusted().expires_s(), NOW_S + 30 * DAY_S);
}

#[test]
fn roots_are_followed_one_by_one() {
    let mut repository = Repository::new();
    let mut client = Client::of(&repository);
    for version in 2..=4 {
        let before = std::mem::replace(&mut repository.root, Key::new());
        repository.publish_root(version, &[&before]);
    }
    let updater = client.refresh(&repository).unwrap();
    assert_eq!(updater.trusted().root_version(), 4);
    assert_eq!(
        client.asked[..4],
        ["2.root.json", "3.root.json", "4.root.json", "5.root.json"]
    );
    assert_eq!(client.kept[&RoleName::Root], repository.files["4.root.json"]);
}

#[test]
fn who_keeps_every_root_never_stops_following() {
    let mut repository = Repository::new();
    let client = Client::of(&repository);
    let first = client.kept[&RoleName::Root].clone();
    for version in 2..=300 {
        repository.publish_root(version, &[]);
    }
    let root = |version: u64| repository.files[&format!("{version}.root.json")].clone();
    let mut newest = 1;
    for expect in [33, 65, 97] {
        let mut updater = Updater::new(&first, NOW_S, Bounds::PHONE).unwrap();
        for version in 2..=newest {
            updater.follow_kept_root(&root(version)).unwrap();
        }
        // Neither one that was skipped to nor one that is there twice is followed, and neither undoes what was.
        for other in [newest, newest + 2] {
            let refused = updater.follow_kept_root(&root(other)).unwrap_err();
            assert_eq!(refused.code(), "tuf-root-version");
        }
        Client::of(&repository).run(&mut updater, &repository).unwrap();
        newest = updater.trusted().root_version();
        assert_eq!(newest, expect);
        let late = updater.follow_kept_root(&root(newest + 1)).unwrap_err();
        assert_eq!(late.code(), "tuf-order");
    }
    let mut updater = Updater::new(&first, NOW_S, Bounds::PHONE).unwrap();
    let kept = (2..=299).map(root).map(|root| updater.follow_kept_root(&root));
    assert!(kept.into_iter().all(|followed| followed.is_ok()));
    Client::of(&repository).run(&mut updater, &repository).unwrap();
    assert_eq!(updater.trusted().root_version(), 300);
}

#[test]
fn an_intermediate_root_may_have_expired() {
    let mut repository = Repository::new();
    let mut client = Client::of(&repository);
    repository.expires_s = NOW_S - 1;
    let key = Key::new();
    let before = std::mem::replace(&mut repository.root, key);
    repository.publish_root(2, &[&before]);
    repository.expires_s = NOW_S + DAY_S;
    repository.versions = [3, 1, 1, 1];
    let same = [];
    repository.publish_root(3, &same);
    assert_eq!(client.refresh(&repository).unwrap().trusted().root_version(), 3);
}
