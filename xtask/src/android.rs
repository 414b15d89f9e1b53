//! The Java side, tested by Maven on a virtual machine of this computer: Android's framework classes, and the native library built for
//! this machine with its entries for tests.
//!
//! Maven gets what it needs once, from Maven Central by its ordinary client, and keeps it where it always does; when that is complete the
//! network is not asked again.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::bindings::{self, Bindings};
use crate::console::say;
use crate::marker;
use crate::outcome::Outcome;
use crate::packages::{self, Package};
use crate::workspace::{Workspace, typed};

const TOOLS: [Package; 2] = [("javac", "openjdk-17-jdk-headless"), ("mvn", "maven")];
/// The Java that the tests are written for and Robolectric runs this Android on.
const JAVA: u32 = 17;
const PROJECT: &str = "attest-mobile/android/pom.xml";
/// What only tests call, with the marker of it.
pub(crate) const ENTRIES: &str = "attest-mobile/library/src/dev/mod.rs";

/// Builds the library with these features, among them that of its entries for tests, and runs Maven's tests.
pub(crate) fn run(workspace: &Workspace, features: &[&str]) -> Outcome {
    if let Some((program, package)) = packages::provide(workspace, &TOOLS).first() {
        return missing(program, package);
    }
    match java_version(workspace) {
        Some(version) if version >= JAVA => {}
        _ => return missing("Java 17", "openjdk-17-jdk-headless"),
    }
    let library = workspace.target.join("debug/libattest.so");
    // With the whole workspace's features, as everything else is built, so that foreign crates are there already.
    let mut build = workspace.cargo(["build", "--workspace", "--lib", "--tests", "--bins"]);
    build.args(features);
    if !passes(&mut build) {
        return Outcome::Failed("the native library does not build".into());
    }
    if let Err(problem) = marked(workspace, &library) {
        return Outcome::Failed(problem);
    }
    let bindings = match bindings::write(workspace, &library) {
        Ok(bindings) => bindings,
        Err(problem) => return Outcome::Failed(problem),
    };
    let maven = |workspace, library| maven(workspace, library, &bindings);
    let mut fetch = maven(workspace, &library);
    fetch.args([
        "dependency:properties",
        "dependency:get@framework",
        "dependency:get@old-framework",
    ]);
    if !passes(&mut fetch) {
        return Outcome::ToolMissing {
            tool: "Robolectric with Android's framework".into(),
            enable: "let Maven reach Maven Central once".into(),
        };
    }
    if passes(maven(workspace, &library).arg("verify")) {
        Outcome::Passed(
            "Android 15 and 8.1 by Robolectric; its classes by the boot loader; -Xcheck:jni".into(),
        )
    } else {
        Outcome::Failed("see its output above".into())
    }
}

fn maven(workspace: &Workspace, library: &Path, bindings: &Bindings) -> Command {
    let mut command = workspace.command("mvn");
    command.args(["--batch-mode", "--quiet", "--file", PROJECT]);
    command.arg(format!("-Dattest.target={}", workspace.target.display()));
    command.arg(format!("-Dattest.library={}", library.display()));
    command.arg(format!("-Dattest.bindings={}", bindings.kotlin.display()));
    command.arg(format!(
        "-Dattest.binary={}",
        workspace.binary("attest").display()
    ));
    command
}

/// That the marker of what is never shipped is found where it must be: a search that could not find it proves nothing.
fn marked(workspace: &Workspace, library: &Path) -> Result<(), String> {
    let source = fs::read_to_string(workspace.root.join(ENTRIES)).unwrap_or_default();
    let marker = marker::declared(&source)
        .ok_or_else(|| format!("{ENTRIES} declares no `pub const MARKER: &str` of 16 bytes or more"))?;
    match marker::occurs(library, &marker) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{} does not hold {marker:?}", workspace.shown(library))),
        Err(error) => Err(format!("{}: {error}", workspace.shown(library))),
    }
}

/// The version of the Java that Maven will use, if it says one.
fn java_version(workspace: &Workspace) -> Option<u32> {
    let output = workspace.command("mvn").arg("--version").output().ok()?;
    version_in(&String::from_utf8_lossy(&output.stdout))
}

/// `17` of `Java version: 17.0.15, vendor: …`.
fn version_in(said: &str) -> Option<u32> {
    let (_, version) = said.split_once("Java version: ")?;
    version.split(['.', ',', '-', '+']).next()?.trim().parse().ok()
}

fn missing(tool: &str, package: &str) -> Outcome {
    Outcome::ToolMissing {
        tool: tool.into(),
        enable: format!("apt-get install {package}"),
    }
}

fn passes(command: &mut Command) -> bool {
    say(format!("  $ {}", typed(command)));
    match command.stdin(Stdio::null()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            say(format!("  cannot start it: {error}"));
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_of_java_is_read_from_what_maven_says() {
        let check = |said: &str, expect| assert_eq!(version_in(said), expect, "{said}");
        check(
            "Apache Maven 3.8.7\nJava version: 17.0.15, vendor: Debian, runtime: /x",
            Some(17),
        );
        check("Java version: 21, vendor: x", Some(21));
        check("Java version: 24-ea, vendor: x", Some(24));
        check("Java version: 1.8.0_402, vendor: x", Some(1));
        check("no Java", None);
        check("", None);
    }
}
