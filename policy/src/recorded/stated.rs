//! Facts as probes write them down: `{platform?, variables?: {NAME: TEXT}, facts: {"name(param)@view": OBSERVATION}}`, an
//! observation being a value, `null` for absent, or `{error: number}`. What is written here is read here, as the same facts.

use std::collections::BTreeMap;

use attest_core::{
    facts::{FactMap, FactRef, Observation, Platform},
    policy::Variables,
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value as Json};

use super::{
    Record, RecordError, RecordedFacts,
    fields::{ABOUT, Fields},
};
use crate::run::fits;

/// What one phone observed at one time. Its JSON, read again, is the same record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The platform of the phone.
    pub platform: Platform,
    /// The values of `${…}` on it, as far as they are known beside the facts.
    pub variables: Variables,
    /// What its probes answered.
    pub facts: FactMap,
}

impl Observed {
    /// The record: variables that nobody stated follow from the facts.
    #[must_use]
    pub fn record(&self) -> Record {
        let mut facts = RecordedFacts::default();
        for (fact, observation) in self.facts.iter() {
            facts.state(fact.clone(), observation.clone());
        }
        let mut variables = facts.variables();
        for (name, value) in stated(&self.variables) {
            variables = variables.with(name, value);
        }
        Record {
            case: None,
            facts,
            variables,
        }
    }
}

impl Serialize for Observed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let facts = self.facts.iter();
        let facts: BTreeMap<String, &Observation> = facts
            .map(|(fact, observation)| (fact.to_string(), observation))
            .collect();
        let mut members = serializer.serialize_map(Some(3))?;
        members.serialize_entry("platform", self.platform.as_str())?;
        members.serialize_entry("variables", &stated(&self.variables).collect::<BTreeMap<_, _>>())?;
        members.serialize_entry("facts", &facts)?;
        members.end()
    }
}

fn stated(variables: &Variables) -> impl Iterator<Item = (&'static str, &str)> {
    let names = Variables::NAMES.into_iter();
    names.filter_map(|name| Some((name, variables.value(name)?)))
}

pub(super) fn read(
    members: &Map<String, Json>,
    platform: Platform,
    place: &str,
    case: Option<String>,
    notes: &mut Vec<String>,
) -> Result<Record, RecordError> {
    let fields = Fields::new(members, place);
    fields.of_platform(platform)?;
    fields.note_others(&[&ABOUT[..], &["variables", "facts", "case"]].concat(), notes);
    let mut facts = FactMap::default();
    for (text, written) in fields.object("facts")?.into_iter().flatten() {
        let place = format!("{}.{text}", fields.place("facts"));
        match text.parse::<FactRef>() {
            Ok(fact) => {
                let observed = observation(&fact, written, place)?;
                facts.insert(fact, observed);
            }
            // A newer probe may ask what this version does not know.
            Err(error) => notes.push(format!("{place}: {error}; not read")),
        }
    }
    let mut variables = Variables::default();
    for (name, value) in fields.object("variables")?.into_iter().flatten() {
        if value.is_null() {
            continue;
        }
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !Variables::NAMES.contains(&name.as_str()) {
            notes.push(format!(
                "{}.{name} is not known and not read",
                fields.place("variables")
            ));
        }
        variables = variables.with(name, value);
    }
    let named = fields.text("case")?.or(fields.text("name")?).map(str::to_owned);
    let observed = Observed {
        platform,
        variables,
        facts,
    };
    Ok(Record {
        case: case.map(|index| named.unwrap_or(index)),
        ..observed.record()
    })
}

fn observation(fact: &FactRef, written: &Json, place: String) -> Result<Observation, RecordError> {
    let kind = fact.fact().entry().kind;
    match Observation::deserialize(written) {
        Ok(observation) if fits(kind, &observation) => Ok(observation),
        _ => Err(RecordError::MemberUnfit {
            place,
            expected: kind.as_str(),
        }),
    }
}
