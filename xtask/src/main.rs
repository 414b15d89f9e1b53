//! The project's own chores. `cargo xtask test` is everything that CI runs, in the order in which it fails fastest;
//! nothing here is needed to build or run the product, and nothing here writes outside the target directory, but that root may get
//! missing clients from the system's own packages.

mod accuracy;
mod android;
mod apt;
mod bench;
mod bindings;
mod clients;
mod console;
mod deny;
mod deploy;
mod dist;
mod fuzz;
mod marker;
mod mobile;
mod native;
mod outcome;
mod packages;
mod soak;
mod steps;
mod stopwatch;
mod swift;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// The project's own chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Runs every test and prints what ran, what was skipped and how to enable it.
    Test(test::Arguments),
    /// Builds the binary that is deployed, searches it, and prints its size and SHA-256.
    Dist,
    /// Fuzzes one target with coverage instrumentation, starting from its seeds.
    Fuzz(fuzz::Arguments),
    /// Runs the benchmarks and prints what they measured.
    Bench(bench::Arguments),
    /// Scans recorded devices with the shipped packs and prints how accurate they are.
    Accuracy,
    /// Lints, links and examines the phone's library, without NDK or Xcode.
    Mobile(mobile::Arguments),
    /// Loads a gateway for minutes, with genuine and hostile clients, and prints what was seen.
    Soak(soak::Arguments),
}

fn main() -> ExitCode {
    let Arguments { chore } = Arguments::parse();
    let Some(workspace) = Workspace::locate() else {
        console::say("xtask: cannot tell where the workspace is; run it as `cargo xtask` inside the project");
        return ExitCode::from(2);
    };
    let succeeded = match chore {
        Chore::Test(arguments) => test::run(&workspace, &arguments),
        Chore::Dist => dist::run(&workspace),
        Chore::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
        Chore::Bench(arguments) => bench::run(&workspace, &arguments),
        Chore::Accuracy => accuracy::run(&workspace),
        Chore::Mobile(arguments) => mobile::run(&workspace, &arguments),
        Chore::Soak(arguments) => soak::run(&workspace, &arguments),
    };
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
