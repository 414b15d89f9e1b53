//! One scan: the questions of a policy's detectors, and what the detectors conclude from the answers. It takes as long as the
//! detectors do, so it is carried out without the machine.

use std::sync::Arc;

use attest_core::facts::{FactMap, FactRef};
use attest_core::finding::Findings;
use attest_core::policy::{CompiledDevice, Detection};

use crate::notice::Notice;

/// A scan that is to be made.
#[derive(Debug)]
pub struct Scan {
    policy: Arc<CompiledDevice>,
}

/// Findings and the policy version that they belong to.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    pub(super) policy_version: u64,
    pub(super) findings: Findings,
    detectors: usize,
    inconclusive: usize,
    unsupported: usize,
}

impl Scan {
    pub(super) const fn by(policy: Arc<CompiledDevice>) -> Self {
        Self { policy }
    }

    /// What the detectors ask.
    #[must_use]
    pub fn questions(&self) -> Vec<FactRef> {
        self.policy.detectors().facts().into_iter().cloned().collect()
    }

    /// What they conclude. One that this engine does not understand is inconclusive, never clear.
    #[must_use]
    pub fn judge(&self, facts: &FactMap) -> Judged {
        let detectors = self.policy.detectors();
        let mut findings = Findings {
            evaluated: detectors.evaluated_digest(),
            ..Findings::default()
        };
        for scanned in detectors.scan(facts) {
            match scanned.detection {
                Detection::Hit => findings.hit.push(scanned.id.to_owned()),
                Detection::Clear => {}
                Detection::Inconclusive | Detection::Unsupported => {
                    findings.inconclusive.push(scanned.id.to_owned());
                }
            }
        }
        Judged {
            policy_version: self.policy.policy().version,
            detectors: detectors.len(),
            unsupported: detectors.unsupported().count(),
            inconclusive: findings.inconclusive.len(),
            findings: findings.compact(),
        }
    }
}

impl Judged {
    pub(super) fn notice(&self) -> Notice {
        Notice::Scanned {
            detectors: self.detectors,
            unsupported: self.unsupported,
            hits: self.findings.hit.len(),
            inconclusive: self.inconclusive,
        }
    }
}
