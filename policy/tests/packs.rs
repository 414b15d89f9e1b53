//! Packs: those that ship, how a policy takes them, and what it is told when it cannot.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::policy::{DevicePolicy, MAX_DETECTORS, MAX_POLICY_BYTES, Mode, Severity};
use attest_policy::{Analysis, Level, PackFiles, TestSubject, analyse, packs::SHIPPED};

/// A policy that takes packs.
const BASE: &str = "\
version: 1
environment: development
packs:
  - use: android/cloner
origins: ['https://api.example']
apps:
  - {id: a, platform: android, package: com.example, signers: ['SIGNER'], evidence: [software]}
  - {id: i, platform: ios, team: A1B2C3D4E5, bundle: com.example, evidence: [software]}
routes:
  - {id: all, methods: [GET], path: /**, upstream: u, require: enforce, apps: [a, i]}
";

const MINE: &str = "\
pack: android/mine
about: What only we look for.
detectors:
  - id: mine.path
    platform: android
    category: root
    severity: low
    why: Ours.
    when: {fact: path.type(/ours)@syscall, op: in_list, value: mine-types}
lists:
  mine-types: [file, link]
tests:
  - {name: there, detector: {id: mine.path, facts: {path.type(/ours)@syscall: link}, expect: hit}}
  - {name: not there, detector: {id: mine.path, facts: {path.type(/ours)@syscall: dir}, expect: clear}}
";

/// Files beside a policy.
#[derive(Default)]
struct Files(BTreeMap<&'static str, String>);

impl PackFiles for Files {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path)
            .cloned()
            .ok_or_else(|| format!("{path}: no such file"))
    }
}

fn with(files: &[(&'static str, &str)]) -> Files {
    Files(
        files
            .iter()
            .map(|(path, text)| (*path, (*text).to_owned()))
            .collect(),
    )
}

fn look(uses: &str, files: &Files) -> Analysis {
    let source = BASE
        .replace("  - use: android/cloner\n", uses)
        .replace("SIGNER", &"0".repeat(64));
    analyse("conf/policy.yaml", &source, files)
}

/// What a policy with these packs is told, one problem per line.
fn check(uses: &str, files: &[(&'static str, &str)], expect: &str) {
    let told: Vec<_> = look(uses, &with(files))
        .problems
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.join("\n"), expect, "{uses}");
}

#[test]
fn what_ships_compiles_alone_and_all_together() {
    let all: String = SHIPPED
        .iter()
        .map(|(name, _)| format!("  - {{use: {name}}}\n"))
        .collect();
    let together = look(&all, &Files::default());
    assert_eq!(together.problems, []);
    let compiled = together.compiled.unwrap();
    let json = compiled.device_json().unwrap();
    assert!(compiled.device.detectors.len() <= MAX_DETECTORS);
    assert!(json.len() <= MAX_POLICY_BYTES, "{} bytes", json.len());
    assert_eq!(DevicePolicy::from_json(json.as_bytes()).unwrap(), compiled.device);
    assert!(!json.contains("false_positives") && !json.contains("evasion"));
    let mut detectors = 0;
    for (name, _) in SHIPPED {
        let alone = look(&format!("  - {{use: {name}}}\n"), &Files::default());
        assert_eq!(alone.problems, [], "{name}");
        detectors += alone.compiled.unwrap().device.detectors.len();
    }
    assert_eq!(detectors, compiled.device.detectors.len());
}

/// Every detector that ships says whom it may hit and how it is evaded, and its tests show both.
#[test]
fn what_ships_says_what_it_does() {
    for (name, _) in SHIPPED {
        let analysis = look(&format!("  - {{use: {name}}}\n"), &Files::default());
        let source = analysis.source.unwrap();
        let mut shown = BTreeSet::new();
        for test in source.tests.iter().filter_map(|test| test.detector.as_ref()) {
            shown.insert((test.id.as_str(), format!("{:?}", test.expect)));
        }
        assert!(!source.detectors.is_empty(), "{name}");
        for detector in &source.detectors {
            let id = detector.id.as_str();
            let said = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.trim().is_empty());
            assert!(
                said(&detector.false_positives),
                "{name}: {id} has no `false_positives`"
            );
            assert!(said(&detector.evasion), "{name}: {id} has no `evasion`");
            for expected in ["Hit", "Clear"] {
                assert!(
                    shown.contains(&(id, expected.to_owned())),
                    "{name}: {id} has no {expected} test"
                );
            }
            let (platform, _) = name.split_once('/').unwrap();
            assert_eq!(detector.platform.as_str(), platform, "{name}: {id}");
        }
        assert!(analysis.tests.iter().all(|test| test.passed), "{name}");
    }
}

#[test]
fn a_policy_sets_mode_and_severity_of_what_it_takes() {
    let both = format!(
        "  - {{use: ./mine.yaml, mode: shadow, severity: {{mine.path: critical}}}}\n{}",
        "  - {use: android/root, off: [root.su_path]}\n"
    );
    let analysis = look(&both, &with(&[("./mine.yaml", MINE)]));
    assert!(
        analysis
            .problems
            .iter()
            .all(|problem| problem.level == Level::Warning),
        "{:?}",
        analysis.problems
    );
    let gateway = &analysis.compiled.as_ref().unwrap().gateway;
    let mine = gateway.detectors["mine.path"];
    assert_eq!((mine.mode, mine.severity), (Mode::Shadow, Severity::Critical));
    assert_eq!(gateway.detectors["root.su_path"].mode, Mode::Off);
    // Its lists go where its detectors go; its tests run, also those of what is off.
    let device = &analysis.compiled.as_ref().unwrap().device;
    assert_eq!(device.lists.get("mine-types").unwrap(), &["file", "link"]);
    let mine: Vec<_> = analysis
        .tests
        .iter()
        .filter(|test| test.file == "conf/mine.yaml")
        .collect();
    assert_eq!(mine.len(), 2);
    assert_eq!((mine[0].name.as_str(), mine[0].position.line), ("there", 13));
    assert_eq!(mine[0].subject, TestSubject::Detector("mine.path".to_owned()));
    assert_eq!(
        mine[0].because,
        "hit (the condition found path.type(/ours)@syscall = link)"
    );
    assert!(
        analysis
            .tests
            .iter()
            .any(|test| test.file == "packs/android/root.yaml" && test.passed)
    );
}

#[test]
#[rustfmt::skip]
fn packs_that_cannot_be_taken() {
    let mine = "  - use: ./mine.yaml\n";
    check("  - use: android/clone\n", &[], "conf/policy.yaml:4:10: packs[0].use: no pack `android/clone` ships with this release (did you mean `android/cloner`?); a file beside the policy is `./android/clone`");
    check("  - use: mine.yaml\n", &[], "conf/policy.yaml:4:10: packs[0].use: no pack `mine.yaml` ships with this release; a file beside the policy is `./mine.yaml`");
    check(mine, &[], "conf/policy.yaml:4:10: packs[0].use: ./mine.yaml: no such file");
    for path in ["./../mine.yaml", "./a/../mine.yaml", "./", ".//etc/passwd", "./a//b", "./.hidden", "./a\\b"] {
        check(&format!("  - use: {path}\n"), &[], "conf/policy.yaml:4:10: packs[0].use: a pack's path stays in the policy's folder: `./mine.yaml` or `./folder/mine.yaml`");
    }
    check("  - use: android/cloner\n  - use: android/cloner\n", &[], "conf/policy.yaml:5:10: packs[1].use: `android/cloner` is taken at packs[0] already");
    check("  - use: ./mine.yaml\n  - use: ./again.yaml\n", &[("./mine.yaml", MINE), ("./again.yaml", MINE)], "conf/policy.yaml:5:10: packs[1].use: `android/mine` is taken at packs[0] already");
    check("  - {use: android/cloner, off: [clone.datadir], severity: {clone.y: low}}\n", &[], "conf/policy.yaml:4:33: packs[0].off[0]: pack `android/cloner` has no detector `clone.datadir` (did you mean `clone.data_dir`?)\nconf/policy.yaml:4:69: packs[0].severity.clone.y: pack `android/cloner` has no detector `clone.y`");
    check("  - {use: android/cloner, mode: silent}\n", &[], "conf/policy.yaml:4:33: packs[0].mode: unknown word `silent`, expected one of `off`, `shadow`, `enforce`");
    check(mine, &[("./mine.yaml", &MINE.replace("pack: android/mine", "pack: mine"))], "conf/mine.yaml:1:7: pack: `mine` is not `android/NAME` or `ios/NAME`");
    check(mine, &[("./mine.yaml", &MINE.replace("pack: android/mine", "pack: ios/mine"))], "conf/mine.yaml:5:15: detectors[0].platform: a pack named `ios/mine` is for ios only");
    check(mine, &[("./mine.yaml", &MINE.replace("in_list", "in_lists"))], "conf/mine.yaml:9:48: detectors[0].when.op: unknown operator `in_lists`");
    check(mine, &[("./mine.yaml", &MINE.replace("value: mine-types", "value: other"))], "conf/mine.yaml:9:64: detectors[0].when.value: unknown list `other`\nconf/mine.yaml:11:3: warning: lists.mine-types: no clause names list `mine-types`");
    check(mine, &[("./mine.yaml", &MINE.replace("expect: clear", "expect: hit"))], "conf/mine.yaml:4:9: warning: detectors[0].id: detector `mine.path` has no test that expects `clear`: it may hit everybody\nconf/mine.yaml:14:97: tests[1].detector.expect: expected hit, got clear (the condition found path.type(/ours)@syscall = dir)");
    check(mine, &[("./mine.yaml", &MINE.replace("{name: there, detector: {id: mine.path", "{name: there, detector: {id: clone.data_dir"))], "conf/mine.yaml:4:9: warning: detectors[0].id: detector `mine.path` has no test that expects `hit`: it may never find anything\nconf/mine.yaml:13:34: tests[0].detector.id: pack `android/mine` has no detector `clone.data_dir`");
    check(mine, &[("./mine.yaml", &MINE.replace("about:", "abuot:"))], "conf/mine.yaml:2:1: abuot: unknown field `abuot`, did you mean `about`?");
    check(mine, &[("./mine.yaml", "pack: [")], "conf/mine.yaml:1:7: unclosed bracket '['");
    check("  - use: ./mine.yaml\n  - use: ./other.yaml\n", &[("./mine.yaml", MINE), ("./other.yaml", &MINE.replace("android/mine", "android/other"))],
        "conf/policy.yaml:5:10: packs[1].use: detector `mine.path` is defined by packs[0] already; they cannot be taken together\nconf/policy.yaml:5:10: packs[1].use: list `mine-types` is defined by packs[0] already; they cannot be taken together");
    let own = "  - use: ./mine.yaml\nlists: {mine-types: [x]}\n";
    check(own, &[("./mine.yaml", MINE)], "conf/policy.yaml:4:10: packs[0].use: list `mine-types` is defined by the policy itself already; they cannot be taken together");
    let twice = MINE.replace("lists:\n", "  - {id: mine.path, platform: android, category: root, severity: low, why: W., when: {fact: proc.tracer_pid, op: gt, value: 0}}\nlists:\n");
    check(mine, &[("./mine.yaml", &twice)], "conf/mine.yaml:10:10: detectors[1].id: `mine.path` is already used at detectors[0]");
}

#[test]
fn packs_have_a_budget_together() {
    let large = format!("{MINE}#{}\n", "x".repeat(200 * 1024));
    let names = [
        "./a.yaml", "./b.yaml", "./c.yaml", "./d.yaml", "./e.yaml", "./f.yaml",
    ];
    let numbered = |text: &str, index: usize| {
        let text = text.replace("android/mine", &format!("android/mine{index}"));
        text.replace("mine.path", &format!("mine.path{index}"))
            .replace("mine-types", &format!("types{index}"))
    };
    let files = Files(
        names
            .iter()
            .enumerate()
            .map(|(index, name)| (*name, numbered(&large, index)))
            .collect(),
    );
    let uses: String = names.iter().map(|name| format!("  - use: {name}\n")).collect();
    let told = look(&uses, &files).problems;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].code, told[0].path.as_str()),
        ("packs-too-large", "packs[5].use")
    );
    let many = "  - use: android/cloner\n".repeat(33);
    let told = look(&many, &Files::default()).problems;
    assert_eq!((told[0].code, told.len()), ("packs-too-many", 32));
}
