//! The kernel's escapes in text: a backslash and three octal digits.

use std::borrow::Cow;

/// `text` with each `\ooo` that `is_escaped` says the kernel makes as the byte it stands for; allocates only if there is one.
/// What only looks like an escape stays.
pub(super) fn undone(text: &[u8], is_escaped: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        match escaped(rest).filter(|(byte, _)| is_escaped(*byte)) {
            Some((byte, behind)) => {
                plain.push(byte);
                rest = behind;
            }
            None => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    Cow::Owned(plain)
}

/// The byte of the escape that `text` begins with, and what is behind it.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, behind) = text.strip_prefix(b"\\")?.split_first_chunk::<3>()?;
    let value = digits.iter().try_fold(0_u16, |value, digit| {
        matches!(digit, b'0'..=b'7').then(|| value * 8 + u16::from(digit - b'0'))
    })?;
    Some((u8::try_from(value).ok()?, behind))
}

/// As [`undone`], as text. Every byte may be escaped.
pub(super) fn text(text: &[u8]) -> Cow<'_, str> {
    match undone(text, |_| true) {
        Cow::Borrowed(plain) => String::from_utf8_lossy(plain),
        Cow::Owned(plain) => Cow::Owned(String::from_utf8_lossy(&plain).into_owned()),
    }
}
