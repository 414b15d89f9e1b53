//! Android's binary XML: the elements at the top with their attributes. Bounded by its input, and every offset is looked up, never
//! trusted.

/// Elements deeper than this are skipped.
const MAX_DEPTH: usize = 2;
/// Attributes of one element that are looked at.
const MAX_ATTRIBUTES: usize = 256;

const XML: u16 = 0x0003;
const STRING_POOL: u16 = 0x0001;
const RESOURCE_MAP: u16 = 0x0180;
const START_ELEMENT: u16 = 0x0102;
const END_ELEMENT: u16 = 0x0103;
const UTF8_FLAG: u32 = 1 << 8;
/// Bytes of a chunk's type and sizes.
const CHUNK_HEADER: usize = 8;
/// Where an element's own fields start: after the chunk's header, line number and comment.
const ELEMENT_FIELDS: usize = 16;

const TYPE_STRING: u8 = 0x03;
const TYPE_FIRST_INT: u8 = 0x10;
const TYPE_LAST_INT: u8 = 0x1f;

/// What cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AxmlError {
    #[error("not Android's binary XML")]
    NotBinaryXml,
    #[error("the binary XML breaks off")]
    Truncated,
}

/// An element's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u32),
    /// A reference into the resources, or a kind that means nothing here.
    Elsewhere,
}

/// An attribute, named by Android's resource id where it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) id: Option<u32>,
    pub(super) name: String,
    pub(super) value: Value,
}

/// An element of the first two levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) depth: usize,
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
}

fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// The elements of the first two levels, in order.
pub(super) fn elements(axml: &[u8]) -> Result<Vec<Element>, AxmlError> {
    if u16_at(axml, 0) != Some(XML) {
        return Err(AxmlError::NotBinaryXml);
    }
    let mut at = usize::from(u16_at(axml, 2).ok_or(AxmlError::Truncated)?).max(CHUNK_HEADER);
    let (mut pool, mut resources) = (Pool::default(), &[][..]);
    let mut depth = 0_usize;
    let mut elements = Vec::new();
    while at < axml.len() {
        let chunk = chunk_at(axml, at).ok_or(AxmlError::Truncated)?;
        match u16_at(chunk, 0) {
            Some(STRING_POOL) => pool = Pool::of(chunk).ok_or(AxmlError::Truncated)?,
            Some(RESOURCE_MAP) => resources = chunk.get(CHUNK_HEADER..).unwrap_or_default(),
            Some(START_ELEMENT) => {
                depth = depth.saturating_add(1);
                if depth <= MAX_DEPTH {
                    let element = element(chunk, depth, &pool, resources);
                    elements.push(element.ok_or(AxmlError::Truncated)?);
                }
            }
            Some(END_ELEMENT) => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(chunk.len());
    }
    Ok(elements)
}

fn chunk_at(axml: &[u8], at: usize) -> Option<&[u8]> {
    let size = size_at(axml, at.checked_add(4)?)?;
    if size < CHUNK_HEADER {
        return None;
    }
    axml.get(at..at.checked_add(size)?)
}

fn element(chunk: &[u8], depth: usize, pool: &Pool<'_>, resources: &[u8]) -> Option<Element> {
    let name = pool.text(u32_at(chunk, ELEMENT_FIELDS + 4)?).unwrap_or_default();
    let start = ELEMENT_FIELDS.checked_add(usize::from(u16_at(chunk, ELEMENT_FIELDS + 8)?))?;
    let stride = usize::from(u16_at(chunk, ELEMENT_FIELDS + 10)?).max(20);
    let count = usize::from(u16_at(chunk, ELEMENT_FIELDS + 12)?).min(MAX_ATTRIBUTES);
    let mut attributes = Vec::new();
    for index in 0..count {
        let at = start.checked_add(stride.checked_mul(index)?)?;
        attributes.push(attribute(chunk.get(at..)?, pool, resources)?);
    }
    Some(Element {
        depth,
        name,
        attributes,
    })
}

fn attribute(fields: &[u8], pool: &Pool<'_>, resources: &[u8]) -> Option<Attribute> {
    let name = u32_at(fields, 4)?;
    let id = usize::try_from(name)
        .ok()
        .and_then(|index| u32_at(resources, index.checked_mul(4)?));
    let (kind, number) = (u8_at(fields, 15)?, u32_at(fields, 16)?);
    let value = match kind {
        TYPE_STRING => pool.text(number).map_or(Value::Elsewhere, Value::Text),
        TYPE_FIRST_INT..=TYPE_LAST_INT => Value::Number(number),
        _ => Value::Elsewhere,
    };
    Some(Attribute {
        id,
        name: pool.text(name).unwrap_or_default(),
        value,
    })
}

/// The strings that everything else refers to.
#[derive(Debug, Default, Clone, Copy)]
struct Pool<'a> {
    offsets: &'a [u8],
    strings: &'a [u8],
    utf8: bool,
}

impl<'a> Pool<'a> {
    fn of(chunk: &'a [u8]) -> Option<Self> {
        let header = usize::from(u16_at(chunk, 2)?);
        let count = size_at(chunk, 8)?;
        let offsets = chunk.get(header..header.checked_add(count.checked_mul(4)?)?)?;
        Some(Self {
            offsets,
            strings: chunk.get(size_at(chunk, 20)?..)?,
            utf8: u32_at(chunk, 16)? & UTF8_FLAG != 0,
        })
    }

    fn text(&self, index: u32) -> Option<String> {
        let index = usize::try_from(index).ok()?;
        let offset = size_at(self.offsets, index.checked_mul(4)?)?;
        let string = self.strings.get(offset..)?;
        if self.utf8 {
            let (_, string) = short_length(string)?;
            let (length, string) = short_length(string)?;
            return Some(String::from_utf8_lossy(string.get(..length)?).into_owned());
        }
        let (length, string) = long_length(string)?;
        let units: Vec<u16> = string
            .get(..length.checked_mul(2)?)?
            .chunks_exact(2)
            .filter_map(|unit| u16_at(unit, 0))
            .collect();
        Some(String::from_utf16_lossy(&units))
    }
}

/// A length of one byte, or of two if the first one's highest bit is set.
fn short_length(string: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = string.split_first()?;
    if first & 0x80 == 0 {
        return Some((usize::from(first), rest));
    }
    let (&second, rest) = rest.split_first()?;
    Some(((usize::from(first & 0x7f) << 8) | usize::from(second), rest))
}

/// The same with units of 16 bits.
fn long_length(string: &[u8]) -> Option<(usize, &[u8])> {
    let first = u16_at(string, 0)?;
    if first & 0x8000 == 0 {
        return Some((usize::from(first), string.get(2..)?));
    }
    let second = u16_at(string, 2)?;
    let length = (usize::from(first & 0x7fff) << 16) | usize::from(second);
    Some((length, string.get(4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_both_encodings_and_lengths() {
        let long = "x".repeat(300);
        let check = |utf8: bool, strings: &[u8], expect: Option<&str>| {
            let pool = Pool {
                offsets: &[0, 0, 0, 0],
                strings,
                utf8,
            };
            assert_eq!(pool.text(0).as_deref(), expect);
        };
        check(true, b"\x02\x03\xc3\xa4b\0", Some("\u{e4}b"));
        check(
            true,
            &[b"\x81\x2c\x81\x2c".as_slice(), long.as_bytes()].concat(),
            Some(&long),
        );
        check(true, b"\x02\x03\xc3\xa4", None);
        check(false, b"\x02\0\xe4\0b\0\0\0", Some("\u{e4}b"));
        let wide: Vec<u8> = long.bytes().flat_map(|byte| [byte, 0]).collect();
        check(
            false,
            &[b"\x00\x80\x2c\x01".as_slice(), &wide].concat(),
            Some(&long),
        );
        check(false, b"\xff\xff", None);
        check(false, b"", None);
    }
}
