//! The libFuzzer targets. The test run links them uninstrumented, in the development profile, and runs each for a
//! bounded number of inputs: that keeps them from rotting, it finds little. `cargo xtask fuzz` builds them with
//! coverage instrumentation on the stable compiler, in a target directory of their own, and searches for real.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use crate::console::say;
use crate::outcome::Outcome;
use crate::workspace::{Workspace, stems, typed};

/// Inputs per target in the test run.
const SMOKE_RUNS: u32 = 2000;
/// The longest input libFuzzer makes: above every limit of ours, so that the refusal of oversize is reached too.
const INPUT_MAX_BYTES: u32 = 16 * 1024;

/// Coverage for libFuzzer without a nightly compiler: LLVM's own pass, whose callbacks libFuzzer's runtime defines.
const INSTRUMENTATION: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
    "--cfg=fuzzing",
];

/// Which target, and for how long.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The target's name, as in fuzz/fuzz_targets; without it, the names are printed.
    target: Option<String>,
    /// Stops after this many seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
}

/// Fuzzes one target; whether no input failed.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> bool {
    let targets = names(workspace);
    let Some(name) = arguments.target.as_ref().filter(|name| targets.contains(name)) else {
        say(format!("targets: {}", targets.join(", ")));
        return arguments.target.is_none();
    };
    if !has_cxx(workspace) {
        say("libFuzzer needs a C++ compiler; install g++ or clang++, or set CXX");
        return false;
    }
    let Some(host) = host(workspace) else {
        say("rustc does not tell its host");
        return false;
    };
    let folder = workspace.target.join("fuzz");
    let mut build = workspace.cargo([
        "build",
        "--package",
        "attest-fuzz",
        "--features",
        "libfuzzer",
        "--release",
    ]);
    // With an explicit target the flags do not reach build scripts and macros, which have no fuzzer to call back.
    build.args(["--bin", &format!("fuzz-{name}"), "--target", &host]);
    build
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", INSTRUMENTATION.join(" "));
    build
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    build.env("CARGO_PROFILE_RELEASE_STRIP", "none");
    say(format!("$ {}", typed(&build)));
    if !build.status().is_ok_and(|status| status.success()) {
        return false;
    }
    let program = folder.join(host).join("release").join(format!("fuzz-{name}"));
    let Ok(mut search) = invocation(workspace, &program, name) else {
        say(format!(
            "cannot create the folders below {}",
            workspace.shown(&folder)
        ));
        return false;
    };
    search
        .arg(format!("-max_total_time={}", arguments.seconds))
        .arg("-print_final_stats=1");
    say(format!("$ {}", typed(&search)));
    let held = search.status().is_ok_and(|status| status.success());
    if !held {
        let found = workspace.shown(&artifacts(workspace, name));
        say(format!(
            "a failing input is in {found}; add it to fuzz/seeds/{name}, where every test run replays it"
        ));
    }
    held
}

/// Runs every target, built before, for a bounded number of inputs.
pub(crate) fn smoke(workspace: &Workspace) -> Outcome {
    let targets = names(workspace);
    for name in &targets {
        let program = workspace.binary(&format!("fuzz-{name}"));
        let Ok(mut command) = invocation(workspace, &program, name) else {
            return Outcome::Failed("cannot create the fuzz folders in the target directory".into());
        };
        command.args([
            format!("-runs={SMOKE_RUNS}"),
            "-seed=1".into(),
            "-max_total_time=60".into(),
        ]);
        match command.stdout(Stdio::piped()).stderr(Stdio::piped()).output() {
            Ok(output) if output.status.success() => say(format!("  {name}: {SMOKE_RUNS} inputs")),
            Ok(output) => {
                say(String::from_utf8_lossy(&output.stderr));
                return Outcome::Failed(format!(
                    "{name} failed on an input, which is in {}",
                    found_in(workspace, name)
                ));
            }
            Err(error) => return Outcome::Failed(format!("{name} did not start: {error}")),
        }
    }
    match targets.len() {
        0 => Outcome::Failed("there is no target in fuzz/fuzz_targets".into()),
        count => Outcome::Passed(format!(
            "{count} targets, {SMOKE_RUNS} inputs each, without instrumentation"
        )),
    }
}

/// Whether a C++ compiler answers; libFuzzer's runtime is C++.
pub(crate) fn has_cxx(workspace: &Workspace) -> bool {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut command = workspace.command(compiler);
    command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What a run without a C++ compiler reports.
pub(crate) fn cxx_missing() -> Outcome {
    Outcome::ToolMissing {
        tool: "C++ compiler".into(),
        enable: "install g++ or clang++, or set CXX".into(),
    }
}

fn names(workspace: &Workspace) -> Vec<String> {
    stems(&workspace.root.join("fuzz/fuzz_targets"), "rs")
}

/// The target with its folders: what it finds goes below the target directory, the seeds are only read.
fn invocation(workspace: &Workspace, program: &Path, name: &str) -> std::io::Result<Command> {
    let corpus = workspace.target.join("fuzz/corpus").join(name);
    let artifacts = artifacts(workspace, name);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&artifacts)?;
    let mut command = workspace.command(program);
    command
        .arg(corpus)
        .arg(workspace.root.join("fuzz/seeds").join(name));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.args([
        format!("-max_len={INPUT_MAX_BYTES}"),
        "-timeout=10".into(),
        "-rss_limit_mb=2048".into(),
    ]);
    Ok(command)
}

fn artifacts(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.target.join("fuzz/artifacts").join(name)
}

fn found_in(workspace: &Workspace, name: &str) -> String {
    workspace.shown(&artifacts(workspace, name))
}

fn host(workspace: &Workspace) -> Option<String> {
    let output = workspace.command("rustc").arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}
