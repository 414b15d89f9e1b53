//! The language as an admin writes it: each form in a policy of its own, with tests that run, and what mistakes are told.

use attest_policy::{Compiled, compile};

/// A policy around these parts.
fn policy(parts: &str) -> String {
    format!("version: 1\nenvironment: development\n{parts}")
}

/// The problems and warnings, one per line, without those of detectors and rules that have no test.
fn told(parts: &str) -> String {
    let problems = match compile("p.yaml", &policy(parts)) {
        Ok(Compiled { warnings, .. }) => warnings,
        Err(problems) => problems,
    };
    let lines = problems
        .iter()
        .filter(|problem| !problem.code.ends_with("-untested"));
    lines.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// A detector with this condition, and a test with these facts.
fn detector(when: &str, facts: &str, expect: &str) -> String {
    format!(
        "detectors:
  - {{id: d, platform: android, category: root, severity: low, why: W., when: {when}}}
tests:
  - name: t
    detector: {{id: d, variables: {{own_apk: /data/app/x/base.apk}}, facts: {facts}, expect: {expect}}}
"
    )
}

#[test]
fn rows_and_their_mistakes() {
    let check = |when: &str, facts: &str, expect: &str, problem: &str| {
        assert_eq!(told(&detector(when, facts, expect)), problem, "{when}");
    };
    let foreign = "{fact: maps.rows@syscall, op: any_row, where: [{column: path, op: prefix, value: /data/}, {column: perm, op: contains, value: x}], except: {column: path, op: eq, value: '${own_apk}'}}";
    let row =
        |path: &str| format!("{{maps.rows@syscall: [{{path: {path}, perm: r-xp, dev: 'fe:00', ino: 7}}]}}");
    check(foreign, &row("/data/app/x/base.apk"), "clear", "");
    check(foreign, &row("/data/app/y/base.apk"), "hit", "");
    check(foreign, "{maps.rows@syscall: []}", "clear", "");
    check(
        foreign,
        "{maps.rows@syscall: [{path: /data/x}]}",
        "inconclusive",
        "",
    );
    check(
        foreign,
        &row("/data/app/y/base.apk"),
        "clear",
        "p.yaml:7:169: tests[0].detector.expect: expected clear, got hit (the condition found maps.rows@syscall = path=/data/app/y/base.apk perm=r-xp dev=fe:00 ino=7)",
    );
    check(
        foreign,
        "{maps.rows@syscall: [{path: /a}, {pth: /b}]}",
        "clear",
        "p.yaml:7:113: tests[0].detector.facts.maps.rows@syscall[1].pth: unknown column `pth`, expected path, perm, dev, ino",
    );
    check(
        foreign,
        "{maps.rows@syscall: [/a]}",
        "clear",
        "p.yaml:7:75: tests[0].detector.facts.maps.rows@syscall: `maps.rows@syscall` is rows, null or {error: number}",
    );
    check(
        "{fact: maps.rows, op: any_row, where: [{column: file, op: eq, value: a}]}",
        "{}",
        "inconclusive",
        "p.yaml:4:126: detectors[0].when.where[0].column: unknown column `file`, expected path, perm, dev, ino",
    );
    check(
        "{fact: maps.rows, op: any_eq, value: a}",
        "{}",
        "inconclusive",
        "p.yaml:4:100: detectors[0].when.op: `any_eq` does not apply to rows: use `any_row`, `all_row`, `none_row`, or `count_gt` and its kin, with `where`",
    );
}

#[test]
fn differences_and_their_mistakes() {
    let check = |when: &str, facts: &str, expect: &str, problem: &str| {
        assert_eq!(told(&detector(when, facts, expect)), problem, "{when}");
    };
    let views = "{fact: app.data_dir@libc, op: differs, from: app.data_dir@syscall}";
    check(
        views,
        "{app.data_dir@libc: /a, app.data_dir@syscall: /b}",
        "hit",
        "",
    );
    check(
        views,
        "{app.data_dir@libc: /a, app.data_dir@syscall: /a}",
        "clear",
        "",
    );
    check(
        views,
        "{app.data_dir@libc: /a, app.data_dir@syscall: null}",
        "hit",
        "",
    );
    check(views, "{app.data_dir@libc: /a}", "inconclusive", "");
    check(
        "{fact: app.data_dir@libc, op: differs}",
        "{}",
        "inconclusive",
        "p.yaml:4:72: detectors[0].when: `differs` compares two facts: name the other fact or view in `from`",
    );
    check(
        "{fact: app.data_dir, op: differs, from: maps.path}",
        "{}",
        "inconclusive",
        "p.yaml:4:118: detectors[0].when.from: only facts of one type can differ: this one is list, the other is text",
    );
}
