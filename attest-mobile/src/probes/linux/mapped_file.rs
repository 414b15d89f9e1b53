//! A file that is mapped into this process, opened by the path that the memory map has, and read at places.

use std::cell::Cell;

use attest_core::signing_block::{ReadAt, ReadError};

use super::super::parse::maps::Region;
use super::super::sys::{Errno, File, Files};
use super::maps;

/// An open file, beside what the memory map says of it.
#[derive(Debug)]
pub(super) struct MappedFile<'d> {
    files: Files<'d>,
    file: File<'d>,
    bytes: u64,
    dev: String,
    ino: u64,
    is_deleted: bool,
    failed: Cell<Option<Errno>>,
}

impl<'d> MappedFile<'d> {
    /// Opens what is at the path of this region.
    pub(super) fn open(files: &Files<'d>, region: &Region<'_>) -> Result<Self, Errno> {
        let path = region.file_path().ok_or(Errno::UNFIT)?;
        let file = files.open(&path)?;
        Ok(Self {
            files: *files,
            bytes: file.stat()?.size,
            file,
            dev: region.dev.to_owned(),
            ino: region.ino,
            is_deleted: region.is_deleted(),
            failed: Cell::new(None),
        })
    }

    /// Whether what was opened is what is mapped. Of a file that is gone nothing can be said: another one at its place is what an update
    /// leaves.
    pub(super) fn is_same(&self) -> Result<bool, Errno> {
        if self.is_deleted {
            return Err(Errno::new(libc::ESTALE));
        }
        let stat = self.file.stat()?;
        if stat.ino == self.ino && stat.maps_dev() == self.dev {
            return Ok(true);
        }
        // File systems that are made of others may number a file otherwise for the map than for whoever asks. So like is compared
        // with like: what the map says of the file when it is mapped once more.
        let mut told = Err(Errno::SENSELESS);
        self.file.while_mapped(&mut |address| {
            told = maps::with_regions(&self.files, |map| {
                let address = u64::try_from(address).unwrap_or_default();
                let region = maps::around(&map.value, address).ok_or(Errno::CUT)?;
                Ok(region.ino == self.ino && region.dev == self.dev)
            });
        })?;
        told?
    }

    /// `length` bytes from `offset` on; fewer only if the file ends.
    pub(super) fn part(&self, offset: u64, length: usize) -> Result<Vec<u8>, Errno> {
        self.file.read_at(offset, length)
    }

    /// Why the last read failed.
    pub(super) fn errno(&self) -> Errno {
        self.failed.get().unwrap_or(Errno::SENSELESS)
    }
}

impl ReadAt for MappedFile<'_> {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let read = self.part(offset, buf.len()).and_then(|read| {
            // It became shorter meanwhile.
            if read.len() == buf.len() {
                Ok(read)
            } else {
                Err(Errno::SENSELESS)
            }
        });
        match read {
            Ok(read) => {
                buf.copy_from_slice(&read);
                Ok(())
            }
            Err(errno) => {
                self.failed.set(Some(errno));
                Err(ReadError)
            }
        }
    }
}
