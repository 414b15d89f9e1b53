//! Policies as commands read them: a file, or `-` for standard input, with the packs beside it.

use std::io;
use std::path::Path;

use attest_gateway::policy::PackFolder;
use attest_policy::{
    Analysis, Compiled, EmbeddedTests, Level, MAX_SOURCE_BYTES, PackFiles, PolicySource, Problem, analyse,
    source_text,
};

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

/// The name and text of a policy, pack or file of facts; `-` is standard input.
pub(super) fn text(file: &Path) -> Result<(String, String), Unreadable> {
    let (name, read) = if file == Path::new("-") {
        let bytes = input::read_bounded(io::stdin().lock(), MAX_SOURCE_BYTES);
        ("<stdin>".to_owned(), bytes)
    } else {
        (file.display().to_string(), input::file(file, MAX_SOURCE_BYTES))
    };
    let text = || {
        let too_large = || format!("larger than {MAX_SOURCE_BYTES} bytes");
        let bytes = read.map_err(|error| error.to_string())?.ok_or_else(too_large)?;
        let text = source_text(&name, &bytes).map_err(|problem| problem.message)?;
        Ok(text.to_owned())
    };
    match text() {
        Ok(text) => Ok((name, text)),
        Err(reason) => Err(Unreadable { name, reason }),
    }
}

/// What can be said about a policy file.
pub(super) fn analysed(file: &Path) -> Result<Analysed, Unreadable> {
    let (name, source) = text(file)?;
    let is_pack = is_pack(&source);
    let analysis = if is_pack {
        let own = file.file_name().filter(|_| file != Path::new("-"));
        let own = own.map_or("pack.yaml".into(), |own| own.to_string_lossy());
        analyse(&name, &AROUND_A_PACK.replace("FILE", &own), &Only(source))
    } else {
        analyse(&name, &source, &PackFolder::beside(file))
    };
    Ok(Analysed {
        name,
        is_pack,
        analysis,
    })
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

/// What a policy makes and what it was made of, if it can be looked at: with failing tests too, which are then printed. Otherwise
/// its problems are, and what cannot be done while it has them.
pub(super) fn whole(
    analysed: Analysed,
    undoable: &str,
    out: &mut Out<'_>,
) -> io::Result<Result<(Compiled, PolicySource), Exit>> {
    let Analysed { name, analysis, .. } = analysed;
    let errors = analysis
        .problems
        .iter()
        .filter(|problem| problem.level == Level::Error);
    let untested = errors.clone().all(|problem| problem.code == "test-failed");
    if let (true, Some(source)) = (untested, analysis.source) {
        for problem in errors {
            writeln!(out.err, "{}", line(problem))?;
        }
        let compiled = analysis.compiled.unwrap_or_else(|| Compiled {
            device: source.device(),
            gateway: source.gateway(),
            tests: EmbeddedTests::default(),
            warnings: Vec::new(),
        });
        return Ok(Ok((compiled, source)));
    }
    show(&analysis.problems, out.err)?;
    writeln!(
        out.err,
        "{}: cannot be {undoable} while it has errors",
        printable(&name)
    )?;
    Ok(Err(Exit::Refused))
}

/// Prints every problem as `lint` does.
pub(super) fn show(problems: &[Problem], out: &mut dyn io::Write) -> io::Result<()> {
    problems
        .iter()
        .try_for_each(|problem| writeln!(out, "{}", line(problem)))
}

/// A problem in a line: `file:line:column: error[code]: path: message`.
pub(crate) fn line(problem: &Problem) -> String {
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
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
