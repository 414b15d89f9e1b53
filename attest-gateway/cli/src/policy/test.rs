//! `attest policy test`: the tests that policies and packs carry, each with its outcome.

use std::io;
use std::path::PathBuf;

use attest_policy::{Level, Problem, TestOutcome, TestSubject};
use clap::Args;
use serde_json::{Value, json};

use super::input::{self, Analysed, count, line};
use crate::out::{Exit, Out, printable};

/// Run the tests that policies and packs carry.
///
/// Each test is a line with its outcome; a failing one says at its place what was expected and why it came otherwise. Roll-outs
/// count as complete, detectors that are off are run too. Detectors without a test of both
/// kinds and rules without any are warned about.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy test policy.yaml\n  attest policy test policy.yaml --only 'a cloner pays'\n\n\
                  Exit codes: 0 every test passed, 1 one failed or the policy has errors, 2 wrong use, unreadable file or no such test."
)]
pub(super) struct Test {
    /// The policies or packs; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Only tests with this text in their name.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What the files together show.
#[derive(Default)]
struct Shown {
    tests: Vec<TestOutcome>,
    /// What keeps tests from passing.
    failures: Vec<Problem>,
    untested: Vec<Problem>,
    /// Errors for which tests were not run.
    broken: Vec<Problem>,
    unreadable: bool,
}

impl Test {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let mut shown = Shown::default();
        for file in &self.files {
            match input::analysed(file) {
                Ok(analysed) => shown.take(analysed),
                Err(error) => {
                    shown.unreadable = true;
                    error.show(out)?;
                }
            }
        }
        if let Some(only) = &self.only {
            shown.tests.retain(|test| test.name.contains(only.as_str()));
            shown.untested.clear();
            if shown.tests.is_empty() && shown.broken.is_empty() && !shown.unreadable {
                writeln!(out.err, "argument: no test has `{}` in its name", printable(only))?;
                return Ok(Exit::Unusable);
            }
        }
        if self.json {
            writeln!(out.out, "{}", shown.json())?;
        } else {
            shown.table(out)?;
        }
        let failed = shown.tests.iter().any(|test| !test.passed);
        Ok(if shown.unreadable {
            Exit::Unusable
        } else if failed || !shown.broken.is_empty() {
            Exit::Refused
        } else {
            Exit::Clean
        })
    }
}

impl Shown {
    fn take(&mut self, analysed: Analysed) {
        let analysis = analysed.analysis;
        for problem in analysis.problems {
            match problem.code {
                "detector-untested" | "detector-test-missing" | "rule-untested" => {
                    self.untested.push(problem)
                }
                _ if problem.level == Level::Warning => {}
                // Each of them is told with its test.
                _ if !analysis.tests.is_empty() => self.failures.push(problem),
                _ => self.broken.push(problem),
            }
        }
        self.tests.extend(analysis.tests);
    }

    fn table(&self, out: &mut Out<'_>) -> io::Result<()> {
        input::show(&self.broken, out.err)?;
        let wide = self.tests.iter().map(|test| subject(test).chars().count());
        let width = wide.max().unwrap_or_default().min(40);
        let mut file = "";
        for (index, test) in self.tests.iter().enumerate() {
            if test.file != file {
                file = &test.file;
                writeln!(out.out, "{}", printable(file))?;
            }
            let outcome = if test.passed { "ok  " } else { "FAIL" };
            let (subject, name) = (
                printable(&subject(test)),
                printable(&test.name).replace('\n', " "),
            );
            writeln!(out.out, "  {outcome}  {subject:<width$}  {name}")?;
            for failure in self.failures_of(index, test) {
                let (at, message) = (failure.position, printable(&failure.message).replace('\n', " "));
                writeln!(
                    out.out,
                    "        {}:{}:{}: {message}",
                    printable(file),
                    at.line,
                    at.column
                )?;
            }
        }
        for problem in &self.untested {
            writeln!(out.out, "{}", line(problem))?;
        }
        let failed = self.tests.iter().filter(|test| !test.passed).count();
        let passed = self.tests.len() - failed;
        writeln!(
            out.out,
            "{}: {passed} passed, {failed} failed",
            count(self.tests.len(), "test")
        )
    }

    /// The problems between this test and the next one of its file.
    fn failures_of(&self, index: usize, test: &TestOutcome) -> impl Iterator<Item = &Problem> {
        let next = self.tests.get(index + 1).filter(|next| next.file == test.file);
        let (from, to) = (test.position, next.map(|next| next.position));
        let (file, failed) = (test.file.clone(), !test.passed);
        self.failures.iter().filter(move |failure| {
            let within = failure.position >= from && to.is_none_or(|to| failure.position < to);
            failed && failure.file == file && within
        })
    }

    fn json(&self) -> Value {
        let tests: Vec<_> = self
            .tests
            .iter()
            .map(|test| {
                let subject = match &test.subject {
                    TestSubject::Detector(id) => json!({ "detector": id }),
                    TestSubject::Decision(method, path) => json!({ "method": method, "path": path }),
                };
                json!({
                    "file": test.file,
                    "line": test.position.line,
                    "column": test.position.column,
                    "name": test.name,
                    "subject": subject,
                    "passed": test.passed,
                    "because": test.because,
                })
            })
            .collect();
        let problems = |problems: &[Problem]| -> Vec<Value> { problems.iter().map(input::object).collect() };
        json!({
            "tests": tests,
            "untested": problems(&self.untested),
            "errors": problems(&self.broken),
        })
    }
}

fn subject(test: &TestOutcome) -> String {
    match &test.subject {
        TestSubject::Detector(id) => id.clone(),
        TestSubject::Decision(method, path) => format!("{method} {path}"),
    }
}
