//! `attest policy replay`: docs/decision-log.md shows what happens, budgets decide the exit, and no log is too large or too broken.
#![cfg(test)]

use std::fs;
use std::path::Path;

use crate::document::Stage;
use crate::support::{Ended, attest, attest_reading, text};

#[test]
fn the_page_shows_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let shown = Stage::plain(folder.path()).play("decision-log.md");
    assert!(shown > 5, "{shown}");
}

/// The page's policy and log.
fn page(folder: &Path) -> (String, String) {
    let page = include_str!("../../../../docs/decision-log.md");
    let block = |begin: &str| {
        let (_, rest) = page.split_once(begin).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let (policy, log) = (block("```yaml policy.yaml\n"), block("```json decisions.jsonl\n"));
    fs::write(folder.join("policy.yaml"), &policy).unwrap();
    fs::write(folder.join("log"), &log).unwrap();
    (policy, log)
}

#[test]
fn a_budget_decides_how_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, _) = page(folder.path());
    let enforced = policy
        .replace("    mode: shadow\n", "")
        .replace("allow, shadow: [young-device-pays]", "deny");
    let next = folder.path().join("next.yaml");
    fs::write(&next, enforced).unwrap();
    let log = folder.path().join("log");
    let check = |more: &[&str], code: i32| {
        let arguments = [
            &[
                "policy",
                "replay",
                "--candidate",
                text(&next),
                "--log",
                text(&log),
            ],
            more,
        ]
        .concat();
        let ended = attest(&arguments);
        assert_eq!(ended.code, Some(code), "{more:?}: {ended:?}");
        ended
    };
    // Two of 202 allowed requests.
    check(&[], 0);
    check(&["--budget", "2"], 0);
    check(&["--budget", "1"], 1);
    check(&["--budget", "1%"], 0);
    check(&["--budget", "0.5%"], 1);
    for wrong in ["", "-1", "x%", "101%"] {
        check(&["--budget", wrong], 2);
    }
    let found = check(&["--json", "--budget", "0"], 1).json();
    assert_eq!(
        (&found["newly_denied"], &found["budget"]),
        (&2.0.into(), &"exceeded".into())
    );
    assert_eq!(found["groups"][0]["examples"][0]["line"], 2);
}

#[test]
fn bad_lines_are_named_and_never_make_a_budget() {
    let folder = tempfile::tempdir().unwrap();
    let (_, log) = page(folder.path());
    let policy = folder.path().join("policy.yaml");
    let replay = |log: &[u8], more: &[&str]| -> Ended {
        attest_reading(
            &[
                &["policy", "replay", "--candidate", text(&policy), "--log", "-"],
                more,
            ]
            .concat(),
            log,
        )
    };
    // Cut in the middle, as after a crash; and a line that no memory holds.
    let cut = [log.as_bytes(), &log.as_bytes()[..200]].concat();
    let ended = replay(&cut, &[]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.err.contains("<stdin>:6: error[line-malformed]"),
        "{ended:?}"
    );
    assert_eq!(replay(&cut, &["--budget", "0"]).code, Some(1));
    let long = [vec![b'x'; 1 << 22], b"\n".to_vec(), log.into_bytes()].concat();
    let ended = replay(&long, &["--json"]);
    assert!(
        ended.err.starts_with("<stdin>:1: error[line-too-long]"),
        "{ended:?}"
    );
    assert_eq!(
        (&ended.json()["lines"], &ended.json()["bad"]),
        (&5.into(), &1.into())
    );
    for nothing in [b"".as_slice(), b"\n\n", b"{}\n", b"\xff\xfe\n"] {
        let ended = replay(nothing, &[]);
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.err.contains("nothing was replayed"), "{ended:?}");
    }
    let away = attest(&[
        "policy",
        "replay",
        "--candidate",
        text(&policy),
        "--log",
        "/does/not/exist",
    ]);
    assert_eq!(away.code, Some(2), "{away:?}");
}
