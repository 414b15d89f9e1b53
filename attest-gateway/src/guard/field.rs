//! One field line, of a head or of trailers. What passes has one reading: a token, a colon, and a value without control bytes.
//!
//! It does not say what a field means, and never accepts a folded line.

use super::reason::Reason;

/// A field of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    /// As it was sent.
    pub(super) name: &'a [u8],
    /// Without the space around it.
    pub(super) value: &'a [u8],
}

/// The field of a line without its CRLF (RFC 9112 section 5).
pub(super) fn field(line: &[u8]) -> Result<Field<'_>, Reason> {
    let end = line
        .iter()
        .position(|byte| !is_token(*byte))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let value = match rest.split_first() {
        Some((b':', value)) => value,
        Some((b' ' | b'\t', _)) if name.is_empty() => return Err(Reason::FieldFolded),
        Some((b' ' | b'\t', rest)) if rest.trim_ascii_start().starts_with(b":") => {
            return Err(Reason::FieldSpaceBeforeColon);
        }
        _ => return Err(Reason::FieldName),
    };
    if !(1..=NAME_BYTES).contains(&name.len()) {
        return Err(Reason::FieldName);
    }
    if has_control(value) {
        return Err(Reason::FieldValue);
    }
    // Space and tab are all that is left of what this trims.
    let value = value.trim_ascii();
    Ok(Field { name, value })
}

/// Whether a byte may stand in a method or field name (RFC 9110 section 5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Whether a value has a control byte other than tab. Without branches, so that it is done many bytes at a time.
fn has_control(value: &[u8]) -> bool {
    value.iter().fold(false, |found, byte| {
        found | ((*byte < b' ') & (*byte != b'\t')) | (*byte == 0x7f)
    })
}

/// No field that anybody sends has a longer name, and the HTTP library does not read every longer one.
const NAME_BYTES: usize = 256;

const TOKEN: [bool; 256] = token_table();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where an index out of bounds does not compile"
)]
const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let allowed = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut at = 0;
    while at < allowed.len() {
        table[allowed[at] as usize] = true;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_field_or_refused() {
        let check = |line: &[u8], expect: Result<(&[u8], &[u8]), Reason>| {
            let found = field(line).map(|field| (field.name, field.value));
            assert_eq!(found, expect, "{:?}", line.escape_ascii().to_string());
        };
        check(b"a:b", Ok((b"a", b"b")));
        check(b"Accept: */*", Ok((b"Accept", b"*/*")));
        check(b"a: \t b c\t ", Ok((b"a", b"b c")));
        check(b"a:", Ok((b"a", b"")));
        check(b"a::b", Ok((b"a", b":b")));
        check(b"a: \xc3\xa4", Ok((b"a", b"\xc3\xa4")));
        check(b"!#$%&'*+-.^_`|~: x", Ok((b"!#$%&'*+-.^_`|~", b"x")));
        check(b" a: b", Err(Reason::FieldFolded));
        check(b"\ta: b", Err(Reason::FieldFolded));
        check(b"a : b", Err(Reason::FieldSpaceBeforeColon));
        check(b"a\t: b", Err(Reason::FieldSpaceBeforeColon));
        check(b": b", Err(Reason::FieldName));
        check(b"a b: c", Err(Reason::FieldName));
        check(b"a", Err(Reason::FieldName));
        check(b"a\x0b: b", Err(Reason::FieldName));
        check(b"\xc3\xa4: b", Err(Reason::FieldName));
        check(b"a\0: b", Err(Reason::FieldName));
        check(b"(a): b", Err(Reason::FieldName));
        let long = |length| ["x".repeat(length).as_bytes(), b":"].concat();
        check(&long(257), Err(Reason::FieldName));
        check(&long(256), Ok(("x".repeat(256).as_bytes(), b"")));
        for control in (0..b' ').filter(|byte| *byte != b'\t').chain([0x7f]) {
            check(&[b'a', b':', b'b', control, b'c'], Err(Reason::FieldValue));
            check(&[b'a', b':', control], Err(Reason::FieldValue));
        }
    }
}
