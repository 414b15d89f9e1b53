//! What a record answers: a fact stated without a view answers for every view, and what was not stated was not observed.

use attest_core::{
    facts::{Answer, FactId, FactMap, FactRef, FactSource, NOT_OBSERVED, Observation, Value},
    policy::Variables,
};

use super::asked;

/// The observations of one record.
#[derive(Debug, Clone, Default)]
pub struct RecordedFacts {
    stated: FactMap,
    /// Every property was recorded, so that one that is not there was absent.
    all_properties: bool,
}

impl RecordedFacts {
    pub(super) fn state(&mut self, fact: FactRef, observation: impl Into<Observation>) {
        self.stated.insert(fact, observation);
    }

    /// States a fact by its name; `None` leaves it unobserved.
    pub(super) fn put(&mut self, fact: &str, value: Option<Value>) {
        if let (Some(fact), Some(value)) = (asked(fact), value) {
            self.state(fact, value);
        }
    }

    pub(super) fn put_text(&mut self, fact: &str, value: Option<&str>) {
        self.put(fact, value.map(|text| Value::Text(text.to_owned())));
    }

    pub(super) const fn hold_all_properties(&mut self) {
        self.all_properties = true;
    }

    /// The variables that follow from the facts, as a phone fills them in.
    pub(super) fn variables(&self) -> Variables {
        let text = |fact: &str| {
            let answer = self.answer(&asked(fact)?);
            if let Answer::Text(text) = answer {
                Some(text.to_owned())
            } else if let Answer::Integer(number) = answer {
                Some(number.to_string())
            } else {
                None
            }
        };
        let user_of = |uid: String| Some((uid.parse::<i64>().ok()? / UIDS_PER_USER).to_string());
        [
            ("package", text("id.package")),
            ("bundle", text("id.package")),
            ("data_dir", text("app.data_dir")),
            ("own_apk", text("maps.own_apk")),
            ("uid", text("id.uid")),
            (
                "user_id",
                text("id.user_id").or_else(|| text("id.uid").and_then(user_of)),
            ),
        ]
        .into_iter()
        .fold(Variables::default(), |all, (name, value)| match value {
            Some(value) => all.with(name, value),
            None => all,
        })
    }

    /// The number of stated facts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stated.len()
    }

    /// True if nothing was stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stated.is_empty()
    }
}

impl FactSource for RecordedFacts {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        let exact = self.stated.answer(fact);
        if !not_observed(&exact) {
            return exact;
        }
        // Without a view the probe's own choice is asked for, which is the first.
        let other = match fact.view() {
            Some(_) => None,
            None => fact.fact().entry().views.first().copied(),
        };
        let other = FactRef::new(fact.fact(), fact.param(), other).ok();
        match other.map_or(exact, |other| self.stated.answer(&other)) {
            answer if not_observed(&answer) && fact.fact() == FactId::PROP && self.all_properties => {
                Answer::Absent
            }
            answer => answer,
        }
    }
}

/// How many uids Android gives to each user.
const UIDS_PER_USER: i64 = 100_000;

const fn not_observed(answer: &Answer<'_>) -> bool {
    matches!(answer, Answer::Error(NOT_OBSERVED))
}
