//! The Swift side, built and tested by Debian's Swift on this machine: the package that apps link and the sample app, against the native
//! library built for this machine and real gateway processes. Modules of Apple's names stand in for its frameworks.
//!
//! Swift is unpacked into a root of its own below the target directory; nothing is installed. What is built lies beside it, in a copy of
//! the sources' folders: the package manager writes beside its manifest, and generated sources belong into the package.

mod mirror;
mod root;

use std::path::Path;
use std::process::Stdio;

use self::mirror::{Copied, mirror};
use self::root::Root;
use crate::console::say;
use crate::native::{self, Native};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// Folders that the packages read, as they lie in the project.
const FOLDERS: [&str; 5] = [
    "attest-mobile/ios",
    "attest-mobile/link",
    "ios-sample",
    "docs",
    "policy/packs",
];
/// Where sources belong that are written from the library, and the names that they are written under.
const GENERATED: [(&str, &str); 2] = [
    (
        "Attest.swift",
        "attest-mobile/ios/Sources/AttestNative/attest.swift",
    ),
    ("attestFFI.h", "attest-mobile/ios/Sources/attestFFI/attestFFI.h"),
];
/// What has tests, in the order in which one needs the other.
const PACKAGES: [&str; 2] = ["attest-mobile/ios", "ios-sample"];
/// Set, tests write what they recorded, and it is brought back into the project.
const BLESS: &str = "ATTEST_BLESS";
/// The bound of one package's build and tests, in seconds.
const BOUND_S: &str = "900";

/// Builds the library with these features and tests each package.
pub(crate) fn run(workspace: &Workspace, features: &[&str]) -> Outcome {
    let folder = workspace.target.join("swift");
    let root = match Root::prepare(workspace, &folder) {
        Ok(root) => root,
        Err(outcome) => return outcome,
    };
    let native = match native::build(workspace, features) {
        Ok(native) => native,
        Err(problem) => return Outcome::Failed(problem),
    };
    let work = folder.join("work");
    let copied = match lay_out(workspace, &native, &work) {
        Ok(copied) => copied,
        Err(problem) => return Outcome::Failed(problem),
    };
    for package in PACKAGES {
        if !tested(workspace, &root, &work, package) {
            return Outcome::Failed(format!("{package}: see its output above"));
        }
    }
    if std::env::var_os(BLESS).is_some() {
        match copied.bring_back() {
            Ok(written) => written
                .iter()
                .for_each(|path| say(format!("  written: {}", workspace.shown(path)))),
            Err(problem) => return Outcome::Failed(problem),
        }
    }
    Outcome::Passed(format!(
        "{}, with stand-ins for Apple's frameworks",
        PACKAGES.join(" and ")
    ))
}

fn lay_out(workspace: &Workspace, native: &Native, work: &Path) -> Result<Copied, String> {
    let mut copied = Copied::default();
    for folder in FOLDERS {
        mirror(&workspace.root.join(folder), &work.join(folder), &mut copied)?;
    }
    for (written, place) in GENERATED {
        copied.file(&native.bindings.swift.join(written), &work.join(place))?;
    }
    copied.forget_others(work)?;
    Ok(copied)
}

fn tested(workspace: &Workspace, root: &Root, work: &Path, package: &str) -> bool {
    say(format!("  $ swift test --package-path {package}"));
    // Beside the library lies the command `attest`, whose gateway the tests start.
    let beside = workspace.target.join("debug");
    let mut command = root.command(workspace, work, &beside);
    if std::env::var_os(BLESS).is_some() {
        command.arg(format!("{BLESS}=1"));
    }
    command.args(["timeout", "--kill-after", "10", BOUND_S]);
    command.args(["swift", "test", "--disable-sandbox", "--package-path"]);
    command.arg(format!("{}/{package}", root::WORK));
    command.args(["-Xlinker", &format!("-L{}", root::NATIVE)]);
    let status = command.stdin(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
