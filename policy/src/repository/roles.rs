//! What each role says. Members that are unknown here are kept, so that metadata of other tools can be signed again.

use std::collections::BTreeMap;

use attest_core::{
    encoding::{hex, sha256},
    tuf::expiry_text,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PublicKey, RepositoryError, Signed};

/// The specification that metadata made here follows.
pub const SPEC_VERSION: &str = "1.0.31";

/// What all metadata has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The specification's version.
    pub spec_version: String,
    /// The metadata's version.
    pub version: u64,
    /// When it expires: `2031-04-01T00:00:00Z`.
    pub expires: String,
}

impl Header {
    /// For metadata of this version that expires then, in Unix seconds.
    ///
    /// # Errors
    /// [`RepositoryError::Expiry`].
    pub fn new(version: u64, expires_s: u64) -> Result<Self, RepositoryError> {
        Ok(Self {
            spec_version: SPEC_VERSION.to_owned(),
            version,
            expires: expiry_text(expires_s).ok_or(RepositoryError::Expiry(expires_s))?,
        })
    }
}

/// The keys of all top-level roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Version and expiry.
    #[serde(flatten)]
    pub header: Header,
    /// Whether file names carry versions and hashes.
    pub consistent_snapshot: bool,
    /// The keys by id.
    pub keys: BTreeMap<String, PublicKey>,
    /// Who signs what.
    pub roles: RootRoles,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The top-level roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootRoles {
    /// Signs the root.
    pub root: KeyIds,
    /// Signs the timestamp.
    pub timestamp: KeyIds,
    /// Signs the snapshot.
    pub snapshot: KeyIds,
    /// Signs `targets`.
    pub targets: KeyIds,
    /// Roles that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Keys and how many of them have to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIds {
    /// The keys.
    pub keyids: Vec<String>,
    /// How many.
    pub threshold: u64,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl KeyIds {
    /// So many of these keys, each of which counts once.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a PublicKey>, threshold: u64) -> Self {
        let mut keyids: Vec<String> = keys.into_iter().map(PublicKey::id).collect();
        keyids.sort_unstable();
        keyids.dedup();
        Self {
            keyids,
            threshold,
            other: BTreeMap::new(),
        }
    }
}

/// Which snapshot is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamp {
    /// Version and expiry.
    #[serde(flatten)]
    pub header: Header,
    /// `snapshot.json` alone.
    pub meta: BTreeMap<String, MetaFile>,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// Which version of every targets role is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Version and expiry.
    #[serde(flatten)]
    pub header: Header,
    /// By `ROLE.json`.
    pub meta: BTreeMap<String, MetaFile>,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The metadata of a role as another names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetaFile {
    /// Its version.
    pub version: u64,
    /// Its length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Its hashes, in hex, by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl MetaFile {
    /// Metadata of this version with these bytes.
    #[must_use]
    pub fn of(version: u64, bytes: &[u8]) -> Self {
        let Described {
            length,
            hashes,
            other,
        } = Described::of(bytes);
        Self {
            version,
            length: Some(length),
            hashes,
            other,
        }
    }
}

/// What is published, and who else may publish. Delegated roles have the same form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// Version and expiry.
    #[serde(flatten)]
    pub header: Header,
    /// The targets by name.
    pub targets: BTreeMap<String, Described>,
    /// Who else may publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegations: Option<Delegations>,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A target as its role describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Its length in bytes.
    pub length: u64,
    /// Its hashes, in hex, by algorithm.
    pub hashes: BTreeMap<String, String>,
    /// Members that are unknown here, `custom` among them.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl Described {
    /// A target of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            hashes: BTreeMap::from([("sha256".to_owned(), hex(sha256(&[bytes])))]),
            other: BTreeMap::new(),
        }
    }

    /// True if these bytes are the target.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        let own = Self::of(bytes);
        own.length == self.length && own.hashes.get("sha256") == self.hashes.get("sha256")
    }
}

/// To whom a role hands on some of its targets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegations {
    /// The keys by id.
    pub keys: BTreeMap<String, PublicKey>,
    /// The roles, the first one asked first.
    pub roles: Vec<DelegatedRole>,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// A role that publishes some targets for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegatedRole {
    /// Its name.
    pub name: String,
    /// Its keys.
    pub keyids: Vec<String>,
    /// How many of them have to sign.
    pub threshold: u64,
    /// Whether nobody after it is asked for its targets.
    pub terminating: bool,
    /// Patterns of the names of its targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
    /// Hex prefixes of the SHA-256 of the names of its targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hash_prefixes: Option<Vec<String>>,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

macro_rules! signed {
    ($($role:ident $kind:literal)*) => {$(
        impl Signed for $role {
            const KIND: &'static str = $kind;

            fn header(&self) -> &Header {
                &self.header
            }
        }
    )*};
}

signed! { Root "root" Timestamp "timestamp" Snapshot "snapshot" Targets "targets" }
