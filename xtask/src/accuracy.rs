//! `cargo xtask accuracy`: how accurate the shipped packs are on recorded devices, as the table of docs/accuracy.md. The
//! measurement is a test of the policy crate, which holds the bounds too; here it is run so that it shows.

use crate::console::say;
use crate::workspace::{Workspace, typed};

/// Prints the table; whether the packs are within their bounds.
pub(crate) fn run(workspace: &Workspace) -> bool {
    let mut command = workspace.cargo([
        "test",
        "--quiet",
        "--package",
        "attest-policy",
        "--test",
        "accuracy",
    ]);
    command.args(["--", "--nocapture"]);
    say(format!("$ {}", typed(&command)));
    command.status().is_ok_and(|status| status.success())
}
