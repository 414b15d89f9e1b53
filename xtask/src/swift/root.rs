//! A root file system with Debian's Swift in it, below the target directory, and commands that run inside of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::apt::Apt;
use crate::console::say;
use crate::outcome::Outcome;
use crate::packages::{answers, is_root, silently};
use crate::workspace::Workspace;

/// Inside of the root: where sources are built, and where the native library lies.
pub(crate) const WORK: &str = "/work";
pub(crate) const NATIVE: &str = "/native";

/// Debian's release that has Swift 6.0, and what a package with tests needs of it.
const RELEASE: &str = "trixie";
const PACKAGES: [&str; 15] = [
    "swiftlang",
    "libc6-dev",
    "libstdc++-14-dev",
    "libssl-dev",
    "base-files",
    "coreutils",
    "bash",
    "dash",
    "libc-bin",
    "openssl",
    "git",
    "python3",
    "findutils",
    "grep",
    "sed",
];

/// Mounts what a build needs and goes in. Whom tests trust is written into the root: each run has a place of its own for it. Its arguments: the root, two folders that are seen inside, and the command.
const ENTER: &str = "root=$1
mount -t proc proc \"$root/proc\"
mount --rbind /dev \"$root/dev\"
mount -t tmpfs tmpfs \"$root/tmp\"
mount -t tmpfs tmpfs \"$root/etc/ssl/certs\"
mount --bind \"$2\" \"$root/work\"
mount --bind \"$3\" \"$root/native\"
shift 3
exec chroot \"$root\" /usr/bin/env \"$@\"";

/// A root that is whole.
#[derive(Debug)]
pub(crate) struct Root {
    folder: PathBuf,
}

impl Root {
    /// The one below `folder`, made if it is not there as a whole.
    pub(crate) fn prepare(workspace: &Workspace, folder: &Path) -> Result<Self, Outcome> {
        if !may_enter(workspace) {
            return Err(Outcome::ToolMissing {
                tool: "a mount namespace of one's own".into(),
                enable: "run as root, or allow user namespaces, with util-linux's unshare".into(),
            });
        }
        let root = Self {
            folder: folder.join("root"),
        };
        // Written last, with what it was made of: a root that was left half made, or for other packages, is made again.
        let (whole, recipe) = (folder.join("root.whole"), PACKAGES.join("\n"));
        if !fs::read_to_string(&whole).is_ok_and(|found| found == recipe) {
            say("  Swift is fetched once: 580 MB, then 2.6 GB below the target directory");
            drop(fs::remove_file(&whole));
            drop(fs::remove_dir_all(&root.folder));
            if !root.make(workspace, folder) || fs::write(&whole, recipe).is_err() {
                return Err(Outcome::ToolMissing {
                    tool: format!("Swift of Debian's {RELEASE}"),
                    enable: "let apt reach Debian's packages once".into(),
                });
            }
        }
        Ok(root)
    }

    fn make(&self, workspace: &Workspace, folder: &Path) -> bool {
        let unpacked = Apt::for_a_new_root(workspace, folder.join("apt"), RELEASE)
            .is_some_and(|apt| apt.unpack(&PACKAGES, &self.folder));
        let inside = ["proc", "dev", "tmp", "work", "native", "etc/ssl/certs"];
        unpacked
            && inside
                .iter()
                .all(|place| fs::create_dir_all(self.folder.join(place)).is_ok())
    }

    /// A command inside, still without its words, that sees `work` and the native library's folder `native`.
    pub(crate) fn command(&self, workspace: &Workspace, work: &Path, native: &Path) -> Command {
        let mut command = namespace(workspace);
        command.args(["sh", "-eu", "-c", ENTER, "sh"]);
        command.arg(&self.folder).arg(work).arg(native);
        // Of this system's environment only what is named: its paths mean nothing inside.
        command.arg("--ignore-environment");
        command.args([
            "PATH=/usr/bin:/bin:/usr/libexec/swift/bin",
            "HOME=/tmp",
            "LANG=C.UTF-8",
        ]);
        command.arg(format!("LD_LIBRARY_PATH={NATIVE}"));
        command.arg(format!("ATTEST_BINARY={NATIVE}/attest"));
        command.arg("ATTEST_TRUST_STORE=/etc/ssl/certs/ca-certificates.crt");
        command
    }
}

/// What ends with the command, and lets everybody mount who may have namespaces.
fn namespace(workspace: &Workspace) -> Command {
    let mut command = workspace.command("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["--propagation", "private"]);
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
}

fn may_enter(workspace: &Workspace) -> bool {
    answers("unshare", "--version")
        && silently(namespace(workspace).args(["mount", "-t", "tmpfs", "tmpfs", "/tmp"]))
}
