//! This machine, looked at as the SDK looks at a phone: the probes of Android, the collector and the detectors, for who writes
//! detectors. What was observed stays here; a question without an answer is told with its reason, never left out.

#[cfg(target_os = "linux")]
mod look;
mod report;

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use attest_core::facts::{FactId, FactRef, Origin, Platform};
use attest_core::policy::Variables;
use attest_policy::recorded::{MAX_RECORDING_BYTES, Observed};
use clap::Args;

use self::report::{Conclusion, Report};
use crate::out::{Exit, Out, printable};
use crate::policy;

/// What is asked of this machine.
#[derive(Debug, Args)]
#[group(requires = "itself")]
pub(super) struct ThisMachine {
    /// A policy, or a pack, whose detectors are run instead of all that ship for Android.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Ask also for every fact that takes no parameter, by each of its views.
    #[arg(long)]
    all: bool,
    /// What an app is called here, such as `package=com.example.bank`; repeat it for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    variable: Vec<(String, String)>,
    /// What the scan may take.
    #[arg(long, value_name = "MS", default_value_t = PHONES_BUDGET_MS, value_parser = clap::value_parser!(u64).range(1..=600_000))]
    budget_ms: u64,
    /// Write what was observed to this file, for `attest policy scan --platform android --facts FILE`.
    #[arg(long, value_name = "FILE")]
    facts_out: Option<PathBuf>,
}

/// What a scan may take on phones.
const PHONES_BUDGET_MS: u64 = 50;

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if Variables::NAMES.contains(&name) {
        Ok((name.to_owned(), value.to_owned()))
    } else {
        Err(format!("known variables are {}", Variables::NAMES.join(", ")))
    }
}

impl ThisMachine {
    pub(super) fn run(&self, json: bool, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.report() {
            Ok(report) => {
                if json {
                    writeln!(out.out, "{}", serde_json::to_string(&report)?)?;
                } else {
                    write!(out.out, "{}", report.text())?;
                }
                Ok(Exit::Clean)
            }
            Err(problems) => {
                for problem in problems {
                    writeln!(out.err, "{}", printable(&problem))?;
                }
                Ok(Exit::Unusable)
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn report(&self) -> Result<Report, Vec<String>> {
        Err(vec![
            "attest: --self runs the probes of Android, which run on Linux alone; there is nothing to look at here".to_owned(),
        ])
    }

    #[cfg(target_os = "linux")]
    fn report(&self) -> Result<Report, Vec<String>> {
        let mut scanner = policy::scanner(Platform::Android, self.policy.as_deref())?;
        let given = self
            .variable
            .iter()
            .fold(look::variables(), |all, (name, value)| {
                all.with(name, value.as_str())
            });
        let lines = |errors: Vec<_>| errors.iter().map(ToString::to_string).collect::<Vec<_>>();
        let detectors = scanner.detectors(&given).map_err(lines)?;
        let mut questions: BTreeSet<FactRef> = detectors.facts().into_iter().cloned().collect();
        if self.all {
            questions.extend(all_facts());
        }
        let looked = look::at(&questions, given, self.budget_ms);
        self.write(&looked.observed).map_err(|problem| vec![problem])?;

        // What is concluded is what would be concluded from the file.
        let record = looked.observed.record();
        let found = scanner.scan(&record).map_err(lines)?;
        let mut conclusions: Vec<Conclusion> = found.iter().map(Conclusion::from).collect();
        let detectors = scanner.detectors(&record.variables).map_err(lines)?;
        for conclusion in &mut conclusions {
            let clause = detectors.explain(&conclusion.id, &record.facts);
            conclusion.because = clause.map(|clause| looked.because(clause));
        }
        Ok(Report {
            conclusions,
            variables: record.variables,
            facts: looked.observed.facts,
            silent: looked.silent,
            asked: looked.asked,
            budget_ms: self.budget_ms,
            took_us: looked.took_us,
        })
    }

    /// Writes what was observed, if somebody wants it.
    fn write(&self, observed: &Observed) -> Result<(), String> {
        let Some(path) = &self.facts_out else {
            return Ok(());
        };
        let told = |reason: String| format!("{}: cannot be written: {reason}", path.display());
        let mut json = serde_json::to_vec_pretty(observed).map_err(|error| told(error.to_string()))?;
        json.push(b'\n');
        if json.len() > MAX_RECORDING_BYTES {
            return Err(told(format!(
                "more than {MAX_RECORDING_BYTES} bytes, which nobody reads"
            )));
        }
        std::fs::write(path, json).map_err(|error| told(error.to_string()))
    }
}

/// Every question without a parameter that probes of Android may answer, by each view.
fn all_facts() -> impl Iterator<Item = FactRef> {
    let of_phone = |fact: &FactId| {
        let entry = fact.entry();
        entry.origin == Origin::Device
            && entry.platforms.include(Platform::Android)
            && entry.param.is_none()
            && *fact != FactId::POLICY_STALE
    };
    FactId::all().filter(of_phone).flat_map(|fact| {
        let views = fact.entry().views.iter();
        views.filter_map(move |view| FactRef::new(fact, None, Some(*view)).ok())
    })
}
