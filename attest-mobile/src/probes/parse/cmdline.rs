//! The command line of a process, `/proc/PID/cmdline`.

use std::borrow::Cow;

use super::{Parsed, lines};

/// Bytes that are read; an app's is its process's name.
pub const MAX_BYTES: usize = 1 << 16;
/// Arguments that are read.
pub const MAX_ARGUMENTS: usize = 1 << 10;

/// The arguments, the program's name first. NULs at the end are none: an app that sets its process's name leaves many.
#[must_use]
pub fn arguments(text: &[u8]) -> Parsed<Vec<Cow<'_, str>>> {
    let read = text.get(..MAX_BYTES).unwrap_or(text);
    let mut truncated = read.len() < text.len() || read.last() != Some(&0);
    let end = read
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let mut value = Vec::new();
    for argument in read.get(..end).unwrap_or_default().split(|byte| *byte == 0) {
        if value.len() == MAX_ARGUMENTS {
            truncated = true;
            break;
        }
        value.push(lines::lossy(argument));
    }
    if end == 0 {
        value.clear();
    }
    Parsed { value, truncated }
}
