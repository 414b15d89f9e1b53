//! The owners of a policy repository: root and targets keys with thresholds, an online key, a brake key. What they sign is good
//! until a test spoils the draft before it is signed, or the files after.

use std::collections::BTreeMap;
use std::path::Path;

use attest_core::jose::{Jwk, JwkSet, SigningKey};
use attest_policy::Compiled;
use attest_policy::repository::{
    BRAKE_ROLE, BRAKE_TARGET, DelegatedRole, Delegations, Described, Header, KeyIds, KeyKind, MetaFile,
    Metadata, Repository, RoleKey, Root, RootRoles, Signed, Snapshot, Targets, Timestamp,
};
use attest_testkit::policy::PolicySettings;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use crate::scene::START_S;

/// When everything expires that a test does not let expire: ten days after the beginning.
pub const EXPIRES_S: u64 = START_S + 10 * 86_400;

/// Rules that a brake may relax, and one that it may not.
pub const RULES: &str = "- id: stop-login
    mode: enforce
    routes: [login]
    why: No login for a while.
    when: {fact: app.id, op: eq, value: bank-android}
    then: deny
  - id: watched
    mode: shadow
    routes: [login]
    why: Only counted.
    when: {fact: app.id, op: eq, value: bank-android}
    then: deny
";

/// Who signs, and what was signed last.
#[derive(Debug)]
pub struct Publisher {
    /// Two keys, both needed.
    pub root: [RoleKey; 2],
    /// Three keys, two needed.
    pub targets: [RoleKey; 3],
    /// Signs timestamp and snapshot.
    pub online: RoleKey,
    /// Signs brakes.
    pub brake: RoleKey,
    /// Signed roots, the first one first.
    pub roots: Vec<Vec<u8>>,
    /// What the policy is made of; `more_rules` decides whether login is stopped.
    pub settings: PolicySettings,
    /// `development` unless a test says otherwise.
    pub environment: &'static str,
    response_keys: Vec<Value>,
    version: u64,
}

/// What is about to be signed. Every member may be spoilt.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The metadata's version, of all roles.
    pub version: u64,
    /// When the timestamp expires.
    pub timestamp_expires_s: u64,
    /// When the snapshot expires.
    pub snapshot_expires_s: u64,
    /// When the role `targets` expires.
    pub targets_expires_s: u64,
    /// When the role `brake` expires.
    pub brake_expires_s: u64,
    /// The policy: `device.json`, `gateway.json`, `tests.json`.
    pub artifacts: BTreeMap<String, Vec<u8>>,
    /// `brake.json`.
    pub brake: Option<Vec<u8>>,
    /// Which of the targets keys sign, by position; one may sign twice.
    pub signers: Vec<usize>,
    /// What `brake` may name.
    pub brake_paths: Vec<String>,
}

impl Publisher {
    /// New keys, and the first root.
    #[must_use]
    pub fn new(origin: &str, response_keys: &JwkSet) -> Self {
        let rng = SystemRandom::new();
        let key = |kind| RoleKey::generate(kind, &rng).unwrap();
        let ed = || key(KeyKind::Ed25519);
        let otp = SigningKey::generate(&rng).unwrap();
        let mut publisher = Self {
            root: [ed(), key(KeyKind::P256)],
            targets: [ed(), key(KeyKind::P256), ed()],
            online: ed(),
            brake: ed(),
            roots: Vec::new(),
            settings: PolicySettings {
                version: 0,
                ..PolicySettings::new(origin, Jwk::published(&otp.public_point()))
            },
            response_keys: response_keys
                .keys
                .iter()
                .map(|key| serde_json::to_value(key).unwrap())
                .collect(),
            environment: "development",
            version: 0,
        };
        let root = publisher.next_root(1, EXPIRES_S);
        publisher.roots.push(root);
        publisher
    }

    /// A root of this version with the keys as they are now, signed by the root keys as they are now.
    #[must_use]
    pub fn next_root(&self, version: u64, expires_s: u64) -> Vec<u8> {
        let public = |keys: &[RoleKey]| keys.iter().map(RoleKey::public).collect::<Vec<_>>();
        let (root, targets) = (public(&self.root), public(&self.targets));
        let online = vec![self.online.public()];
        let all = root.iter().chain(&targets).chain(&online);
        let root = Root {
            header: Header::new(version, expires_s).unwrap(),
            consistent_snapshot: true,
            keys: all.map(|key| (key.id(), key.clone())).collect(),
            roles: RootRoles {
                root: KeyIds::new(&root, 2),
                timestamp: KeyIds::new(&online, 1),
                snapshot: KeyIds::new(&online, 1),
                targets: KeyIds::new(&targets, 2),
                other: BTreeMap::new(),
            },
            other: BTreeMap::new(),
        };
        bytes(root, &self.root.iter().collect::<Vec<_>>())
    }

    /// The next policy, with its parts as they should be. Login is stopped if `stopped`.
    #[must_use]
    pub fn draft(&mut self, stopped: bool) -> Draft {
        self.draft_of(stopped, "")
    }

    /// The same with more at the end of its source.
    #[must_use]
    pub fn draft_of(&mut self, stopped: bool, more: &str) -> Draft {
        self.settings.version += 1;
        (self.settings.more_rules, self.settings.brake_rules) = if stopped {
            (RULES, "stop-login, watched")
        } else {
            ("", "")
        };
        let source = self.settings.source();
        // Packs and the bank's own tests are tested elsewhere; here they only take time.
        let own = source
            .lines()
            .take_while(|line| *line != "tests:")
            .filter(|line| *line != "packs:" && !line.starts_with("  - use: "));
        let own: Vec<_> = own.collect();
        let source = format!("{}\n{more}", own.join("\n"));
        let source = match self.environment {
            "development" => source,
            other => source
                .replace("\nenvironment: development", &format!("\nenvironment: {other}"))
                .replace("[software, ", "[")
                .replace("    app_attest_environment: development\n", ""),
        };
        let compiled = attest_policy::compile("bank.yaml", &source).unwrap();
        self.draft_with(artifacts(compiled, &self.response_keys))
    }

    /// The next version of all metadata, over these artifacts.
    #[must_use]
    pub fn draft_with(&mut self, artifacts: BTreeMap<String, Vec<u8>>) -> Draft {
        self.version += 1;
        Draft {
            version: self.version,
            timestamp_expires_s: EXPIRES_S,
            snapshot_expires_s: EXPIRES_S,
            targets_expires_s: EXPIRES_S,
            brake_expires_s: EXPIRES_S,
            artifacts,
            brake: None,
            signers: vec![0, 1],
            brake_paths: vec![BRAKE_TARGET.to_owned()],
        }
    }

    /// The same policy under newer metadata, with this brake.
    #[must_use]
    pub fn braked(&mut self, draft: &Draft, brake: Option<&Value>) -> Draft {
        Draft {
            brake: brake.map(|brake| brake.to_string().into_bytes()),
            ..self.draft_with(draft.artifacts.clone())
        }
    }

    /// Signs a draft by whom it names.
    #[must_use]
    pub fn sign(&self, draft: &Draft) -> Repository {
        let described = |artifacts: &BTreeMap<String, Vec<u8>>| {
            let artifacts = artifacts.iter();
            artifacts
                .map(|(name, bytes)| (name.clone(), Described::of(bytes)))
                .collect()
        };
        let brake_artifacts: BTreeMap<_, _> = draft
            .brake
            .iter()
            .map(|brake| (BRAKE_TARGET.to_owned(), brake.clone()))
            .collect();
        let role = |targets, delegations, expires_s| Targets {
            header: Header::new(draft.version, expires_s).unwrap(),
            targets,
            delegations,
            other: BTreeMap::new(),
        };
        let public = self.brake.public();
        let delegations = Delegations {
            keys: BTreeMap::from([(public.id(), public.clone())]),
            roles: vec![DelegatedRole {
                name: BRAKE_ROLE.to_owned(),
                keyids: vec![public.id()],
                threshold: 1,
                terminating: true,
                paths: Some(draft.brake_paths.clone()),
                path_hash_prefixes: None,
                other: BTreeMap::new(),
            }],
            other: BTreeMap::new(),
        };
        let signers = draft.signers.iter().map(|at| self.targets.get(*at).unwrap());
        let signers: Vec<_> = signers.collect();
        let targets = role(
            described(&draft.artifacts),
            Some(delegations),
            draft.targets_expires_s,
        );
        let brake = role(described(&brake_artifacts), None, draft.brake_expires_s);
        let metadata = BTreeMap::from([
            ("targets".to_owned(), bytes(targets, &signers)),
            (BRAKE_ROLE.to_owned(), bytes(brake, &[&self.brake])),
        ]);
        self.seal(draft, metadata, brake_artifacts)
    }

    /// Snapshot and timestamp over metadata.
    #[must_use]
    pub fn seal(
        &self,
        draft: &Draft,
        metadata: BTreeMap<String, Vec<u8>>,
        more: BTreeMap<String, Vec<u8>>,
    ) -> Repository {
        let entries = metadata.iter();
        let snapshot = Snapshot {
            header: Header::new(draft.version, draft.snapshot_expires_s).unwrap(),
            meta: entries
                .map(|(name, bytes)| (format!("{name}.json"), MetaFile::of(draft.version, bytes)))
                .collect(),
            other: BTreeMap::new(),
        };
        let snapshot = bytes(snapshot, &[&self.online]);
        let mut repository = Repository {
            roots: (1..).zip(self.roots.iter().cloned()).collect(),
            timestamp: Vec::new(),
            snapshot,
            metadata,
            artifacts: draft.artifacts.clone().into_iter().chain(more).collect(),
        };
        self.stamp(&mut repository, draft.version, draft.timestamp_expires_s);
        repository
    }

    /// Signs the timestamp of a repository, under this version.
    pub fn stamp(&self, repository: &mut Repository, version: u64, expires_s: u64) {
        let named = Metadata::<Snapshot>::from_bytes(&repository.snapshot).unwrap();
        let entry = MetaFile::of(named.signed.header.version, &repository.snapshot);
        let timestamp = Timestamp {
            header: Header::new(version, expires_s).unwrap(),
            meta: BTreeMap::from([("snapshot.json".to_owned(), entry)]),
            other: BTreeMap::new(),
        };
        repository.timestamp = bytes(timestamp, &[&self.online]);
    }
}

/// Metadata signed by these keys, in their order; the signature of a key that is named twice stands twice.
#[must_use]
pub fn bytes<T: Signed>(signed: T, keys: &[&RoleKey]) -> Vec<u8> {
    let rng = SystemRandom::new();
    let mut metadata = Metadata::new(signed);
    let mut signatures = Vec::new();
    for key in keys {
        metadata.sign(key, &rng).unwrap();
        signatures.extend(metadata.signatures.last().cloned());
    }
    metadata.signatures = signatures;
    metadata.to_bytes().unwrap()
}

/// A policy's three targets, with these response keys in it.
#[must_use]
pub fn artifacts(mut compiled: Compiled, response_keys: &[Value]) -> BTreeMap<String, Vec<u8>> {
    compiled.device.response_keys = response_keys.to_vec();
    BTreeMap::from([
        (
            "device.json".to_owned(),
            compiled.device_json().unwrap().into_bytes(),
        ),
        (
            "gateway.json".to_owned(),
            compiled.gateway_json().unwrap().into_bytes(),
        ),
        (
            "tests.json".to_owned(),
            compiled.tests_json().unwrap().into_bytes(),
        ),
    ])
}

/// A brake of this version that holds for so long from the beginning on.
#[must_use]
pub fn brake(version: u64, held_s: u64, rules: &[(&str, &str)]) -> Value {
    let rules: BTreeMap<_, _> = rules.iter().copied().collect();
    json!({"version": version, "issued_at": START_S, "expires_at": START_S + held_s, "rules": rules})
}

/// Writes a repository file by file, as a careless copy would: what was there before stays, the timestamp comes last.
pub fn copy(repository: &Repository, folder: &Path) {
    for (name, bytes) in repository.files().unwrap() {
        let place = folder.join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, bytes).unwrap();
    }
}
