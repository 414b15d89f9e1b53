//! The head of an ELF file or of one in memory: which parts of it are loaded, and which of these are code.
//!
//! Reads the file header and the program headers, both classes, from the little end as every phone counts. Sections, which a loader
//! never looks at and which strip away, are not read.

use super::ParseError;
use super::bytes::{le16, le32, le64, part, place, sum};

/// Program headers; linkers make about ten.
pub const MAX_HEADERS: u16 = 256;
/// As much of a file's beginning as holds both kinds of headers in every file that a linker makes.
pub const HEAD_BYTES: usize = 1 << 14;

const MAGIC: &[u8] = b"\x7fELF";
const LITTLE_ENDIAN: u8 = 1;
const LOAD: u32 = 1;
const EXECUTABLE: u32 = 1;
const WRITABLE: u32 = 2;

/// The width of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// 32 bits.
    Elf32,
    /// 64 bits.
    Elf64,
}

/// What the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elf {
    /// The width of addresses.
    pub class: Class,
    /// `e_type`: 2 for a program at fixed addresses, 3 for a library or a program that lies anywhere.
    pub kind: u16,
    /// `e_machine`: 40 for 32-bit ARM, 62 for x86-64, 183 for 64-bit ARM.
    pub machine: u16,
    /// The parts that are loaded, in the file's order.
    pub segments: Vec<Segment>,
}

/// A part that is loaded. In memory it lies at `address` plus what the loader added (`dlpi_addr` of `dl_iterate_phdr`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins in the file.
    pub offset: u64,
    /// How much of it is in the file.
    pub file_bytes: u64,
    /// Where it lies, before the loader moves it.
    pub address: u64,
    /// How much memory it takes; what is not in the file is zero.
    pub memory_bytes: u64,
    /// True for code.
    pub is_executable: bool,
    /// True for what the program may write.
    pub is_writable: bool,
}

impl Segment {
    /// These bytes of the file; `None` if the file ends before.
    #[must_use]
    pub fn of<'a>(&self, file: &'a [u8]) -> Option<&'a [u8]> {
        part(file, place(self.offset).ok()?, place(self.file_bytes).ok()?).ok()
    }
}

impl Elf {
    /// The parts that hold code and are never written: one in nearly every library.
    pub fn text(&self) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(|segment| segment.is_executable && !segment.is_writable)
    }
}

/// Places of the fields that differ between the classes.
struct Layout {
    class: Class,
    headers_at: usize,
    header_bytes_at: usize,
    header_bytes: u16,
    offset: usize,
    address: usize,
    file_bytes: usize,
    memory_bytes: usize,
    flags: usize,
}

const LAYOUT_32: Layout = Layout {
    class: Class::Elf32,
    headers_at: 28,
    header_bytes_at: 42,
    header_bytes: 32,
    offset: 4,
    address: 8,
    file_bytes: 16,
    memory_bytes: 20,
    flags: 24,
};

const LAYOUT_64: Layout = Layout {
    class: Class::Elf64,
    headers_at: 32,
    header_bytes_at: 54,
    header_bytes: 56,
    offset: 8,
    address: 16,
    file_bytes: 32,
    memory_bytes: 40,
    flags: 4,
};

impl Layout {
    /// A number as wide as an address.
    fn wide(&self, bytes: &[u8], at: usize) -> Result<u64, ParseError> {
        match self.class {
            Class::Elf32 => le32(bytes, at).map(u64::from),
            Class::Elf64 => le64(bytes, at),
        }
    }

    fn segment(&self, header: &[u8]) -> Result<Option<Segment>, ParseError> {
        if le32(header, 0)? != LOAD {
            return Ok(None);
        }
        let flags = le32(header, self.flags)?;
        let segment = Segment {
            offset: self.wide(header, self.offset)?,
            file_bytes: self.wide(header, self.file_bytes)?,
            address: self.wide(header, self.address)?,
            memory_bytes: self.wide(header, self.memory_bytes)?,
            is_executable: flags & EXECUTABLE != 0,
            is_writable: flags & WRITABLE != 0,
        };
        let ends = segment.offset.checked_add(segment.file_bytes);
        let lies = segment.address.checked_add(segment.memory_bytes);
        if ends.is_none() || lies.is_none() || segment.file_bytes > segment.memory_bytes {
            return Err(ParseError::Contradiction);
        }
        Ok(Some(segment))
    }
}

/// What the headers say. `head` is the file, or its first [`HEAD_BYTES`].
///
/// # Errors
/// `OtherFormat`, `Variant` for another byte order or unknown class, `Short`, `Bound` for too many headers, `Contradiction` for headers of
/// another size and segments that no loader takes.
pub fn elf(head: &[u8]) -> Result<Elf, ParseError> {
    let (magic, rest) = head.split_first_chunk::<4>().ok_or(ParseError::Short)?;
    if magic != MAGIC {
        return Err(ParseError::OtherFormat);
    }
    let layout = match rest {
        [1, LITTLE_ENDIAN, ..] => LAYOUT_32,
        [2, LITTLE_ENDIAN, ..] => LAYOUT_64,
        [_, _, ..] => return Err(ParseError::Variant),
        _ => return Err(ParseError::Short),
    };
    let at = place(layout.wide(head, layout.headers_at)?)?;
    let header_bytes = le16(head, layout.header_bytes_at)?;
    let count = le16(head, sum(layout.header_bytes_at, 2)?)?;
    if count > MAX_HEADERS {
        return Err(ParseError::Bound);
    }
    if header_bytes != layout.header_bytes {
        return Err(ParseError::Contradiction);
    }
    let each = usize::from(header_bytes);
    let headers = part(head, at, usize::from(count).saturating_mul(each))?;
    let segments = headers.chunks_exact(each).map(|header| layout.segment(header));
    Ok(Elf {
        class: layout.class,
        kind: le16(head, 16)?,
        machine: le16(head, 18)?,
        segments: segments.filter_map(Result::transpose).collect::<Result<_, _>>()?,
    })
}
