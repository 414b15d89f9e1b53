//! Programs that the system's own packages bring: installed where that is possible without asking anybody, named where it is not.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::console::say;
use crate::workspace::{Workspace, typed};

/// A program, and the Debian package that has it.
pub(crate) type Package = (&'static str, &'static str);

/// Installs the programs that are not there, if this is root on a Debian. Returns those that still are not.
pub(crate) fn provide(workspace: &Workspace, programs: &[Package]) -> Vec<Package> {
    let missing = || {
        programs
            .iter()
            .copied()
            // aapt knows its version by a command only.
            .filter(|(program, _)| !answers(program, "--version") && !answers(program, "version"))
            .collect::<Vec<_>>()
    };
    let wanted = missing();
    if wanted.is_empty() || !is_root() || !answers("apt-get", "--version") {
        return wanted;
    }
    let packages: Vec<&str> = wanted.iter().map(|(_, package)| *package).collect();
    say(format!("  installing {}", packages.join(", ")));
    let install = || {
        let mut command = workspace.command("apt-get");
        command
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&packages)
            .env("DEBIAN_FRONTEND", "noninteractive");
        quietly(&mut command)
    };
    // Without lists of packages nothing is found, and with old ones sometimes.
    if !install() {
        quietly(workspace.command("apt-get").arg("update"));
        install();
    }
    missing()
}

/// Whether a program is there and runs.
pub(crate) fn answers(program: impl AsRef<Path>, argument: &str) -> bool {
    let mut command = Command::new(program.as_ref());
    command.arg(argument).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs a command; what it says is shown only if it fails.
pub(crate) fn quietly(command: &mut Command) -> bool {
    say(format!("  $ {}", typed(command)));
    silently(command)
}

/// The same without saying the command, for one of hundreds.
pub(crate) fn silently(command: &mut Command) -> bool {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            say(String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            say(format!("  cannot start it: {error}"));
            false
        }
    }
}

/// Whether this is the system's administrator.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
