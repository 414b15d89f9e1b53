//! One scan: the questions of a policy's detectors, and what the detectors conclude from the answers. It takes as long as the
//! detectors do, so it is carried out without the machine.

use std::sync::Arc;

use attest_core::facts::{Answer, FactId, FactMap, FactRef, FactSource};
use attest_core::finding::Findings;
use attest_core::policy::{CompiledDevice, Detection};

use crate::notice::Notice;

/// A scan that is to be made.
#[derive(Debug)]
pub struct Scan {
    policy: Arc<CompiledDevice>,
    /// The answer that no probe knows.
    policy_is_stale: bool,
}

/// What probes answered, and what the machine knows by itself.
struct Answers<'a> {
    facts: &'a FactMap,
    policy_is_stale: bool,
}

impl FactSource for Answers<'_> {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        if fact.fact() == FactId::POLICY_STALE {
            return Answer::Boolean(self.policy_is_stale);
        }
        self.facts.answer(fact)
    }
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
    pub(super) const fn by(policy: Arc<CompiledDevice>, policy_is_stale: bool) -> Self {
        Self {
            policy,
            policy_is_stale,
        }
    }

    /// What the detectors ask of the phone.
    #[must_use]
    pub fn questions(&self) -> Vec<FactRef> {
        let asked = self.policy.detectors().facts().into_iter();
        asked
            .filter(|fact| fact.fact() != FactId::POLICY_STALE)
            .cloned()
            .collect()
    }

    /// What they conclude. One that this engine does not understand is inconclusive, never clear.
    #[must_use]
    pub fn judge(&self, facts: &FactMap) -> Judged {
        let detectors = self.policy.detectors();
        let mut findings = Findings {
            evaluated: detectors.evaluated_digest(),
            ..Findings::default()
        };
        let answers = Answers {
            facts,
            policy_is_stale: self.policy_is_stale,
        };
        for scanned in detectors.scan(&answers) {
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
