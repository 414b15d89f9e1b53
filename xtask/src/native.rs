//! The phone's library, built for this machine with its entries for tests, and the bindings that were written from it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bindings::{self, Bindings};
use crate::marker;
use crate::workspace::{Workspace, succeeds};

/// What only tests call, with the marker of it.
pub(crate) const ENTRIES: &str = "attest-mobile/library/src/dev/mod.rs";

/// What tests of each platform run against.
#[derive(Debug)]
pub(crate) struct Native {
    /// The library.
    pub(crate) library: PathBuf,
    /// Sources that call it.
    pub(crate) bindings: Bindings,
}

/// Builds it with these features, among them that of its entries for tests.
pub(crate) fn build(workspace: &Workspace, features: &[&str]) -> Result<Native, String> {
    // With the whole workspace's features, as everything else is built, so that foreign crates are there already.
    let mut build = workspace.cargo(["build", "--workspace", "--lib", "--tests", "--bins"]);
    build.args(features);
    if !succeeds(&mut build) {
        return Err("the native library does not build".into());
    }
    let library = workspace.target.join("debug/libattest.so");
    marked(workspace, &library)?;
    let bindings = bindings::write(workspace, &library)?;
    Ok(Native { library, bindings })
}

/// That the marker of what is never shipped is found where it must be: a search that could not find it proves nothing.
fn marked(workspace: &Workspace, library: &Path) -> Result<(), String> {
    let source = fs::read_to_string(workspace.root.join(ENTRIES)).unwrap_or_default();
    let marker = marker::declared(&source)
        .ok_or_else(|| format!("{ENTRIES} declares no `pub const MARKER: &str` of 16 bytes or more"))?;
    match marker::occurs(library, &marker) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("{} does not hold {marker:?}", workspace.shown(library))),
        Err(error) => Err(format!("{}: {error}", workspace.shown(library))),
    }
}
