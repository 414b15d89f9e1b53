//! What is in force, for the request cores, and what operators see of it. Both are replaced as a whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::ActivePolicy;
use super::repository::{BrakeStatus, MetadataVersions, Verdict};

/// What the operator sees of the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyStatus {
    /// The version in force.
    pub active_version: u64,
    /// Why the source as it is now is not in force; `None` if it is.
    pub problem: Option<String>,
    /// Warnings of the policy in force.
    pub warnings: Vec<String>,
    /// Of a policy from a signed repository.
    pub followed: Option<FollowStatus>,
}

/// What the operator sees of a signed repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FollowStatus {
    /// SHA-256 over the SHA-256 of `device.json`, `gateway.json` and `tests.json`.
    pub digest: [u8; 32],
    /// Versions of the metadata in force.
    pub metadata: MetadataVersions,
    /// When the first of it expires.
    pub metadata_expires_at_s: u64,
    /// The brake in force.
    pub brake: Option<BrakeStatus>,
    /// What was taken last.
    pub last_ack: Option<Verdict>,
    /// What was refused last.
    pub last_nack: Option<Verdict>,
}

/// The policy in force and its status.
#[derive(Debug)]
pub(crate) struct InForce {
    active: ArcSwap<ActivePolicy>,
    status: ArcSwap<PolicyStatus>,
}

impl InForce {
    /// This policy, of which nothing is to be said yet.
    pub(crate) fn new(active: Arc<ActivePolicy>) -> Self {
        let status = PolicyStatus {
            active_version: active.version(),
            ..PolicyStatus::default()
        };
        Self {
            active: ArcSwap::new(active),
            status: ArcSwap::from_pointee(status),
        }
    }

    pub(crate) fn active(&self) -> Guard<Arc<ActivePolicy>> {
        self.active.load()
    }

    pub(crate) fn status(&self) -> Arc<PolicyStatus> {
        self.status.load_full()
    }

    /// Puts a policy into force. The one that is already is left in its place, so that no core makes it again.
    pub(crate) fn put(&self, active: Arc<ActivePolicy>) {
        if !Arc::ptr_eq(&self.active.load(), &active) {
            self.active.store(active);
        }
    }

    pub(crate) fn tell(&self, status: PolicyStatus) {
        self.status.store(Arc::new(status));
    }
}
