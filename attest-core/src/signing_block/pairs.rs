//! The block's entries: an id and a value each. Headers are read one by one; a value only if a scheme's signers are in it.

use super::locate::Span;
use super::{Limits, ReadAt, SchemeKind, SigningBlockError};

/// Size (64 bits) and id (32 bits) before each value.
const HEADER_BYTES: u64 = 12;
const ID_BYTES: u64 = 4;

/// One entry of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What it is; [`id_name`] knows some.
    pub id: u32,
    /// The bytes of its value.
    pub bytes: u64,
    /// Where its value starts in the file.
    pub offset: u64,
}

/// What an entry's id stands for, where that is known.
#[must_use]
pub const fn id_name(id: u32) -> Option<&'static str> {
    Some(match id {
        0x7109_871a => "v2",
        0xf053_68c0 => "v3",
        0x1b93_ad61 => "v3.1",
        0x4272_6577 => "verity-padding",
        0x2b09_189e => "source-stamp-v1",
        0x6dff_800d => "source-stamp-v2",
        0x504b_4453 => "dependency-info",
        0x2146_444e => "play-frosting",
        _ => return None,
    })
}

/// Every entry; a scheme that is there twice is refused, since two readers could see two signers.
pub(super) fn read(apk: &dyn ReadAt, block: &Span) -> Result<Vec<Entry>, SigningBlockError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = block.start;
    while at < block.end {
        let index = entries.len();
        if index == Limits::ENTRIES {
            return Err(SigningBlockError::TooManyEntries);
        }
        let outside = SigningBlockError::EntrySize { index };
        let left = block.end.saturating_sub(at);
        if left < HEADER_BYTES {
            return Err(outside);
        }
        let (mut size, mut id) = ([0; 8], [0; 4]);
        apk.read_at(at, &mut size)?;
        apk.read_at(at.saturating_add(8), &mut id)?;
        let (size, id) = (u64::from_le_bytes(size), u32::from_le_bytes(id));
        if size < ID_BYTES || size > left.saturating_sub(8) {
            return Err(outside);
        }
        let known = SchemeKind::ALL.iter().any(|kind| kind.id() == id);
        if known && entries.iter().any(|entry| entry.id == id) {
            return Err(SigningBlockError::Duplicate { id });
        }
        entries.push(Entry {
            id,
            bytes: size.saturating_sub(ID_BYTES),
            offset: at.saturating_add(HEADER_BYTES),
        });
        at = at.saturating_add(8).saturating_add(size);
    }
    Ok(entries)
}

/// The value of a scheme's entry.
pub(super) fn value(
    apk: &dyn ReadAt,
    entry: &Entry,
    scheme: SchemeKind,
) -> Result<Vec<u8>, SigningBlockError> {
    let too_large = SigningBlockError::TooLarge {
        scheme,
        bytes: entry.bytes,
    };
    if entry.bytes > Limits::SCHEME_BYTES {
        return Err(too_large);
    }
    let mut value = vec![0; usize::try_from(entry.bytes).map_err(|_| too_large)?];
    apk.read_at(entry.offset, &mut value)?;
    Ok(value)
}
