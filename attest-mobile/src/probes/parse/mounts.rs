//! The mount table as `/proc/PID/mounts` has it: one row per mount, escapes undone.

use std::borrow::Cow;

use super::{Parsed, escape, lines};

/// Mounts that are read; phones have some hundred.
pub const MAX_ROWS: usize = 1 << 14;
/// Bytes of a line: options of overlays name many paths.
pub const MAX_LINE_BYTES: usize = 1 << 15;

/// One mount. `source`, `target`, `type` and `options` are the columns of the fact `mounts.rows`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The whole line, as it stands: an item of the fact `mounts.line`.
    pub line: Cow<'a, str>,
    /// What is mounted.
    pub source: Cow<'a, str>,
    /// Where.
    pub target: Cow<'a, str>,
    /// The file system; the column `type`.
    pub kind: Cow<'a, str>,
    /// The options, parted by commas.
    pub options: Cow<'a, str>,
}

/// The rows of a mount table.
#[must_use]
pub fn mounts(text: &[u8]) -> Parsed<Vec<Mount<'_>>> {
    let bounds = lines::Bounds {
        lines: MAX_ROWS,
        line_bytes: MAX_LINE_BYTES,
    };
    lines::rows(text, bounds, mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    // One space parts two fields; a source may be empty.
    let mut fields = line.split(|byte| *byte == b' ');
    let [source, target, kind, options] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    // How often it is dumped and in which pass it is tested: always 0 here, and nothing is behind them.
    let last: [u32; 2] = [lines::decimal(fields.next()?)?, lines::decimal(fields.next()?)?];
    (last == [0, 0] && fields.next().is_none() && !target.is_empty() && !kind.is_empty()).then(|| Mount {
        line: lines::lossy(line),
        source: escape::text(source),
        target: escape::text(target),
        kind: escape::text(kind),
        options: escape::text(options),
    })
}
