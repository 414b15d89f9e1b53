//! Numbers and parts at places of a slice; never past its end.

use super::ParseError;

type Result<T> = std::result::Result<T, ParseError>;

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let array = bytes.get(at..).and_then(|rest| rest.first_chunk());
    array.copied().ok_or(ParseError::Short)
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Result<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Result<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

pub(super) fn le64(bytes: &[u8], at: usize) -> Result<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}

pub(super) fn be32(bytes: &[u8], at: usize) -> Result<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

pub(super) fn be64(bytes: &[u8], at: usize) -> Result<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// A number that places something in memory. One that does not fit is beyond any input.
pub(super) fn place(number: impl TryInto<usize>) -> Result<usize> {
    number.try_into().map_err(|_| ParseError::Short)
}

/// A sum of places. One that overflows is beyond any input.
pub(super) fn sum(left: usize, right: usize) -> Result<usize> {
    left.checked_add(right).ok_or(ParseError::Short)
}

/// `length` bytes from `at` on.
pub(super) fn part(bytes: &[u8], at: usize, length: usize) -> Result<&[u8]> {
    bytes.get(at..sum(at, length)?).ok_or(ParseError::Short)
}

/// The bytes from `at` up to the first NUL, of which there is one within `max` bytes.
pub(super) fn until_nul(bytes: &[u8], at: usize, max: usize) -> Result<&[u8]> {
    let rest = bytes.get(at..).ok_or(ParseError::Short)?;
    let end = rest.iter().take(max).position(|byte| *byte == 0);
    match end {
        Some(end) => part(rest, 0, end),
        None if rest.len() < max => Err(ParseError::Short),
        None => Err(ParseError::Bound),
    }
}

/// The place of the first `needle` in `bytes`; `None` for an empty needle.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, _) = needle.split_first()?;
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from.checked_add(rest.iter().position(|byte| byte == first)?)?;
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at.checked_add(1)?;
    }
}
