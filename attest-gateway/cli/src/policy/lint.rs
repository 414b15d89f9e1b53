//! `attest policy lint`: everything that is wrong with policies or probably not meant, without using them.

use std::io;
use std::path::PathBuf;

use attest_policy::Level;
use clap::Args;
use serde_json::json;

use super::input::{self, count};
use crate::out::{Exit, Out};

/// Find everything that is wrong with policies, in all files at once: form, references, contradictions, failing tests.
///
/// Each problem is a line: `file:line:column: error[code]: path: message`, an error or a warning. A policy with an error is never
/// used; warnings keep nothing from being used. Packs that a
/// policy takes are looked through with it; a pack can be given alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy lint policy.yaml\n  attest policy lint --deny-warnings --json policies/*.yaml\n  \
                  generate-policy | attest policy lint -\n\n\
                  Exit codes: 0 no error, 1 errors (with --deny-warnings: or warnings), 2 wrong use or unreadable file."
)]
pub(super) struct Lint {
    /// The policies; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Exit with 1 for warnings too.
    #[arg(long)]
    deny_warnings: bool,
    /// Print one JSON array of problems.
    #[arg(long)]
    json: bool,
}

impl Lint {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let mut problems = Vec::new();
        let mut unreadable = false;
        for file in &self.files {
            match input::analysed(file) {
                Ok(analysed) => problems.extend(analysed.analysis.problems),
                Err(error) => {
                    unreadable = true;
                    error.show(out)?;
                }
            }
        }
        let errors = problems
            .iter()
            .filter(|problem| problem.level == Level::Error)
            .count();
        let warnings = problems.len() - errors;
        if self.json {
            let problems: Vec<_> = problems.iter().map(input::object).collect();
            writeln!(out.out, "{}", json!(problems))?;
        } else {
            input::show(&problems, out.out)?;
            writeln!(
                out.out,
                "{}: {}, {}",
                count(self.files.len(), "policy file"),
                count(errors, "error"),
                count(warnings, "warning")
            )?;
        }
        Ok(if unreadable {
            Exit::Unusable
        } else if errors > 0 || (self.deny_warnings && warnings > 0) {
            Exit::Refused
        } else {
            Exit::Clean
        })
    }
}
