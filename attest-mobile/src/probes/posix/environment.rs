//! The environment of this process as it is now: `env`, `env.names`.

use std::env;

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{list, text};
use super::super::{Answers, Lifetime, Probe, Scope};

/// Variables that are listed; apps have some ten.
const MAX_VARIABLES: usize = 1_024;
/// Bytes of a value that are told.
const MAX_BYTES: usize = 1 << 16;

#[derive(Debug)]
pub(in crate::probes) struct Environment;

impl Probe for Environment {
    fn name(&self) -> &'static str {
        "environment"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::ENV, FactId::ENV_NAMES]
    }

    fn cost_us(&self) -> u32 {
        40
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            answers.put(question, question.param().map_or_else(names, value));
        }
    }
}

fn value(name: &str) -> Observation {
    // The standard library refuses to ask for these; no variable is called so.
    if name.contains('=') {
        return Observation::Absent;
    }
    match env::var_os(name) {
        Some(value) if value.len() <= MAX_BYTES => text(value.to_string_lossy()),
        Some(_) => super::super::sys::Errno::CUT.into(),
        None => Observation::Absent,
    }
}

fn names() -> Observation {
    let mut all = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = all.by_ref().take(MAX_VARIABLES).collect();
    let truncated = all.next().is_some();
    names.sort_unstable();
    list(names, truncated)
}
