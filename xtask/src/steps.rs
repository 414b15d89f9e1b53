//! The steps of `cargo xtask test`, one function each. A step reports what it found; what a missing tool means is not its
//! to decide.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::android;
use crate::clients;
use crate::console::say;
use crate::deny::{self, Tool};
use crate::deploy;
use crate::fuzz;
use crate::marker;
use crate::outcome::Outcome;
use crate::packages::{self, Package};
use crate::swift;
use crate::workspace::{Workspace, succeeds};

/// External vectors that tests read below `ATTEST_SHARED`, with the number of cases each holds. A test that reads a
/// folder adds its line here.
const CORPORA: [(&str, usize); 2] = [("device-facts", 143 + 15), ("vectors", 119)];

/// What makes and signs Android apps for the tests.
const APP_TOOLS: [Package; 2] = [("aapt", "aapt"), ("apksigner", "apksigner")];

/// The state of a run that steps share.
pub(crate) struct Run<'a> {
    /// The project.
    pub(crate) workspace: &'a Workspace,
    /// Unit tests only.
    pub(crate) quick: bool,
    /// A C++ compiler is there, so libFuzzer's runtime builds.
    pub(crate) cxx: bool,
    /// cargo-deny, where its step was asked for.
    pub(crate) deny: Option<Tool>,
}

impl Run<'_> {
    /// The one set of features that lints, tests and fuzz targets are built with.
    fn features(&self) -> &'static [&'static str] {
        if self.cxx && !self.quick {
            &["--features", "attest-fuzz/libfuzzer,attest-mobile-library/dev"]
        } else {
            &["--features", "attest-mobile-library/dev"]
        }
    }

    /// Where external vectors are, whether they are there or not.
    fn shared(&self) -> PathBuf {
        std::env::var_os("ATTEST_SHARED").map_or_else(|| self.workspace.root.join("../shared"), PathBuf::from)
    }

    /// Builds what `cargo test` builds, and the binaries. After the tests there is next to nothing left to do.
    fn build_binaries(&self) -> bool {
        let build = ["build", "--workspace", "--tests", "--bins"];
        succeeds(self.workspace.cargo(build).args(self.features()))
    }
}

fn outcome(held: bool, remark: &str) -> Outcome {
    if held {
        Outcome::Passed(remark.to_owned())
    } else {
        Outcome::Failed(String::from("see its output above"))
    }
}

/// Formatting.
pub(crate) fn fmt(run: &mut Run<'_>) -> Outcome {
    if !has(run.workspace.cargo(["fmt", "--version"])) {
        return Outcome::ToolMissing {
            tool: "rustfmt".into(),
            enable: "rustup component add rustfmt".into(),
        };
    }
    outcome(
        succeeds(&mut run.workspace.cargo(["fmt", "--all", "--check"])),
        "",
    )
}

/// Lints of every target; warnings are errors.
pub(crate) fn clippy(run: &mut Run<'_>) -> Outcome {
    if !has(run.workspace.cargo(["clippy", "--version"])) {
        return Outcome::ToolMissing {
            tool: "clippy".into(),
            enable: "rustup component add clippy".into(),
        };
    }
    let mut command = run.workspace.cargo(["clippy", "--workspace", "--all-targets"]);
    outcome(
        succeeds(command.args(run.features()).args(["--", "-D", "warnings"])),
        "",
    )
}

/// Every test, with the fuzz seeds replayed.
pub(crate) fn tests(run: &mut Run<'_>) -> Outcome {
    let mut command = run.workspace.cargo(["test", "--workspace", "--no-fail-fast"]);
    let remark = if run.quick {
        command.args(["--lib", "--bins"]);
        "unit tests only; leave out --quick for the others"
    } else {
        packages::provide(run.workspace, &APP_TOOLS);
        command.args(run.features());
        // Cargo builds the workspace's binaries before it runs any test.
        command.env(
            "ATTEST_BIN",
            run.workspace
                .target
                .join("debug")
                .join(format!("attest{EXE_SUFFIX}")),
        );
        "unit, end-to-end, attack, tidy, documentation tests and fuzz seeds"
    };
    if let Ok(shared) = run.shared().canonicalize() {
        command.env("ATTEST_SHARED", shared);
    }
    outcome(succeeds(&mut command), remark)
}

/// Real clients against a running gateway.
pub(crate) fn clients(run: &mut Run<'_>) -> Outcome {
    let tools = match clients::prepare(run.workspace) {
        Ok(tools) => tools,
        Err(outcome) => return outcome,
    };
    if !run.build_binaries() {
        return Outcome::Failed("the gateway does not build".into());
    }
    let mut command = run.workspace.cargo(["test", "--workspace", "--test", "clients"]);
    command.args(run.features());
    command.env("ATTEST_BIN", run.workspace.binary("attest"));
    command.env("ATTEST_TUF_CLIENT", run.workspace.binary("tuf-client"));
    command.env("ATTEST_CLIENTS", tools);
    outcome(
        succeeds(&mut command),
        "curl, h2load, grpcio, websockets, sslyze and python-tuf",
    )
}

/// The Java side against the native library.
pub(crate) fn android(run: &mut Run<'_>) -> Outcome {
    android::run(run.workspace, run.features())
}

/// Whether the tests had what makes and signs apps.
pub(crate) fn apps(run: &mut Run<'_>) -> Outcome {
    let missing = packages::provide(run.workspace, &APP_TOOLS);
    match missing.first() {
        None => Outcome::Passed("aapt and apksigner were there for the tests".into()),
        Some((program, package)) => Outcome::ToolMissing {
            tool: (*program).into(),
            enable: format!("apt-get install {package}"),
        },
    }
}

/// Whether the external vectors were there for the tests.
pub(crate) fn corpus(run: &mut Run<'_>) -> Outcome {
    let shared = run.shared();
    let (there, absent): (Vec<_>, Vec<_>) = CORPORA
        .iter()
        .partition(|(folder, _)| shared.join(folder).is_dir());
    let count = |corpora: &[(&str, usize)]| corpora.iter().map(|(_, cases)| cases).sum::<usize>();
    if absent.is_empty() && shared.is_dir() {
        return Outcome::Passed(format!(
            "{} external cases were there for the tests",
            count(&there)
        ));
    }
    let line = format!("absent: {} cases not run", count(&absent));
    say(&line);
    Outcome::Absent(format!(
        "{line}; set ATTEST_SHARED to the folder with the vectors"
    ))
}

/// The documentation builds without a warning.
pub(crate) fn docs(run: &mut Run<'_>) -> Outcome {
    let mut command = run
        .workspace
        .cargo(["doc", "--workspace", "--no-deps", "--quiet"]);
    outcome(succeeds(command.env("RUSTDOCFLAGS", "-D warnings")), "")
}

/// Each libFuzzer target links and runs.
pub(crate) fn libfuzzer(run: &mut Run<'_>) -> Outcome {
    if !run.cxx {
        return fuzz::cxx_missing();
    }
    if !run.build_binaries() {
        return Outcome::Failed("the targets do not build".into());
    }
    fuzz::smoke(run.workspace)
}

/// The deployable holds no testkit and no deliberate faults.
///
/// It is built as the tests are, in the same folder and profile, and together with the whole workspace, which makes Cargo give every
/// foreign crate the features that the tests gave it: all of them are there already, and only the gateway and its command are
/// compiled once more, in seconds. Built by itself it would compile sixty crates again. The features that foreign crates have beyond
/// those of a release add nothing of ours to it; which of ours the release is made of is asked first.
pub(crate) fn deployable(run: &mut Run<'_>) -> Outcome {
    let Some(markers) = marker::all(run.workspace) else {
        return Outcome::Failed(
            "testkit/src/lib.rs declares no `pub const MARKER: &str` of 16 bytes or more".into(),
        );
    };
    if let Err(problem) = marker::not_resolved(run.workspace) {
        return Outcome::Failed(problem);
    }
    if !run.build_binaries() {
        return Outcome::Failed("the development binary does not build".into());
    }
    let binary = run.workspace.binary("attest");
    if let Err(outcome) = holds(run.workspace, &binary, &markers, true) {
        return outcome;
    }
    let mut build = run.workspace.cargo(["build", "--locked", "--workspace"]);
    build.args(run.features());
    // Without a test target Cargo leaves out what tests ask of foreign crates. This one needs the command and next to nothing else.
    build.args(["--no-default-features", "--bin", "attest", "--test", "commands"]);
    let found = if succeeds(&mut build) {
        holds(run.workspace, &binary, &markers, false)
    } else {
        Err(Outcome::Failed("the deployable does not build".into()))
    };
    // It lies where the development binary belongs, which is put back without compiling anything.
    let restored = run.build_binaries();
    match found {
        Ok(()) if restored => Outcome::Passed("searched for the testkit's and the faults' markers".into()),
        Ok(()) => Outcome::Failed("the development binary could not be put back".into()),
        Err(outcome) => outcome,
    }
}

/// Whether each marker is in the binary, or in neither case.
fn holds(workspace: &Workspace, binary: &Path, markers: &[String], expect: bool) -> Result<(), Outcome> {
    let shown = workspace.shown(binary);
    for marker in markers {
        match marker::occurs(binary, marker) {
            Ok(found) if found == expect => {
                let word = if found { "holds" } else { "does not hold" };
                say(format!("  {shown} {word} {marker:?}"));
            }
            Ok(true) => return Err(Outcome::Failed(format!("the deployable holds {marker:?}"))),
            Ok(false) => {
                return Err(Outcome::Failed(format!(
                    "{marker:?} is not even in the development build: it shows nothing"
                )));
            }
            Err(error) => return Err(Outcome::Failed(format!("{shown}: {error}"))),
        }
    }
    Ok(())
}

/// Unit, Dockerfile and compose file.
pub(crate) fn deploy(run: &mut Run<'_>) -> Outcome {
    deploy::run(run.workspace)
}

/// The Swift package and its sample.
pub(crate) fn swift(run: &mut Run<'_>) -> Outcome {
    swift::run(run.workspace, run.features())
}

/// Licences, bans, sources and advisories.
pub(crate) fn deny(run: &mut Run<'_>) -> Outcome {
    match run.deny.take() {
        Some(tool) => deny::run(run.workspace, tool),
        None => Outcome::NotAsked,
    }
}

/// Whether a tool answers.
fn has(mut command: Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
