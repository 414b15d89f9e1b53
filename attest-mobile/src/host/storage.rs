//! Storage in memory and in a folder. A file is replaced by renaming a complete one over it, so that a reader, or a start
//! after a crash, sees the old or the new blob.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::ready;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::foreign::{BoxFuture, Storage, StorageError};

/// Blobs that live as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStorage(Mutex<BTreeMap<&'static str, Vec<u8>>>);

impl MemoryStorage {
    fn with<T>(&self, use_blobs: impl FnOnce(&mut BTreeMap<&'static str, Vec<u8>>) -> T) -> T {
        use_blobs(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Storage for MemoryStorage {
    fn get(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(ready(Ok(self.with(|blobs| blobs.get(name).cloned()))))
    }

    fn put(&self, name: &'static str, blob: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>> {
        self.with(|blobs| drop(blobs.insert(name, blob)));
        Box::pin(ready(Ok(())))
    }

    fn delete(&self, name: &'static str) -> BoxFuture<'_, Result<(), StorageError>> {
        self.with(|blobs| drop(blobs.remove(name)));
        Box::pin(ready(Ok(())))
    }
}

/// A larger file is not one of ours and is not read.
const BLOB_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Blobs as files of one folder. Its calls block for the moment that a small file takes.
#[derive(Debug)]
pub struct FileStorage {
    folder: PathBuf,
}

impl FileStorage {
    /// Files in `folder`, which is made when first written to. One process at a time.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    fn read(&self, name: &str) -> std::io::Result<Option<Vec<u8>>> {
        let path = self.folder.join(name);
        match fs::metadata(&path) {
            Ok(meta) if meta.len() > BLOB_BYTES_MAX => Ok(None),
            Ok(_) => fs::read(&path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, blob: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let unfinished = self.folder.join(format!("{name}.new"));
        let mut file = File::create(&unfinished)?;
        file.write_all(blob)?;
        file.sync_all()?;
        fs::rename(&unfinished, self.folder.join(name))?;
        sync_folder(&self.folder)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The rename itself must reach the disk.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

impl Storage for FileStorage {
    fn get(&self, name: &'static str) -> BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(ready(self.read(name).map_err(|_| StorageError)))
    }

    fn put(&self, name: &'static str, blob: Vec<u8>) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(ready(self.write(name, &blob).map_err(|_| StorageError)))
    }

    fn delete(&self, name: &'static str) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(ready(self.remove(name).map_err(|_| StorageError)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn check(storage: &dyn Storage) {
        let now =
            |result: BoxFuture<'_, Result<Option<Vec<u8>>, StorageError>>| result.now_or_never().unwrap();
        assert_eq!(now(storage.get("a")), Ok(None));
        storage.put("a", vec![1]).now_or_never().unwrap().unwrap();
        storage.put("a", vec![2, 3]).now_or_never().unwrap().unwrap();
        assert_eq!(now(storage.get("a")), Ok(Some(vec![2, 3])));
        assert_eq!(now(storage.get("b")), Ok(None));
        storage.delete("a").now_or_never().unwrap().unwrap();
        storage.delete("a").now_or_never().unwrap().unwrap();
        assert_eq!(now(storage.get("a")), Ok(None));
    }

    #[test]
    fn both_kinds_keep_and_replace() {
        check(&MemoryStorage::default());
        let folder = tempfile::tempdir().unwrap();
        check(&FileStorage::new(folder.path().join("made/later")));
    }

    #[test]
    fn an_unfinished_write_is_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let storage = FileStorage::new(folder.path());
        storage.write("a", b"whole").unwrap();
        fs::write(folder.path().join("a.new"), b"ha").unwrap();
        assert_eq!(storage.read("a").unwrap().as_deref(), Some(&b"whole"[..]));
    }
}
