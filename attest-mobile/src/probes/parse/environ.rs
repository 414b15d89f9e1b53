//! The environment that a process began with, `/proc/PID/environ`. What it set later is not there.

use std::borrow::Cow;

use super::{Parsed, lines};

/// Variables that are read.
pub const MAX_VARIABLES: usize = 1 << 12;
/// Bytes of one variable, name and value; the kernel hands over no longer ones.
pub const MAX_VARIABLE_BYTES: usize = 1 << 17;

/// One variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable<'a> {
    /// An item of the fact `env.names`.
    pub name: Cow<'a, str>,
    /// The value, perhaps empty.
    pub value: Cow<'a, str>,
}

/// The variables in their order; one name may be there twice. Empty ones are skipped: a process that sets its name leaves them.
/// An empty environment is whole.
#[must_use]
pub fn variables(text: &[u8]) -> Parsed<Vec<Variable<'_>>> {
    let mut found = Parsed {
        value: Vec::new(),
        truncated: false,
    };
    let ended = text.split_inclusive(|byte| *byte == 0);
    for entry in ended.filter(|entry| *entry != [0]) {
        let variable = entry.strip_suffix(&[0]).and_then(variable);
        match variable {
            Some(_) if found.value.len() == MAX_VARIABLES => {
                found.truncated = true;
                break;
            }
            Some(variable) => found.value.push(variable),
            None => found.truncated = true,
        }
    }
    found
}

fn variable(entry: &[u8]) -> Option<Variable<'_>> {
    let (name, value) = lines::field(entry, b'=')?;
    (entry.len() <= MAX_VARIABLE_BYTES && !name.is_empty()).then(|| Variable {
        name: lines::lossy(name),
        value: lines::lossy(value),
    })
}
