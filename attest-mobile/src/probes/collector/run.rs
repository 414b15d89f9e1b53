//! One scan, from its questions to its answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use attest_core::facts::{FactMap, FactRef};

use super::super::sys::Deadline;
use super::super::{Answers, Probe, Scope};
use super::cost::Run;
use super::progress::Progress;
use super::{Core, lock};

/// Makes the answers that there is time for, without asking those probes that hang.
pub(super) fn scan(core: &Core, questions: &[FactRef], hanging: &[&str], progress: &Progress) {
    let ends_us = core
        .clock
        .monotonic_us()
        .saturating_add(core.budget_ms.saturating_mul(1000));
    let has_passed = || progress.is_cancelled() || core.clock.monotonic_us() >= ends_us;
    let mut asked: Vec<&FactRef> = questions.iter().collect();
    asked.sort_unstable();
    asked.dedup();
    for probe in &core.probes {
        let is_own = |question: &&FactRef| {
            probe.facts().contains(&question.fact())
                && !progress.has_answered(question)
                && probe.takes(question)
        };
        let own: Vec<&FactRef> = asked.iter().copied().filter(is_own).collect();
        if own.is_empty() {
            continue;
        }
        let now_us = core.clock.monotonic_us();
        let kept = lock(&core.kept).answers(probe.name(), &own, now_us);
        if let Some(kept) = kept {
            for (question, observation) in own.into_iter().zip(kept) {
                progress.answered(question.clone(), observation);
            }
        } else if !has_passed() && !hanging.contains(&probe.name()) {
            progress.asks(Some(probe.name()));
            let answers = ask(core, probe.as_ref(), &own, &has_passed);
            progress.asks(None);
            for (question, observation) in answers.iter() {
                if own.contains(&question) {
                    progress.answered(question.clone(), observation.clone());
                }
            }
        }
    }
}

/// What one probe answers now; nothing if it panics.
fn ask(core: &Core, probe: &dyn Probe, questions: &[&FactRef], deadline: &dyn Deadline) -> FactMap {
    let scope = Scope {
        deadline,
        variables: &core.variables,
    };
    let begun_us = core.clock.monotonic_us();
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let mut answers = Answers::default();
        probe.answer(questions, &scope, &mut answers);
        answers.into_facts()
    }));
    let ended_us = core.clock.monotonic_us();
    let run = Run {
        took_us: ended_us.saturating_sub(begun_us),
        late: deadline.has_passed(),
        panicked: answered.is_err(),
    };
    lock(&core.costs).add(probe.name(), run);
    let facts = answered.unwrap_or_default();
    lock(&core.kept).keep(probe.name(), probe.lifetime(), &facts, ended_us);
    facts
}
