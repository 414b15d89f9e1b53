//! Policies as commands read them: a file, or `-` for standard input, with the packs beside it.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use attest_policy::{Analysis, Level, MAX_SOURCE_BYTES, PackFiles, Problem, analyse};

use serde_json::{Value, json};

use crate::input;
use crate::out::{Exit, Out, printable};

/// A policy that was read and looked through.
#[derive(Debug)]
pub(super) struct Analysed {
    /// The file, as problems name it.
    pub(super) name: String,
    /// A pack alone, in a policy that was made for it.
    pub(super) is_pack: bool,
    pub(super) analysis: Analysis,
}

/// A file that cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) name: String,
    pub(super) reason: String,
}

impl Unreadable {
    /// Prints it as every command does.
    pub(super) fn show(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        writeln!(out.err, "{}", printable(&self.to_string()))?;
        Ok(Exit::Unusable)
    }
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: cannot be read: {}", self.name, self.reason)
    }
}

/// The packs in the folder of a policy.
#[derive(Debug)]
pub(super) struct Beside(PathBuf);

impl Beside {
    /// Beside this file; beside standard input is where the command runs.
    pub(super) fn of(file: &Path) -> Self {
        Self(file.parent().unwrap_or(Path::new("")).to_owned())
    }
}

impl PackFiles for Beside {
    fn read(&self, path: &str) -> Result<String, String> {
        text(input::file(&self.0.join(path), MAX_SOURCE_BYTES))
    }
}

fn text(read: io::Result<Option<Vec<u8>>>) -> Result<String, String> {
    let bytes = read
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("larger than {MAX_SOURCE_BYTES} bytes"))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!("not UTF-8 text (byte {at})")
    })
}

/// What can be said about a policy file.
pub(super) fn analysed(file: &Path) -> Result<Analysed, Unreadable> {
    let (name, read) = if file == Path::new("-") {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_SOURCE_BYTES)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
        let read = read.map(|_| (bytes.len() <= MAX_SOURCE_BYTES).then_some(bytes));
        ("<stdin>".to_owned(), read)
    } else {
        (file.display().to_string(), input::file(file, MAX_SOURCE_BYTES))
    };
    match text(read) {
        Ok(source) => {
            let is_pack = is_pack(&source);
            let analysis = if is_pack {
                let own = Path::new(&name)
                    .file_name()
                    .map_or("pack.yaml".into(), |own| own.to_string_lossy());
                analyse(&name, &AROUND_A_PACK.replace("FILE", &own), &Only(source))
            } else {
                analyse(&name, &source, &Beside::of(file))
            };
            Ok(Analysed {
                name,
                is_pack,
                analysis,
            })
        }
        Err(reason) => Err(Unreadable { name, reason }),
    }
}

/// The policy in which a pack is looked through that is given instead of one.
const AROUND_A_PACK: &str = "version: 1\nenvironment: development\npacks: [{use: './FILE'}]\n";

/// A pack says so in its first field or a later one; a policy cannot have this one.
fn is_pack(source: &str) -> bool {
    let has = |name: &str| source.lines().any(|line| line.starts_with(name));
    has("pack:") && !has("version:")
}

/// One text, whatever is asked for.
#[derive(Debug)]
struct Only(String);

impl PackFiles for Only {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

/// Prints every problem as `lint` does.
pub(super) fn show(problems: &[Problem], out: &mut dyn io::Write) -> io::Result<()> {
    problems
        .iter()
        .try_for_each(|problem| writeln!(out, "{}", line(problem)))
}

/// A problem in a line: `file:line:column: error[code]: path: message`.
pub(super) fn line(problem: &Problem) -> String {
    let Problem {
        file,
        position,
        path,
        code,
        level,
        message,
    } = problem;
    let level = word(*level);
    let path = if path.is_empty() {
        String::new()
    } else {
        format!("{path}: ")
    };
    let text = format!(
        "{file}:{}:{}: {level}[{code}]: {path}{message}",
        position.line, position.column
    );
    printable(&text).replace('\n', " ")
}

/// A problem as JSON.
pub(super) fn object(problem: &Problem) -> Value {
    json!({
        "file": problem.file,
        "line": problem.position.line,
        "column": problem.position.column,
        "level": word(problem.level),
        "code": problem.code,
        "path": problem.path,
        "message": problem.message,
    })
}

/// `error` or `warning`.
const fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// `1 error`, `2 errors`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
