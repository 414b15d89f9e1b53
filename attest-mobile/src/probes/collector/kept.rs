//! Answers of earlier scans, as long as their probes say that they keep.
//!
//! Of a probe either every answer is used again or none: two views that were asked at different times may differ although nobody
//! lies. Errors are never kept.

use attest_core::facts::{FactMap, FactRef, Observation};
use attest_core::sorted::Sorted;

use super::super::Lifetime;

/// Answers by probe. There are as many as the policies of one process ask for, at most [`KEPT_MAX`] a probe.
#[derive(Debug, Default)]
pub(super) struct Kept(Sorted<&'static str, Sorted<FactRef, (Observation, u64)>>);

/// Beyond this a probe's answers are asked for again each time.
const KEPT_MAX: usize = 4_096;

impl Kept {
    /// The answers of a probe to all of `questions`, or none.
    pub(super) fn answers(
        &self,
        probe: &str,
        questions: &[&FactRef],
        now_us: u64,
    ) -> Option<Vec<Observation>> {
        let kept = self.0.get(probe)?;
        let answer = |question: &&FactRef| {
            let (observation, until_us) = kept.get(*question)?;
            (now_us < *until_us).then(|| observation.clone())
        };
        questions.iter().map(answer).collect()
    }

    /// Keeps the answers of one run.
    pub(super) fn keep(&mut self, probe: &'static str, lifetime: Lifetime, facts: &FactMap, now_us: u64) {
        let until_us = match lifetime {
            Lifetime::Scan => return,
            Lifetime::Seconds(seconds) => now_us.saturating_add(u64::from(seconds) * 1_000_000),
            Lifetime::Process => u64::MAX,
        };
        let mut kept = self.0.remove(probe).unwrap_or_default();
        kept.retain(|(_, until_us)| now_us < *until_us);
        for (question, observation) in facts.iter() {
            if kept.len() < KEPT_MAX && !matches!(observation, Observation::Error(_)) {
                kept.insert(question.clone(), (observation.clone(), until_us));
            }
        }
        self.0.insert(probe, kept);
    }
}
