//! The network interfaces, `/proc/net/dev`: the fact `net.interfaces`.

use std::borrow::Cow;

use super::super::{Parsed, lines};

/// Lines that are read.
pub const MAX_LINES: usize = 1 << 10;
/// Bytes of a line.
pub const MAX_LINE_BYTES: usize = 1 << 10;

/// Lines of the head.
const HEAD: [&[u8]; 2] = [b"Inter-|", b" face |"];

/// The names, in the kernel's order.
#[must_use]
pub fn interfaces(text: &[u8]) -> Parsed<Vec<Cow<'_, str>>> {
    let bounds = lines::Bounds {
        lines: MAX_LINES,
        line_bytes: MAX_LINE_BYTES,
    };
    let mut head = HEAD.iter();
    let read = lines::rows(text, bounds, |line| match head.next() {
        Some(start) => line.starts_with(start).then_some(None),
        None => name(line).map(Some),
    });
    Parsed {
        truncated: read.truncated || head.next().is_some(),
        value: read.value.into_iter().flatten().collect(),
    }
}

fn name(line: &[u8]) -> Option<Cow<'_, str>> {
    // A name may hold a colon, the counters behind it none.
    let colon = line.iter().rposition(|byte| *byte == b':')?;
    let (name, counters) = line.split_at_checked(colon)?;
    let counters = counters.strip_prefix(b":")?;
    let plain = lines::words(counters).all(|word| lines::decimal::<u64>(word).is_some());
    let name = name.trim_ascii_start();
    (plain && !name.is_empty()).then(|| lines::lossy(name))
}
