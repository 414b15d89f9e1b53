//! The binaries as users run them: those that `ATTEST_BIN` and `ATTEST_TUF_CLIENT` name, or built once as `cargo run` builds them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where `attest` is.
#[must_use]
pub fn attest() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        std::env::var_os("ATTEST_BIN").map_or_else(|| build("attest", "attest"), PathBuf::from)
    })
}

/// Where `tuf-client` is.
#[must_use]
pub fn tuf_client() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let named = std::env::var_os("ATTEST_TUF_CLIENT");
        named.map_or_else(|| build("attest-policy", "tuf-client"), PathBuf::from)
    })
}

fn build(package: &str, binary: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--package", package, "--bin", binary])
        .args(["--message-format", "json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "`cargo build --package {package}` failed");
    let text = String::from_utf8(built.stdout).unwrap();
    let mut executables = text.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    executables.next_back().unwrap()
}
