//! The real clients that a test run talks to the gateway with: what can be set up is set up, below the target directory or by the
//! system's own packages, and kept for the next run. What cannot be is named with how to get it.

use std::fs;
use std::path::PathBuf;

use crate::console::say;
use crate::outcome::Outcome;
use crate::packages::{self, Package, answers, quietly};
use crate::workspace::Workspace;

/// Programs of the system.
const PROGRAMS: [Package; 2] = [("curl", "curl"), ("h2load", "nghttp2-client")];
/// What the Python packages are pinned by.
const REQUIREMENTS: &str = "tests/clients/requirements.txt";

/// The folder of a Python environment with the pinned packages, once every program is there, too.
pub(crate) fn prepare(workspace: &Workspace) -> Result<PathBuf, Outcome> {
    programs(workspace)?;
    python(workspace)
}

fn programs(workspace: &Workspace) -> Result<(), Outcome> {
    let missing = packages::provide(workspace, &PROGRAMS);
    missing.first().map_or(Ok(()), |(program, package)| {
        Err(Outcome::ToolMissing {
            tool: (*program).into(),
            enable: format!("apt-get install {package}"),
        })
    })
}

/// Makes the environment anew where its packages are not those that are pinned now.
fn python(workspace: &Workspace) -> Result<PathBuf, Outcome> {
    let missing = |tool: &str, enable: &str| Outcome::ToolMissing {
        tool: tool.into(),
        enable: enable.into(),
    };
    let folder = workspace.target.join("clients");
    let requirements = workspace.root.join(REQUIREMENTS);
    let pinned = fs::read_to_string(&requirements)
        .map_err(|error| Outcome::Failed(format!("{REQUIREMENTS}: {error}")))?;
    let stamp = folder.join("installed.txt");
    let interpreter = folder.join("bin/python");
    let installed = fs::read_to_string(&stamp).is_ok_and(|text| text == pinned);
    if installed && answers(&interpreter, "--version") {
        say(format!("  {} is up to date", workspace.shown(&folder)));
        return Ok(folder);
    }
    if !answers("python3", "--version") {
        return Err(missing("python3", "install Python 3.11 or newer"));
    }
    say(format!(
        "  making {}, which takes half a minute once",
        workspace.shown(&folder)
    ));
    let mut venv = workspace.command("python3");
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    if !quietly(&mut venv) {
        return Err(missing("python3's module venv", "apt-get install python3-venv"));
    }
    let mut pip = workspace.command(&interpreter);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
    ]);
    pip.arg("--requirement").arg(&requirements);
    if !quietly(&mut pip) {
        return Err(missing(
            "the Python packages",
            &format!("needs PyPI once, for {REQUIREMENTS}"),
        ));
    }
    fs::write(&stamp, pinned).map_err(|error| Outcome::Failed(format!("{}: {error}", stamp.display())))?;
    Ok(folder)
}
