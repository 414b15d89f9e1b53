//! `attest policy scan`: what detectors conclude from facts that were recorded before. It asks no phone and changes nothing.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use attest_core::facts::Platform;
use attest_core::policy::{Detection, Severity};
use attest_policy::Problem;
use attest_policy::recorded::{self, Finding, MAX_RECORDING_BYTES, Record, RecordError, Scanner};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::input::{self as policy_input, Analysed};
use crate::input;
use crate::out::{Exit, Out, printable};

/// Run detectors over facts that were recorded before.
///
/// By default all packs that ship for the platform are run, with --policy the detectors and packs of that policy, without
/// those that are off. A record is a property dump ({"props": {...}, "complete": true, "cpuinfo": "..."}), a file of cases
/// ({"cases": [{"name", "package", "user_id", "data_dir", "own_apk", "maps"}]}), facts as probes write them down
/// ({"variables": {...}, "facts": {"prop(ro.x)": "...", "maps.path": [...]}}), or a list of such. What a record does not say
/// was not observed: a detector that asks for it is inconclusive, not clear.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest policy scan --platform android --facts phone.json cases.json\n\n\
                  With --json one array is printed, with an object per record:\n  \
                  {\"file\": ..., \"case\": ... or null, \"findings\": [{\"id\", \"category\", \"severity\", \"outcome\"}]}\n\
                  outcome is hit, inconclusive or unsupported; detectors that are clear are left out.\n\n\
                  Exit codes: 0 scanned, whatever was found, 2 a file cannot be used; the rest is scanned all the same."
)]
pub(super) struct Scan {
    /// The platform of the recorded phones.
    #[arg(long, value_name = "PLATFORM")]
    platform: Phones,
    /// A policy, or a pack, whose detectors are run instead of all that ship.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
    /// What was recorded, in JSON.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    facts: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Phones {
    Android,
    Ios,
}

impl From<Phones> for Platform {
    fn from(phones: Phones) -> Self {
        match phones {
            Phones::Android => Self::Android,
            Phones::Ios => Self::Ios,
        }
    }
}

/// A record and what was found in it, as it is printed.
#[derive(Serialize)]
struct Scanned {
    file: String,
    case: Option<String>,
    findings: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    id: String,
    category: &'static str,
    severity: &'static str,
    outcome: &'static str,
}

impl Scanned {
    fn of(file: &Path, record: &Record, findings: Vec<Finding<'_>>) -> Self {
        let told = findings
            .into_iter()
            .filter(|finding| finding.detection != Detection::Clear);
        Self {
            file: file.display().to_string(),
            case: record.case.clone(),
            findings: told.map(Found::from).collect(),
        }
    }
}

impl From<Finding<'_>> for Found {
    fn from(finding: Finding<'_>) -> Self {
        Self {
            id: finding.id.to_owned(),
            category: finding.category.as_str(),
            severity: finding.severity.as_str(),
            outcome: finding.detection.as_str(),
        }
    }
}

impl Scan {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let mut scanner = match scanner(self.platform.into(), self.policy.as_deref()) {
            Ok(scanner) => scanner,
            Err(problems) => {
                for problem in problems {
                    writeln!(out.err, "{}", printable(&problem))?;
                }
                return Ok(Exit::Unusable);
            }
        };
        let mut scanned = Vec::new();
        let mut exit = Exit::Clean;
        for file in &self.facts {
            let (records, told) = self.read(file);
            for (level, line) in told {
                if matches!(level, Told::Error(_)) {
                    exit = Exit::Unusable;
                }
                writeln!(
                    out.err,
                    "{}",
                    printable(&format!("{}: {level}: {line}", file.display()))
                )?;
            }
            for record in records {
                match scanner.scan(&record) {
                    Ok(findings) => scanned.push(Scanned::of(file, &record, findings)),
                    Err(problems) => {
                        exit = Exit::Unusable;
                        for problem in problems {
                            writeln!(out.err, "{}", printable(&problem.to_string()))?;
                        }
                    }
                }
            }
        }
        if self.json {
            serde_json::to_writer(&mut *out.out, &scanned)?;
            writeln!(out.out)?;
        } else {
            table(&scanned, out)?;
        }
        Ok(exit)
    }

    /// The records of a file, and what is to be said about it.
    fn read(&self, file: &Path) -> (Vec<Record>, Vec<(Told, String)>) {
        let unusable = |error: RecordError| (Told::Error(error.code()), error.to_string());
        match input::file(file, MAX_RECORDING_BYTES) {
            Ok(Some(json)) => {
                let recording = recorded::read(&json, self.platform.into());
                let notes = recording.notes.into_iter().map(|note| (Told::Note, note));
                let problems = recording.problems.into_iter().map(unusable);
                (recording.records, problems.chain(notes).collect())
            }
            Ok(None) => (Vec::new(), vec![unusable(RecordError::TooLarge)]),
            Err(error) => (
                Vec::new(),
                vec![(Told::Error("recording-unreadable"), error.to_string())],
            ),
        }
    }
}

/// The detectors of a policy or pack, without one of all packs that ship; or why there are none, a line each.
pub(crate) fn scanner(platform: Platform, policy: Option<&Path>) -> Result<Scanner, Vec<String>> {
    let told = |problems: &[Problem]| problems.iter().map(policy_input::line).collect();
    let Some(file) = policy else {
        return Scanner::shipped(platform).map_err(|problems| told(&problems));
    };
    let Analysed { analysis, .. } =
        policy_input::analysed(file).map_err(|unreadable| vec![unreadable.to_string()])?;
    match analysis.compiled {
        Some(compiled) => Ok(Scanner::new(compiled.device, platform)),
        None => Err(told(&analysis.problems)),
    }
}

/// How grave a line about a file is.
enum Told {
    /// Something is left out, for the reason of this code.
    Error(&'static str),
    /// Nothing that matters here is left out.
    Note,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(code) => write!(f, "error[{code}]"),
            Self::Note => f.write_str("note"),
        }
    }
}

/// What was found, for people; what could not be told is counted only.
fn table(scanned: &[Scanned], out: &mut Out<'_>) -> io::Result<()> {
    let mut serious = 0;
    for record in scanned {
        let case = record
            .case
            .as_ref()
            .map(|case| format!(" ({case})"))
            .unwrap_or_default();
        writeln!(out.out, "{}", printable(&format!("{}{case}", record.file)))?;
        let (open, found): (Vec<_>, Vec<_>) = record
            .findings
            .iter()
            .partition(|finding| finding.outcome == Detection::Inconclusive.as_str());
        let heavy = [Severity::High.as_str(), Severity::Critical.as_str()];
        let hit = |finding: &&&Found| {
            finding.outcome == Detection::Hit.as_str() && heavy.contains(&finding.severity)
        };
        serious += usize::from(found.iter().any(|finding| hit(&finding)));
        for finding in &found {
            let Found {
                id,
                category,
                severity,
                outcome,
            } = finding;
            writeln!(
                out.out,
                "  {severity:<8}  {category:<11}  {outcome:<11}  {}",
                printable(id)
            )?;
        }
        if found.is_empty() {
            writeln!(out.out, "  nothing found")?;
        }
        if !open.is_empty() {
            let asks = if open.len() == 1 { "it asks" } else { "they ask" };
            let open = plural(open.len(), "detector");
            writeln!(
                out.out,
                "  {open} without a conclusion: what {asks} for was not recorded"
            )?;
        }
    }
    writeln!(
        out.out,
        "\n{}, {serious} with a high or critical finding",
        plural(scanned.len(), "record")
    )
}

fn plural(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
