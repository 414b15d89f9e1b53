//! How a step ended, and the table at the end of a run. A step that did not run is always in the table, with what
//! would make it run.

use std::time::Duration;

use crate::stopwatch::words;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It ran and held; the text says what was covered.
    Passed(String),
    /// It ran and did not hold.
    Failed(String),
    /// A tool is not there: a failure with `CI=true`, otherwise a row that says how to enable the step.
    ToolMissing {
        /// What is not there.
        tool: String,
        /// How to get it.
        enable: String,
    },
    /// Something from outside of the project is not there; never a failure.
    Absent(String),
    /// Left out by the command line.
    NotAsked,
}

impl Outcome {
    /// Whether the run may still succeed after this.
    pub(crate) fn acceptable(&self, ci: bool) -> bool {
        match self {
            Self::Passed(_) | Self::Absent(_) | Self::NotAsked => true,
            Self::ToolMissing { .. } => !ci,
            Self::Failed(_) => false,
        }
    }

    fn word(&self, ci: bool) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "FAILED",
            Self::ToolMissing { .. } if ci => "FAILED",
            Self::ToolMissing { .. } => "skipped",
            Self::Absent(_) => "absent",
            Self::NotAsked => "not asked",
        }
    }

    fn remark(&self) -> String {
        match self {
            Self::Passed(text) | Self::Failed(text) | Self::Absent(text) => text.clone(),
            Self::ToolMissing { tool, enable } => format!("{tool} not found; {enable}"),
            Self::NotAsked => String::new(),
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// The step's name, as `--only` takes it.
    pub(crate) step: &'static str,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) took: Duration,
}

/// The table, one line per step.
pub(crate) fn table(rows: &[Row], ci: bool) -> String {
    let mut lines = vec![format!("{:<12} {:<10} {:>12}  remark", "step", "result", "time")];
    for Row { step, outcome, took } in rows {
        let took = if *outcome == Outcome::NotAsked {
            String::from("-")
        } else {
            words(*took)
        };
        let line = format!(
            "{step:<12} {:<10} {took:>12}  {}",
            outcome.word(ci),
            outcome.remark()
        );
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Duration, Outcome, Row, table};

    fn missing() -> Outcome {
        Outcome::ToolMissing {
            tool: "C++ compiler".into(),
            enable: "install g++".into(),
        }
    }

    #[test]
    fn only_a_failure_or_a_missing_tool_in_ci_fails_the_run() {
        let check =
            |outcome: Outcome, ci, expect| assert_eq!(outcome.acceptable(ci), expect, "{outcome:?} ci={ci}");
        check(Outcome::Passed(String::new()), true, true);
        check(Outcome::Absent("absent: 3 cases not run".into()), true, true);
        check(Outcome::NotAsked, true, true);
        check(missing(), false, true);
        check(missing(), true, false);
        check(Outcome::Failed(String::new()), false, false);
    }

    #[test]
    fn a_skipped_step_says_how_to_enable_it() {
        let rows = |outcome| {
            [Row {
                step: "libfuzzer",
                outcome,
                took: Duration::from_secs(1),
            }]
        };
        let check =
            |outcome, ci, expect| assert_eq!(table(&rows(outcome), ci).lines().nth(1).unwrap(), expect);
        check(
            missing(),
            false,
            "libfuzzer    skipped           1.0 s  C++ compiler not found; install g++",
        );
        check(
            missing(),
            true,
            "libfuzzer    FAILED            1.0 s  C++ compiler not found; install g++",
        );
        check(Outcome::NotAsked, false, "libfuzzer    not asked             -");
    }
}
