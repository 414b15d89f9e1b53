//! Words that a rule compares findings with and that no finding has.

use std::collections::BTreeSet;

use attest_core::{
    facts::{FactId, FactRef, Value},
    policy::{Category, FactTest, Severity},
};
use serde::Deserialize;
use serde::de::{IntoDeserializer as _, value::Error};

use super::walk::clauses;
use crate::{nearest::hint, report::Report, source::PolicySource};

pub(super) fn findings(source: &PolicySource, report: &mut Report) {
    let ids: BTreeSet<&str> = source
        .detectors
        .iter()
        .map(|detector| detector.id.as_str())
        .collect();
    for (index, rule) in source.rules.iter().enumerate() {
        clauses(&rule.when, &format!("rules[{index}].when"), &mut |test, path| {
            for word in words(test) {
                let fault = match test.fact.parse::<FactRef>().map(|fact| fact.fact()) {
                    Ok(FactId::FINDINGS_HIT | FactId::FINDINGS_INCONCLUSIVE) if !ids.contains(word) => {
                        let hint = hint(word, ids.iter().copied());
                        format!("there is no detector `{word}`{hint}")
                    }
                    Ok(FactId::FINDINGS_CATEGORY) if !is::<Category>(word) => {
                        format!("there is no category `{word}`")
                    }
                    Ok(FactId::FINDINGS_SEVERITY) if !is::<Severity>(word) => {
                        format!("there is no severity `{word}`")
                    }
                    _ => continue,
                };
                let message = format!("{fault}: no finding has this, correct it or leave it out");
                report.warning(format_args!("{path}.value"), "finding-unknown", message);
            }
        });
    }
}

/// What items are compared with as a whole.
fn words(test: &FactTest) -> Vec<&str> {
    let plain = |word: &&str| !word.contains("${");
    match &test.value {
        Some(Value::Text(word)) if test.op.ends_with("_eq") || test.op.ends_with("_ne") => {
            [word.as_str()].into_iter().filter(plain).collect()
        }
        Some(Value::List(items)) if test.op.ends_with("_in") => {
            items.iter().map(String::as_str).filter(plain).collect()
        }
        _ => Vec::new(),
    }
}

fn is<'a, T: Deserialize<'a>>(word: &'a str) -> bool {
    let read: Result<T, Error> = T::deserialize(word.into_deserializer());
    read.is_ok()
}
