//! The project's Rust files as text, and the few questions that the rules ask of them.

use std::fs;
use std::path::{Path, PathBuf};

/// One Rust file of the project.
pub(crate) struct Source {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// The part before the file's own tests, nothing for a file of tests.
    pub(crate) fn shipped(&self) -> &str {
        let tests = self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.contains("/benches/");
        if tests {
            ""
        } else {
            self.text.split("#[cfg(test)]").next().unwrap_or("")
        }
    }

    /// The shipped lines that are not comments.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = &str> {
        self.shipped()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
    }

    /// The shipped lines that hold one of these.
    pub(crate) fn uses(&self, needles: &[&str]) -> impl Iterator<Item = &str> {
        self.code_lines()
            .filter(|line| needles.iter().any(|needle| line.contains(needle)))
            .map(str::trim)
    }

    /// What the shipped lines define: `("fn", "name")`, and so on.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&str, &str)> {
        const KINDS: [&str; 6] = ["fn", "struct", "enum", "trait", "type", "mod"];
        self.code_lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let kind = words.by_ref().find(|word| {
                !word.starts_with("pub")
                    && !["async", "const", "unsafe", "extern"].contains(word)
                    && *word != "in"
            })?;
            let name = words.next()?;
            let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
            KINDS.contains(&kind).then_some((kind, name))
        })
    }
}

/// The project's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// Every Rust file of the project but what builds left behind.
pub(crate) fn sources() -> Vec<Source> {
    files("rs")
        .into_iter()
        .map(|(path, text)| Source { path, text })
        .collect()
}

/// Every text file with this extension, by path from the root.
pub(crate) fn files(extension: &str) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "target" && (!name.starts_with('.') || name == ".ci") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                let relative = path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((relative, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
