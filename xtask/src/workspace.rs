//! Where the project lies and how its commands are run: always from the root, with output passed through as it comes,
//! never through a shell.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::console::say;

/// The project's folders, and whether a missing tool is a failure.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder with the workspace's Cargo.toml.
    pub(crate) root: PathBuf,
    /// Cargo's target directory, the one that this very program was built into.
    pub(crate) target: PathBuf,
    /// `CI=true` was set: a tool that is not there fails the run instead of being skipped.
    pub(crate) ci: bool,
}

impl Workspace {
    /// The workspace that this program belongs to, `None` when it was moved out of its target directory.
    pub(crate) fn locate() -> Option<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent()?.to_path_buf();
        let executable = env::current_exe().ok()?;
        let target = executable.parent()?.parent()?.to_path_buf();
        let ci = env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        root.join("Cargo.toml")
            .is_file()
            .then_some(Self { root, target, ci })
    }

    /// The development build of the binary `name`.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target
            .join("debug")
            .join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// A `cargo` command with these arguments.
    pub(crate) fn cargo<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = self.command(cargo);
        command.args(arguments);
        if self.ci {
            // Nothing is built a second time there, and what a second time would need takes gigabytes.
            command.env("CARGO_INCREMENTAL", "0");
        }
        command
    }

    /// A command that starts in the root without the variables that `cargo run` gave to this program: build scripts
    /// (ring's among them) ask for some of them, and a build from a shell would then differ and start over.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        let ours = |name: &str| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "LD_LIBRARY_PATH"
        };
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(ours) {
                command.env_remove(name);
            }
        }
        command
    }

    /// A path as shown to people: relative to the root where it lies below it.
    pub(crate) fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

/// The command as one would type it.
pub(crate) fn typed(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or(command.get_program());
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Runs a command with its output passed through.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    say(format!("  $ {}", typed(command)));
    match command.stdin(Stdio::null()).status() {
        Ok(status) => status.success(),
        Err(error) => {
            say(format!("  cannot start it: {error}"));
            false
        }
    }
}

/// The names of the files with this extension directly inside `folder`, without the extension, sorted.
pub(crate) fn stems(folder: &Path, extension: &str) -> Vec<String> {
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::{Workspace, typed};

    #[test]
    fn the_workspace_is_found_from_its_own_test() {
        // A test lies in target/debug/deps, one folder deeper than the program, so only the root is compared.
        let workspace = Workspace::locate().unwrap();
        assert!(workspace.root.join("xtask/Cargo.toml").is_file());
    }

    #[test]
    fn nested_cargo_does_not_see_this_package() {
        let workspace = Workspace::locate().unwrap();
        let command = workspace.cargo(["fmt", "--check"]);
        assert!(
            command
                .get_envs()
                .any(|(name, value)| name == "CARGO_MANIFEST_DIR" && value.is_none())
        );
        assert!(typed(&command).ends_with("cargo fmt --check"));
    }
}
