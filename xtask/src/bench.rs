//! `cargo xtask bench`: what the product's speed is measured with, one list. It prints, it never judges: a timing is not
//! a test. Wall time is compared side by side in one run only.

use clap::Args;

use crate::console::say;
use crate::stopwatch::{Stopwatch, words};
use crate::workspace::{Workspace, typed};

/// Which measurements to run.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// One measurement only; repeat it for more.
    #[arg(long, value_name = "NAME", value_parser = BENCHES.map(|bench| bench.name))]
    only: Vec<String>,
}

struct Bench {
    name: &'static str,
    what: &'static str,
    cargo: &'static [&'static str],
}

/// All measurements, in the order in which they run.
const BENCHES: [Bench; 4] = [
    Bench {
        name: "core",
        what: "minting and verification per token kind; the decision with 50 rules over 64 facts",
        cargo: &["bench", "--package", "attest-core", "--benches"],
    },
    Bench {
        name: "evidence",
        what: "verification of platform evidence, per kind, over the external corpus",
        cargo: &["bench", "--package", "attest-gateway", "--bench", "evidence"],
    },
    Bench {
        name: "enrolment",
        what: "enrolments on one core, by kind of evidence",
        cargo: &["bench", "--package", "attest-testkit", "--bench", "enrolment"],
    },
    Bench {
        name: "proxy",
        what: "CPU time per proxied request, session tokens beside plain proxying",
        cargo: &["bench", "--package", "attest-testkit", "--bench", "proxy"],
    },
];

/// Runs the measurements; whether all of them could be made.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> bool {
    let mut failed = Vec::new();
    for bench in &BENCHES {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == bench.name) {
            continue;
        }
        let watch = Stopwatch::start();
        let mut command = workspace.cargo(bench.cargo.iter().copied());
        say(format!("\n{}: {}\n$ {}", bench.name, bench.what, typed(&command)));
        if !command.status().is_ok_and(|status| status.success()) {
            failed.push(bench.name);
        }
        say(format!("{} took {}", bench.name, words(watch.read())));
    }
    if !failed.is_empty() {
        say(format!("\nFAILED: {}", failed.join(", ")));
    }
    failed.is_empty()
}
