//! Everything that is wrong is said at once, each at its place, and nothing that only follows from it; and each bad input
//! has words of its own.

use attest_policy::{Level, NoPackFiles, PackFiles, analyse, compile, source_text};

const APP: &str = "\
version: 1
environment: development
origins: ['https://api.example']
apps:
  - {id: app, platform: ios, team: A1B2C3D4E5, bundle: com.example, evidence: [software]}
";

/// Place, path and code of everything that is told, without what is only not tested.
fn told(source: &str) -> Vec<String> {
    let problems = compile("p.yaml", source).map_or_else(|problems| problems, |compiled| compiled.warnings);
    let meant = problems
        .iter()
        .filter(|problem| !problem.code.ends_with("-untested"));
    meant
        .map(|problem| {
            let at = problem.position;
            format!("{}:{} {} {}", at.line, at.column, problem.path, problem.code)
        })
        .collect()
}

#[test]
fn everything_at_once_and_nothing_that_follows() {
    let source = "\
version: one
enviroment: production
origins: ['https://api.example']
colour: red
apps:
  - {id: app, platform: ios, team: A1B2C3D4E5, bundel: com.example, evidence: [software, magic]}
  - {id: other, platform: windows}
detectors:
  - {id: d.a, platform: ios, category: rot, severity: low, wy: W., when: {fact: id.uid, op: gt, value: 0}}
  - {id: d.b, platform: ios, category: root, severity: low, why: W., when: {any: [{fact: id.uid, op: more, value: 0}, {fact: id.uid, op: gt, value: 0.5}, {not: {all: x}}]}}
  - {id: d.c, platform: ios, category: root, severity: low, why: W., when: {not: {not: {not: {fact: 7, op: eq}}}}}
rules:
  - {id: r, when: {fact: findings.hit, op: any_eq, value: d.a}, then: refuse}
  - {id: s, why: W., when: {fact: app.id, op: eq, value: x}, then: {step_up: {kind: sms}}, routes: [pay]}
routes:
  - {id: pay, methods: POST, path: /pay/../x, upstream: 7, require: enforce, apps: [app, nobody]}
limits: {clock_skew_s: 1000, session_lifetime: 5}
tests:
  - {name: t, detector: {id: d.a, facts: {id.uid: {errno: 7}}, expect: hitt}}
  - {name: u, decision: {request: {method: GET, path: /, app: 7}, expect: {decision: deny, rule: nothing}}}
";
    let expect = [
        "1:10 version type",
        "2:1 enviroment unknown-field",
        "4:1 colour unknown-field",
        "6:48 apps[0].bundel unknown-field",
        "6:90 apps[0].evidence[1] unknown-word",
        "7:27 apps[1].platform unknown-word",
        "9:40 detectors[0].category unknown-word",
        "9:60 detectors[0].wy unknown-field",
        "10:102 detectors[1].when.any[0].op operator-unknown",
        "10:149 detectors[1].when.any[1].value type",
        "10:167 detectors[1].when.any[2].not.all type",
        "11:101 detectors[2].when.not.not.not.fact type",
        "13:5 rules[0] missing-field",
        "13:71 rules[0].then unknown-word",
        "14:85 rules[1].then.step_up.kind unknown-word",
        "16:24 routes[0].methods type",
        "16:57 routes[0].upstream type",
        "17:24 limits.clock_skew_s out-of-range",
        "17:30 limits.session_lifetime unknown-field",
        "19:51 tests[0].detector.facts.id.uid field",
        "19:72 tests[0].detector.expect unknown-word",
        "20:63 tests[1].decision.request.app type",
    ];
    assert_eq!(told(source), expect);
    let problems = analyse("p.yaml", source, &NoPackFiles).problems;
    let near = problems
        .iter()
        .find(|problem| problem.path == "enviroment")
        .unwrap();
    assert_eq!(
        near.message,
        "unknown field `enviroment`, did you mean `environment`?"
    );
}

/// Fields that are wrong by themselves are found in what is left, with the places they have in the file.
#[test]
fn what_is_left_keeps_its_place() {
    let source = "\
version: 1
environment: development
detectors:
  - 7
  - {id: d, platform: ios, category: root, severity: low, why: W., when: {all: [7, {fact: id.uidd, op: gt, value: 0}]}}
";
    assert_eq!(
        told(source),
        [
            "4:5 detectors[0] type",
            "5:81 detectors[1].when.all[0] type",
            "5:91 detectors[1].when.all[1].fact fact-unknown"
        ]
    );
}

#[test]
fn problems_are_bounded() {
    let many: String = (0..200).map(|index| format!("unknown{index}: 1\n")).collect();
    let problems = compile("p.yaml", &format!("{APP}{many}")).unwrap_err();
    assert_eq!(problems.len(), 101);
    assert_eq!(
        problems
            .iter()
            .filter(|problem| problem.code == "too-many-problems")
            .count(),
        1
    );
    // The most of what can follow from one mistake: a chain as deep as the format allows, as often as it has room.
    let chain = format!("{}7{}", "{not: ".repeat(8), "}".repeat(8));
    let rule = |index: usize| format!("  - {{id: r{index}, why: W., then: deny, when: {chain}}}\n");
    let rules: String = (0..120).map(rule).collect();
    let problems = compile("p.yaml", &format!("{APP}rules:\n{rules}")).unwrap_err();
    assert_eq!(problems.len(), 101);
    assert!(
        problems
            .iter()
            .all(|problem| problem.code == "type" || problem.code == "too-many-problems")
    );
}

/// A pack that is read for every name.
struct Anything(&'static str);

impl PackFiles for Anything {
    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.to_owned())
    }
}

/// Code, place and words of the first error.
#[expect(clippy::unwrap_used, reason = "what is not refused fails the test")]
fn refused(source: &str, code: &str, place: (u64, u64), words: &str) {
    let told = compile("p.yaml", source).unwrap_err();
    let found = told.iter().find(|problem| problem.level == Level::Error).unwrap();
    assert_eq!(
        (found.code, (found.position.line, found.position.column)),
        (code, place),
        "{found}"
    );
    assert!(found.message.contains(words), "{found}");
}

#[test]
fn what_is_no_document_has_words_of_its_own() {
    let check = refused;
    check("", "source-empty", (1, 1), "the file is empty");
    check(" \n", "source-empty", (1, 1), "the file is empty");
    check("# nothing\n", "source-empty", (1, 1), "nothing but comments");
    check("- a\n", "type", (1, 1), "expected a map");
    check(
        &format!("a: [{}]", "1,".repeat(1_000_000)),
        "source-too-large",
        (1, 1),
        "262144 bytes",
    );
    check(
        &format!("a:\n{}", "  - [1, 2, 3, 4]\n".repeat(999)),
        "source-too-many-nodes",
        (820, 12),
        "4096 values",
    );
    check(
        &format!("a: {}1{}", "[".repeat(40), "]".repeat(40)),
        "source-too-deep",
        (1, 36),
        "deeper than 16",
    );
    check(
        &format!(
            "a: &a [{}]\nb: &b [{}]\nc: [{}]\n",
            "x,".repeat(40),
            "*a,".repeat(40),
            "*b,".repeat(40)
        ),
        "source-too-many-aliases",
        (3, 8),
        "aliases expand",
    );
    check("a: {b: 1", "source-syntax", (1, 4), "unclosed");
    let bytes = |bytes: &[u8], code: &str, place: (u64, u64)| {
        let problem = source_text("p.yaml", bytes).unwrap_err();
        assert_eq!(
            (problem.code, (problem.position.line, problem.position.column)),
            (code, place),
            "{problem}"
        );
    };
    bytes(b"a: b\n\xc3\xa4: \xff", "source-not-utf8", (2, 4));
    bytes(b"", "source-empty", (1, 1));
    bytes(&vec![b'#'; 262_145], "source-too-large", (1, 1));
    let pack = |text: &'static str, code: &str| {
        let source = format!("{APP}packs: [{{use: ./p.yaml}}]\n");
        let told = analyse("p.yaml", &source, &Anything(text)).problems;
        assert_eq!(told.first().map(|problem| problem.code), Some(code), "{told:?}");
    };
    pack("", "source-empty");
    pack("- a\n", "type");
    pack("pack: ios/x\n", "missing-field");
}

#[test]
fn what_is_no_policy_has_words_of_its_own() {
    let check = refused;
    let with = |more: &str| format!("{APP}{more}");
    let rule = |when: &str, rest: &str| {
        with(&format!(
            "rules:\n  - {{id: r, why: W., when: {when}, then: deny{rest}}}\n"
        ))
    };
    check(
        &with("limits: {clock_skew_s: many}\n"),
        "type",
        (6, 24),
        "a whole number",
    );
    check(
        &with("limitz: {}\n"),
        "unknown-field",
        (6, 1),
        "did you mean `limits`?",
    );
    check(
        &rule("{fact: app.idd, op: eq, value: x}", ""),
        "fact-unknown",
        (7, 35),
        "did you mean `app.id`?",
    );
    check(
        &rule("{fact: app.id, op: equals, value: x}", ""),
        "operator-unknown",
        (7, 47),
        "unknown operator `equals`",
    );
    check(
        &rule("{fact: app.id, op: matches, value: '((a{200}){200}){200}'}", ""),
        "regex",
        (7, 63),
        "size limit",
    );
    check(
        &rule("{fact: app.id, op: eq, value: x}", "er"),
        "unknown-word",
        (7, 68),
        "`allow`, `deny`, `step_up`",
    );
    let failing =
        "  - {name: t, decision: {request: {method: GET, path: /, app: app}, expect: {decision: allow}}}\n";
    check(
        &with(&format!("tests:\n{failing}")),
        "test-failed",
        (7, 69),
        "no route matches",
    );
}
