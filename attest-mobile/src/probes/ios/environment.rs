//! The environment: `env`, `env.names`. `DYLD_INSERT_LIBRARIES` and `SIMULATOR_DEVICE_NAME` are there.

use std::env;

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{list, text};
use super::super::sys::Errno;
use super::super::{Answers, Lifetime, Probe, Scope};

/// Variables that are listed.
const MAX_VARIABLES: usize = 4_096;

#[derive(Debug)]
pub(super) struct Environment;

impl Probe for Environment {
    fn name(&self) -> &'static str {
        "environment"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::ENV, FactId::ENV_NAMES]
    }

    fn cost_us(&self) -> u32 {
        10
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], _: &Scope<'_>, answers: &mut Answers) {
        for question in questions {
            answers.put(question, observe(question));
        }
    }
}

fn observe(question: &FactRef) -> Observation {
    match (question.fact(), question.param()) {
        (FactId::ENV, Some(name)) if name.contains('=') => Observation::Absent,
        (FactId::ENV, Some(name)) => match env::var_os(name) {
            Some(value) => text(value.to_string_lossy()),
            None => Observation::Absent,
        },
        (FactId::ENV_NAMES, None) => {
            let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
            let names: Vec<String> = names.take(MAX_VARIABLES + 1).collect();
            let truncated = names.len() > MAX_VARIABLES;
            list(names, truncated)
        }
        _ => Errno::UNFIT.into(),
    }
}
