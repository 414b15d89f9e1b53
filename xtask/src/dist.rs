//! `cargo xtask dist`: the binary that is deployed: release profile, locked dependencies, without the feature `dev`, stripped, and
//! searched for everything that must not be in it.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::console::say;
use crate::marker;
use crate::workspace::{Workspace, typed};

/// Builds it; whether it may be deployed.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let Some(markers) = marker::all(workspace) else {
        say("testkit/src/lib.rs declares no marker, so nothing could be searched for");
        return false;
    };
    if let Err(problem) = marker::not_resolved(workspace) {
        say(format!("FAILED: {problem}"));
        return false;
    }
    let name = format!("attest{EXE_SUFFIX}");
    let built = workspace.target.join("release").join(&name);
    // Should Cargo be set up to build elsewhere, no earlier binary is taken for this one.
    if let Err(error) = fs::remove_file(&built)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        say(format!("{}: {error}", workspace.shown(&built)));
        return false;
    }
    let mut build = workspace.cargo([
        "build",
        "--release",
        "--locked",
        "--package",
        "attest",
        "--no-default-features",
    ]);
    build
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        // Paths of this machine are nobody's business, and would make each machine's binary different.
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(workspace));
    say(format!("$ {}", typed(&build)));
    if !build.status().is_ok_and(|status| status.success()) {
        return false;
    }
    for marker in &markers {
        match marker::occurs(&built, marker) {
            Ok(false) => say(format!("it does not hold {marker:?}")),
            Ok(true) => {
                say(format!("FAILED: it holds {marker:?}"));
                return false;
            }
            Err(error) => {
                say(format!("{}: {error}", workspace.shown(&built)));
                return false;
            }
        }
    }
    let folder = workspace.target.join("dist");
    let placed = folder.join(&name);
    if let Err(error) = fs::create_dir_all(&folder).and_then(|()| fs::copy(&built, &placed)) {
        say(format!("{}: {error}", workspace.shown(&placed)));
        return false;
    }
    let bytes = fs::metadata(&placed).map_or(0, |metadata| metadata.len());
    say(format!("\n{}", workspace.shown(&placed)));
    say(format!("size     {bytes} bytes"));
    say(format!(
        "sha-256  {}",
        digest(workspace, &placed).unwrap_or_else(|| "neither sha256sum nor shasum is there".into())
    ));
    let mut version = workspace.command(&placed);
    version
        .arg("--version")
        .status()
        .is_ok_and(|status| status.success())
}

/// As Cargo reads them in `CARGO_ENCODED_RUSTFLAGS`, which it prefers: a path may hold a space.
pub(crate) fn remapped(workspace: &Workspace) -> OsString {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let home = std::env::var_os("CARGO_HOME").map_or_else(
        || std::env::home_dir().unwrap_or_default().join(".cargo"),
        std::path::PathBuf::from,
    );
    let mut encoded = OsString::from(flags.split_whitespace().collect::<Vec<_>>().join("\u{1f}"));
    for (path, name) in [(&workspace.root, "=/source"), (&home, "=/cargo")] {
        if !encoded.is_empty() {
            encoded.push("\u{1f}");
        }
        encoded.push("--remap-path-prefix=");
        encoded.push(path);
        encoded.push(name);
    }
    encoded
}

fn digest(workspace: &Workspace, file: &Path) -> Option<String> {
    for tool in [&["sha256sum"][..], &["shasum", "-a", "256"]] {
        let (program, arguments) = tool.split_first()?;
        let mut command = workspace.command(program);
        command.args(arguments).arg(file).stderr(Stdio::null());
        if let Some(output) = command.output().ok().filter(|output| output.status.success()) {
            let text = String::from_utf8(output.stdout).ok()?;
            return text.split_whitespace().next().map(str::to_owned);
        }
    }
    None
}
