//! What a phone keeps of a policy repository, byte for byte as it was signed, so that it can be verified again at every start.

use serde::{Deserialize, Serialize};

use crate::json::{FromJson, Json, Members};

/// Verified metadata and the policy in force. It is verified again whenever it is read: storage vouches for nothing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The version of the root that [`Self::roots`] follow on.
    pub since: u64,
    /// The roots after it, without a gap.
    pub roots: Vec<String>,
    /// The policy in force with what vouches for it.
    pub active: Option<Vouched>,
    /// A timestamp and snapshot that were verified after those of [`Self::active`], because what came behind them failed: nothing
    /// older is taken any more.
    pub newest: Option<Newest>,
}

/// A device policy and the metadata that vouches for it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vouched {
    /// The version of the root that it was verified by.
    pub root: u64,
    /// The timestamp.
    pub timestamp: String,
    /// The snapshot that the timestamp names.
    pub snapshot: String,
    /// The targets metadata that the snapshot names.
    pub targets: String,
    /// The policy that the targets metadata names.
    pub device: String,
}

/// A timestamp and the newest snapshot.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Newest {
    pub(super) timestamp: Option<String>,
    pub(super) snapshot: Option<String>,
}

impl Kept {
    /// The version of the newest root.
    #[must_use]
    pub fn root_version(&self) -> u64 {
        let follow = u64::try_from(self.roots.len()).unwrap_or(u64::MAX);
        self.since.saturating_add(follow)
    }

    /// The root of a version, if it follows on the configured one.
    pub(super) fn root(&self, version: u64) -> Option<&str> {
        let index = version.checked_sub(self.since)?.checked_sub(1)?;
        self.roots.get(usize::try_from(index).ok()?).map(String::as_str)
    }

    /// The newest timestamp and snapshot, which nothing older may follow.
    pub(super) fn newest(&self) -> Newest {
        self.newest.clone().unwrap_or_else(|| Newest {
            timestamp: self.active.as_ref().map(|active| active.timestamp.clone()),
            snapshot: self.active.as_ref().map(|active| active.snapshot.clone()),
        })
    }

    /// Gives up the policy, for example because it cannot be read any more. What is older is still not taken.
    pub fn lose_policy(&mut self) {
        self.newest = self
            .active
            .is_some()
            .then(|| self.newest())
            .or(self.newest.take());
        self.active = None;
    }

    /// Puts a policy into force.
    pub fn activate(&mut self, offered: Vouched) {
        self.active = Some(offered);
        self.newest = None;
    }
}

impl FromJson for Kept {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let kept = Self {
            since: members.take("since")?,
            roots: members.take("roots")?,
            active: members.take("active")?,
            newest: members.take("newest")?,
        };
        members.all_known(kept)
    }
}

impl FromJson for Vouched {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let vouched = Self {
            root: members.take("root")?,
            timestamp: members.take("timestamp")?,
            snapshot: members.take("snapshot")?,
            targets: members.take("targets")?,
            device: members.take("device")?,
        };
        members.all_known(vouched)
    }
}

impl FromJson for Newest {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let newest = Self {
            timestamp: members.take("timestamp")?,
            snapshot: members.take("snapshot")?,
        };
        members.all_known(newest)
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept")
            .field("root", &self.root_version())
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Vouched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vouched")
            .field("root", &self.root)
            .field("device_bytes", &self.device.len())
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Newest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Newest")
    }
}
