//! Changes of key files that leave either the old or the new file, whenever they are interrupted: write beside, sync, rename,
//! sync the folder. New files are private and belong to whoever owns the key folder, so that a rotation by an administrator does
//! not lock the gateway out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// A key folder that is being changed, by nobody else at the same time.
#[derive(Debug)]
pub(super) struct Disk<'a> {
    directory: &'a Path,
    /// Held while it lives.
    lock: File,
    #[cfg(test)]
    operations_left: std::cell::Cell<usize>,
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        // Closing would do, but for a process that was forked meanwhile and has not let go of its copy yet.
        let _closed_instead = self.lock.unlock().is_err();
    }
}

/// What a name ends in while its file is being written.
pub(super) const UNFINISHED: &str = ".next";

impl<'a> Disk<'a> {
    /// Takes the folder for itself.
    ///
    /// # Errors
    /// `WouldBlock` if somebody else is changing it, and the system's reasons.
    pub(super) fn lock(directory: &'a Path) -> io::Result<Self> {
        let lock = File::open(directory)?;
        lock.try_lock()?;
        Ok(Self {
            directory,
            lock,
            #[cfg(test)]
            operations_left: std::cell::Cell::new(usize::MAX),
        })
    }

    /// Writes a file as a whole, over one that is there.
    pub(super) fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.directory.join(name);
        let unfinished = self.directory.join(format!("{name}{UNFINISHED}"));
        if unfinished.exists() {
            self.operation()?;
            fs::remove_file(&unfinished)?;
        }
        let written = self.write(&unfinished, content).and_then(|()| {
            self.operation()?;
            fs::rename(&unfinished, &path)
        });
        if written.is_err() && self.operation().is_ok() {
            // What a full disk left behind would keep it full. Half a key is of no use to anybody.
            let _there_already_none = fs::remove_file(&unfinished);
        }
        written?;
        self.sync()
    }

    /// Writes a new private file of the folder's owner, to the disk itself.
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        self.operation()?;
        let mut file = options.open(path)?;
        self.own(&file)?;
        // Half and half, so that a test can stop between them.
        let (first, second) = content.split_at(content.len() / 2);
        file.write_all(first)?;
        self.operation()?;
        file.write_all(second)?;
        self.operation()?;
        file.sync_all()
    }

    /// Removes files that nothing refers to any more.
    pub(super) fn remove(&self, names: &[String]) -> io::Result<()> {
        for name in names {
            self.operation()?;
            fs::remove_file(self.directory.join(name))?;
        }
        if names.is_empty() { Ok(()) } else { self.sync() }
    }

    /// The names in the folder.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.directory)?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string().unwrap_or_default()));
        names.collect()
    }

    fn sync(&self) -> io::Result<()> {
        self.operation()?;
        // A folder can be synced where it can be opened, which is everywhere but on Windows.
        if cfg!(unix) {
            File::open(self.directory)?.sync_all()?;
        }
        Ok(())
    }

    #[cfg(unix)]
    fn own(&self, file: &File) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt as _;
        let (folder, made) = (fs::metadata(self.directory)?, file.metadata()?);
        if (folder.uid(), folder.gid()) != (made.uid(), made.gid()) {
            std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid()))?;
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn own(&self, _: &File) -> io::Result<()> {
        Ok(())
    }

    /// Where a test pulls the plug.
    #[cfg(test)]
    fn operation(&self) -> io::Result<()> {
        match self.operations_left.get().checked_sub(1) {
            Some(left) => {
                self.operations_left.set(left);
                Ok(())
            }
            None => Err(io::Error::other("the plug was pulled")),
        }
    }

    #[cfg(not(test))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "the test build fails here"
    )]
    const fn operation(&self) -> io::Result<()> {
        Ok(())
    }

    /// Lets only so many operations happen.
    #[cfg(test)]
    pub(super) fn pull_the_plug_after(&self, operations: usize) {
        self.operations_left.set(operations);
    }
}
