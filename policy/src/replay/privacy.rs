//! Which facts a decision log may hold, and how exactly: what identifies a device for longer than a day is never written.

use attest_core::{
    facts::{FactId, Origin},
    policy::{Condition, GatewayPolicy, Rule, canonical_json},
};
use ring::digest::{SHA256, digest};

/// Seconds of a day: how exactly ages are told that would otherwise name the moment of an enrolment.
pub const DAY_S: u64 = 86_400;

/// How a fact is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// As it is.
    Plain,
    /// Rounded down to whole days, from one day on.
    ByTheDay,
    /// By another part of the line, or by facts that it follows from.
    Elsewhere,
    /// Never.
    Withheld,
}

/// How a fact is written; `None` if no rule can ask it.
#[must_use]
pub fn written(fact: FactId) -> Option<Written> {
    if fact.entry().origin == Origin::Device {
        return None;
    }
    Some(match fact {
        // A path may hold an account number, the other is the device itself.
        FactId::DEVICE_ID | FactId::REQUEST_PATH => Written::Withheld,
        // Both tell the second of an enrolment, which is as good as a name.
        FactId::DEVICE_AGE_S | FactId::EVIDENCE_AGE_S => Written::ByTheDay,
        FactId::APP_ID
        | FactId::APP_VERSION
        | FactId::REQUEST_METHOD
        | FactId::ROUTE_ID
        | FactId::FINDINGS_CATEGORY
        | FactId::FINDINGS_SEVERITY
        | FactId::FINDINGS_ROWS => Written::Elsewhere,
        _ => Written::Plain,
    })
}

/// An age as it is written: exact within the first day, afterwards in whole days.
#[must_use]
pub const fn by_the_day(age_s: i64) -> i64 {
    const DAY: i64 = 86_400;
    if age_s < DAY { age_s } else { age_s - age_s % DAY }
}

/// What a rule's condition means, with the lists that it names and, if it asks for findings, the detectors: a text that is
/// equal only where the condition holds for the same requests.
#[must_use]
pub fn condition_digest(policy: &GatewayPolicy, rule: &Rule) -> String {
    let named = policy.lists.iter().filter(|(name, _)| rule.when.names_list(name));
    let of_findings = |fact: FactId| fact.name().starts_with("findings.");
    let findings = rule
        .when
        .questions()
        .iter()
        .any(|question| of_findings(question.fact()));
    let detectors = findings.then_some(&policy.detectors);
    let asked = (&rule.when, named.collect::<Vec<_>>(), detectors);
    // A condition that was read can be written.
    let text = canonical_json(&asked).unwrap_or_default();
    let digest = digest(&SHA256, text.as_bytes());
    digest
        .as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// True if a condition asks what is not in the log as it is.
#[must_use]
pub fn asks_more(condition: &Condition) -> bool {
    let mut questions = condition.questions().into_iter();
    questions.any(|question| {
        matches!(
            written(question.fact()),
            Some(Written::Withheld | Written::ByTheDay) | None
        )
    })
}
