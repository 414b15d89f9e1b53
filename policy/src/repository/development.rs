//! A whole repository signed by one key: what a development gateway publishes, and what tests start from.

use std::collections::BTreeMap;

use attest_core::tuf::RoleName;
use ring::rand::SecureRandom;

use super::{
    DelegatedRole, Delegations, Described, Header, KeyIds, MetaFile, Metadata, Repository, RepositoryError,
    RoleKey, Root, RootRoles, Signed, Snapshot, Targets, Timestamp,
};

/// The role that may relax rules for a day.
pub const BRAKE_ROLE: &str = "brake";

/// The one target of that role.
pub const BRAKE_TARGET: &str = "brake.json";

/// When the root of a development repository expires: 2100-01-01. An app that was built with it goes on.
const ROOT_EXPIRES_S: u64 = 4_102_444_800;

/// A repository of these artifacts, all of it signed by one key with threshold 1. The root has version 1, the others `version`.
/// `brake.json`, if there is one, is signed by the role `brake`, everything else by `targets`.
///
/// # Errors
/// [`RepositoryError::Random`], [`RepositoryError::Expiry`].
pub fn development(
    key: &RoleKey,
    artifacts: BTreeMap<String, Vec<u8>>,
    version: u64,
    expires_s: u64,
    rng: &dyn SecureRandom,
) -> Result<Repository, RepositoryError> {
    let public = key.public();
    let only = KeyIds::new([&public], 1);
    let keys = BTreeMap::from([(public.id(), public)]);
    let header = Header::new(version, expires_s)?;
    let root = Root {
        header: Header::new(1, ROOT_EXPIRES_S)?,
        consistent_snapshot: true,
        keys: keys.clone(),
        roles: RootRoles {
            root: only.clone(),
            timestamp: only.clone(),
            snapshot: only.clone(),
            targets: only.clone(),
            other: BTreeMap::new(),
        },
        other: BTreeMap::new(),
    };
    let described = |of_brake: bool| -> BTreeMap<String, Described> {
        let own = artifacts
            .iter()
            .filter(|(name, _)| (*name == BRAKE_TARGET) == of_brake);
        own.map(|(name, bytes)| (name.clone(), Described::of(bytes)))
            .collect()
    };
    let role = |targets, delegations| Targets {
        header: header.clone(),
        targets,
        delegations,
        other: BTreeMap::new(),
    };
    let signed = |targets: Targets| bytes_of(targets, key, rng);
    let brake = described(true);
    let delegations = (!brake.is_empty()).then(|| Delegations {
        keys,
        roles: vec![DelegatedRole {
            name: BRAKE_ROLE.to_owned(),
            keyids: only.keyids,
            threshold: 1,
            terminating: true,
            paths: Some(vec![BRAKE_TARGET.to_owned()]),
            path_hash_prefixes: None,
            other: BTreeMap::new(),
        }],
        other: BTreeMap::new(),
    });
    let mut metadata = BTreeMap::new();
    if delegations.is_some() {
        metadata.insert(BRAKE_ROLE.to_owned(), signed(role(brake, None))?);
    }
    metadata.insert("targets".to_owned(), signed(role(described(false), delegations))?);
    let entries = metadata
        .iter()
        .map(|(name, bytes)| (format!("{name}.json"), MetaFile::of(version, bytes)));
    let snapshot = Snapshot {
        header: header.clone(),
        meta: entries.collect(),
        other: BTreeMap::new(),
    };
    let snapshot = bytes_of(snapshot, key, rng)?;
    let timestamp = Timestamp {
        header,
        meta: BTreeMap::from([(RoleName::Snapshot.file_name(), MetaFile::of(version, &snapshot))]),
        other: BTreeMap::new(),
    };
    Ok(Repository {
        roots: BTreeMap::from([(1, bytes_of(root, key, rng)?)]),
        timestamp: bytes_of(timestamp, key, rng)?,
        snapshot,
        metadata,
        artifacts,
    })
}

fn bytes_of<T: Signed>(signed: T, key: &RoleKey, rng: &dyn SecureRandom) -> Result<Vec<u8>, RepositoryError> {
    let mut metadata = Metadata::new(signed);
    metadata.sign(key, rng)?;
    metadata.to_bytes()
}
