//! `/proc/cpuinfo`: its lines, and what each says of what. Which lines there are depends on the processor.

use std::borrow::Cow;

use super::{Parsed, lines};

/// Lines that are read: 256 processors of 40 lines.
pub const MAX_LINES: usize = 1 << 14;
/// Bytes of a line: the flags of a processor are the longest.
pub const MAX_LINE_BYTES: usize = 1 << 13;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// All of it: an item of the fact `cpuinfo.line`. Empty between two processors.
    pub text: Cow<'a, str>,
    /// What it is about, such as `CPU implementer`; empty without a colon.
    pub key: Cow<'a, str>,
    /// What it says, such as `0x41`; empty without a colon.
    pub value: Cow<'a, str>,
}

/// The lines.
#[must_use]
pub fn cpu_lines(text: &[u8]) -> Parsed<Vec<Line<'_>>> {
    let bounds = lines::Bounds {
        lines: MAX_LINES,
        line_bytes: MAX_LINE_BYTES,
    };
    lines::rows(text, bounds, |line| {
        let (key, value) = lines::field(line, b':').unwrap_or_default();
        Some(Line {
            text: lines::lossy(line),
            key: lines::lossy(key.trim_ascii()),
            value: lines::lossy(value.trim_ascii()),
        })
    })
}
