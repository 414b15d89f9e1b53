//! A policy repository that is honest until a test spoils it: every file can be signed anew by any keys.

use std::collections::BTreeMap;

use attest_core::bundle::DEVICE_TARGET;
use attest_core::encoding::{hex, sha256};
use attest_core::service::PolicyBundle;
use attest_core::tuf::expiry_text;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Map, Value, json};

use super::world::BEGIN_S;

/// A key of a role.
pub(crate) struct Key {
    pair: Ed25519KeyPair,
    pub(crate) id: String,
}

impl Key {
    pub(crate) fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let id = hex(sha256(&[pair.public_key().as_ref()]));
        Self { pair, id }
    }

    fn public(&self) -> Value {
        json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex(self.pair.public_key())}})
    }
}

/// The keys of a role, all of which sign, and how many have to.
pub(crate) struct Role {
    pub(crate) keys: Vec<Key>,
    pub(crate) threshold: usize,
}

impl Role {
    pub(crate) fn of(keys: usize, threshold: usize) -> Self {
        Self {
            keys: (0..keys).map(|_| Key::new()).collect(),
            threshold,
        }
    }

    fn named(&self) -> Value {
        let ids: Vec<&str> = self.keys.iter().map(|key| key.id.as_str()).collect();
        json!({"keyids": ids, "threshold": self.threshold})
    }

    /// `signed` with the signatures of all keys.
    pub(crate) fn sign(&self, signed: &Value) -> String {
        signed_by(signed, &self.keys.iter().collect::<Vec<_>>())
    }
}

pub(crate) fn signed_by(signed: &Value, keys: &[&Key]) -> String {
    let message = canonical(signed);
    let signature = |key: &&Key| json!({"keyid": key.id, "sig": hex(key.pair.sign(message.as_bytes()))});
    let signatures: Vec<Value> = keys.iter().map(signature).collect();
    json!({"signed": signed, "signatures": signatures}).to_string()
}

/// What is signed: members in their order, whatever order a `Value` keeps them in.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<_, _> = members.iter().collect();
            let members = members
                .iter()
                .map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// A repository whose device policy is signed by two of two keys.
pub(crate) struct Repository {
    pub(crate) root: Role,
    pub(crate) timestamp: Role,
    pub(crate) snapshot: Role,
    pub(crate) targets: Role,
    /// Root 1 first.
    pub(crate) roots: Vec<String>,
    /// Of timestamp, snapshot and targets.
    pub(crate) versions: [u64; 3],
    pub(crate) root_expires_s: u64,
    /// Of timestamp, snapshot and targets.
    pub(crate) expires_s: [u64; 3],
    pub(crate) device: String,
    pub(crate) served: PolicyBundle,
}

impl Repository {
    pub(crate) fn new() -> Self {
        let mut repository = Self {
            root: Role::of(3, 2),
            timestamp: Role::of(1, 1),
            snapshot: Role::of(1, 1),
            targets: Role::of(2, 2),
            roots: Vec::new(),
            versions: [0; 3],
            root_expires_s: BEGIN_S + 3650 * 86_400,
            expires_s: [BEGIN_S + 365 * 86_400; 3],
            device: String::new(),
            served: PolicyBundle::default(),
        };
        let root = repository.root.sign(&repository.root_of(1));
        repository.roots.push(root);
        repository
    }

    /// Root 1.
    pub(crate) fn root(&self) -> &str {
        &self.roots[0]
    }

    /// This repository's root 1 under the signatures of another one's keys.
    pub(crate) fn forged_root(&self, other: &Self) -> String {
        other.root.sign(&self.root_of(1))
    }

    pub(crate) fn signed(&self, kind: &str, version: u64, expires_s: u64, more: Value) -> Value {
        let mut signed = Map::new();
        signed.insert("_type".to_owned(), json!(kind));
        signed.insert("spec_version".to_owned(), json!("1.0.31"));
        signed.insert("version".to_owned(), json!(version));
        signed.insert("expires".to_owned(), json!(expiry_text(expires_s)));
        let Value::Object(more) = more else {
            panic!("an object")
        };
        signed.extend(more);
        Value::Object(signed)
    }

    /// What root `version` says about the roles as they are now.
    pub(crate) fn root_of(&self, version: u64) -> Value {
        let roles = [&self.root, &self.timestamp, &self.snapshot, &self.targets];
        let keys = roles.iter().flat_map(|role| &role.keys);
        let keys: Map<_, _> = keys.map(|key| (key.id.clone(), key.public())).collect();
        let [root, timestamp, snapshot, targets] = roles.map(Role::named);
        let roles = json!({"root": root, "timestamp": timestamp, "snapshot": snapshot, "targets": targets});
        let more = json!({"consistent_snapshot": true, "keys": keys, "roles": roles});
        self.signed("root", version, self.root_expires_s, more)
    }

    /// Publishes the next root, after `change`, signed by the root keys before and after it; and everything below it anew.
    pub(crate) fn rotate(&mut self, change: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.root, Role::of(3, 2));
        change(self);
        let root = self.root_of(u64::try_from(self.roots.len()).unwrap() + 1);
        let signers: Vec<&Key> = before.keys.iter().chain(&self.root.keys).collect();
        self.roots.push(signed_by(&root, &signers));
        self.publish();
    }

    /// Publishes this device policy, if it is not what is published already.
    pub(crate) fn offer(&mut self, device: &str) {
        if self.device != device {
            device.clone_into(&mut self.device);
            self.publish();
        }
    }

    /// Publishes what is published anew, under higher versions.
    pub(crate) fn publish(&mut self) {
        self.versions = self.versions.map(|version| version + 1);
        let targets = self.targets_of(&[&self.device]);
        self.served.targets = self.targets.sign(&targets);
        self.served.artifacts = [(DEVICE_TARGET.to_owned(), self.device.clone())].into();
        self.seal();
    }

    /// Targets metadata that names this device policy, or none.
    pub(crate) fn targets_of(&self, device: &[&String]) -> Value {
        let files = device
            .iter()
            .map(|text| (DEVICE_TARGET.to_owned(), file(text)))
            .collect::<Map<_, _>>();
        let more = json!({"targets": files});
        self.signed("targets", self.versions[2], self.expires_s[2], more)
    }

    /// Signs snapshot and timestamp over the targets metadata as it is.
    pub(crate) fn seal(&mut self) {
        let [timestamp, snapshot, targets] = self.versions;
        let [timestamp_s, snapshot_s, _] = self.expires_s;
        let meta = |text: &str, version: u64| {
            let mut meta = file(text);
            meta["version"] = json!(version);
            meta
        };
        let more = json!({"meta": {"targets.json": meta(&self.served.targets, targets)}});
        self.served.snapshot = self
            .snapshot
            .sign(&self.signed("snapshot", snapshot, snapshot_s, more));
        let more = json!({"meta": {"snapshot.json": meta(&self.served.snapshot, snapshot)}});
        self.served.timestamp = self
            .timestamp
            .sign(&self.signed("timestamp", timestamp, timestamp_s, more));
    }

    /// What a phone that trusts root `held` is answered.
    pub(crate) fn bundle(&self, held: usize) -> PolicyBundle {
        let roots = self.roots.get(held..).unwrap_or_default();
        PolicyBundle {
            roots: roots.iter().take(32).cloned().collect(),
            more: roots.len() > 32,
            ..self.served.clone()
        }
    }
}

fn file(text: &str) -> Value {
    json!({"length": text.len(), "hashes": {"sha256": hex(sha256(&[text.as_bytes()]))}})
}
