//! The files in an APK or IPA, each read up to a bound; what is longer is refused, never cut.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use attest_core::signing_block::{ReadAt, ReadError};
use zip::ZipArchive;

use super::measure::MeasureError;

/// Apps have up to a few ten thousand files.
const MAX_FILES: usize = 1 << 20;
/// A central directory beyond this is not read.
const MAX_DIRECTORY_BYTES: u64 = 256 << 20;

/// An opened archive.
pub(super) struct Archive {
    zip: ZipArchive<File>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, MeasureError> {
        let file = File::open(path).map_err(|error| MeasureError::Unreadable(error.to_string()))?;
        let zip = ZipArchive::new(file).map_err(|error| MeasureError::Archive(error.to_string()))?;
        let length = std::fs::metadata(path).map_or(0, |about| about.len());
        let directory = length.saturating_sub(zip.central_directory_start());
        if zip.len() > MAX_FILES || directory > MAX_DIRECTORY_BYTES {
            return Err(MeasureError::TooLarge("the archive's directory"));
        }
        Ok(Self { zip })
    }

    /// The names of all files, as far as they are text.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.zip
            .file_names_raw()
            .filter_map(|name| std::str::from_utf8(name).ok())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.zip.index_for_name_raw(name.as_bytes()).is_some()
    }

    /// The contents of a file that is there, at most `max_bytes` of them.
    pub(super) fn read(&mut self, name: &str, max_bytes: u64) -> Result<Vec<u8>, MeasureError> {
        let within = |problem: String| MeasureError::Entry {
            name: name.to_owned(),
            problem,
        };
        let index = self.zip.index_for_name_raw(name.as_bytes());
        let index = index.ok_or_else(|| within("not there".to_owned()))?;
        let file = self
            .zip
            .by_index(index)
            .map_err(|error| within(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| within(error.to_string()))?;
        if u64::try_from(bytes.len()).is_ok_and(|len| len <= max_bytes) {
            Ok(bytes)
        } else {
            Err(within(format!("more than {max_bytes} bytes")))
        }
    }
}

/// A file for the reader of signing blocks.
pub(super) struct Places {
    file: RefCell<File>,
    length: u64,
}

impl Places {
    pub(super) fn open(path: &Path) -> Result<Self, MeasureError> {
        let unreadable = |error: std::io::Error| MeasureError::Unreadable(error.to_string());
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        Ok(Self {
            file: RefCell::new(file),
            length,
        })
    }
}

impl ReadAt for Places {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(buf))
            .map_err(|_| ReadError)
    }
}
