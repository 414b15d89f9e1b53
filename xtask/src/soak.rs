//! `cargo xtask soak`: a gateway under mixed load for as long as one likes. The load itself is an example of the tests' crate; this
//! builds both and passes on what was asked.

use std::process::Command;

use clap::Args;

use crate::console::say;
use crate::workspace::{Workspace, typed};

/// How long, and what.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How long the mixed load lasts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
    /// One part only: the mixed load, or the slow connections.
    #[arg(long, value_name = "PART", value_parser = ["mixed", "slow"])]
    only: Option<String>,
    /// Slow connections in each of the three modes.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    slow: u32,
    /// Build and load the optimised gateway.
    #[arg(long)]
    release: bool,
}

/// Builds the gateway and runs the load; whether everything held.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> bool {
    let profile: &[&str] = if arguments.release { &["--release"] } else { &[] };
    // With one choice of features for both, so that nothing is built twice.
    let mut build = workspace.cargo(["build", "--workspace", "--bins", "--example", "soak"]);
    build.args(profile);
    say(format!("$ {}", typed(&build)));
    if !build.status().is_ok_and(|status| status.success()) {
        return false;
    }
    let folder = workspace
        .target
        .join(if arguments.release { "release" } else { "debug" });
    let executable = |name: &str| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut load = Command::new(executable("examples/soak"));
    load.args(["--minutes", &arguments.minutes.to_string()]);
    load.args(["--slow", &arguments.slow.to_string()]);
    if let Some(part) = &arguments.only {
        load.args(["--only", part]);
    }
    load.current_dir(&workspace.root);
    load.env("ATTEST_BIN", executable("attest"));
    say(format!("$ {}", typed(&load)));
    load.status().is_ok_and(|status| status.success())
}
