//! The language as an admin writes it: each form in a policy of its own, with tests that run, and what mistakes are told.

use attest_core::policy::Mode;
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
    let of_tests = |code: &str| code.ends_with("-untested") || code.starts_with("detector-without-");
    let lines = problems.iter().filter(|problem| !of_tests(problem.code));
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

const APPS: &str = "\
apps:
  - {id: a, platform: android, package: com.example, signers: ['1111111111111111111111111111111111111111111111111111111111111111'], evidence: [software]}
origins: ['https://api.example']
routes:
  - {id: r, methods: [GET], path: /, upstream: u, require: enforce, apps: [a]}
";

#[test]
fn values_of_the_policy() {
    let check = |values: &str, when: &str, facts: &str, expect: &str, problem: &str| {
        let parts = format!("{values}{}", detector(when, facts, expect));
        assert_eq!(told(&parts), problem, "{values} {when}");
    };
    let host = "values: {host: a.example}\n";
    let matches = "{fact: prop(h), op: matches, value: '^${policy.host}$'}";
    check(host, matches, "{prop(h): a.example}", "hit", "");
    check(host, matches, "{prop(h): abexample}", "clear", "");
    let always = "{fact: prop(h), op: eq, value: '${policy.environment}-${policy.version}'}";
    check("", always, "{prop(h): development-1}", "hit", "");
    check(
        "",
        matches,
        "{}",
        "clear",
        "p.yaml:4:114: detectors[0].when.value: unknown variable `${policy.host}`",
    );
    check(
        "values: {host: a, port: b}\n",
        matches,
        "{prop(h): a}",
        "hit",
        "p.yaml:3:25: warning: values.port: no detector asks for `${policy.port}`",
    );
    check(
        "values: {version: a}\n",
        always,
        "{}",
        "inconclusive",
        "p.yaml:3:19: values.version: every policy gives this value itself: use another name",
    );
    let rule = "{id: x, why: W., then: deny, when: {fact: app.id, op: eq, value: '${package}'}}";
    assert_eq!(
        told(&format!("{APPS}rules:\n  - {rule}\n")),
        "p.yaml:9:70: rules[0].when.value: the variables of a phone have no value at the gateway: ask for the detector's finding"
    );
}

#[test]
fn lists_of_the_apps() {
    let signers = "{fact: apk.signers, op: all_not_in_list, value: apps.signers}";
    let one = "1111111111111111111111111111111111111111111111111111111111111111";
    let check = |apps: &str, test: &str, expect: &str, problem: &str| {
        let parts = detector(signers, test, expect);
        assert_eq!(told(&format!("{apps}{parts}")), problem, "{test}");
    };
    check(APPS, &format!("{{apk.signers: ['{one}']}}"), "clear", "");
    check(APPS, "{apk.signers: ['22']}", "hit", "");
    check(
        APPS,
        "{apk.signers: ['22']}, lists: {apps.signers: ['22']}",
        "clear",
        "",
    );
    check(
        APPS,
        "{apk.signers: ['22']}, lists: {apps.packages: ['22']}",
        "hit",
        "p.yaml:12:105: tests[0].detector.lists.apps.packages: detector `d` names no list `apps.packages`",
    );
    check(
        "",
        "{apk.signers: ['22']}",
        "inconclusive",
        "p.yaml:4:72: warning: detectors[0].when: `apps.signers` is empty: no app in `apps` has what it lists, so this clause is never decided",
    );
    check(
        "lists: {apps.signers: [a]}\n",
        "{apk.signers: ['a']}",
        "clear",
        "p.yaml:3:9: lists.apps.signers: `apps.signers` follows from `apps`: use another name\np.yaml:5:72: warning: detectors[0].when: `apps.signers` is empty: no app in `apps` has what it lists, so this clause is never decided",
    );
    let rule = "{id: x, why: W., then: deny, when: {fact: app.attested_package, op: any_not_in_list, value: apps.packages}}";
    let compiled = compile("p.yaml", &policy(&format!("{APPS}rules:\n  - {rule}\n"))).unwrap();
    assert_eq!(compiled.gateway.lists["apps.packages"], ["com.example"]);
    assert!(compiled.device.lists.is_empty());
}

#[test]
fn the_kill_switch() {
    let parts = |kill: &str| {
        let detector = detector(
            "{fact: proc.tracer_pid, op: gt, value: 0}",
            "{proc.tracer_pid: 1}",
            "hit",
        );
        format!(
            "{kill}{APPS}rules:
  - {{id: x, why: W., then: deny, when: {{fact: findings.hit, op: any_eq, value: d}}}}
{detector}  - name: denied
    decision:
      request: {{method: GET, path: /, app: a}}
      facts: {{findings.hit: [d]}}
      expect: {{decision: deny, rule: x}}
"
        )
    };
    assert_eq!(told(&parts("")), "");
    let killed = parts("kill_switch: [d, x]\n");
    assert_eq!(
        told(&killed),
        "p.yaml:10:10: warning: rules[0].id: rule `x` is off: `kill_switch` names it\np.yaml:12:10: warning: detectors[0].id: detector `d` is off: `kill_switch` names it"
    );
    let compiled = compile("p.yaml", &policy(&killed)).unwrap();
    assert_eq!(compiled.device.detectors[0].mode, Mode::Off);
    assert_eq!(compiled.gateway.detectors["d"].mode, Mode::Off);
    assert_eq!(compiled.gateway.rules[0].mode, Mode::Off);
    assert_eq!(compiled.gateway.kill_switch, ["d", "x"]);
    assert_eq!(
        told(&parts("kill_switch: [xx, d, d]\n")),
        "p.yaml:3:15: kill_switch[0]: no detector and no rule has the id `xx`\np.yaml:3:22: warning: kill_switch[2]: `d` is named already\np.yaml:12:10: warning: detectors[0].id: detector `d` is off: `kill_switch` names it"
    );
    let pack = "packs: [{use: android/root}]\n";
    let packed = compile("p.yaml", &policy(pack)).unwrap();
    let id = &packed.device.detectors[0].id;
    let packed = compile("p.yaml", &policy(&format!("{pack}kill_switch: [{id}]\n"))).unwrap();
    assert_eq!(packed.device.detectors[0].mode, Mode::Off);
}

#[test]
fn the_rules_of_the_brake() {
    let check = |listed: &str, expect: &str| {
        let parts = format!(
            "{APPS}brake_rules: {listed}
rules:
  - {{id: x, why: W., then: deny, when: {{fact: findings.category, op: any_eq, value: emulator}}}}
  - {{id: k, why: W., then: deny, when: {{fact: key.level, op: eq, value: software}}}}
"
        );
        assert_eq!(told(&parts), expect, "{listed}");
    };
    check("[x]", "");
    check(
        "[x, k]",
        "p.yaml:8:18: brake_rules[1]: rule `k` asks for `key.level`: the brake never relaxes what the platform, a binding or a single device decides",
    );
    check("[y]", "p.yaml:8:15: brake_rules[0]: unknown rule `y`");
}
