//! The answers of a scan while it is made, and how what was read becomes an observation.
//!
//! A list that was cut is never taken for a whole one.

use attest_core::facts::{FactMap, FactRef, Head, Observation, Row, Value};

use super::sys::Errno;

/// What probes have answered so far.
#[derive(Debug, Default)]
pub struct Answers(FactMap);

impl Answers {
    /// Answers a question; a later answer to the same one counts.
    pub fn put(&mut self, question: &FactRef, observation: impl Into<Observation>) {
        self.0.insert(question.clone(), observation);
    }

    /// True if the question was answered.
    #[must_use]
    pub fn contains(&self, question: &FactRef) -> bool {
        self.0.contains(question)
    }

    /// All of them.
    #[must_use]
    pub fn into_facts(self) -> FactMap {
        self.0
    }
}

/// Text.
#[must_use]
pub fn text(value: impl Into<String>) -> Observation {
    Value::Text(value.into()).into()
}

/// An integer; one beyond 63 bits is senseless.
#[must_use]
pub fn integer(value: impl TryInto<i64>) -> Observation {
    value
        .try_into()
        .map_or(Errno::SENSELESS.into(), |value| Value::Integer(value).into())
}

/// True or false.
#[must_use]
pub fn boolean(value: bool) -> Observation {
    Value::Boolean(value).into()
}

/// A list. What one that was cut holds is found in it; that something is not in it, nothing says.
#[must_use]
pub fn list(items: Vec<String>, truncated: bool) -> Observation {
    if truncated {
        Observation::ListHead(Head(items))
    } else {
        Value::List(items).into()
    }
}

/// Rows, as [`list`] has items.
#[must_use]
pub fn rows(rows: Vec<Row>, truncated: bool) -> Observation {
    if truncated {
        Observation::RowsHead(Head(rows))
    } else {
        Value::Rows(rows).into()
    }
}
