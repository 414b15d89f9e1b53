//! `attest policy`: what each command prints and how it exits; docs/policy-commands.md shows nothing else.
#![cfg(test)]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Ended, command};

/// A policy with every section but packs, so that what is printed does not change with them.
const EXAMPLE: &str = include_str!("../../../../policy/tests/policies/without-packs.yaml");

/// A folder with the example as `policy.yaml`, and what others are made of it.
struct Desk(tempfile::TempDir);

/// What a review meets: enforce a rule, finish a roll-out, open a route, shorten sessions, look for something new.
const NEW: &[(&str, &str)] = &[
    ("version: 7 ", "version: 8 "),
    ("mode: shadow      # change", "mode: enforce     # change"),
    ("    rollout_percent: 25\n", ""),
    ("require: observe  ", "require: enforce  "),
    ("session_lifetime_s: 900", "session_lifetime_s: 600"),
    ("min_version: '2.4.0'  ", "min_version: '2.5.0'  "),
    ("nox, ttVM_x86]", "nox, andy]"),
    (
        "{decision: allow, shadow: [cloner-on-payments]}",
        "{decision: deny, rule: cloner-on-payments}",
    ),
];

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("policy.yaml", EXAMPLE);
        desk.edited("new.yaml", NEW);
        desk.edited(
            "broken.yaml",
            &[
                ("path.exists(/sbin/su)@syscall", "path.exists(/sbin/su)@sycall"),
                ("category: debugger", "category: debuger"),
                ("op: any_prefix,", "op: any_prefx,"),
            ],
        );
        desk.edited(
            "broken-test.yaml",
            &[("mode: shadow      # change", "mode: enforce     # change")],
        );
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The example with these replacements.
    fn edited(&self, name: &str, edits: &[(&str, &str)]) {
        let mut source = EXAMPLE.to_owned();
        for (from, to) in edits {
            assert!(source.contains(from), "{from}");
            source = source.replacen(from, to, 1);
        }
        self.write(name, source);
    }

    /// `attest policy`, in the folder.
    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_reading(arguments, b"")
    }

    fn run_reading(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut child = command()
            .arg("policy")
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that refuses early does not read to the end.
        let _unread = stdin.write_all(input).is_err();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Ended {
            code: output.status.code(),
            out: output.stdout,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs, and compares exit and both streams.
    fn check(&self, arguments: &[&str], code: i32, out: &str, err: &str) {
        let ended = self.run(arguments);
        assert_eq!(
            (ended.code, ended.text(), ended.err.as_str()),
            (Some(code), out, err),
            "{arguments:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn the_document_shows_what_the_commands_print() {
    let desk = Desk::new();
    let shown = crate::document::Stage::plain(desk.0.path()).play("policy-commands.md");
    assert!(shown > 10, "{shown}");
}

#[test]
fn lint_tells_every_problem_of_every_file() {
    let desk = Desk::new();
    desk.check(
        &["lint", "policy.yaml", "new.yaml"],
        0,
        "2 policy files: 0 errors, 0 warnings\n",
        "",
    );
    let ended = desk.run(&["lint", "--json", "policy.yaml", "broken.yaml"]);
    assert_eq!(ended.code, Some(1));
    let problems = ended.json();
    let codes: Vec<_> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    assert!(
        codes.len() >= 3 && codes.contains(&"fact-view-unfit"),
        "{codes:?}"
    );
    for problem in problems.as_array().unwrap() {
        assert_eq!(problem["file"], "broken.yaml");
        assert!(problem["line"].as_u64().unwrap() > 1 && problem["column"].as_u64().unwrap() > 1);
        assert_eq!(problem["level"], "error");
        let (path, message) = (&problem["path"], &problem["message"]);
        assert!(path.is_string() && message.is_string(), "{problem}");
        let lines = desk.run(&["lint", "broken.yaml"]);
        let line = format!(
            "broken.yaml:{}:{}: error[{}]: {}: {}\n",
            problem["line"],
            problem["column"],
            problem["code"].as_str().unwrap(),
            path.as_str().unwrap(),
            message.as_str().unwrap()
        );
        assert!(lines.text().contains(&line), "{line}{lines:?}");
    }
    // A warning keeps nothing from being used, unless it is to.
    desk.edited("warned.yaml", &[("lists:\n", "lists:\n  nobody: [a]\n")]);
    let told = "warned.yaml:302:3: warning[list-unused]: lists.nobody: no clause names list `nobody`\n\
                1 policy file: 0 errors, 1 warning\n";
    desk.check(&["lint", "warned.yaml"], 0, told, "");
    desk.check(&["lint", "--deny-warnings", "warned.yaml"], 1, told, "");
    let ended = desk.run_reading(
        &["lint", "-"],
        fs::read(desk.path("broken.yaml")).unwrap().as_slice(),
    );
    assert_eq!(ended.code, Some(1));
    assert!(ended.text().starts_with("<stdin>:"), "{ended:?}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_looked_at() {
    let desk = Desk::new();
    desk.write("large.yaml", vec![b' '; 300_000]);
    desk.write("empty.yaml", "");
    desk.write("latin.yaml", b"version: 1 # gr\xfc\xdfe\n");
    for (file, reason) in [
        ("nothing.yaml", "No such file"),
        (".", "directory"),
        ("large.yaml", "larger than 262144 bytes"),
        ("empty.yaml", "empty"),
        ("latin.yaml", "not UTF-8"),
    ] {
        for command in [
            &["lint", file, "policy.yaml"][..],
            &["test", file, "policy.yaml"],
            &["build", file, "-o", "built"],
            &["explain", file, "--detector", "a"],
            &[
                "explain",
                "policy.yaml",
                "--detector",
                "debug.tracer",
                "--facts",
                file,
            ],
        ] {
            let ended = desk.run(command);
            assert_eq!(ended.code, Some(2), "{command:?} {ended:?}");
            assert!(
                ended.err.starts_with(&format!("{file}: cannot be read: ")),
                "{ended:?}"
            );
            assert!(ended.err.contains(reason), "{ended:?}");
        }
    }
    assert!(
        desk.run(&["test", "nothing.yaml", "policy.yaml"])
            .text()
            .contains(" passed, 0 failed")
    );
    for (old, new) in [
        ("nothing.yaml", "policy.yaml"),
        ("policy.yaml", "nothing.yaml"),
        (".", "policy.yaml"),
    ] {
        let ended = desk.run(&["diff", old, new]);
        assert_eq!((ended.code, ended.text()), (Some(2), ""), "{ended:?}");
    }
    for arguments in [
        &["lint"][..],
        &["diff", "policy.yaml"],
        &["build", "policy.yaml"],
        &["explain", "policy.yaml"],
    ] {
        assert_eq!(desk.run(arguments).code, Some(2));
    }
    assert!(!desk.path("built").exists());
}

#[test]
fn tests_have_an_outcome_each() {
    let desk = Desk::new();
    let ended = desk.run(&["test", "policy.yaml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.text().lines().collect();
    let passed = lines.iter().filter(|line| line.starts_with("  ok    ")).count();
    assert_eq!(
        lines.last().unwrap(),
        &format!("{passed} tests: {passed} passed, 0 failed")
    );
    assert!(passed > 30 && lines.len() == passed + 2, "{ended:?}");

    let ended = desk.run(&["test", "broken-test.yaml", "--json"]);
    assert_eq!(ended.code, Some(1));
    let told = ended.json();
    let failed: Vec<&Value> = told["tests"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["passed"] == false)
        .collect();
    assert_eq!(failed.len(), 1, "{told}");
    assert_eq!(
        failed[0]["subject"],
        json!({ "method": "POST", "path": "/v1/payments" })
    );
    assert_eq!(told["tests"].as_array().unwrap().len(), passed);

    // Detectors without tests are warned about; a policy that is not whole is told, not tested.
    desk.edited(
        "untested.yaml",
        &[("  - name: a tracer\n    detector: {id: debug.tracer, facts: {proc.tracer_pid@syscall: 4242}, expect: hit}\n", ""),
          ("  - name: no tracer\n    detector: {id: debug.tracer, facts: {proc.tracer_pid@syscall: 0}, expect: clear}\n", "")],
    );
    let ended = desk.run(&["test", "untested.yaml"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.text().contains("warning[detector-untested]: "), "{ended:?}");
    let ended = desk.run(&["test", "broken.yaml"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.text(), "0 tests: 0 passed, 0 failed\n");
    assert!(ended.err.contains("error["), "{ended:?}");
    desk.check(
        &["test", "policy.yaml", "--only", "no such test"],
        2,
        "",
        "argument: no test has `no such test` in its name\n",
    );
}

#[test]
fn packs_are_read_beside_the_policy_and_alone() {
    let desk = Desk::new();
    let pack = "pack: android/mine\nabout: Mine.\ndetectors:\n  - id: mine.x\n    platform: android\n    category: app\n    \
                severity: info\n    why: x\n    when: {fact: id.user_id, op: gt, value: 5}\ntests:\n  - name: hits\n    \
                detector: {id: mine.x, facts: {id.user_id: 9}, expect: hit}\n  - name: clear\n    \
                detector: {id: mine.x, facts: {id.user_id: 0}, expect: clear}\n";
    desk.write("mine.yaml", pack);
    desk.edited(
        "taking.yaml",
        &[("version: 7 ", "packs: [{use: ./mine.yaml}]\nversion: 7 ")],
    );
    assert_eq!(desk.run(&["lint", "taking.yaml", "mine.yaml"]).code, Some(0));
    let ended = desk.run(&["test", "taking.yaml", "--only", "hits"]);
    assert!(
        ended.text().starts_with("mine.yaml\n  ok    mine.x  hits\n"),
        "{ended:?}"
    );
    let ended = desk.run(&["diff", "policy.yaml", "taking.yaml", "--json"]).json();
    let texts: Vec<&str> = ended["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "pack ./mine.yaml is used now (8 → 9 detectors in all)",
            "detector mine.x is new, enforce: android app, info; no rule asks for it",
        ]
    );
    desk.write("mine.yaml", pack.replace("gt, value: 5", "gt, value: five"));
    for arguments in [["lint", "taking.yaml"], ["lint", "mine.yaml"]] {
        let ended = desk.run(&arguments);
        assert_eq!(ended.code, Some(1));
        assert!(ended.text().starts_with("mine.yaml:9:"), "{ended:?}");
    }
    let ended = desk.run(&["build", "mine.yaml", "-o", "built"]);
    assert_eq!(
        (ended.code, desk.path("built").exists()),
        (Some(2), false),
        "{ended:?}"
    );
}

#[test]
fn builds_are_whole_equal_and_compared() {
    let desk = Desk::new();
    let first = desk.run(&["build", "policy.yaml", "-o", "a/b"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    // Equal for a source that says the same, wherever it is.
    desk.edited(
        "same.yaml",
        &[
            ("# What changes are tried on: a bank's policy that takes no packs, so that compiling it is quick.", "# Another comment"),
            ("value: [hook, debugger,", "value: [ hook,  debugger,"),
        ],
    );
    let second = desk.run_reading(
        &["build", "-", "-o", "c"],
        &fs::read(desk.path("same.yaml")).unwrap(),
    );
    assert_eq!(first.text(), second.text());
    for name in ["device.json", "gateway.json"] {
        assert_eq!(
            fs::read(desk.path("a/b").join(name)).unwrap(),
            fs::read(desk.path("c").join(name)).unwrap()
        );
    }
    let names = |folder: &str| fs::read_dir(desk.path(folder)).unwrap().count();
    assert_eq!([names("a/b"), names("c")], [2, 2]);
    let built = attest_policy::compile("policy.yaml", EXAMPLE).unwrap();
    assert_eq!(
        fs::read_to_string(desk.path("c/device.json")).unwrap(),
        built.device_json().unwrap()
    );
    assert_eq!(
        fs::read_to_string(desk.path("c/gateway.json")).unwrap(),
        built.gateway_json().unwrap()
    );

    let states = |arguments: &[&str]| {
        let ended = desk.run(&[arguments, &["--check", "--json"]].concat());
        let files = ended.json();
        let states: Vec<String> = files
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["state"].as_str().unwrap().to_owned())
            .collect();
        (ended.code.unwrap(), states.join(", "))
    };
    let build = ["build", "policy.yaml", "-o", "c"];
    assert_eq!(states(&build), (0, "equal, equal".to_owned()));
    fs::write(desk.path("c/device.json"), "{}").unwrap();
    fs::remove_file(desk.path("c/gateway.json")).unwrap();
    assert_eq!(states(&build), (1, "differs, not there".to_owned()));
    assert_eq!(fs::read(desk.path("c/device.json")).unwrap(), b"{}");

    // With an error nothing is written, and what is there stays.
    let ended = desk.run(&["build", "broken-test.yaml", "-o", "c"]);
    assert_eq!((ended.code, ended.text()), (Some(1), ""));
    assert!(
        ended.err.contains("error[test-failed]")
            && ended.err.ends_with("broken-test.yaml: not built: 2 problems\n"),
        "{ended:?}"
    );
    assert_eq!(fs::read(desk.path("c/device.json")).unwrap(), b"{}");
    desk.write("file", "x");
    let ended = desk.run(&["build", "policy.yaml", "-o", "file"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    // A place that cannot be taken leaves nothing behind.
    fs::create_dir_all(desk.path("d/gateway.json")).unwrap();
    assert_eq!(desk.run(&["build", "policy.yaml", "-o", "d"]).code, Some(2));
    let left: Vec<_> = fs::read_dir(desk.path("d"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| !name.to_string_lossy().starts_with('.')),
        "{left:?}"
    );
}

#[test]
fn differences_in_words_and_json() {
    let desk = Desk::new();
    desk.run(&["build", "policy.yaml", "-o", "built"]);
    let told = |arguments: &[&str]| {
        let ended = desk.run(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.text().to_owned()
    };
    let (sources, built) = (
        told(&["diff", "policy.yaml", "new.yaml"]),
        told(&["diff", "built", "new.yaml"]),
    );
    assert_eq!(sources.replace("policy.yaml (", "built ("), built);
    assert_eq!(
        told(&["diff", "policy.yaml", "built"]),
        "policy.yaml (version 7) → built (version 7)\n\nno difference in effect\n"
    );
    let json = desk.run(&["diff", "policy.yaml", "new.yaml", "--json"]).json();
    assert_eq!(
        [&json["from"], &json["to"], &json["effect"]],
        [&json!(7), &json!(8), &json!(true)]
    );
    let changes = json["changes"].as_array().unwrap();
    assert_eq!(
        changes.len(),
        sources.lines().filter(|line| line.starts_with("  ")).count()
    );
    let limit = changes
        .iter()
        .find(|change| change["path"] == "limits.session_lifetime_s")
        .unwrap();
    assert_eq!(
        [&limit["group"], &limit["before"], &limit["after"]],
        [&json!("bounds"), &json!(900), &json!(600)]
    );
    // Failing tests are told, and do not hide what a change does; other errors do.
    let ended = desk.run(&["diff", "policy.yaml", "broken-test.yaml"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.text().contains("now denies cloner") && ended.err.contains("error[test-failed]"),
        "{ended:?}"
    );
    assert!(ended.text().ends_with(
        "warning: the version is not raised (7 → 7): gateways and phones that have version 7 will refuse this; make it 8\n"
    ));
    let ended = desk.run(&["diff", "policy.yaml", "broken.yaml"]);
    assert_eq!((ended.code, ended.text()), (Some(1), ""));
    desk.write("built/device.json", "{}");
    assert_eq!(desk.run(&["diff", "built", "policy.yaml"]).code, Some(2));
}

#[test]
fn explanations_fit_the_page() {
    let desk = Desk::new();
    desk.write(
        "facts.yaml",
        "findings.hit: [clone.data_dir]\ndevice.age_s: 864000\n",
    );
    let pay = [
        "explain",
        "policy.yaml",
        "--request",
        "post /v1/payments/x?a=b",
        "--app",
        "bank-android",
    ];
    let with = |more: &[&str]| desk.run(&[&pay, more].concat());
    let stated = ["--facts", "facts.yaml", "--fact", "device.age_s=60"];
    let ended = with(&[&stated[..], &["--step-up", "bank-otp", "--json"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let json = ended.json();
    assert_eq!(
        [&json["decision"], &json["rule"]],
        [&json!("allow"), &Value::Null]
    );
    let effect = |id: &str| {
        json["rules"]
            .as_array()
            .unwrap()
            .iter()
            .find(|rule| rule["id"] == id)
            .unwrap()["effect"]
            .clone()
    };
    assert_eq!(effect("new-device-payment"), "completed");
    assert_eq!(effect("cloner-on-payments"), "would-decide");

    let long = format!("findings.hit=[{}]", vec!["clone.data_dir"; 80].join(", "));
    for ended in [
        with(&stated),
        with(&["--token", "session"]),
        with(&["--token", "proof", "--fact", &long]),
        desk.run(&[
            "explain",
            "policy.yaml",
            "--detector",
            "clone.maps.foreign_private_code",
            "--fact",
            "maps.path=[/data/data/com.host/lib/libva.so]",
        ]),
        desk.run(&[
            "explain",
            "broken-test.yaml",
            "--request",
            "GET /x",
            "--app",
            "bank-ios",
        ]),
    ] {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        for line in ended.text().lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn what_cannot_be_explained_is_told() {
    let desk = Desk::new();
    for (arguments, told) in [
        (
            &["--app", "bank-io"][..],
            "unknown-reference: the policy has no app `bank-io` (did you mean `bank-ios`?)\n",
        ),
        (&[], "argument: --app: which of bank-android, bank-ios?\n"),
        (
            &["--app", "bank-ios", "--fact", "device.age_s"],
            "argument: --fact device.age_s: expected NAME=VALUE\n",
        ),
        (
            &["--app", "bank-ios", "--fact", "device.agge_s=1"],
            "--fact device.agge_s: fact-unknown: unknown fact `device.agge_s` (did you mean `device.age_s`?)\n",
        ),
    ] {
        desk.check(
            &[&["explain", "policy.yaml", "--request", "GET /health"], arguments].concat(),
            2,
            "",
            told,
        );
    }
    let ended = desk.run(&[
        "explain",
        "broken.yaml",
        "--request",
        "GET /health",
        "--app",
        "bank-ios",
    ]);
    assert_eq!((ended.code, ended.text()), (Some(1), ""));
    let request = "argument: --request: expected a method and a path, such as 'POST /v1/payments'\n";
    desk.check(
        &["explain", "policy.yaml", "--request", "/health"],
        2,
        "",
        request,
    );
}

#[test]
fn schemas_and_beginnings() {
    let desk = Desk::new();
    for (arguments, title) in [
        (&["schema"][..], "PolicySource"),
        (&["schema", "--pack"], "PackSource"),
    ] {
        assert_eq!(desk.run(arguments).json()["title"], title);
    }
    // What is printed is pasted where it says so.
    for arguments in [
        &["new", "detector", "--category", "jailbreak"][..],
        &["new", "rule", "--category", "root", "--id", "no-root"],
        &["new", "route"],
    ] {
        let ended = desk.run(arguments);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let mut source = EXAMPLE.to_owned();
        for piece in ended.text().split("\n\n") {
            let (_, rest) = piece.split_once("# Paste it under `").unwrap();
            let (section, items) = rest.split_once(":`.\n").unwrap();
            source = source.replacen(&format!("\n{section}:\n"), &format!("\n{section}:\n{items}\n"), 1);
        }
        desk.write("pasted.yaml", source);
        desk.check(
            &["lint", "--deny-warnings", "pasted.yaml"],
            0,
            "1 policy file: 0 errors, 0 warnings\n",
            "",
        );
    }
    desk.check(
        &["new", "route", "--category", "root"],
        2,
        "",
        "argument: --category means nothing for a route\n",
    );
    desk.check(
        &["new", "rule", "--platform", "ios"],
        2,
        "",
        "argument: --platform is for detectors only\n",
    );
    let ended = desk.run(&[
        "new",
        "detector",
        "--platform",
        "android",
        "--category",
        "jailbreak",
    ]);
    assert_eq!((ended.code, ended.text()), (Some(2), ""), "{ended:?}");
    assert!(
        ended
            .err
            .starts_with("category-platform: nothing on android finds a jailbreak: "),
        "{ended:?}"
    );
}

/// Each command's help shows an example and says how it exits.
#[test]
fn help_shows_an_example_and_the_exits() {
    let desk = Desk::new();
    for name in ["lint", "test", "build", "diff", "explain", "new", "schema"] {
        let ended = desk.run(&[name, "--help"]);
        assert_eq!(ended.code, Some(0));
        for part in ["Example", &format!("attest policy {name}"), "Exit codes: 0 "] {
            assert!(ended.text().contains(part), "{name}: {part}");
        }
    }
}
