//! Facts as probes write them down: `{platform?, variables?: {NAME: TEXT}, facts: {"name(param)@view": OBSERVATION}}`, an
//! observation being a value, `null` for absent, or `{error: number}`.

use attest_core::{
    facts::{FactRef, Observation, Platform},
    policy::Variables,
};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    Record, RecordError, RecordedFacts,
    fields::{ABOUT, Fields},
};
use crate::run::fits;

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
    let mut facts = RecordedFacts::default();
    for (text, written) in fields.object("facts")?.into_iter().flatten() {
        let place = format!("{}.{text}", fields.place("facts"));
        match text.parse::<FactRef>() {
            Ok(fact) => {
                let observed = observation(&fact, written, place)?;
                facts.state(fact, observed);
            }
            // A newer probe may ask what this version does not know.
            Err(error) => notes.push(format!("{place}: {error}; not read")),
        }
    }
    let mut variables = facts.variables();
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
    Ok(Record {
        case: case.map(|index| named.unwrap_or(index)),
        facts,
        variables,
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
