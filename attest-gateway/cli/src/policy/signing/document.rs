//! Metadata on its way to its signatures: what it is, and whose signatures it needs.

use std::{collections::BTreeMap, fmt};

use attest_policy::repository::{
    KeyIds, Metadata, PublicKey, RepositoryError, Root, Signature, Signed as _, Targets,
};
use serde::{Deserialize, Serialize};

/// What a draft is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Draft {
    /// The next root.
    Root,
    /// The next version of `targets`: a policy.
    Targets,
    /// The version after that, which takes it back.
    Undo,
    /// The next brake.
    Brake,
}

impl Draft {
    pub(crate) const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Undo, Self::Brake];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Undo => "undo",
            Self::Brake => "brake",
        }
    }
}

impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Metadata that is being signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Document {
    Root(Metadata<Root>),
    Targets(Metadata<Targets>),
}

/// So many of these keys have to sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Need {
    /// For which role.
    pub(crate) of: String,
    pub(crate) keyids: Vec<String>,
    pub(crate) threshold: u64,
}

impl Need {
    pub(crate) fn new(of: impl Into<String>, held: &KeyIds) -> Self {
        Self {
            of: of.into(),
            keyids: held.keyids.clone(),
            threshold: held.threshold,
        }
    }
}

impl Document {
    pub(crate) fn from_bytes(draft: Draft, bytes: &[u8]) -> Result<Self, RepositoryError> {
        match draft {
            Draft::Root => Metadata::from_bytes(bytes).map(Self::Root),
            Draft::Targets | Draft::Undo | Draft::Brake => Metadata::from_bytes(bytes).map(Self::Targets),
        }
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, RepositoryError> {
        match self {
            Self::Root(root) => root.to_bytes(),
            Self::Targets(targets) => targets.to_bytes(),
        }
    }

    pub(crate) fn message(&self) -> Result<Vec<u8>, RepositoryError> {
        match self {
            Self::Root(root) => root.message(),
            Self::Targets(targets) => targets.message(),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        match self {
            Self::Root(root) => root.signed.header().version,
            Self::Targets(targets) => targets.signed.header().version,
        }
    }

    pub(crate) fn attach(&mut self, signature: Signature) {
        match self {
            Self::Root(root) => root.attach(signature),
            Self::Targets(targets) => targets.attach(signature),
        }
    }

    pub(crate) fn signed_by(&self, keys: &BTreeMap<String, PublicKey>) -> Vec<String> {
        match self {
            Self::Root(root) => root.signed_by(keys),
            Self::Targets(targets) => targets.signed_by(keys),
        }
    }

    pub(crate) const fn targets(&self) -> Option<&Metadata<Targets>> {
        match self {
            Self::Targets(targets) => Some(targets),
            Self::Root(_) => None,
        }
    }
}

/// The needs that are not met yet, each with how many signed and the keys that have not.
pub(crate) fn missing<'a>(signed: &[String], needs: &'a [Need]) -> Vec<(&'a Need, usize, Vec<&'a str>)> {
    needs
        .iter()
        .filter_map(|need| {
            let count = need.keyids.iter().filter(|id| signed.contains(id)).count();
            let enough = u64::try_from(count).is_ok_and(|count| count >= need.threshold);
            let open = need.keyids.iter().filter(|id| !signed.contains(id));
            (!enough).then(|| (need, count, open.map(String::as_str).collect()))
        })
        .collect()
}
