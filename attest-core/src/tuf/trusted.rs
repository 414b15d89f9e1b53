//! The set of trusted metadata. Everything in it was verified against what was in it before; what is refused changes nothing.
//!
//! Clause numbers are those of the TUF specification 1.0, section 5 (the client workflow).

use super::{
    RoleName, TargetFile, TufError,
    delegation::Delegation,
    schema::{Common, Envelope, KeyHolders, MetaFile, Root, Snapshot, Targets, Timestamp},
};
use crate::sorted::Sorted;

/// Verified metadata, as of one moment.
#[derive(Debug, Clone)]
pub struct TrustedSet {
    now_s: u64,
    root: Root,
    timestamp: Option<Timestamp>,
    snapshot: Option<Snapshot>,
    targets: Sorted<RoleName, Delegate>,
}

/// A targets role, and who vouched for its keys; `None` stands for the root.
#[derive(Debug, Clone)]
struct Delegate {
    delegator: Option<RoleName>,
    targets: Targets,
}

/// Whether something is newer than what was trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It is, and is trusted now.
    Newer,
    /// It has the version that is trusted already, so there is nothing to do (5.4.3.1).
    Same,
}

impl TrustedSet {
    /// The set that trusts this root, whose own keys must have signed it. Its expiry does not matter yet (5.3.10).
    ///
    /// # Errors
    /// [`TufError`] if it is no root or not signed by itself.
    pub fn new(root: &[u8], now_s: u64) -> Result<Self, TufError> {
        let envelope = Envelope::read(RoleName::Root, root)?;
        let root = envelope.root()?;
        envelope.verify(holders_of(&root, &RoleName::Root)?)?;
        Ok(Self {
            now_s,
            root,
            timestamp: None,
            snapshot: None,
            targets: Sorted::default(),
        })
    }

    /// The version of the trusted root.
    #[must_use]
    pub const fn root_version(&self) -> u64 {
        self.root.common.version
    }

    /// When the trusted root expires, in Unix seconds.
    #[must_use]
    pub const fn root_expires_s(&self) -> u64 {
        self.root.common.expires_s
    }

    /// Whether the keys that the trusted root gives to `targets` signed this metadata. What they did not, or no longer do, guards
    /// against nothing older: so a root that names others ends a fast-forward.
    #[must_use]
    pub fn vouches_for_targets(&self, bytes: &[u8]) -> bool {
        let envelope = Envelope::read(RoleName::Targets, bytes);
        let holders = self.root.holders(&RoleName::Targets);
        holders.is_some_and(|holders| envelope.is_ok_and(|envelope| envelope.verify(holders).is_ok()))
    }

    /// Whether file names carry versions and hashes.
    #[must_use]
    pub const fn consistent_snapshot(&self) -> bool {
        self.root.consistent_snapshot
    }

    /// Trusts the next root, signed by the keys of the trusted one and by its own (5.3.4, 5.3.5).
    ///
    /// # Errors
    /// [`TufError::Threshold`], [`TufError::RootVersion`], that it is no root, or [`TufError::Order`] once a timestamp is trusted.
    pub fn update_root(&mut self, bytes: &[u8]) -> Result<(), TufError> {
        not_yet(self.timestamp.is_none(), RoleName::Timestamp, RoleName::Root)?;
        let envelope = Envelope::read(RoleName::Root, bytes)?;
        let next = envelope.root()?;
        envelope.verify(holders_of(&self.root, &RoleName::Root)?)?;
        let expected = self.root.common.version.saturating_add(1);
        if next.common.version != expected {
            return Err(TufError::RootVersion {
                expected,
                found: next.common.version,
            });
        }
        envelope.verify(holders_of(&next, &RoleName::Root)?)?;
        self.root = next;
        Ok(())
    }

    /// Trusts a timestamp (5.4). With an error after it was found good but expired it still guards against rollback.
    ///
    /// # Errors
    /// [`TufError::Expired`] if the root is or it is, [`TufError::Threshold`], [`TufError::Rollback`], that it is no timestamp, or
    /// [`TufError::Order`] once a snapshot is trusted.
    pub fn update_timestamp(&mut self, bytes: &[u8]) -> Result<Freshness, TufError> {
        not_yet(self.snapshot.is_none(), RoleName::Snapshot, RoleName::Timestamp)?;
        self.live(&RoleName::Root, self.root.common)?;
        let envelope = Envelope::read(RoleName::Timestamp, bytes)?;
        let next = envelope.timestamp()?;
        envelope.verify(holders_of(&self.root, &RoleName::Timestamp)?)?;
        if let Some(trusted) = &self.timestamp {
            not_older(&RoleName::Timestamp, trusted.common.version, next.common.version)?;
            if next.common.version == trusted.common.version {
                return Ok(Freshness::Same);
            }
            not_older(
                &RoleName::Snapshot,
                trusted.snapshot.version,
                next.snapshot.version,
            )?;
        }
        let common = next.common;
        self.timestamp = Some(next);
        self.live(&RoleName::Timestamp, common)?;
        Ok(Freshness::Newer)
    }

    /// Refuses to go on with a timestamp that has expired, which one of our own disk may have.
    pub(super) fn timestamp_in_force(&self) -> Result<(), TufError> {
        self.live_timestamp(&RoleName::Timestamp).map(|_| ())
    }

    /// What the timestamp says about the snapshot.
    pub(super) fn snapshot_meta(&self) -> Option<&MetaFile> {
        self.timestamp.as_ref().map(|timestamp| &timestamp.snapshot)
    }

    /// Trusts the snapshot that the timestamp names (5.5). One of our own disk (`cached`) was compared with its hash when it came; if it
    /// is not the one named any more it is refused, and still guards against rollback.
    ///
    /// # Errors
    /// [`TufError`] of any kind; the snapshot is not trusted then.
    pub fn update_snapshot(&mut self, bytes: &[u8], cached: bool) -> Result<(), TufError> {
        not_yet(self.targets.is_empty(), RoleName::Targets, RoleName::Snapshot)?;
        let timestamp = self.live_timestamp(&RoleName::Snapshot)?;
        if !cached {
            timestamp.snapshot.verify(&RoleName::Snapshot, bytes)?;
        }
        let envelope = Envelope::read(RoleName::Snapshot, bytes)?;
        let next = envelope.snapshot()?;
        envelope.verify(holders_of(&self.root, &RoleName::Snapshot)?)?;
        for (entry, trusted) in self.snapshot.iter().flat_map(|snapshot| snapshot.meta.iter()) {
            let role = || RoleName::named(entry.strip_suffix(".json").unwrap_or(entry));
            match next.meta.get(entry) {
                None => return Err(TufError::Removed { role: role() }),
                Some(file) => not_older(&role(), trusted.version, file.version)?,
            }
        }
        self.snapshot = Some(next);
        self.live_snapshot(&RoleName::Snapshot).map(|_| ())
    }

    /// What the snapshot says about a targets role.
    ///
    /// # Errors
    /// [`TufError::Order`] without a snapshot in force, [`TufError::NotInSnapshot`].
    pub(super) fn targets_meta(&self, role: &RoleName) -> Result<&MetaFile, TufError> {
        self.live_snapshot(role)?
            .meta
            .get(&role.entry())
            .ok_or_else(|| TufError::NotInSnapshot { role: role.clone() })
    }

    /// Trusts `targets`, or the role that `delegator` delegates to (5.6).
    ///
    /// # Errors
    /// [`TufError`] of any kind; nothing is trusted then.
    pub fn update_targets(
        &mut self,
        role: &RoleName,
        delegator: Option<&RoleName>,
        bytes: &[u8],
    ) -> Result<(), TufError> {
        let meta = self.targets_meta(role)?;
        meta.verify(role, bytes)?;
        let expected = meta.version;
        let holders = match delegator {
            None => holders_of(&self.root, role)?,
            Some(delegator) => &self.delegation(delegator, role)?.holders,
        };
        let envelope = Envelope::read(role.clone(), bytes)?;
        let next = envelope.targets()?;
        envelope.verify(holders)?;
        if next.common.version != expected {
            return Err(TufError::VersionMismatch {
                role: role.clone(),
                expected,
                found: next.common.version,
            });
        }
        self.live(role, next.common)?;
        // What an earlier copy of this role vouched for is asked for again.
        self.targets
            .retain(|below| below.delegator.as_ref() != Some(role));
        let delegate = Delegate {
            delegator: delegator.cloned(),
            targets: next,
        };
        self.targets.insert(role.clone(), delegate);
        Ok(())
    }

    /// A targets role that is trusted because of this delegator. The same role below another one may have other keys.
    pub(super) fn targets(&self, role: &RoleName, delegator: Option<&RoleName>) -> Option<&Targets> {
        let trusted = self.targets.get(role)?;
        (trusted.delegator.as_ref() == delegator).then_some(&trusted.targets)
    }

    /// What a trusted role says about a target; nothing about delegations.
    #[must_use]
    pub fn target(&self, role: &RoleName, name: &str) -> Option<&TargetFile> {
        self.targets.get(role)?.targets.targets.get(name)
    }

    /// The targets that a trusted role names itself.
    pub fn target_names(&self, role: &RoleName) -> impl Iterator<Item = &str> {
        self.targets
            .get(role)
            .into_iter()
            .flat_map(|trusted| trusted.targets.targets.iter().map(|(name, _)| name.as_str()))
    }

    /// The version of a role, if it is trusted.
    #[must_use]
    pub fn version(&self, role: &RoleName) -> Option<u64> {
        match role {
            RoleName::Root => Some(self.root.common.version),
            RoleName::Timestamp => self.timestamp.as_ref().map(|trusted| trusted.common.version),
            RoleName::Snapshot => self.snapshot.as_ref().map(|trusted| trusted.common.version),
            RoleName::Targets | RoleName::Delegated(_) => self
                .targets
                .get(role)
                .map(|trusted| trusted.targets.common.version),
        }
    }

    /// The earliest expiry of all that is trusted, in Unix seconds.
    #[must_use]
    pub fn expires_s(&self) -> u64 {
        let upper = [
            self.timestamp.as_ref().map(|trusted| trusted.common),
            self.snapshot.as_ref().map(|trusted| trusted.common),
        ];
        upper
            .into_iter()
            .flatten()
            .chain(self.targets.iter().map(|(_, trusted)| trusted.targets.common))
            .fold(self.root.common.expires_s, |least, common| {
                least.min(common.expires_s)
            })
    }

    fn delegation(&self, delegator: &RoleName, role: &RoleName) -> Result<&Delegation, TufError> {
        let delegations = self
            .targets
            .get(delegator)
            .map(|trusted| &trusted.targets.delegations);
        delegations
            .ok_or_else(|| TufError::Order {
                role: role.clone(),
                needs: delegator.clone(),
            })?
            .iter()
            .find(|delegation| delegation.is_to(role))
            .ok_or_else(|| TufError::NotDelegated { role: role.clone() })
    }

    fn live(&self, role: &RoleName, common: Common) -> Result<(), TufError> {
        if common.expires_s <= self.now_s {
            return Err(TufError::Expired {
                role: role.clone(),
                expires_s: common.expires_s,
                now_s: self.now_s,
            });
        }
        Ok(())
    }

    fn live_timestamp(&self, wanted: &RoleName) -> Result<&Timestamp, TufError> {
        let timestamp = self.timestamp.as_ref().ok_or_else(|| TufError::Order {
            role: wanted.clone(),
            needs: RoleName::Timestamp,
        })?;
        self.live(&RoleName::Timestamp, timestamp.common)?;
        Ok(timestamp)
    }

    /// The snapshot in force: not expired, and the one that the timestamp names (5.5.4, 5.5.6).
    fn live_snapshot(&self, wanted: &RoleName) -> Result<&Snapshot, TufError> {
        let expected = self.live_timestamp(wanted)?.snapshot.version;
        let snapshot = self.snapshot.as_ref().ok_or_else(|| TufError::Order {
            role: wanted.clone(),
            needs: RoleName::Snapshot,
        })?;
        self.live(&RoleName::Snapshot, snapshot.common)?;
        if snapshot.common.version != expected {
            return Err(TufError::VersionMismatch {
                role: RoleName::Snapshot,
                expected,
                found: snapshot.common.version,
            });
        }
        Ok(snapshot)
    }
}

fn holders_of<'a>(root: &'a Root, role: &RoleName) -> Result<&'a KeyHolders, TufError> {
    root.holders(role)
        .ok_or_else(|| TufError::NotDelegated { role: role.clone() })
}

/// What depends on a role is looked at after it, or it would not have been verified against it.
fn not_yet(holds: bool, later: RoleName, needs: RoleName) -> Result<(), TufError> {
    if holds {
        Ok(())
    } else {
        Err(TufError::Order { role: later, needs })
    }
}

fn not_older(role: &RoleName, trusted: u64, found: u64) -> Result<(), TufError> {
    if found < trusted {
        return Err(TufError::Rollback {
            role: role.clone(),
            trusted,
            found,
        });
    }
    Ok(())
}
