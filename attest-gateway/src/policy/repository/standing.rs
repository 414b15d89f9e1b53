//! What a followed repository has led to: the policy in force, the brake over it, and what both came from.

use std::sync::Arc;

use attest_core::encoding::sha256;
use attest_core::policy::Brake;
use attest_core::tuf::{RoleName, TrustedSet, TufError};
use attest_policy::repository::Repository;

use super::super::ActivePolicy;
use super::brake::{Applied, BrakeRejectedError};
use super::refresh::{Offer, POLICY_TARGETS, RefreshError};
use super::verdict::MetadataVersions;
use crate::clock::Moment;

/// What stands, whatever is offered.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) repository: Repository,
    pub(super) versions: MetadataVersions,
    /// SHA-256 of the policy's targets.
    pub(super) digest: [u8; 32],
    /// The earliest expiry of its metadata.
    pub(super) expires_s: u64,
    /// The policy without a brake.
    pub(super) whole: Arc<ActivePolicy>,
    pub(super) warnings: Vec<String>,
    pub(super) brake: Option<Applied>,
    /// The policy with it, once that was made.
    braked: Option<Arc<ActivePolicy>>,
    /// The brake's bytes that were judged last, over this policy.
    judged: Option<Vec<u8>>,
    /// The newest brake that had effect: neither it nor one before it comes back.
    newest: Option<Brake>,
}

impl Standing {
    pub(super) fn new(offer: Offer, active: ActivePolicy, warnings: Vec<String>) -> Self {
        Self {
            digest: digest(&offer),
            repository: offer.repository,
            versions: offer.versions,
            expires_s: offer.expires_s,
            whole: Arc::new(active),
            warnings,
            brake: None,
            braked: None,
            judged: None,
            newest: None,
        }
    }

    /// The same after an offer was taken: another policy, or (`same`) newer metadata of this one.
    pub(super) fn take(&mut self, offer: &Offer, active: ActivePolicy, warnings: Vec<String>, same: bool) {
        self.whole = Arc::new(active);
        self.braked = None;
        self.warnings = warnings;
        self.digest = digest(offer);
        self.repository = offer.repository.clone();
        self.versions = offer.versions;
        self.expires_s = offer.expires_s;
        if !same {
            self.judged = None;
        }
    }

    /// The offer, unless it ends at an older root than this: one of the gateway's own copies may be damaged while the source holds the
    /// newer root back, and keys that it took away would count again.
    ///
    /// # Errors
    /// [`TufError::Rollback`] of the root.
    pub(super) fn precedes(&self, offer: Offer) -> Result<Offer, RefreshError> {
        let (trusted, found) = (self.versions.root, offer.versions.root);
        if found < trusted {
            let role = RoleName::Root;
            return Err(TufError::Rollback { role, trusted, found }.into());
        }
        Ok(offer)
    }

    /// The version that an offered policy has to be newer than. There is none once a root gave `targets` keys that did not sign the
    /// policy in force: whoever had stolen the old ones could have used up all versions for ever.
    pub(super) fn guarded(&self, offer: &Offer) -> Option<u64> {
        let newest = offer.repository.roots.last_key_value();
        let trusted = newest.and_then(|(_, root)| TrustedSet::new(root, 0).ok());
        let targets = self.repository.metadata.get(RoleName::Targets.as_str());
        let superseded = trusted
            .zip(targets)
            .is_some_and(|(trusted, targets)| !trusted.vouches_for_targets(targets));
        (!superseded).then(|| self.whole.version())
    }

    /// Whether an offer has this very policy.
    pub(super) fn is_of(&self, offer: &Offer) -> bool {
        let own = |target: &str| self.repository.artifacts.get(target).map(Vec::as_slice);
        POLICY_TARGETS
            .iter()
            .all(|target| own(target) == Some(offer.target(target)))
    }

    /// Whether these bytes were judged already, over this policy.
    pub(super) fn has_judged(&self, brake: &[u8]) -> bool {
        self.judged.as_deref() == Some(brake)
    }

    /// Takes a brake, if it is good and there is no newer one; whether there is one in force now.
    ///
    /// # Errors
    /// [`BrakeRejectedError`]; the one before it stays until its end.
    pub(super) fn brake(&mut self, bytes: &[u8], now: Moment) -> Result<bool, BrakeRejectedError> {
        self.judged = Some(bytes.to_vec());
        let brake = Brake::from_json(bytes)?;
        if let Some(newest) = self.newest.as_ref() {
            if *newest == brake {
                // Still in force, or over.
                self.settle();
                return Ok(self.brake.is_some());
            }
            if brake.version <= newest.version {
                return Err(BrakeRejectedError::NotNewer {
                    offered: brake.version,
                    newest: newest.version,
                });
            }
        }
        brake.verify_at(now.wall_s)?;
        drop(self.whole.compiled().with_brake(&brake)?);
        self.newest = Some(brake.clone());
        self.braked = None;
        self.brake = (!brake.rules.is_empty()).then(|| Applied::new(brake, now));
        Ok(self.brake.is_some())
    }

    /// Ends the brake; whether there was one.
    pub(super) fn release(&mut self) -> bool {
        self.brake.take().is_some()
    }

    /// Forgets which brake was judged: there is none any more.
    pub(super) fn forget_judged(&mut self) {
        self.judged = None;
    }

    /// What the request cores go by, the same until something changes. A brake that does not fit the policy any more ends.
    pub(super) fn settle(&mut self) -> Arc<ActivePolicy> {
        let Some(applied) = self.brake.as_ref() else {
            return Arc::clone(&self.whole);
        };
        if let Some(braked) = &self.braked {
            return Arc::clone(braked);
        }
        match self.whole.compiled().with_brake(applied.brake()) {
            Ok(compiled) => {
                let braked = Arc::new(self.whole.with_compiled(compiled));
                self.braked = Some(Arc::clone(&braked));
                braked
            }
            Err(_) => {
                self.brake = None;
                Arc::clone(&self.whole)
            }
        }
    }
}

fn digest(offer: &Offer) -> [u8; 32] {
    let targets: Vec<_> = POLICY_TARGETS
        .iter()
        .map(|target| sha256(&[offer.target(target)]))
        .collect();
    let parts: Vec<&[u8]> = targets.iter().map(<[u8; 32]>::as_slice).collect();
    sha256(&parts)
}
