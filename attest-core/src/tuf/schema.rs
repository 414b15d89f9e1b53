//! Metadata as it is read: only what a client needs, unknown members ignored as the specification asks.

use super::{
    RoleName, TufError,
    delegation::{Delegation, delegations},
    key::{PublicKey, from_hex},
    time::unix_seconds,
};
use crate::json::{self, Json};
use crate::sorted::Sorted;

/// Metadata that was read and not yet verified.
pub(super) struct Envelope {
    pub(super) role: RoleName,
    pub(super) signed: Json,
    /// By key id, of which none stands twice (4.2): so the work to verify is bounded by the keys that may sign.
    signatures: Sorted<String, Vec<u8>>,
}

/// Keys by id; `None` for those of kinds unknown here.
pub(super) type Keys = Sorted<String, Option<PublicKey>>;

/// Keys and how many of them have to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Default))]
pub(super) struct KeyHolders {
    /// By key id; those of kinds unknown here are left out.
    keys: Sorted<String, PublicKey>,
    threshold: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Common {
    pub(super) version: u64,
    pub(super) expires_s: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Root {
    pub(super) common: Common,
    pub(super) consistent_snapshot: bool,
    root: KeyHolders,
    timestamp: KeyHolders,
    snapshot: KeyHolders,
    targets: KeyHolders,
}

#[derive(Debug, Clone)]
pub(super) struct Timestamp {
    pub(super) common: Common,
    pub(super) snapshot: MetaFile,
}

#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) common: Common,
    /// By `role.json`.
    pub(super) meta: Sorted<String, MetaFile>,
}

#[derive(Debug, Clone)]
pub(super) struct Targets {
    pub(super) common: Common,
    pub(super) targets: Sorted<String, TargetFile>,
    pub(super) delegations: Vec<Delegation>,
}

/// What one role says about the metadata of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetaFile {
    pub(super) version: u64,
    pub(super) length: Option<u64>,
    hashes: Hashes,
}

/// What a role says about a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetFile {
    /// Its length in bytes.
    pub length: u64,
    hashes: Hashes,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hashes {
    sha256: Option<Vec<u8>>,
    sha512: Option<Vec<u8>>,
    /// Hashes of kinds unknown here are named, and no others: no bytes fit.
    incomparable: bool,
}

impl Envelope {
    pub(super) fn read(role: RoleName, bytes: &[u8]) -> Result<Self, TufError> {
        // A fraction has no canonical form, wherever it stands.
        let tree = json::read(bytes).filter(|tree| tree.canonical().is_some());
        let Some(Json::Object(mut members)) = tree else {
            return Err(TufError::Malformed { role });
        };
        let field = |field| TufError::Field {
            role: role.clone(),
            field,
        };
        let signed = members.remove("signed").ok_or_else(|| field("signed"))?;
        let mut signatures = Vec::new();
        for signature in members
            .get("signatures")
            .and_then(Json::list)
            .ok_or_else(|| field("signatures"))?
        {
            let text = |name| signature.member(name).and_then(Json::text);
            let (Some(id), Some(sig)) = (text("keyid"), text("sig")) else {
                return Err(field("signatures"));
            };
            // An empty signature stands for one that is still to come.
            signatures.push((id.to_owned(), from_hex(sig).unwrap_or_default()));
        }
        let signatures = Sorted::distinct(signatures).ok_or_else(|| field("signatures"))?;
        if signed.member("_type").and_then(Json::text) != Some(role.kind()) {
            return Err(field("_type"));
        }
        let spec = signed
            .member("spec_version")
            .and_then(Json::text)
            .ok_or_else(|| field("spec_version"))?;
        if !first_major(spec) {
            return Err(TufError::SpecVersion {
                role,
                found: spec.chars().take(20).collect(),
            });
        }
        Ok(Self {
            role,
            signed,
            signatures,
        })
    }

    /// Refuses it unless enough distinct keys of `holders` signed it. A key under two ids counts once.
    pub(super) fn verify(&self, holders: &KeyHolders) -> Result<(), TufError> {
        let role = || self.role.clone();
        let message = self.signed.canonical();
        let message = message.ok_or_else(|| TufError::Malformed { role: role() })?;
        let mut signed: Vec<&PublicKey> = Vec::new();
        for (id, key) in holders.keys.iter() {
            if let Some(signature) = self.signatures.get(id)
                && !signed.contains(&key)
                && key.verifies(&message, signature)
            {
                signed.push(key);
            }
        }
        if signed.len() < holders.threshold {
            return Err(TufError::Threshold {
                role: role(),
                signed: signed.len(),
                needed: holders.threshold,
            });
        }
        Ok(())
    }

    fn field(&self, field: &'static str) -> TufError {
        TufError::Field {
            role: self.role.clone(),
            field,
        }
    }

    pub(super) fn common(&self) -> Result<Common, TufError> {
        let version = self.signed.member("version").and_then(Json::unsigned);
        let expires = self.signed.member("expires").and_then(Json::text);
        Ok(Common {
            version: version
                .filter(|version| *version > 0)
                .ok_or_else(|| self.field("version"))?,
            expires_s: expires
                .and_then(unix_seconds)
                .ok_or_else(|| self.field("expires"))?,
        })
    }

    pub(super) fn root(&self) -> Result<Root, TufError> {
        let keys = keys(&self.signed).ok_or_else(|| self.field("keys"))?;
        let roles = self.signed.member("roles").ok_or_else(|| self.field("roles"))?;
        let of = |name| {
            roles
                .member(name)
                .and_then(|role| holders(role, &keys))
                .ok_or_else(|| self.field("roles"))
        };
        Ok(Root {
            common: self.common()?,
            consistent_snapshot: self
                .signed
                .member("consistent_snapshot")
                .and_then(Json::boolean)
                .unwrap_or(false),
            root: of("root")?,
            timestamp: of("timestamp")?,
            snapshot: of("snapshot")?,
            targets: of("targets")?,
        })
    }

    pub(super) fn timestamp(&self) -> Result<Timestamp, TufError> {
        let snapshot = self
            .signed
            .member("meta")
            .and_then(|meta| meta.member("snapshot.json"))
            .and_then(meta_file)
            .ok_or_else(|| self.field("meta"))?;
        Ok(Timestamp {
            common: self.common()?,
            snapshot,
        })
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot, TufError> {
        let meta = self.signed.member("meta").and_then(Json::object);
        let meta = meta.ok_or_else(|| self.field("meta"))?;
        Ok(Snapshot {
            common: self.common()?,
            meta: each(meta, meta_file).ok_or_else(|| self.field("meta"))?,
        })
    }

    pub(super) fn targets(&self) -> Result<Targets, TufError> {
        let targets = self.signed.member("targets").and_then(Json::object);
        let targets = targets.ok_or_else(|| self.field("targets"))?;
        let delegations = match self.signed.member("delegations") {
            None => Vec::new(),
            Some(written) => delegations(written).ok_or_else(|| self.field("delegations"))?,
        };
        Ok(Targets {
            common: self.common()?,
            targets: each(targets, target_file).ok_or_else(|| self.field("targets"))?,
            delegations,
        })
    }
}

impl Root {
    /// Who signs a top-level role; `None` for delegated ones.
    pub(super) const fn holders(&self, role: &RoleName) -> Option<&KeyHolders> {
        match role {
            RoleName::Root => Some(&self.root),
            RoleName::Timestamp => Some(&self.timestamp),
            RoleName::Snapshot => Some(&self.snapshot),
            RoleName::Targets => Some(&self.targets),
            RoleName::Delegated(_) => None,
        }
    }
}

impl MetaFile {
    pub(super) fn verify(&self, role: &RoleName, bytes: &[u8]) -> Result<(), TufError> {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if let Some(expected) = self.length
            && expected != found
        {
            return Err(TufError::LengthMismatch {
                role: role.clone(),
                expected,
                found,
            });
        }
        if self.hashes.fit(bytes) {
            Ok(())
        } else {
            Err(TufError::HashMismatch { role: role.clone() })
        }
    }
}

impl TargetFile {
    /// Refuses bytes that are not this target.
    ///
    /// # Errors
    /// [`TufError::TargetLength`] and [`TufError::TargetHash`].
    pub fn verify(&self, name: &str, bytes: &[u8]) -> Result<(), TufError> {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let name = || name.to_owned();
        if self.length != found {
            return Err(TufError::TargetLength {
                name: name(),
                expected: self.length,
                found,
            });
        }
        if self.hashes.fit(bytes) {
            Ok(())
        } else {
            Err(TufError::TargetHash { name: name() })
        }
    }

    /// The hash that stands in front of its file's name in a repository with consistent snapshots, in hex.
    #[must_use]
    pub fn hash_prefix(&self) -> Option<String> {
        let hash = self.hashes.sha256.as_ref().or(self.hashes.sha512.as_ref())?;
        Some(crate::encoding::hex(hash))
    }
}

impl Hashes {
    /// Every hash of a known kind that is named has to fit.
    fn fit(&self, bytes: &[u8]) -> bool {
        use ring::digest::{SHA256, SHA512, digest};
        let fits = |named: &Option<Vec<u8>>, algorithm| {
            named
                .as_ref()
                .is_none_or(|named| digest(algorithm, bytes).as_ref() == named.as_slice())
        };
        !self.incomparable && fits(&self.sha256, &SHA256) && fits(&self.sha512, &SHA512)
    }
}

pub(super) fn keys(parent: &Json) -> Option<Keys> {
    each(parent.member("keys")?.object()?, |key| Some(PublicKey::read(key)))
}

/// What `read` makes of each member; `None` if it makes nothing of one.
fn each<T>(members: &Sorted<String, Json>, read: fn(&Json) -> Option<T>) -> Option<Sorted<String, T>> {
    let mut read_all = Vec::new();
    for (name, value) in members.iter() {
        read_all.push((name.clone(), read(value)?));
    }
    Sorted::distinct(read_all)
}

/// `1.0` or `1.0.31`: anything of the first major version.
fn first_major(spec: &str) -> bool {
    let numbers = spec
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    numbers && matches!(spec.split('.').count(), 2 | 3) && spec.starts_with("1.")
}

/// Who may sign for a role; `None` if a key id stands twice, so that no reader counts it so.
pub(super) fn holders(role: &Json, keys: &Keys) -> Option<KeyHolders> {
    let threshold = role.member("threshold")?.unsigned()?;
    let ids = role.member("keyids")?.list()?;
    let mut named = Vec::new();
    for id in ids {
        named.push((id.text()?, ()));
    }
    let mut held = Vec::new();
    for (id, ()) in Sorted::distinct(named)?.into_entries() {
        if let Some(Some(key)) = keys.get(id) {
            held.push((id.to_owned(), key.clone()));
        }
    }
    Some(KeyHolders {
        keys: Sorted::distinct(held)?,
        threshold: usize::try_from(threshold)
            .ok()
            .filter(|threshold| *threshold > 0)?,
    })
}

fn hashes(written: Option<&Json>) -> Option<Hashes> {
    let Some(written) = written else {
        return Some(Hashes::default());
    };
    let written = written.object()?;
    let of = |name: &str| match written.get(name) {
        None => Some(None),
        Some(hash) => Some(Some(from_hex(hash.text()?)?)),
    };
    let (sha256, sha512) = (of("sha256")?, of("sha512")?);
    // One target that cannot be compared does not take the others with it.
    let incomparable = sha256.is_none() && sha512.is_none();
    (!written.is_empty()).then_some(Hashes {
        sha256,
        sha512,
        incomparable,
    })
}

fn meta_file(written: &Json) -> Option<MetaFile> {
    Some(MetaFile {
        version: written
            .member("version")?
            .unsigned()
            .filter(|version| *version > 0)?,
        length: match written.member("length") {
            None => None,
            Some(length) => Some(length.unsigned()?),
        },
        hashes: hashes(written.member("hashes"))?,
    })
}

fn target_file(written: &Json) -> Option<TargetFile> {
    Some(TargetFile {
        length: written.member("length")?.unsigned()?,
        hashes: hashes(Some(written.member("hashes")?))?,
    })
}
