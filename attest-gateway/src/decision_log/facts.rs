//! Facts as a line writes them: values as in a policy's tests, `null` for what does not exist. What a phone chose is written only
//! where it is a word of the policy, and no text is longer than it must be.

use attest_core::facts::{Answer, FactId, FactRef, FactSource, TextList, View};
use attest_core::finding::Findings;
use attest_core::policy::{GatewayPolicy, MAX_DETECTORS};
use attest_core::token::binding::Bound;
use attest_policy::replay::{UNKNOWN_DETECTOR, Written, by_the_day, written};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::Plan;

/// The longest text that is written, in bytes; a longer one is left out.
const MAX_TEXT: usize = 128;
/// The longest list that is written.
const MAX_ITEMS: usize = 64;

/// The facts of one request.
pub(super) struct Facts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) source: &'a dyn FactSource,
    pub(super) token: &'a Bound,
    pub(super) policy: &'a GatewayPolicy,
}

/// No facts.
pub(super) struct Nothing;

/// One value.
enum Value<'a> {
    Answer(Answer<'a>),
    Hits(&'a Findings, &'a GatewayPolicy),
    Inconclusive(&'a Findings, &'a GatewayPolicy),
}

impl<'a> Facts<'a> {
    /// The names of those that are told by the day.
    pub(super) fn by_the_day(&self) -> impl Iterator<Item = &'a str> {
        let rounded =
            |fact: &FactRef| matches!(self.source.answer(fact), Answer::Integer(age_s) if age_s >= DAY);
        let aged = self.plan.facts.iter();
        aged.filter(move |(fact, _)| written(fact.fact()) == Some(Written::ByTheDay) && rounded(fact))
            .map(|(_, name)| name.as_str())
    }

    fn value(&self, fact: &FactRef) -> Option<Value<'_>> {
        let findings = match fact.view() {
            Some(View::Ticket) => &self.token.token().result().findings,
            _ => &self.token.token().claims().findings,
        };
        match fact.fact() {
            FactId::FINDINGS_HIT => return Some(Value::Hits(findings, self.policy)),
            FactId::FINDINGS_INCONCLUSIVE => return Some(Value::Inconclusive(findings, self.policy)),
            _ => {}
        }
        let answer = match self.source.answer(fact) {
            Answer::Integer(age_s) if written(fact.fact()) == Some(Written::ByTheDay) => {
                Answer::Integer(by_the_day(age_s))
            }
            Answer::Text(text) if text.len() > MAX_TEXT => return None,
            Answer::List(list) if !is_short(list) => return None,
            Answer::Rows(_) | Answer::Error(_) => return None,
            answer @ (Answer::Text(_)
            | Answer::Integer(_)
            | Answer::Boolean(_)
            | Answer::List(_)
            | Answer::Absent) => answer,
        };
        Some(Value::Answer(answer))
    }
}

/// From one day on, ages are rounded.
const DAY: i64 = 86_400;

fn is_short(list: &dyn TextList) -> bool {
    let fits = |index| list.item(index).is_none_or(|item| item.len() <= MAX_TEXT);
    list.len() <= MAX_ITEMS && (0..list.len()).all(fits)
}

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (fact, name) in &self.plan.facts {
            if let Some(value) = self.value(fact) {
                map.serialize_entry(name, &value)?;
            }
        }
        map.end()
    }
}

impl Serialize for Nothing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Answer(Answer::Text(text)) => serializer.serialize_str(text),
            Self::Answer(Answer::Integer(number)) => serializer.serialize_i64(*number),
            Self::Answer(Answer::Boolean(flag)) => serializer.serialize_bool(*flag),
            Self::Answer(Answer::List(list)) => {
                serializer.collect_seq((0..list.len()).map(|index| list.item(index)))
            }
            Self::Answer(Answer::Absent | Answer::Rows(_) | Answer::Error(_)) => serializer.serialize_unit(),
            Self::Hits(findings, policy) => ids(&findings.hit, 0, policy, serializer),
            Self::Inconclusive(findings, policy) => {
                let more = usize::try_from(findings.inconclusive_more).unwrap_or(MAX_DETECTORS);
                ids(
                    &findings.inconclusive,
                    more.min(MAX_DETECTORS),
                    policy,
                    serializer,
                )
            }
        }
    }
}

/// Ids that the policy knows; others without their name, and `more` that only were counted.
fn ids<S: Serializer>(
    written: &[String],
    more: usize,
    policy: &GatewayPolicy,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(written.len() + more))?;
    for id in written {
        let known = policy.detectors.contains_key(id);
        list.serialize_element(if known { id.as_str() } else { UNKNOWN_DETECTOR })?;
    }
    for _ in 0..more {
        list.serialize_element(&None::<&str>)?;
    }
    list.end()
}
