//! Whether a ZIP archive, such as the app's APK, has entries: the fact `apk.entry_exists`.
//!
//! Reads the end of the archive and its central directory, as Android does, and nothing of what is packed. An answer is given only
//! when the whole directory has its form, so that an entry is never called absent because the directory was spoiled before it.

use attest_core::signing_block::ReadAt;

use super::ParseError;
use super::bytes::{le16, le32, part};

/// Bytes of a central directory; the largest apps have a tenth of it.
pub const MAX_DIRECTORY_BYTES: u64 = 1 << 24;
/// Entries that are asked for at once.
pub const MAX_WANTED: usize = 256;
/// Bytes of the name of one that is asked for.
pub const MAX_WANTED_BYTES: usize = 4096;

/// Bytes of the file that are held at once.
const WINDOW_BYTES: u64 = 1 << 16;
const END_BYTES: u64 = 22;
/// A comment's length has 16 bits.
const MAX_COMMENT_BYTES: u64 = 0xffff;
const END_MAGIC: [u8; 4] = *b"PK\x05\x06";
const ENTRY_MAGIC: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;

/// For each name whether there is such an entry, compared byte by byte.
///
/// # Errors
/// `OtherFormat` if this is no archive, `Variant` for one of several files or of 64 bits, which Android installs no app from, `Contradiction` for a directory
/// that has not its form, `Bound`, `Unreadable`.
pub fn entries_exist(file: &dyn ReadAt, wanted: &[&[u8]]) -> Result<Vec<bool>, ParseError> {
    let longest = wanted.iter().map(|name| <[u8]>::len(name)).max().unwrap_or(0);
    if wanted.len() > MAX_WANTED || longest > MAX_WANTED_BYTES {
        return Err(ParseError::Bound);
    }
    let directory = directory(file)?;
    if directory.end - directory.start > MAX_DIRECTORY_BYTES {
        return Err(ParseError::Bound);
    }
    let mut window = Window {
        file,
        end: directory.end,
        start: directory.start,
        held: Vec::new(),
    };
    let mut exist = vec![false; wanted.len()];
    let mut at = directory.start;
    for _ in 0..directory.entries {
        let head = window.at(at, ENTRY_BYTES)?;
        if le32(head, 0)? != ENTRY_MAGIC {
            return Err(ParseError::Contradiction);
        }
        let [name, extra, comment] = [le16(head, 28)?, le16(head, 30)?, le16(head, 32)?];
        let name_bytes = usize::from(name);
        if name_bytes <= longest {
            let entry = window.at(at, ENTRY_BYTES + name_bytes)?;
            let name = part(entry, ENTRY_BYTES, name_bytes)?;
            for (exists, wanted) in exist.iter_mut().zip(wanted) {
                *exists |= name == *wanted;
            }
        }
        let lengths = [name, extra, comment].map(u64::from).iter().sum::<u64>();
        at += length(ENTRY_BYTES) + lengths;
    }
    // Fewer entries than there is space for would hide the others.
    if at == directory.end {
        Ok(exist)
    } else {
        Err(ParseError::Contradiction)
    }
}

/// Where the directory lies.
struct Directory {
    start: u64,
    end: u64,
    entries: u16,
}

/// The directory that the last end record names, which ends with the file.
fn directory(file: &dyn ReadAt) -> Result<Directory, ParseError> {
    // Nearly every APK has no comment.
    let found = match end_record(file, END_BYTES)? {
        None => end_record(file, END_BYTES + MAX_COMMENT_BYTES)?,
        found => found,
    };
    let (at, record) = found.ok_or(ParseError::OtherFormat)?;
    let (disk, first_disk) = (le16(&record, 4)?, le16(&record, 6)?);
    let (here, entries) = (le16(&record, 8)?, le16(&record, 10)?);
    let (bytes, start) = (le32(&record, 12)?, le32(&record, 16)?);
    if entries == u16::MAX || bytes == u32::MAX || start == u32::MAX || disk != 0 || first_disk != 0 {
        return Err(ParseError::Variant);
    }
    let (start, end) = (u64::from(start), u64::from(start) + u64::from(bytes));
    if end != at || here != entries {
        return Err(ParseError::Contradiction);
    }
    Ok(Directory { start, end, entries })
}

/// The last end record within the last `window` bytes, and its place.
fn end_record(file: &dyn ReadAt, window: u64) -> Result<Option<(u64, [u8; 22])>, ParseError> {
    let start = file.len().saturating_sub(window);
    let tail = read(file, start, file.len() - start)?;
    for (index, record) in tail.array_windows::<22>().enumerate().rev() {
        let behind = tail.len() - index - record.len();
        if record.starts_with(&END_MAGIC) && usize::from(le16(record, 20)?) == behind {
            return Ok(Some((start + length(index), *record)));
        }
    }
    Ok(None)
}

/// A part of the directory at a time.
struct Window<'a> {
    file: &'a dyn ReadAt,
    end: u64,
    start: u64,
    held: Vec<u8>,
}

impl Window<'_> {
    /// `bytes` bytes from `at` on, which are within the directory.
    fn at(&mut self, at: u64, bytes: usize) -> Result<&[u8], ParseError> {
        let last = at.checked_add(length(bytes)).filter(|last| *last <= self.end);
        let last = last.ok_or(ParseError::Contradiction)?;
        if at < self.start || last > self.start + length(self.held.len()) {
            self.held = read(self.file, at, (self.end - at).min(WINDOW_BYTES))?;
            self.start = at;
        }
        let from = usize::try_from(at - self.start).map_err(|_| ParseError::Bound)?;
        part(&self.held, from, bytes)
    }
}

fn read(file: &dyn ReadAt, at: u64, bytes: u64) -> Result<Vec<u8>, ParseError> {
    let mut read = vec![0; usize::try_from(bytes).map_err(|_| ParseError::Bound)?];
    file.read_at(at, &mut read).map_err(|_| ParseError::Unreadable)?;
    Ok(read)
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
