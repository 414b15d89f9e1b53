//! docs/policy-guide.md shows what happens, from the first policy to the denial that a customer asks about.
#![cfg(test)]

use std::path::Path;
use std::process::Command;

use attest_core::problem::ProblemCode;
use attest_core::support_code::{Cause, NameHash};

use crate::document::Stage;
use crate::explain::seal;

/// The code that the guide's customer reads out, sealed with the keys of the guide's own gateway.
fn prepare(folder: &Path, line: &str, command: &mut Command) {
    if line.contains("$CODE") {
        let cause = Cause {
            code: ProblemCode::Denied,
            route: NameHash::of("payments"),
            rule: NameHash::of("mounted-data-dir-pays"),
            clause: 0,
            fact: NameHash::of("findings.hit"),
            value: NameHash::of("clone.mounted_data_dir"),
            policy_version: 3,
            at_s: 1_800_000_000,
        };
        command.env("CODE", seal(folder, &cause));
    }
}

/// How long ago that was depends on today.
fn steady(line: &str) -> String {
    if line.starts_with("When     2027-01-15T08:00:00Z, ") {
        "When     2027-01-15T08:00:00Z, 4 minutes ago".to_owned()
    } else {
        line.to_owned()
    }
}

/// A release with another pack is one with another line.
#[test]
fn the_guide_names_every_pack_that_ships() {
    let guide = include_str!("../../../../docs/policy-guide.md");
    for (name, text) in attest_policy::packs::SHIPPED {
        let about = text
            .lines()
            .find_map(|line| line.strip_prefix("about: "))
            .unwrap();
        assert!(
            guide.contains(&format!("| `{name}` | {about} |\n")),
            "{name}: {about}"
        );
    }
}

#[test]
fn the_guide_shows_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage {
        folder: folder.path(),
        prepare,
        steady,
    };
    let shown = stage.play("policy-guide.md");
    assert!(shown > 20, "{shown}");
}
