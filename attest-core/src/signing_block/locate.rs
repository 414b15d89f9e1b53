//! Where the signing block lies: right before the ZIP central directory. At most the file's last 64 KiB and a bit are searched.

use super::{ReadAt, SigningBlockError};

/// The end of central directory without its comment.
const EOCD_BYTES: usize = 22;
/// A comment's length has 16 bits.
const MAX_COMMENT_BYTES: usize = 0xffff;
const EOCD_MAGIC: [u8; 4] = *b"PK\x05\x06";
const ZIP64_LOCATOR_MAGIC: [u8; 4] = *b"PK\x06\x07";
const ZIP64_LOCATOR_BYTES: u64 = 20;
/// What the block ends with, after its size.
const BLOCK_MAGIC: [u8; 16] = *b"APK Sig Block 42";
const FOOTER_BYTES: u64 = 24;
const SIZE_BYTES: u64 = 8;
/// Android counts in 31 bits.
const MAX_BLOCK_BYTES: u64 = 0x7fff_fff7;

/// The bytes of the block that hold entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

pub(super) fn block(apk: &dyn ReadAt) -> Result<Span, SigningBlockError> {
    let directory = central_directory(apk)?;
    let footer_at = directory
        .checked_sub(FOOTER_BYTES)
        .ok_or(SigningBlockError::Absent)?;
    let (size, magic) = sized::<16>(apk, footer_at)?;
    if magic != BLOCK_MAGIC {
        return Err(SigningBlockError::Absent);
    }
    if !(FOOTER_BYTES..=MAX_BLOCK_BYTES).contains(&size) {
        return Err(SigningBlockError::BlockSize);
    }
    let header_at = directory
        .checked_sub(size)
        .and_then(|start| start.checked_sub(SIZE_BYTES))
        .ok_or(SigningBlockError::BlockSize)?;
    if sized::<0>(apk, header_at)?.0 != size {
        return Err(SigningBlockError::BlockSize);
    }
    Ok(Span {
        start: header_at.saturating_add(SIZE_BYTES),
        end: footer_at,
    })
}

/// A 64-bit number and the `N` bytes after it.
fn sized<const N: usize>(apk: &dyn ReadAt, at: u64) -> Result<(u64, [u8; N]), SigningBlockError> {
    let mut size = [0; 8];
    let mut rest = [0; N];
    apk.read_at(at, &mut size)?;
    apk.read_at(at.saturating_add(SIZE_BYTES), &mut rest)?;
    Ok((u64::from_le_bytes(size), rest))
}

/// Where the central directory starts.
fn central_directory(apk: &dyn ReadAt) -> Result<u64, SigningBlockError> {
    // Nearly every APK has no comment.
    let found = match end_record(apk, EOCD_BYTES)? {
        None => end_record(apk, EOCD_BYTES + MAX_COMMENT_BYTES)?,
        found => found,
    };
    let (at, size, offset) = found.ok_or(SigningBlockError::NotZip)?;
    if let Some(locator_at) = at.checked_sub(ZIP64_LOCATOR_BYTES) {
        let mut magic = [0; 4];
        apk.read_at(locator_at, &mut magic)?;
        if magic == ZIP64_LOCATOR_MAGIC {
            return Err(SigningBlockError::Zip64);
        }
    }
    if u64::from(offset).checked_add(u64::from(size)) == Some(at) {
        Ok(u64::from(offset))
    } else {
        Err(SigningBlockError::CentralDirectory)
    }
}

/// The last end-of-central-directory record within the last `window` bytes: its place, and the directory's size and offset.
fn end_record(apk: &dyn ReadAt, window: usize) -> Result<Option<(u64, u32, u32)>, SigningBlockError> {
    let window = usize::try_from(apk.len()).map_or(window, |len| len.min(window));
    let start = apk
        .len()
        .saturating_sub(u64::try_from(window).unwrap_or(u64::MAX));
    let mut tail = vec![0; window];
    apk.read_at(start, &mut tail)?;
    for (comment_bytes, record) in tail.windows(EOCD_BYTES).rev().enumerate() {
        if record.starts_with(&EOCD_MAGIC)
            && let Some((size, offset, comment)) = fields(record)
            && usize::from(comment) == comment_bytes
        {
            let behind = EOCD_BYTES.saturating_add(comment_bytes);
            let at = apk
                .len()
                .saturating_sub(u64::try_from(behind).unwrap_or(u64::MAX));
            return Ok(Some((at, size, offset)));
        }
    }
    Ok(None)
}

/// Size and offset of the directory and length of the comment.
fn fields(record: &[u8]) -> Option<(u32, u32, u16)> {
    let (_, fields) = record.split_at_checked(12)?;
    let (size, fields) = fields.split_first_chunk()?;
    let (offset, fields) = fields.split_first_chunk()?;
    let (comment, _) = fields.split_first_chunk()?;
    Some((
        u32::from_le_bytes(*size),
        u32::from_le_bytes(*offset),
        u16::from_le_bytes(*comment),
    ))
}
