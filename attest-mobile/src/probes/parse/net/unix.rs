//! The Unix sockets, `/proc/net/unix`.

use std::borrow::Cow;

use super::super::{Parsed, lines};

/// Sockets that are read.
pub const MAX_ROWS: usize = 1 << 14;
/// Bytes of a line; a path has at most 108.
pub const MAX_LINE_BYTES: usize = 512;

/// One socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket<'a> {
    /// 1 stream, 2 datagram, 5 packets.
    pub kind: u16,
    /// The state, as the kernel numbers it.
    pub state: u8,
    /// Its inode.
    pub ino: u64,
    /// Its path; behind an `@` a name that is no file; empty for most.
    pub path: Cow<'a, str>,
}

/// The sockets.
#[must_use]
pub fn sockets(text: &[u8]) -> Parsed<Vec<Socket<'_>>> {
    let bounds = lines::Bounds {
        lines: MAX_ROWS,
        line_bytes: MAX_LINE_BYTES,
    };
    let mut first = true;
    let read = lines::rows(text, bounds, |line| {
        if std::mem::take(&mut first) {
            return line.starts_with(b"Num ").then_some(None);
        }
        socket(line).map(Some)
    });
    Parsed {
        truncated: read.truncated,
        value: read.value.into_iter().flatten().collect(),
    }
}

fn socket(line: &[u8]) -> Option<Socket<'_>> {
    // Its number, its users, protocol and flags.
    let (number, mut rest) = lines::field(line, b':')?;
    lines::hexadecimal(number)?;
    let mut next = || {
        let (word, behind) = word(rest)?;
        rest = behind;
        Some(word)
    };
    for _ in 0..3 {
        lines::hexadecimal(next()?)?;
    }
    let kind = u16::try_from(lines::hexadecimal(next()?)?).ok()?;
    let state = u8::try_from(lines::hexadecimal(next()?)?).ok()?;
    let ino = lines::decimal(next()?)?;
    Some(Socket {
        kind,
        state,
        ino,
        path: lines::lossy(rest.strip_prefix(b" ").unwrap_or(rest)),
    })
}

/// The next word, and what is behind it: a path may begin with a space, so just the word is taken.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = text.iter().position(|byte| *byte != b' ')?;
    let text = text.get(start..)?;
    let end = text.iter().position(|byte| *byte == b' ').unwrap_or(text.len());
    text.split_at_checked(end)
}
