//! The mount table as `/proc/PID/mountinfo` has it: also which part of a file system is mounted, and in which order.

use std::borrow::Cow;

use super::mounts::{MAX_LINE_BYTES, MAX_ROWS};
use super::{Parsed, escape, lines};

/// Optional fields of one mount that are read; the kernel has four kinds of them.
pub const MAX_TAGS: usize = 16;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount<'a> {
    /// The whole line, as it stands.
    pub line: Cow<'a, str>,
    /// The mount's number.
    pub id: u32,
    /// The number of the mount that it lies on.
    pub parent: u32,
    /// The device number in decimal, such as `254:0`.
    pub dev: &'a str,
    /// Which folder of the file system is mounted: another than `/` for a bind mount.
    pub root: Cow<'a, str>,
    /// Where.
    pub target: Cow<'a, str>,
    /// The options of this mount, parted by commas.
    pub options: Cow<'a, str>,
    /// The optional fields, such as `master:1`.
    pub tags: Vec<Cow<'a, str>>,
    /// The file system.
    pub kind: Cow<'a, str>,
    /// What is mounted.
    pub source: Cow<'a, str>,
    /// The options of the file system, parted by commas.
    pub super_options: Cow<'a, str>,
}

/// The rows of a mount table, at most [`MAX_ROWS`] of at most [`MAX_LINE_BYTES`] each.
#[must_use]
pub fn mounts(text: &[u8]) -> Parsed<Vec<Mount<'_>>> {
    let bounds = lines::Bounds {
        lines: MAX_ROWS,
        line_bytes: MAX_LINE_BYTES,
    };
    lines::rows(text, bounds, mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (id, parent) = (lines::decimal(fields.next()?)?, lines::decimal(fields.next()?)?);
    let dev = fields.next()?;
    let (major, minor) = lines::field(dev, b':')?;
    lines::decimal::<u32>(major).and(lines::decimal::<u32>(minor))?;
    let [root, target, options] = [fields.next()?, fields.next()?, fields.next()?];
    let mut tags = Vec::new();
    loop {
        match fields.next()? {
            b"-" => break,
            _ if tags.len() == MAX_TAGS => return None,
            tag => tags.push(escape::text(tag)),
        }
    }
    let [kind, source, super_options] = [fields.next()?, fields.next()?, fields.next()?];
    (fields.next().is_none() && !target.is_empty() && !kind.is_empty()).then_some(())?;
    Some(Mount {
        line: lines::lossy(line),
        id,
        parent,
        dev: std::str::from_utf8(dev).ok()?,
        root: escape::text(root),
        target: escape::text(target),
        options: escape::text(options),
        tags,
        kind: escape::text(kind),
        source: escape::text(source),
        super_options: escape::text(super_options),
    })
}
