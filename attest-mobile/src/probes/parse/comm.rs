//! The name of a thread, `/proc/PID/task/TID/comm`: an item of the fact `proc.threads`.

use std::borrow::Cow;

use super::{Parsed, lines};

/// Bytes of a name: programs have 15, the kernel's own workers up to 63.
pub const MAX_BYTES: usize = 63;

/// The name. It may hold newlines: only the last one is the kernel's.
#[must_use]
pub fn thread_name(text: &[u8]) -> Parsed<Cow<'_, str>> {
    let ended = text.strip_suffix(b"\n");
    let name = ended.unwrap_or(text);
    let read = name.get(..MAX_BYTES).unwrap_or(name);
    Parsed {
        value: lines::lossy(read),
        truncated: ended.is_none() || read.len() < name.len(),
    }
}
