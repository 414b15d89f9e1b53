//! The memory map of a process, `/proc/PID/maps`: one row per region, also those without a file.
//!
//! A path is kept as the kernel writes it, with ` (deleted)` behind a file that is gone and a newline as `\012`: detectors match
//! that text, and a newline in it would end what `.` matches. Never follows a path.

use std::borrow::Cow;

use super::{Parsed, escape, lines};

/// Regions that are read: no process has more by the kernel's own default (`vm.max_map_count` is 65,530).
pub const MAX_ROWS: usize = 1 << 16;
/// Bytes of a line: the longest path, all of it escaped, and what is before it.
pub const MAX_LINE_BYTES: usize = 4 * 4096 + 128;

const DELETED: &[u8] = b" (deleted)";

/// One region. `path`, `perm`, `dev` and `ino` are the columns of the fact `maps.rows`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region<'a> {
    /// The whole line, an item of the fact `maps.line`.
    pub line: Cow<'a, str>,
    /// The first address.
    pub start: u64,
    /// The first address behind it.
    pub end: u64,
    /// Permissions such as `r-xp`.
    pub perm: &'a str,
    /// Where in the file it begins.
    pub offset: u64,
    /// The device number, such as `fe:00`.
    pub dev: &'a str,
    /// The inode, 0 without a file.
    pub ino: u64,
    /// The path or the name in brackets, as the kernel writes it; empty for memory without either.
    pub path: Cow<'a, str>,
    raw: &'a [u8],
}

/// What a region's memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// A file, one that was deleted or never had a name included.
    File,
    /// Memory with a name, such as `[heap]`, `[anon:.bss]` or `anon_inode:[perf_event]`.
    Named,
    /// Memory without a name.
    Anonymous,
}

impl Region<'_> {
    /// What the memory is: only a path is a file's, whatever the inode says.
    #[must_use]
    pub fn backing(&self) -> Backing {
        match self.raw.first() {
            None => Backing::Anonymous,
            Some(b'/') => Backing::File,
            Some(_) => Backing::Named,
        }
    }

    /// True if code may be run from it.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.perm.as_bytes().get(2) == Some(&b'x')
    }

    /// True if the kernel says that the file is gone. A file may have such a name, too.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.backing() == Backing::File && self.raw.ends_with(DELETED)
    }

    /// The path to open this file by: without ` (deleted)`, newlines as they are. `None` if it is no file.
    #[must_use]
    pub fn file_path(&self) -> Option<Cow<'_, [u8]>> {
        let path = self.raw.strip_suffix(DELETED).unwrap_or(self.raw);
        // The kernel escapes the newline alone here, not even the backslash.
        (self.backing() == Backing::File).then(|| escape::undone(path, |byte| byte == b'\n'))
    }
}

/// The regions of a memory map.
#[must_use]
pub fn regions(text: &[u8]) -> Parsed<Vec<Region<'_>>> {
    let bounds = lines::Bounds {
        lines: MAX_ROWS,
        line_bytes: MAX_LINE_BYTES,
    };
    lines::rows(text, bounds, region)
}

fn region(line: &[u8]) -> Option<Region<'_>> {
    let (range, rest) = lines::field(line, b' ')?;
    let (perm, rest) = lines::field(rest, b' ')?;
    let (offset, rest) = lines::field(rest, b' ')?;
    let (dev, rest) = lines::field(rest, b' ')?;
    // Without a path, older kernels end the line right behind the inode.
    let (ino, rest) = lines::field(rest, b' ').unwrap_or((rest, &[]));
    // Spaces align the path; none begins with one.
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let raw = rest.get(spaces..)?;
    let (start, end) = lines::field(range, b'-')?;
    let (start, end) = (lines::hexadecimal(start)?, lines::hexadecimal(end)?);
    let (major, minor) = lines::field(dev, b':')?;
    lines::hexadecimal(major).and(lines::hexadecimal(minor))?;
    (start < end && is_permissions(perm)).then_some(())?;
    Some(Region {
        line: lines::lossy(line),
        start,
        end,
        perm: std::str::from_utf8(perm).ok()?,
        offset: lines::hexadecimal(offset)?,
        dev: std::str::from_utf8(dev).ok()?,
        ino: lines::decimal(ino)?,
        path: lines::lossy(raw),
        raw,
    })
}

fn is_permissions(perm: &[u8]) -> bool {
    matches!(
        perm,
        [b'r' | b'-', b'w' | b'-', b'x' | b'-', b'p' | b's' | b'S' | b'-']
    )
}
