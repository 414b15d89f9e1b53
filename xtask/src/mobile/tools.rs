//! What building for phones needs: clang for ring's C code, the linker that comes with the compiler, and the standard library's source.
//! What is missing is fetched below the target directory where that is possible, and named where it is not.

use std::fs;
use std::path::{Path, PathBuf};

use super::standard::{self, Compiler};
use crate::apt::Apt;
use crate::console::say;
use crate::packages::answers;
use crate::workspace::Workspace;

/// The package of Debian, and the program in it.
const CLANG: (&str, &str) = ("clang-19", "usr/lib/llvm-19/bin/clang");

/// Everything that is needed, there and usable.
#[derive(Debug)]
pub(crate) struct Tools {
    /// Where all of it is built, and the only folder that is written to.
    pub(crate) folder: PathBuf,
    /// Compiles C for any target.
    pub(crate) clang: PathBuf,
    /// Links for any target.
    pub(crate) linker: PathBuf,
    /// The standard library's source.
    pub(crate) source: PathBuf,
    /// What stands in for Apple's SDK.
    pub(crate) apple_sdk: PathBuf,
}

/// A tool that is not there.
#[derive(Debug)]
pub(crate) struct Missing {
    /// What it is.
    pub(crate) tool: String,
    /// How to get it.
    pub(crate) enable: String,
}

/// Finds or fetches every tool.
pub(crate) fn prepare(workspace: &Workspace) -> Result<Tools, Missing> {
    let missing = |tool: &str, enable: &str| Missing {
        tool: tool.into(),
        enable: enable.into(),
    };
    let folder = workspace.target.join("mobile");
    let kept = folder.join("tools");
    let compiler = Compiler::ask(workspace).ok_or_else(|| missing("rustc", "install it with rustup"))?;
    let linker = compiler.linker();
    if !linker.is_file() {
        return Err(missing(
            "rust-lld",
            "it is part of rustup's toolchains; use one of those",
        ));
    }
    let clang = clang(workspace, &kept).ok_or_else(|| missing("clang", "install clang 16 or newer"))?;
    let source = standard::source(workspace, &compiler, &kept).ok_or_else(|| Missing {
        tool: format!("the standard library's source of exactly {}", compiler.version),
        enable: "rustup component add rust-src".into(),
    })?;
    let apple_sdk = apple_sdk(&folder).map_err(|error| {
        missing(
            "a folder to write to",
            &format!("{}: {error}", workspace.shown(&folder)),
        )
    })?;
    Ok(Tools {
        folder,
        clang,
        linker,
        source,
        apple_sdk,
    })
}

/// The installed one, or one of our own.
fn clang(workspace: &Workspace, kept: &Path) -> Option<PathBuf> {
    let own = kept.join("clang");
    for known in [PathBuf::from("clang"), PathBuf::from(CLANG.0), own.clone()] {
        if answers(&known, "--version") {
            say(format!("  clang: {}", workspace.shown(&known)));
            return Some(known);
        }
    }
    let (package, program) = CLANG;
    say(format!("  clang: {package} is fetched once, 50 MB"));
    let root = kept.join("debian");
    let apt = Apt::for_this_system(workspace, kept.join("apt"))?;
    if !apt.unpack(&[package], &root) {
        return None;
    }
    start_script(&own, &root, program).ok()?;
    answers(&own, "--version").then_some(own)
}

/// Starts an unpacked program with the libraries that were unpacked beside it.
fn start_script(script: &Path, root: &Path, program: &str) -> std::io::Result<()> {
    let root = root.display();
    // The folder of an architecture's libraries; there is no other below a private root.
    let text = format!(
        "#!/bin/sh\nfor folder in '{root}'/usr/lib/*-linux-gnu; do LD_LIBRARY_PATH=\"$folder\"; done\n\
         export LD_LIBRARY_PATH\nexec '{root}/{program}' \"$@\"\n"
    );
    fs::write(script, text)?;
    executable(script)
}

#[cfg(unix)]
fn executable(script: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn executable(_: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// The one header of Apple's that ring's C code reads.
fn apple_sdk(folder: &Path) -> std::io::Result<PathBuf> {
    let sdk = folder.join("apple-sdk");
    let headers = sdk.join("usr/include");
    fs::create_dir_all(&headers)?;
    let header = headers.join("TargetConditionals.h");
    let text = "#define TARGET_OS_IPHONE 1\n";
    // Written once: Cargo builds again what has a newer header.
    if !fs::read_to_string(&header).is_ok_and(|found| found == text) {
        fs::write(&header, text)?;
    }
    Ok(sdk)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{answers, start_script};

    #[test]
    fn a_started_program_finds_what_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("a root");
        std::fs::create_dir_all(root.join("usr/lib/x86_64-linux-gnu")).unwrap();
        let program = root.join("program");
        let text =
            "#!/bin/sh\ncase \"$LD_LIBRARY_PATH\" in */usr/lib/x86_64-linux-gnu) exit 0;; esac\nexit 1\n";
        std::fs::write(&program, text).unwrap();
        super::executable(&program).unwrap();
        assert!(!answers(&program, "--version"));
        let script = folder.path().join("script");
        start_script(&script, &root, "program").unwrap();
        assert!(answers(&script, "--version"));
    }
}
