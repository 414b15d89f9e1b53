//! The pinned cargo-deny: used where it is installed, else built once into the target directory. The build starts in
//! the background when a run begins, because it takes minutes and nothing before its own step needs it.

use std::env;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::console::say;
use crate::outcome::Outcome;
use crate::workspace::{Workspace, succeeds, typed};

const VERSION: &str = "0.20.2";

/// cargo-deny, there or on its way.
#[derive(Debug)]
pub(crate) enum Tool {
    /// This program has the pinned version.
    Ready(PathBuf),
    /// It is being built; its output goes to the log.
    Building(Child, PathBuf),
    /// It could not even be started.
    Unavailable(String),
}

impl Tool {
    /// Finds cargo-deny, or starts to build it.
    pub(crate) fn prepare(workspace: &Workspace) -> Self {
        let ours = installed(workspace);
        if let Some(found) = [PathBuf::from("cargo-deny"), ours]
            .into_iter()
            .find(|path| is_pinned(workspace, path))
        {
            return Self::Ready(found);
        }
        let tools = workspace.target.join("tools");
        let log = tools.join("cargo-deny.log");
        let mut install = workspace.cargo([
            "install",
            "--locked",
            "--version",
            VERSION,
            "cargo-deny",
            "--root",
        ]);
        // Built to be ready soon, not to run fast.
        install
            .arg(&tools)
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
        let started = std::fs::create_dir_all(&tools)
            .and_then(|()| File::create(&log))
            .and_then(|out| {
                say(format!(
                    "building cargo-deny {VERSION} in the background, output in {}",
                    workspace.shown(&log)
                ));
                install
                    .stdin(Stdio::null())
                    .stdout(out.try_clone()?)
                    .stderr(out)
                    .spawn()
            });
        match started {
            Ok(child) => Self::Building(child, log),
            Err(error) => Self::Unavailable(format!("{}: {error}", typed(&install))),
        }
    }

    /// The program, after waiting for its build. The error says what went wrong.
    fn ready(self, workspace: &Workspace) -> Result<PathBuf, String> {
        let (mut child, log) = match self {
            Self::Ready(path) => return Ok(path),
            Self::Unavailable(reason) => return Err(reason),
            Self::Building(child, log) => (child, log),
        };
        say("waiting for the build of cargo-deny");
        let built = child.wait().is_ok_and(|status| status.success());
        let path = installed(workspace);
        if built && is_pinned(workspace, &path) {
            Ok(path)
        } else {
            Err(format!("its build failed, see {}", workspace.shown(&log)))
        }
    }
}

/// Runs cargo-deny over licences, bans and sources, and over advisories where a database is present.
pub(crate) fn run(workspace: &Workspace, tool: Tool) -> Outcome {
    let program = match tool.ready(workspace) {
        Ok(program) => program,
        Err(reason) => {
            let enable =
                format!("{reason}; `cargo install --locked cargo-deny@{VERSION}` needs the network once");
            return Outcome::ToolMissing {
                tool: format!("cargo-deny {VERSION}"),
                enable,
            };
        }
    };
    if !succeeds(
        workspace
            .command(&program)
            .args(["--locked", "check", "licenses", "bans", "sources"]),
    ) {
        return Outcome::Failed("see above".into());
    }
    if !has_advisories() {
        let absent = "absent: advisory database, 0 advisories matched — run 'cargo deny fetch' with network";
        say(absent);
        return Outcome::Passed(format!("licenses, bans, sources; {absent}"));
    }
    if succeeds(
        workspace
            .command(&program)
            .args(["--offline", "check", "advisories"]),
    ) {
        Outcome::Passed("licenses, bans, sources, advisories".into())
    } else {
        Outcome::Failed("an advisory matches, see above".into())
    }
}

fn installed(workspace: &Workspace) -> PathBuf {
    workspace
        .target
        .join("tools/bin")
        .join(format!("cargo-deny{}", env::consts::EXE_SUFFIX))
}

fn is_pinned(workspace: &Workspace, program: &PathBuf) -> bool {
    let output = workspace
        .command(program)
        .arg("--version")
        .stderr(Stdio::null())
        .output();
    output.is_ok_and(|output| {
        output
            .stdout
            .trim_ascii_end()
            .ends_with(format!(" {VERSION}").as_bytes())
    })
}

/// Whether cargo-deny's own folder holds a database.
fn has_advisories() -> bool {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok())
        .is_some_and(|entries| entries.filter_map(Result::ok).any(|entry| entry.path().is_dir()))
}
