//! What is written of each decision under one policy, found once: which facts, and which rules ask for what is not written.

use attest_core::facts::{FactId, FactRef, View};
use attest_core::policy::{GatewayPolicy, Mode};
use attest_policy::replay::{Written, asks_more, condition_digest, written};

use crate::config::RecordedFacts;

/// What is written under one policy.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Facts that are written, with the name they have there.
    pub(super) facts: Vec<(FactRef, String)>,
    /// Facts that its rules ask and that are never written.
    pub(super) withheld: Vec<&'static str>,
    /// By the position of a rule: the digest of its condition, if it asks for what is not written as it is.
    pub(super) sealed: Vec<Option<String>>,
}

impl Plan {
    pub(super) fn new(policy: &GatewayPolicy, which: RecordedFacts) -> Self {
        let rules = || policy.rules.iter().filter(|rule| rule.mode != Mode::Off);
        let asked = |fact: FactId| rules().any(|rule| rule.when.asks(fact));
        let all = which == RecordedFacts::All;
        let findings = all || FactId::all().any(|fact| is_finding(fact) && asked(fact));
        let facts = FactId::all()
            .filter(|fact| matches!(written(*fact), Some(Written::Plain | Written::ByTheDay)))
            .filter(|fact| {
                if is_finding(*fact) {
                    findings
                } else {
                    all || is_needed(*fact) || asked(*fact)
                }
            })
            .flat_map(questions)
            .map(|question| {
                let name = question.to_string();
                (question, name)
            });
        Self {
            facts: facts.collect(),
            withheld: FactId::all()
                .filter(|fact| written(*fact) == Some(Written::Withheld) && asked(*fact))
                .map(FactId::name)
                .collect(),
            sealed: policy
                .rules
                .iter()
                .map(|rule| asks_more(&rule.when).then(|| condition_digest(policy, rule)))
                .collect(),
        }
    }
}

/// Findings are written by their source; what both say together follows.
fn questions(fact: FactId) -> Vec<FactRef> {
    let views = if is_finding(fact) {
        vec![Some(View::Ticket), Some(View::Token)]
    } else {
        vec![None]
    };
    let asked = views
        .into_iter()
        .filter_map(|view| FactRef::new(fact, None, view).ok());
    asked.collect()
}

/// Routes and step-ups ask for it, whatever rules do.
fn is_needed(fact: FactId) -> bool {
    fact == FactId::TOKEN_KIND
}

fn is_finding(fact: FactId) -> bool {
    [
        FactId::FINDINGS_HIT,
        FactId::FINDINGS_INCONCLUSIVE,
        FactId::FINDINGS_CATEGORY,
        FactId::FINDINGS_SEVERITY,
        FactId::FINDINGS_ROWS,
    ]
    .contains(&fact)
}
