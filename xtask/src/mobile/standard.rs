//! The standard library's source, for building it for phones: only ever that of the compiler's own version.

use std::fs;
use std::path::{Path, PathBuf};

use crate::apt::Apt;
use crate::console::say;
use crate::packages::quietly;
use crate::workspace::Workspace;

/// What the compiler says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// Its version, such as `1.95.0`.
    pub(crate) version: String,
    /// Where it runs.
    pub(crate) host: String,
    /// Its folder.
    pub(crate) sysroot: PathBuf,
}

impl Compiler {
    /// The one that Cargo uses; `None` if it does not answer.
    pub(crate) fn ask(workspace: &Workspace) -> Option<Self> {
        let said = |arguments: &[&str]| {
            let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
            let output = workspace.command(program).args(arguments).output().ok()?;
            String::from_utf8(output.stdout)
                .ok()
                .filter(|_| output.status.success())
        };
        Self::from_words(&said(&["-vV"])?, said(&["--print", "sysroot"])?.trim())
    }

    fn from_words(version: &str, sysroot: &str) -> Option<Self> {
        let field = |name: &str| {
            version
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .map(str::to_owned)
        };
        Some(Self {
            version: field("release: ")?,
            host: field("host: ")?,
            sysroot: PathBuf::from(sysroot),
        })
    }

    /// The linker that comes with it.
    pub(crate) fn linker(&self) -> PathBuf {
        let program = format!("rust-lld{}", std::env::consts::EXE_SUFFIX);
        self.sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin")
            .join(program)
    }
}

/// The folder `library` of the compiler's version: the toolchain's own, one that was unpacked before, Debian's, or the archive that lies
/// with the external vectors, in this order.
pub(crate) fn source(workspace: &Workspace, compiler: &Compiler, tools: &Path) -> Option<PathBuf> {
    let version = &compiler.version;
    let own = compiler.sysroot.join("lib/rustlib/src/rust/library");
    if is_whole(&own) {
        say("  standard library: the toolchain's own source");
        return Some(own);
    }
    // The version is in the path, so that another compiler never meets it.
    let part = format!("usr/src/rustc-{version}/library");
    let kept = tools.join(&part);
    if is_whole(&kept) {
        say(format!("  standard library: {}", workspace.shown(&kept)));
        return Some(kept);
    }
    say(format!(
        "  standard library: rust-src {version} is fetched once, 45 MB"
    ));
    let fresh = tools.join("unpacking");
    drop(fs::remove_dir_all(&fresh));
    let debian = || {
        let apt = Apt::for_this_system(workspace, tools.join("apt"))?;
        apt.unpack_part("rust-src", version, &part, &fresh)
            .then(|| fresh.join(&part))
    };
    let found = debian().or_else(|| archived(workspace, version, &fresh));
    let found = found.filter(|folder| is_whole(folder));
    let placed = found.filter(|folder| {
        let parent = kept.parent().map(fs::create_dir_all);
        parent.is_some_and(|made| made.is_ok()) && fs::rename(folder, &kept).is_ok()
    });
    drop(fs::remove_dir_all(&fresh));
    placed.map(|_| kept)
}

/// The archive beside the external vectors.
fn archived(workspace: &Workspace, version: &str, fresh: &Path) -> Option<PathBuf> {
    let shared =
        std::env::var_os("ATTEST_SHARED").map_or_else(|| workspace.root.join("../shared"), PathBuf::from);
    let archive = shared
        .join("toolchain")
        .join(format!("rust-src-{version}-library.tar.zst"));
    if !archive.is_file() {
        return None;
    }
    fs::create_dir_all(fresh).ok()?;
    let mut unpack = workspace.command("tar");
    unpack.args(["--zstd", "-xf"]).arg(&archive).arg("-C").arg(fresh);
    quietly(&mut unpack).then(|| fresh.join("library"))
}

fn is_whole(library: &Path) -> bool {
    [
        "Cargo.lock",
        "core/src/lib.rs",
        "std/src/lib.rs",
        "sysroot/Cargo.toml",
    ]
    .iter()
    .all(|file| library.join(file).is_file())
}

#[cfg(test)]
mod tests {
    use super::{Compiler, is_whole};

    #[test]
    fn a_compiler_that_does_not_name_itself_is_none() {
        let check = |words, expect: Option<(&str, &str)>| {
            let found = Compiler::from_words(words, "/sysroot");
            assert_eq!(
                found.as_ref().map(|found| (&*found.version, &*found.host)),
                expect,
                "{words}"
            );
        };
        check(
            "rustc 1.95.0 (x)\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n",
            Some(("1.95.0", "x86_64-unknown-linux-gnu")),
        );
        check("rustc 1.95.0 (x)\n", None);
    }

    #[test]
    fn half_a_source_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_whole(folder.path()));
        for file in [
            "Cargo.lock",
            "core/src/lib.rs",
            "std/src/lib.rs",
            "sysroot/Cargo.toml",
        ] {
            assert!(!is_whole(folder.path()));
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert!(is_whole(folder.path()));
    }
}
