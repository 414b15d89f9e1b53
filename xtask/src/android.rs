//! Android's library and the sample app, tested by Maven on a virtual machine of this computer: Android's framework classes, and the native
//! library built for this machine with its entries for tests.
//!
//! Maven gets what it needs once, from Maven Central by its ordinary client, and keeps it where it always does; when that is complete the
//! network is not asked again.

use std::process::Command;

use crate::native::{self, Native};
use crate::outcome::Outcome;
use crate::packages::{self, Package};
use crate::workspace::{Workspace, succeeds};

const TOOLS: [Package; 2] = [("javac", "openjdk-17-jdk-headless"), ("mvn", "maven")];
/// The Java that the tests are written for and Robolectric runs this Android on.
const JAVA: u32 = 17;
const LIBRARY: &str = "attest-mobile/android/pom.xml";
/// The library, and the sample app that links it.
const BOTH: &str = "android-sample/reactor.xml";

/// Builds the library with these features, among them that of its entries for tests, and runs Maven's tests.
pub(crate) fn run(workspace: &Workspace, features: &[&str]) -> Outcome {
    if let Some((program, package)) = packages::provide(workspace, &TOOLS).first() {
        return missing(program, package);
    }
    match java_version(workspace) {
        Some(version) if version >= JAVA => {}
        _ => return missing("Java 17", "openjdk-17-jdk-headless"),
    }
    let native = match native::build(workspace, features) {
        Ok(native) => native,
        Err(problem) => return Outcome::Failed(problem),
    };
    let mut fetch = maven(workspace, LIBRARY, &native);
    fetch.args([
        "dependency:properties",
        "dependency:get@framework",
        "dependency:get@old-framework",
    ]);
    if !succeeds(&mut fetch) {
        return Outcome::ToolMissing {
            tool: "Robolectric with Android's framework".into(),
            enable: "let Maven reach Maven Central once".into(),
        };
    }
    if succeeds(maven(workspace, BOTH, &native).arg("verify")) {
        Outcome::Passed("library and sample app on Android 15 by Robolectric, and on 7.0; -Xcheck:jni".into())
    } else {
        Outcome::Failed("see its output above".into())
    }
}

fn maven(workspace: &Workspace, project: &str, native: &Native) -> Command {
    let mut command = workspace.command("mvn");
    command.args(["--batch-mode", "--quiet", "--file", project]);
    command.arg(format!("-Dattest.target={}", workspace.target.display()));
    command.arg(format!("-Dattest.library={}", native.library.display()));
    command.arg(format!("-Dattest.bindings={}", native.bindings.kotlin.display()));
    command.arg(format!(
        "-Dattest.binary={}",
        workspace.binary("attest").display()
    ));
    command
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
