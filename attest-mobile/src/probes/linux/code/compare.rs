//! Digests of a library's code, in its file and in memory, a piece at a time.

use ring::digest::{Context, SHA256};

use super::super::super::sys::{Errno, Files};
use super::placed::Placed;

/// Bytes of code that are read of one library, counted for each time that it is loaded.
const MAX_BYTES: u64 = 64 << 20;
/// Bytes that are held at once of file and memory each.
const PIECE_BYTES: usize = 1 << 16;

/// SHA-256 over all code of a library, in the order of its headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) disk: [u8; 32],
    /// Of a library that is loaded several times, of the first whose code is not that of the file.
    pub(super) memory: [u8; 32],
}

pub(super) fn digests(files: &Files<'_>, placed: &Placed<'_>) -> Result<Digests, Errno> {
    let each = placed.elf.text().map(|text| text.file_bytes);
    let all = each.fold(0_u64, u64::saturating_add);
    let times = u64::try_from(placed.biases.len()).unwrap_or(u64::MAX);
    if all.saturating_mul(times) > MAX_BYTES {
        return Err(Errno::CUT);
    }
    let mut last = None;
    for bias in &placed.biases {
        let read = at(files, placed, *bias)?;
        last = Some(read);
        if read.disk != read.memory {
            break;
        }
    }
    last.ok_or(Errno::SENSELESS)
}

fn at(files: &Files<'_>, placed: &Placed<'_>, bias: u64) -> Result<Digests, Errno> {
    let (mut disk, mut memory) = (Context::new(&SHA256), Context::new(&SHA256));
    for text in placed.elf.text() {
        let mut done = 0;
        while done < text.file_bytes {
            let left = usize::try_from(text.file_bytes - done).unwrap_or(PIECE_BYTES);
            let place = placed
                .head_at
                .checked_add(text.offset)
                .and_then(|place| place.checked_add(done));
            let on_disk = placed
                .file
                .part(place.ok_or(Errno::UNFIT)?, left.min(PIECE_BYTES))?;
            if on_disk.is_empty() {
                // It is shorter than its headers say.
                return Err(Errno::SENSELESS);
            }
            disk.update(&on_disk);
            let address = bias.wrapping_add(text.address).wrapping_add(done);
            let in_memory = files.memory(address, on_disk.len())?;
            if in_memory.len() < on_disk.len() {
                return Err(Errno::new(libc::EFAULT));
            }
            memory.update(&in_memory);
            done += u64::try_from(on_disk.len()).map_err(|_| Errno::SENSELESS)?;
        }
    }
    let digest =
        |context: Context| <[u8; 32]>::try_from(context.finish().as_ref()).map_err(|_| Errno::SENSELESS);
    Ok(Digests {
        disk: digest(disk)?,
        memory: digest(memory)?,
    })
}
