//! The bindings that Kotlin and Swift call the native library by: written from the library that was built, below the target directory.
//! What it offers is compared with what was reviewed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::console::say;
use crate::mobile::{EXPORT_LIST, exports};
use crate::workspace::Workspace;

/// What was reviewed. `ATTEST_BLESS=1` writes it anew.
const SURFACE: &str = "attest-mobile/link/surface.txt";

/// The bindings of one library.
#[derive(Debug)]
pub(crate) struct Bindings {
    /// The folder with the Kotlin sources.
    pub(crate) kotlin: PathBuf,
    /// The folder with the Swift source, the header and the module map.
    pub(crate) swift: PathBuf,
}

/// Writes them with the tool that was built with the library.
pub(crate) fn write(workspace: &Workspace, library: &Path) -> Result<Bindings, String> {
    reviewed(workspace, library)?;
    let folder = workspace.target.join("bindings");
    let bindings = Bindings {
        kotlin: folder.join("kotlin"),
        swift: folder.join("swift"),
    };
    for (language, out) in [("kotlin", &bindings.kotlin), ("swift", &bindings.swift)] {
        // What an earlier version wrote under another name would be compiled, too.
        if out.exists() {
            std::fs::remove_dir_all(out).map_err(|error| format!("{}: {error}", workspace.shown(out)))?;
        }
        let mut tool = workspace.command(workspace.binary(TOOL));
        tool.arg("--library").arg(library);
        tool.args(["bindings", "--language", language, "--out"]).arg(out);
        let held = tool
            .stdin(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !held {
            return Err(format!("{TOOL} wrote no {language}"));
        }
    }
    exported(workspace, &bindings.kotlin)?;
    say(format!("  bindings are in {}", workspace.shown(&folder)));
    Ok(bindings)
}

const TOOL: &str = "attest-mobile-bindgen";

fn reviewed(workspace: &Workspace, library: &Path) -> Result<(), String> {
    let mut tool = workspace.command(workspace.binary(TOOL));
    let output = tool.arg("--library").arg(library).arg("surface").output();
    let output = output.map_err(|error| format!("{TOOL}: {error}"))?;
    let offered = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!(
            "{TOOL}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let list = workspace.root.join(SURFACE);
    if std::env::var_os("ATTEST_BLESS").is_some() {
        return std::fs::write(&list, offered.as_bytes()).map_err(|error| format!("{SURFACE}: {error}"));
    }
    let known = std::fs::read_to_string(&list).map_err(|error| format!("{SURFACE}: {error}"))?;
    match difference(&known, &offered) {
        None => Ok(()),
        Some(line) => Err(format!(
            "the surface is not as reviewed, first at `{line}`: review it, and write {SURFACE} anew with ATTEST_BLESS=1"
        )),
    }
}

/// That Android's library exports all that the Kotlin bindings declare: the virtual machine looks for all of it when they are loaded.
fn exported(workspace: &Workspace, kotlin: &Path) -> Result<(), String> {
    let read = |path: PathBuf| {
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let exports = exports(&read(workspace.root.join(EXPORT_LIST))?, "android");
    let source = read(kotlin.join("attest/mobile/ffi/attest.kt"))?;
    match declared(&source).find(|name| !exports.iter().any(|known| known == name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "the bindings call `{name}`, which phones' library does not export: add it to {EXPORT_LIST}"
        )),
    }
}

/// The native functions that Kotlin source declares.
fn declared(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim_start);
    lines.filter_map(|line| Some(line.strip_prefix("external fun ")?.split_once('(')?.0))
}

/// The first line that is in one of them only.
fn difference<'a>(known: &'a str, offered: &'a str) -> Option<&'a str> {
    let (mut known, mut offered) = (known.lines(), offered.lines());
    loop {
        match (known.next(), offered.next()) {
            (None, None) => return None,
            (before, now) if before == now => {}
            (before, now) => return now.or(before),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{declared, difference};

    #[test]
    fn native_functions_are_found() {
        let source = "object Lib {\n    external fun alloc(`size`: Long,\n    ): Buffer\n}\nfun other() {}";
        assert_eq!(declared(source).collect::<Vec<_>>(), ["alloc"]);
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        let check = |known, offered, expect| assert_eq!(difference(known, offered), expect);
        check("a\nb\n", "a\nb\n", None);
        check("a\nb\n", "a\nc\n", Some("c"));
        check("a\nb\n", "a\n", Some("b"));
        check("a\n", "a\nb\n", Some("b"));
    }
}
