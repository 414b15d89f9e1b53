//! Just enough DER to find a certificate's public key and to tell what key it is. Definite lengths only; nothing is recursed into.

pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OID: u8 = 0x06;
/// The optional version before a certificate's serial number.
pub(super) const VERSION: u8 = 0xa0;

/// One element: its tag, its contents, and itself as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) contents: &'a [u8],
    pub(super) whole: &'a [u8],
}

/// Takes the first element off `input`.
pub(super) fn next<'a>(input: &mut &'a [u8]) -> Option<Element<'a>> {
    let all = *input;
    let (&tag, after) = all.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let (digits, rest) = after.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 3 {
            return None;
        }
        after = rest;
        digits
            .iter()
            .fold(0, |length, digit| (length << 8) | usize::from(*digit))
    };
    let (contents, rest) = after.split_at_checked(length)?;
    let (whole, _) = all.split_at_checked(all.len().checked_sub(rest.len())?)?;
    *input = rest;
    Some(Element { tag, contents, whole })
}

/// The contents of the first element, if it has this tag.
pub(super) fn expect<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    next(input)
        .filter(|element| element.tag == tag)
        .map(|element| element.contents)
}
