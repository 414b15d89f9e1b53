//! What `attest --version` says about this build: commit, target, profile and compiler. Nothing of the time or the machine, so that
//! the same commit builds the same bytes. Outside a repository, or without git, the commit is `ATTEST_COMMIT` or unknown.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ATTEST_COMMIT");
    let of_build = |name: &str| env::var(name).unwrap_or_default();
    let profile = of_build("PROFILE");
    let given = env::var("ATTEST_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = match given {
        Some(commit) => commit,
        // Looking would build the command again after each commit, for a binary that nobody deploys.
        None if profile != "release" => "commit not looked up".to_owned(),
        None => from_git().unwrap_or_else(|| "unknown commit".to_owned()),
    };
    // `rustc 1.95.0 (hash date)`: the number is enough.
    let rustc = output(&of_build("RUSTC"), &["--version"]).unwrap_or_default();
    let rustc = rustc.split(' ').nth(1).unwrap_or("unknown");
    println!("cargo::rustc-env=ATTEST_BUILD_COMMIT={commit}");
    println!(
        "cargo::rustc-env=ATTEST_BUILD_FACTS={} {profile}, rustc {rustc}",
        of_build("TARGET")
    );
}

/// The commit that is checked out; the build is repeated when another one is.
fn from_git() -> Option<String> {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = output("git", &["rev-parse", "--git-path", name])
            && std::path::Path::new(&path).exists()
        {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    Some(commit)
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
