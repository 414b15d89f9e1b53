//! Debian packages without touching the system: lists, downloads and their contents lie below the target directory, nothing is
//! installed and no script of a package runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::console::say;
use crate::packages::{answers, quietly, silently};
use crate::workspace::Workspace;

/// Where Debian keeps newer compilers for its stable release.
const NEWER: &str = "trixie-backports";
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// What holds a root's folders together; everything else is unpacked into it.
const BASE: &str = "base-files_";

/// A private state of apt.
#[derive(Debug)]
pub(crate) struct Apt<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    /// What is installed, where that is not what this system has.
    status: Option<PathBuf>,
}

impl<'a> Apt<'a> {
    /// One for this system, with fresh lists of its release and of newer compilers in `folder`: what it has is not fetched again. `None`
    /// where this is no Debian, or the lists cannot be had.
    pub(crate) fn for_this_system(workspace: &'a Workspace, folder: PathBuf) -> Option<Self> {
        let release = fs::read_to_string("/etc/os-release").ok()?;
        let codename = codename(&release)?;
        Self::prepare(workspace, folder, &[codename, NEWER], None)
    }

    /// One for a root of this release in which there is nothing yet. `None` where apt is not there, or the lists cannot be had.
    pub(crate) fn for_a_new_root(workspace: &'a Workspace, folder: PathBuf, release: &str) -> Option<Self> {
        let status = folder.join("status");
        fs::create_dir_all(&folder).ok()?;
        fs::write(&status, "").ok()?;
        Self::prepare(workspace, folder, &[release], Some(status))
    }

    fn prepare(
        workspace: &'a Workspace,
        folder: PathBuf,
        suites: &[&str],
        status: Option<PathBuf>,
    ) -> Option<Self> {
        if !Path::new(KEYRING).is_file() || !answers("apt-get", "--version") {
            return None;
        }
        let lists: Vec<String> = suites
            .iter()
            .map(|suite| format!("deb [signed-by={KEYRING}] {MIRROR} {suite} main\n"))
            .collect();
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part)).ok()?;
        }
        fs::write(folder.join("sources.list"), lists.concat()).ok()?;
        let apt = Self {
            workspace,
            folder,
            status,
        };
        say(format!(
            "  package lists of {}, for this folder only",
            suites.join(" and ")
        ));
        quietly(apt.get().arg("update")).then_some(apt)
    }

    /// Unpacks packages, and what of their dependencies is not installed, into `root`; whether that went well.
    pub(crate) fn unpack(&self, packages: &[&str], root: &Path) -> bool {
        let mut install = self.get();
        install.args(["install", "--download-only", "--yes", "--no-install-recommends"]);
        install.args(packages);
        let archives = self.folder.join("cache/archives");
        if fs::create_dir_all(root).is_err() || !quietly(&mut install) {
            return false;
        }
        let mut found = archives_in(&archives);
        found.sort_by_key(|archive| !named(archive).starts_with(BASE));
        say(format!("  unpacking {} packages", found.len()));
        let unpacked = !found.is_empty() && found.iter().all(|archive| self.extract(archive, root));
        for archive in found {
            drop(fs::remove_file(archive));
        }
        unpacked
    }

    fn extract(&self, archive: &Path, root: &Path) -> bool {
        let mut extract = self.workspace.command("dpkg");
        silently(extract.arg("-x").arg(archive).arg(root))
    }

    /// Unpacks `part`, a folder, out of the newest `package` whose version begins with `version` into `root`; whether it is there.
    pub(crate) fn unpack_part(&self, package: &str, version: &str, part: &str, root: &Path) -> bool {
        let mut madison = self.command("apt-cache");
        let said = madison.args(["madison", package]).output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let Some(exact) = said.ok().and_then(|text| newest(&text, version)) else {
            say(format!("  Debian has no {package} {version}"));
            return false;
        };
        let archives = self.folder.join("cache/archives");
        let mut download = self.get();
        download.arg("download").arg(format!("{package}={exact}"));
        if fs::create_dir_all(root).is_err() || !quietly(download.current_dir(&archives)) {
            return false;
        }
        let packages = archives_in(&archives);
        let unpacked = packages.iter().all(|archive| self.pick(archive, part, root));
        for archive in packages {
            drop(fs::remove_file(archive));
        }
        unpacked && root.join(part).is_dir()
    }

    /// One folder of an archive, without unpacking the others.
    fn pick(&self, archive: &Path, part: &str, root: &Path) -> bool {
        let mut open = self.workspace.command("dpkg");
        open.arg("--fsys-tarfile")
            .arg(archive)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let Ok(mut opened) = open.spawn() else {
            return false;
        };
        let Some(contents) = opened.stdout.take() else {
            return false;
        };
        let mut pick = self.workspace.command("tar");
        pick.arg("-x").arg("-C").arg(root).arg(format!("./{part}"));
        let picked = pick.stdin(contents).status().is_ok_and(|status| status.success());
        opened.wait().is_ok_and(|status| status.success()) && picked
    }

    fn get(&self) -> std::process::Command {
        let mut get = self.command("apt-get");
        // No lock of the system is needed, so neither are its rights.
        get.args(["-q", "-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="]);
        get.env("DEBIAN_FRONTEND", "noninteractive");
        get
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = self.workspace.command(program);
        for (option, path) in [
            ("Dir::State::lists", self.folder.join("lists")),
            ("Dir::Cache", self.folder.join("cache")),
            ("Dir::Etc::sourcelist", self.folder.join("sources.list")),
            ("Dir::Etc::sourceparts", PathBuf::from("-")),
        ] {
            command.arg("-o").arg(format!("{option}={}", path.display()));
        }
        if let Some(status) = &self.status {
            command
                .arg("-o")
                .arg(format!("Dir::State::status={}", status.display()));
        }
        command
    }
}

fn named(archive: &Path) -> &str {
    archive
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

fn archives_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect()
}

/// The name of the Debian release, `None` if it is none.
fn codename(os_release: &str) -> Option<&str> {
    let field = |name: &str| {
        let mut lines = os_release.lines();
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim_matches('"'))
    };
    (field("ID")? == "debian").then(|| field("VERSION_CODENAME"))?
}

/// The first version of `apt-cache madison`, which is the newest, that is one of this upstream version.
fn newest(madison: &str, version: &str) -> Option<String> {
    let mut versions = madison
        .lines()
        .filter_map(|line| Some(line.split('|').nth(1)?.trim()));
    let ours = |found: &&str| {
        let rest = found.strip_prefix(version);
        rest.is_some_and(|rest| rest.starts_with(['+', '-']))
    };
    versions.find(ours).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{codename, newest};

    #[test]
    fn only_debian_has_a_codename_here() {
        let check = |text, expect| assert_eq!(codename(text), expect, "{text}");
        check("NAME=x\nID=debian\nVERSION_CODENAME=bookworm\n", Some("bookworm"));
        check("ID=ubuntu\nVERSION_CODENAME=noble\nID_LIKE=debian\n", None);
        check("ID=\"debian\"\n", None);
        check("", None);
    }

    #[test]
    fn another_version_is_never_taken() {
        let madison = " rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://x trixie-backports/main\n \
                       rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://x trixie-backports/main\n \
                       rust-src | 1.95.0-1 | http://x trixie/main\n";
        let check = |version, expect: Option<&str>| {
            assert_eq!(newest(madison, version).as_deref(), expect, "{version}")
        };
        check("1.95.0", Some("1.95.0+dfsg1-2~bpo13+1"));
        check("1.96.1", Some("1.96.1+dfsg1-2~bpo13+1"));
        check("1.95", None);
        check("1.94.1", None);
    }
}
