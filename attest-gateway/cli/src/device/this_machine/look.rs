//! One scan of this machine by the collector that phones run, and why what was not answered was not. It decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attest_core::facts::{FactId, FactRef, NOT_OBSERVED, Observation, Platform, View};
use attest_core::policy::{Clause, Variables};
use attest_mobile::host::SystemClock;
use attest_mobile::probes::collector::Cost;
use attest_mobile::probes::sys::Errno;
use attest_mobile::probes::{Collector, Probe, linux, view_of};
use attest_policy::recorded::Observed;

use super::report::{Asked, Silent};
use crate::clock::Stopwatch;

/// What a scan gave.
pub(super) struct Looked {
    pub(super) observed: Observed,
    /// The questions without a value, in their order.
    pub(super) silent: Vec<Silent>,
    /// What each probe was asked and took, in the order in which they ran.
    pub(super) asked: Vec<Asked>,
    pub(super) took_us: u64,
}

/// What this process is called, as far as Linux has a name for it. It has no package and no directory of an app.
pub(super) fn variables() -> Variables {
    let uid = rustix::process::getuid().as_raw();
    Variables::default()
        .with("uid", uid.to_string())
        .with("user_id", (uid / UIDS_PER_USER).to_string())
}

/// How many uids Android gives to each user.
const UIDS_PER_USER: u32 = 100_000;

/// Asks these questions.
pub(super) fn at(questions: &BTreeSet<FactRef>, variables: Variables, budget_ms: u64) -> Looked {
    let clock = Arc::new(SystemClock::default());
    let collector = Collector::new(linux::probes(), clock, variables.clone()).with_budget_ms(budget_ms);
    let asked: Vec<FactRef> = questions.iter().cloned().collect();
    let begun = Stopwatch::start();
    let facts = collector.scan(&asked);
    let took = begun.elapsed();

    let probes = linux::probes();
    let costs = collector.costs();
    let mut silent = Vec::new();
    let mut of_probe: BTreeMap<&str, usize> = BTreeMap::new();
    for question in questions {
        // Only the isolated process answers for itself.
        let is_own = view_of(question) != Some(View::Isolated);
        let probe = probes
            .iter()
            .filter(|_| is_own)
            .find(|probe| probe.facts().contains(&question.fact()) && probe.takes(question));
        if let Some(probe) = probe {
            *of_probe.entry(probe.name()).or_default() += 1;
        }
        let answer = facts
            .iter()
            .find(|(fact, _)| *fact == question)
            .map(|(_, answer)| answer);
        let why = match (answer, probe) {
            (Some(Observation::Error(number)), _) => errno(*number),
            (Some(_), _) => continue,
            (None, None) => nobody(question),
            (None, Some(probe)) => unanswered(question, probe.as_ref(), &costs, &variables),
        };
        silent.push(Silent {
            fact: question.to_string(),
            why,
        });
    }
    let asked = costs.iter().map(|cost| Asked {
        probe: cost.probe,
        questions: of_probe.get(cost.probe).copied().unwrap_or_default(),
        took_us: cost.last_us,
    });
    Looked {
        asked: asked.collect(),
        silent,
        took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        observed: Observed {
            platform: Platform::Android,
            variables,
            facts,
        },
    }
}

/// Why no probe takes a question.
fn nobody(question: &FactRef) -> String {
    if question.fact() == FactId::POLICY_STALE {
        "the SDK answers it by itself, of its own policy".to_owned()
    } else if view_of(question) == Some(View::Java) {
        "asked of Android's Java API, which is not here".to_owned()
    } else if view_of(question) == Some(View::Isolated) {
        "asked of Android's isolated process, which is not here".to_owned()
    } else {
        "no probe of this machine answers it".to_owned()
    }
}

/// Why a probe gave no answer.
fn unanswered(question: &FactRef, probe: &dyn Probe, costs: &[Cost], variables: &Variables) -> String {
    let name = probe.name();
    let Some(cost) = costs.iter().find(|cost| cost.probe == name) else {
        return format!("the budget was spent before `{name}` was asked");
    };
    if cost.panics > 0 {
        return format!("`{name}` panicked");
    }
    if cost.late > 0 {
        return format!("the budget was spent while `{name}` was asked");
    }
    let needed = match question.fact() {
        FactId::APP_DATA_DIR | FactId::FD_CANARY | FactId::FD_CANARY_PARENT_ACCESS => Some("data_dir"),
        FactId::APP_APK_PATH => Some("own_apk"),
        _ => None,
    };
    match needed.filter(|variable| variables.value(variable).is_none()) {
        Some(variable) => format!("needs --variable {variable}=PATH"),
        None => format!("`{name}` left it open: it answers only so many of these in one scan"),
    }
}

/// What an error of a probe means.
fn errno(number: i32) -> String {
    let meaning = match Errno::new(number) {
        Errno::STOPPED => "the budget was spent before there was an answer".to_owned(),
        Errno::NO_SUCH_VIEW => "this machine has no such view".to_owned(),
        Errno::SENSELESS => "what was read makes no sense".to_owned(),
        Errno::NOT_READ => "a FIFO, socket or device is not read".to_owned(),
        Errno::UNFIT => "this cannot be asked, or not here".to_owned(),
        Errno::TOO_LONG => "the path is too long".to_owned(),
        Errno::SILENT => "nothing came in time".to_owned(),
        Errno::UNSTEADY => "it changed while it was read".to_owned(),
        Errno::CUT => "there is more than is read".to_owned(),
        _ => std::io::Error::from_raw_os_error(number).to_string(),
    };
    format!("error {number}: {meaning}")
}

impl Looked {
    /// What decided, or kept from deciding, in words.
    pub(super) fn because(&self, clause: Clause) -> String {
        let Some(fact) = clause.fact else {
            return "a variable that it names has no value: see --variable".to_owned();
        };
        let is_error = clause
            .value
            .strip_prefix("error ")
            .is_some_and(|number| number.parse::<i32>().is_ok());
        let silent = self.silent.iter().find(|silent| silent.fact == fact);
        match silent.filter(|_| is_error) {
            Some(silent) => format!("{fact}: {}", silent.why),
            None => format!(
                "{fact}: {}",
                clause
                    .value
                    .replace(&format!("error {NOT_OBSERVED}"), "not observed")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_question_has_its_reason() {
        let ran = |late, panics| {
            vec![Cost {
                probe: "app",
                runs: 1,
                late,
                panics,
                ..Cost::default()
            }]
        };
        let check = |costs: &[Cost], variables: Variables, expect: &str| {
            let probes = linux::probes();
            let app = probes.iter().find(|probe| probe.name() == "app").unwrap();
            let question = "app.data_dir@libc".parse().unwrap();
            assert_eq!(unanswered(&question, app.as_ref(), costs, &variables), expect);
        };
        let known = || Variables::default().with("data_dir", "/x");
        check(&[], known(), "the budget was spent before `app` was asked");
        check(&ran(1, 0), known(), "the budget was spent while `app` was asked");
        check(&ran(1, 1), known(), "`app` panicked");
        check(&ran(0, 0), Variables::default(), "needs --variable data_dir=PATH");
        check(
            &ran(0, 0),
            known(),
            "`app` left it open: it answers only so many of these in one scan",
        );
    }

    #[test]
    fn an_error_has_its_meaning() {
        assert_eq!(
            errno(Errno::CUT.number()),
            format!("error {}: there is more than is read", Errno::CUT.number())
        );
        assert!(errno(13).starts_with("error 13: Permission denied"));
    }
}
