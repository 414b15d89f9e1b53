//! Facts as a person states them: a YAML map as in a policy's tests, or one by one.

use std::collections::BTreeMap;

use attest_core::facts::{FactRef, Kind, Observation, Value};

use crate::{
    node,
    problem::{Level, Position, Problem},
    report::Report,
    run::{fits, strange_column},
};

/// Stated facts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(pub(super) BTreeMap<FactRef, Observation>);

impl Facts {
    /// The facts of a map in YAML or JSON: `{device.age_s: 60, boot.state: null, maps.path: {error: 13}}`.
    ///
    /// # Errors
    /// Every problem, with its place.
    pub fn read(file_name: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let root = node::read(file_name, text).map_err(|problem| vec![*problem])?;
        let mut report = Report::default();
        let (_, written) = report.read::<BTreeMap<String, Observation>>(file_name, root, &[]);
        let mut facts = Self::default();
        for (name, observation) in written.into_iter().flatten() {
            if let Err((code, message)) = facts.add(&name, observation) {
                report.error(&name, code, message);
            }
        }
        let problems = report.finish();
        if problems.is_empty() {
            Ok(facts)
        } else {
            Err(problems)
        }
    }

    /// States one more fact, which may be stated already. The text is YAML, but for facts that are text it is the text
    /// itself, unless it is `null` or `{error: …}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn state(&mut self, name: &str, text: &str) -> Result<(), Problem> {
        let problem = |code, message: String| Problem {
            file: name.to_owned(),
            position: Position::START,
            path: String::new(),
            code,
            level: Level::Error,
            message,
        };
        let fact: FactRef = name
            .parse()
            .map_err(|error: attest_core::facts::FactRefError| problem(error.code(), error.to_string()))?;
        let plain = fact.fact().entry().kind == Kind::Text && text != "null" && !text.starts_with('{');
        let observation = if plain {
            Observation::Value(Value::Text(text.to_owned()))
        } else {
            let root = node::read(name, text).map_err(|problem| *problem)?;
            let mut report = Report::default();
            let (_, observation) = report.read::<Observation>(name, root, &[]);
            match (observation, report.finish().into_iter().next()) {
                (Some(observation), None) => observation,
                (_, Some(problem)) => return Err(problem),
                (None, None) => return Err(problem("value-kind", "not a value".to_owned())),
            }
        };
        self.add(name, observation)
            .map_err(|(code, message)| problem(code, message))
    }

    fn add(&mut self, name: &str, observation: Observation) -> Result<(), (&'static str, String)> {
        let fact: FactRef = name
            .parse()
            .map_err(|error: attest_core::facts::FactRefError| (error.code(), error.to_string()))?;
        let entry = fact.fact().entry();
        if !fits(entry.kind, &observation) {
            let kind = entry.kind.as_str();
            return Err((
                "value-kind",
                format!("`{name}` is {kind}, null or {{error: number}}"),
            ));
        }
        if let Some((row, column)) = strange_column(fact.fact(), &observation) {
            let known = entry.columns.join(", ");
            let message = format!("unknown column `{column}` in row {row}, expected {known}");
            return Err(("column-unknown", message));
        }
        self.0.insert(fact, observation);
        Ok(())
    }
}
