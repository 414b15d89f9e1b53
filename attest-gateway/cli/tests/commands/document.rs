//! Keeps documents true that show files and commands: the files are written, the commands run in their order with the real
//! binary, and the outputs compared. `ATTEST_BLESS=1` writes the outputs anew.
//!
//! A block that begins with ` ```LANGUAGE NAME ` is the file of that name, ` ```diff NAME ` an edit of it; in a block that begins
//! with ` ```console ` what follows `$ ` is a line for the shell. It runs no other block.
#![cfg(test)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where a document's commands run, and what they need beside their words.
pub(crate) struct Stage<'a> {
    /// The folder in which the first one runs.
    pub(crate) folder: &'a Path,
    /// Gives a command, run in this folder, what a reader would fill in.
    pub(crate) prepare: fn(&Path, &str, &mut Command),
    /// A line of an output without what differs from run to run.
    pub(crate) steady: fn(&str) -> String,
}

impl<'a> Stage<'a> {
    /// One on which nothing needs help.
    pub(crate) const fn plain(folder: &'a Path) -> Self {
        Self {
            folder,
            prepare: |_, _, _| {},
            steady: str::to_owned,
        }
    }

    /// Panics unless `docs/NAME` shows what happens; returns how many commands it shows.
    pub(crate) fn play(&self, name: &str) -> usize {
        let document = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../docs")
            .join(name);
        let text = fs::read_to_string(&document).unwrap();
        let (made, shown) = self.replay(&text);
        if env::var_os("ATTEST_BLESS").is_some() {
            fs::write(&document, &made).unwrap();
        } else if let Some((is, shows)) = made.lines().zip(text.lines()).find(|(is, shows)| is != shows) {
            panic!(
                "docs/{name} shows\n  {shows}\nwhere there is\n  {is}\nrun this test with ATTEST_BLESS=1 to write it anew"
            );
        } else {
            assert_eq!(made.len(), text.len(), "docs/{name} ends otherwise");
        }
        shown
    }

    /// The text with the outputs as they are, and how many commands it shows.
    fn replay(&self, text: &str) -> (String, usize) {
        let (mut made, mut shown) = (String::new(), 0);
        let mut folder = self.folder.to_owned();
        let mut block: Option<Block> = None;
        for line in text.lines() {
            match &mut block {
                None => block = line.strip_prefix("```").map(Block::begun),
                Some(open) if line == "```" => {
                    open.end(&folder);
                    block = None;
                }
                Some(Block::Console) => match line.strip_prefix("$ ") {
                    Some(command) => {
                        made += &format!("{line}\n{}", self.output(&mut folder, command));
                        shown += 1;
                        continue;
                    }
                    None => continue,
                },
                Some(Block::File { content, .. } | Block::Edit { content, .. }) => {
                    *content += &format!("{line}\n");
                }
                Some(Block::Other) => {}
            }
            made += &format!("{line}\n");
        }
        assert!(block.is_none(), "a block has no end");
        (made, shown)
    }

    /// What a line prints, first what is meant for others and then what is meant for people.
    fn output(&self, folder: &mut PathBuf, line: &str) -> String {
        if let Some(to) = line.strip_prefix("cd ") {
            folder.push(to);
            return String::new();
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_attest"))
            .parent()
            .unwrap()
            .to_owned();
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([binary].into_iter().chain(env::split_paths(&path))).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(&*folder).env("PATH", path);
        (self.prepare)(folder, line, &mut command);
        let ended = command.stdin(Stdio::null()).output().unwrap();
        assert!(matches!(ended.status.code(), Some(0 | 1)), "{line}: {ended:?}");
        let printed = [ended.stdout, ended.stderr].concat();
        String::from_utf8(printed)
            .unwrap()
            .lines()
            .map(|line| format!("{}\n", (self.steady)(line)))
            .collect()
    }
}

/// A fenced block that is being read.
enum Block {
    Console,
    File { name: String, content: String },
    Edit { name: String, content: String },
    Other,
}

impl Block {
    fn begun(words: &str) -> Self {
        let content = String::new();
        match words.split_once(' ') {
            Some(("diff", name)) => Self::Edit {
                name: name.to_owned(),
                content,
            },
            Some((_, name)) => Self::File {
                name: name.to_owned(),
                content,
            },
            None if words == "console" => Self::Console,
            None => Self::Other,
        }
    }

    fn end(&self, folder: &Path) {
        match self {
            Self::File { name, content } => fs::write(folder.join(name), content).unwrap(),
            Self::Edit { name, content } => {
                let path = folder.join(name);
                let source = fs::read_to_string(&path).unwrap();
                fs::write(path, edited(source, content)).unwrap();
            }
            Self::Console | Self::Other => {}
        }
    }
}

/// The text after an edit, of which each piece (they are parted by `@@`) fits one place only.
fn edited(mut text: String, edit: &str) -> String {
    for piece in edit.split("@@\n") {
        let side = |left_out: char| -> String {
            let lines = piece.lines().filter(|line| !line.starts_with(left_out));
            lines
                .map(|line| format!("{}\n", line.get(1..).unwrap_or_default()))
                .collect()
        };
        let (before, after) = (side('+'), side('-'));
        assert_eq!(
            text.matches(&before).count(),
            1,
            "does not fit one place:\n{before}"
        );
        text = text.replacen(&before, &after, 1);
    }
    text
}

#[test]
fn a_document_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, expect: &str| {
        let (made, shown) = Stage::plain(folder.path()).replay(text);
        assert_eq!((made.as_str(), shown), (expect, text.matches("$ ").count()));
    };
    check(
        "Text\n```yaml a.yaml\na: 1\nb: 2\nc: 3\n```\n```yaml\n$ not a command\n```\n"
            .replace("$ not", "not")
            .as_str(),
        "Text\n```yaml a.yaml\na: 1\nb: 2\nc: 3\n```\n```yaml\nnot a command\n```\n",
    );
    check(
        "```diff a.yaml\n a: 1\n-b: 2\n+b: two\n@@\n-c: 3\n```\n```console\n$ mkdir x\n$ cat a.yaml\nstale\n$ cd x\n$ cat ../a.yaml\n```\n",
        "```diff a.yaml\n a: 1\n-b: 2\n+b: two\n@@\n-c: 3\n```\n```console\n$ mkdir x\n$ cat a.yaml\na: 1\nb: two\n$ cd x\n$ cat ../a.yaml\na: 1\nb: two\n```\n",
    );
}
