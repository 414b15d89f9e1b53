//! A copy of folders in which only what changed is written, so that what was built from it stays valid.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What the package manager writes beside a manifest, in this copy and in a developer's checkout.
const BUILT: [&str; 2] = [".build", "Package.resolved"];

/// The files that belong into the copy, each with what it is a copy of.
#[derive(Debug, Default)]
pub(crate) struct Copied(BTreeMap<PathBuf, PathBuf>);

/// Copies `from` and all below it to `to`; a link is followed. A folder that is not there is nothing to copy.
pub(crate) fn mirror(from: &Path, to: &Path, copied: &mut Copied) -> Result<(), String> {
    for path in inside(from)? {
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            mirror(&path, &to.join(name), copied)?;
        } else {
            copied.file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

impl Copied {
    /// Copies one file, unless it is there with this content.
    pub(crate) fn file(&mut self, from: &Path, to: &Path) -> Result<(), String> {
        let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let content = fs::read(from).map_err(|error| told(from, error))?;
        if !fs::read(to).is_ok_and(|found| found == content) {
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder).map_err(|error| told(folder, error))?;
            }
            fs::copy(from, to).map_err(|error| told(to, error))?;
        }
        self.0.insert(to.to_path_buf(), from.to_path_buf());
        Ok(())
    }

    /// Removes every file below `folder` that was not copied: a source that is gone would be compiled on.
    pub(crate) fn forget_others(&self, folder: &Path) -> Result<(), String> {
        for path in inside(folder)? {
            if path.is_dir() {
                self.forget_others(&path)?;
            } else if !self.0.contains_key(&path) {
                fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Copies what was written in the copy back to where it came from; the names.
    pub(crate) fn bring_back(&self) -> Result<Vec<&Path>, String> {
        let mut changed = Vec::new();
        for (to, from) in &self.0 {
            let told = |error: std::io::Error| format!("{}: {error}", from.display());
            let written = fs::read(to).map_err(told)?;
            if written != fs::read(from).map_err(told)? {
                fs::write(from, written).map_err(told)?;
                changed.push(from.as_path());
            }
        }
        Ok(changed)
    }
}

fn inside(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    Ok(paths
        .filter(|path| !BUILT.iter().any(|name| path.ends_with(name)))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Copied, mirror};

    #[test]
    fn the_copy_holds_what_there_is_and_keeps_what_did_not_change() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("a/.build")).unwrap();
        for (name, text) in [("a/one", "1"), ("a/two", "2"), ("a/.build/x", "x")] {
            fs::write(from.join(name), text).unwrap();
        }
        let run = || {
            let mut copied = Copied::default();
            mirror(&from, &to, &mut copied).unwrap();
            copied.forget_others(&to).unwrap();
        };
        run();
        let written = |name: &str| fs::metadata(to.join(name)).unwrap().modified().unwrap();
        let one = written("a/one");
        assert!(!to.join("a/.build").exists());

        // What the package manager writes stays; a source that is gone goes.
        fs::create_dir_all(to.join("a/.build")).unwrap();
        fs::write(to.join("a/.build/built"), "").unwrap();
        fs::remove_file(from.join("a/two")).unwrap();
        fs::write(from.join("a/three"), "3").unwrap();
        run();
        assert_eq!(written("a/one"), one);
        assert!(to.join("a/.build/built").exists() && to.join("a/three").exists());
        assert!(!to.join("a/two").exists());
    }

    #[test]
    fn what_was_written_in_the_copy_is_brought_back() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(&from).unwrap();
        for name in ["kept", "written"] {
            fs::write(from.join(name), "before").unwrap();
        }
        let mut copied = Copied::default();
        mirror(&from, &to, &mut copied).unwrap();
        assert_eq!(copied.bring_back().unwrap(), Vec::<&std::path::Path>::new());
        fs::write(to.join("written"), "after").unwrap();
        assert_eq!(copied.bring_back().unwrap(), [from.join("written").as_path()]);
        assert_eq!(fs::read(from.join("written")).unwrap(), b"after");
    }

    #[test]
    fn a_folder_that_is_not_there_is_nothing_to_copy() {
        let folder = tempfile::tempdir().unwrap();
        let mut copied = Copied::default();
        mirror(
            &folder.path().join("none"),
            &folder.path().join("to"),
            &mut copied,
        )
        .unwrap();
        assert!(!folder.path().join("to").exists());
    }
}
