//! `cargo xtask test`: every step in one list, run in order, one table at the end. A failing step does not hide the
//! next one. Everything is built in the workspace's one target directory with one set of features, so that no step
//! builds again what an earlier one has built.

use clap::Args;

use crate::console::say;
use crate::deny;
use crate::fuzz;
use crate::outcome::{Outcome, Row, table};
use crate::steps::{self, Run};
use crate::stopwatch::{Stopwatch, words};
use crate::workspace::Workspace;

/// What to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Formatting, lints and the libraries' own tests only.
    #[arg(long)]
    quick: bool,
    /// The Swift package, too: Debian's Swift in a root of its own, 580 MB fetched once and 2.6 GB below the target directory.
    #[arg(long, conflicts_with = "quick")]
    swift: bool,
    /// One step only; repeat it for more.
    #[arg(long, value_name = "STEP", value_parser = STEPS.map(|step| step.name), conflicts_with = "quick")]
    only: Vec<String>,
}

/// When a step runs that nobody named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Always,
    /// Unless `--quick`.
    NotQuick,
    /// With `--swift`.
    Swift,
}

/// One row of the run.
struct Step {
    name: &'static str,
    what: &'static str,
    when: When,
    run: fn(&mut Run<'_>) -> Outcome,
}

/// All steps, in the order in which they run.
const STEPS: [Step; 13] = [
    Step {
        name: "fmt",
        what: "formatting",
        when: When::Always,
        run: steps::fmt,
    },
    Step {
        name: "clippy",
        what: "lints of every target, warnings are errors",
        when: When::Always,
        run: steps::clippy,
    },
    Step {
        name: "tests",
        what: "all tests, with the fuzz seeds' replay",
        when: When::Always,
        run: steps::tests,
    },
    Step {
        name: "clients",
        what: "curl, h2load, gRPC, WebSocket and sslyze against a running gateway; python-tuf both ways",
        when: When::NotQuick,
        run: steps::clients,
    },
    Step {
        name: "apps",
        what: "tools that make and sign apps for the tests",
        when: When::NotQuick,
        run: steps::apps,
    },
    Step {
        name: "android",
        what: "Android's library and the sample app under a virtual machine with Android's framework classes",
        when: When::NotQuick,
        run: steps::android,
    },
    Step {
        name: "corpus",
        what: "external test vectors",
        when: When::NotQuick,
        run: steps::corpus,
    },
    Step {
        name: "docs",
        what: "rustdoc, warnings are errors",
        when: When::NotQuick,
        run: steps::docs,
    },
    Step {
        name: "libfuzzer",
        what: "each libFuzzer target links and runs",
        when: When::NotQuick,
        run: steps::libfuzzer,
    },
    Step {
        name: "deployable",
        what: "the deployable holds no testkit",
        when: When::NotQuick,
        run: steps::deployable,
    },
    Step {
        name: "deploy",
        what: "systemd unit, Dockerfile, compose file",
        when: When::NotQuick,
        run: steps::deploy,
    },
    Step {
        name: "deny",
        what: "licences, bans, sources, advisories",
        when: When::NotQuick,
        run: steps::deny,
    },
    Step {
        name: "swift",
        what: "the Swift package and the sample app with Debian's Swift, in a root of its own",
        when: When::Swift,
        run: steps::swift,
    },
];

/// Runs the steps and prints the table; whether everything held.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> bool {
    let asked = |step: &Step| match arguments.only.as_slice() {
        [] => match step.when {
            When::Always => true,
            When::NotQuick => !arguments.quick,
            When::Swift => arguments.swift,
        },
        only => only.iter().any(|name| name == step.name) || (arguments.swift && step.when == When::Swift),
    };
    let total = STEPS.iter().filter(|step| asked(step)).count();
    let deny = STEPS
        .iter()
        .any(|step| step.name == "deny" && asked(step))
        .then(|| deny::Tool::prepare(workspace));
    let mut state = Run {
        workspace,
        quick: arguments.quick,
        cxx: fuzz::has_cxx(workspace),
        deny,
    };
    let whole = Stopwatch::start();
    let mut rows = Vec::with_capacity(STEPS.len());
    let mut number = 0;
    for step in &STEPS {
        let watch = Stopwatch::start();
        let outcome = if asked(step) {
            number += 1;
            say(format!("\n[{number}/{total}] {}: {}", step.name, step.what));
            (step.run)(&mut state)
        } else {
            Outcome::NotAsked
        };
        let row = Row {
            step: step.name,
            outcome,
            took: watch.read(),
        };
        if row.outcome != Outcome::NotAsked {
            say(format!(
                "[{number}/{total}] {} took {}",
                step.name,
                words(row.took)
            ));
        }
        rows.push(row);
    }
    let held = rows.iter().all(|row| row.outcome.acceptable(workspace.ci));
    say(format!("\n{}", table(&rows, workspace.ci)));
    let verdict = if held { "all that ran held" } else { "FAILED" };
    say(format!("\n{verdict}, {}", words(whole.read())));
    held
}

#[cfg(test)]
mod tests {
    use super::STEPS;

    #[test]
    fn names_are_unique_and_what_always_runs_comes_first() {
        let mut names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
        assert!(STEPS.iter().is_sorted_by_key(|step| step.when));
    }
}
