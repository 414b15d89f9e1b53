//! The lines of a text from `/proc`, each within a bound; says whether all of it was seen.

use super::Parsed;

/// How much of a text is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Lines.
    pub(super) lines: usize,
    /// Bytes of one line; a longer one is left out.
    pub(super) line_bytes: usize,
}

/// What `read` makes of each line; a line of which it makes nothing is left out and counts as not seen.
///
/// The kernel ends each line, and writes at least one to each of these texts: an empty text, and one whose last line is not
/// ended, is cut.
pub(super) fn rows<'a, T>(
    text: &'a [u8],
    bounds: Bounds,
    mut read: impl FnMut(&'a [u8]) -> Option<T>,
) -> Parsed<Vec<T>> {
    let mut found = Parsed {
        value: Vec::new(),
        truncated: text.last() != Some(&b'\n'),
    };
    let ended = text.split_inclusive(|byte| *byte == b'\n');
    for (index, line) in ended.enumerate() {
        if index == bounds.lines {
            found.truncated = true;
            break;
        }
        // What is behind the last end of line is a part of a line.
        let Some(line) = line.strip_suffix(b"\n") else {
            break;
        };
        let row = (line.len() <= bounds.line_bytes).then(|| read(line)).flatten();
        match row {
            Some(row) => found.value.push(row),
            None => found.truncated = true,
        }
    }
    found
}

/// Text as a fact carries it. Bytes that are no UTF-8 become U+FFFD: no pattern of a policy names them, every `.` matches them.
pub(super) fn lossy(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The next field up to `separator`, which is skipped, and what is behind it. `None` without a separator.
pub(super) fn field(line: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(|byte| *byte == separator)?;
    let (field, rest) = line.split_at_checked(at)?;
    Some((field, rest.split_first()?.1))
}

/// The words of a line, which any number of spaces and tabs part.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
}

/// A decimal number of digits alone.
pub(super) fn decimal<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    number(digits, u8::is_ascii_digit).and_then(|digits| digits.parse().ok())
}

/// A hexadecimal number of digits alone, of at most 64 bits.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<u64> {
    number(digits, u8::is_ascii_hexdigit).and_then(|digits| u64::from_str_radix(digits, 16).ok())
}

fn number(digits: &[u8], is_digit: impl Fn(&u8) -> bool) -> Option<&str> {
    let plain = !digits.is_empty() && digits.iter().all(is_digit);
    plain.then(|| std::str::from_utf8(digits).ok()).flatten()
}
