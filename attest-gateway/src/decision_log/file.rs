//! The files of the log: one that grows, and a bounded number of older ones beside it. Whole lines only.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// After a failure, the file is tried again no sooner.
const REST_MS: u64 = 1_000;

/// The current file.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    files_max: u32,
    open: Option<Open>,
    rests_until_ms: u64,
}

#[derive(Debug)]
struct Open {
    file: BufWriter<File>,
    bytes: u64,
}

impl LogFile {
    /// Opens the file to append to it, or makes it.
    pub(super) fn open(path: &Path, max_bytes: u64, files_max: u32) -> io::Result<Self> {
        Ok(Self {
            open: Some(Open::at(path)?),
            path: path.to_owned(),
            max_bytes,
            files_max,
            rests_until_ms: 0,
        })
    }

    /// Writes a line that ends with a line end, into the next file if this one is full.
    pub(super) fn write(&mut self, line: &[u8], now_ms: u64) -> io::Result<()> {
        if self.open.is_none() && now_ms < self.rests_until_ms {
            return Err(io::Error::other("the file could not be opened a moment ago"));
        }
        let written = self.try_write(line);
        if written.is_err() {
            // What is half written is ended when the file is opened again.
            self.open = None;
            self.rests_until_ms = now_ms.saturating_add(REST_MS);
        }
        written
    }

    fn try_write(&mut self, line: &[u8]) -> io::Result<()> {
        let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let full = |open: &Open| open.bytes > 0 && open.bytes.saturating_add(bytes) > self.max_bytes;
        if let Some(mut open) = self.open.take_if(|open| full(open)) {
            open.file.flush()?;
            drop(open);
            self.rotate()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open::at(&self.path)?),
        };
        open.file.write_all(line)?;
        open.bytes = open.bytes.saturating_add(bytes);
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        let flushed = self.open.as_mut().map_or(Ok(()), |open| open.file.flush());
        if flushed.is_err() {
            self.open = None;
        }
        flushed
    }

    /// `FILE` becomes `FILE.1`, and so on; the oldest goes.
    fn rotate(&self) -> io::Result<()> {
        let older = self.files_max.saturating_sub(1);
        if older == 0 {
            return std::fs::remove_file(&self.path);
        }
        for number in (1..older).rev() {
            let from = self.numbered(number);
            if from.exists() {
                std::fs::rename(from, self.numbered(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        let mut bytes = file.metadata()?.len();
        if bytes > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                bytes += 1;
            }
        }
        Ok(Self {
            file: BufWriter::with_capacity(64 << 10, file),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(folder: &Path) -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                (name, std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    #[test]
    fn files_are_bounded_in_size_and_number_and_hold_whole_lines() {
        let check = |files_max: u32, expect: &[(&str, &str)]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("d");
            std::fs::write(&path, "half").unwrap();
            let mut file = LogFile::open(&path, 8, files_max).unwrap();
            for line in ["a1\n", "b2\n", "c3\n", "a long line\n", "d4\n"] {
                file.write(line.as_bytes(), 0).unwrap();
            }
            file.flush().unwrap();
            drop(file);
            // A restart goes on where it was.
            let mut file = LogFile::open(&path, 8, files_max).unwrap();
            file.write(b"e5\n", 0).unwrap();
            file.flush().unwrap();
            let found = contents(folder.path());
            let found: Vec<_> = found
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            assert_eq!(found, expect, "{files_max}");
        };
        check(1, &[("d", "d4\ne5\n")]);
        check(
            3,
            &[("d", "d4\ne5\n"), ("d.1", "a long line\n"), ("d.2", "b2\nc3\n")],
        );
        check(
            9,
            &[
                ("d", "d4\ne5\n"),
                ("d.1", "a long line\n"),
                ("d.2", "b2\nc3\n"),
                ("d.3", "half\na1\n"),
            ],
        );
    }

    #[test]
    fn a_file_that_is_away_is_tried_again_after_a_rest() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let mut file = LogFile::open(&inner.join("d"), 4, 2).unwrap();
        file.write(b"a1\n", 0).unwrap();
        file.flush().unwrap();
        std::fs::remove_dir_all(&inner).unwrap();
        assert!(file.write(b"b2\n", 10).is_err(), "it cannot rotate");
        std::fs::create_dir(&inner).unwrap();
        assert!(file.write(b"c3\n", 10 + REST_MS - 1).is_err(), "it rests");
        file.write(b"d4\n", 10 + REST_MS).unwrap();
        file.flush().unwrap();
        assert_eq!(std::fs::read_to_string(inner.join("d")).unwrap(), "d4\n");
    }
}
