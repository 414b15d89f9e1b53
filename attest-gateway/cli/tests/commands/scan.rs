//! `attest policy scan`: what a machine reads of it, what people see, and how it ends where a file cannot be used.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::support::{Ended, attest, text};

const DUMP: &str = r#"{"id": "an-emulator", "complete": false, "moon": 1, "props": {"ro.kernel.qemu": "1",
    "ro.product.brand": "google", "ro.product.cpu.abilist": "arm64-v8a"}}"#;

const CASES: &str = r#"{"cases": [
    {"name": "in a host", "package": "com.bank.app", "user_id": 0, "own_apk": null, "maps": [],
     "data_dir": "/data/user/0/org.host/virtual/com.bank.app"},
    {"name": "a dual app", "package": "com.bank.app", "user_id": 999, "data_dir": "/data/user/999/com.bank.app",
     "own_apk": "/data/app/~~a==/com.bank.app-b==/base.apk", "maps": ["/system/lib64/libc.so"]},
    {"name": 7}]}"#;

const POLICY: &str = "\
version: 1
environment: development
packs:
  - {use: ./mine.yaml, severity: {mine.shadowed: critical}, off: [mine.off]}
";

const PACK: &str = "\
pack: android/mine
about: What only we look for.
detectors:
  - {id: mine.shadowed, platform: android, category: root, severity: low, mode: shadow, why: Ours., when: {fact: prop(ro.mine), op: eq, value: '1'}}
  - {id: mine.off, platform: android, category: root, severity: low, why: Ours., when: {fact: prop(ro.mine), op: eq, value: '1'}}
tests:
  - {name: there, detector: {id: mine.shadowed, facts: {prop(ro.mine): '1'}, expect: hit}}
  - {name: not there, detector: {id: mine.shadowed, facts: {prop(ro.mine): '0'}, expect: clear}}
  - {name: there, detector: {id: mine.off, facts: {prop(ro.mine): '1'}, expect: hit}}
  - {name: not there, detector: {id: mine.off, facts: {prop(ro.mine): '0'}, expect: clear}}
";

struct Folder(TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn scan(&self, options: &[&str], files: &[&str]) -> Ended {
        let files: Vec<_> = files.iter().map(|name| self.path(name)).collect();
        let mut arguments = vec!["policy", "scan", "--platform", "android"];
        arguments.extend(options);
        arguments.push("--facts");
        arguments.extend(files.iter().map(|path| text(path)));
        attest(&arguments)
    }
}

#[test]
fn a_machine_reads_one_array_with_an_object_per_record() {
    let folder = Folder::new(&[("dump.json", DUMP), ("cases.json", CASES), ("broken.json", "{")]);
    let ended = folder.scan(
        &["--json"],
        &["dump.json", "broken.json", "cases.json", "none.json"],
    );
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let printed = ended.json();
    let records = printed.as_array().unwrap();
    let named: Vec<_> = records
        .iter()
        .map(|record| (record["file"].as_str().unwrap(), record["case"].clone()))
        .collect();
    let (dump, cases) = (folder.path("dump.json"), folder.path("cases.json"));
    assert_eq!(
        named,
        [
            (text(&dump), json!(null)),
            (text(&cases), json!("in a host")),
            (text(&cases), json!("a dual app")),
        ]
    );
    let found = |index: usize, id: &str| {
        let findings = records[index]["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["id"] == id).cloned()
    };
    let expect = json!({"id": "emulator.qemu_properties", "category": "emulator", "severity": "high", "outcome": "hit"});
    assert_eq!(found(0, "emulator.qemu_properties"), Some(expect));
    let unasked =
        json!({"id": "clone.data_dir", "category": "cloner", "severity": "high", "outcome": "inconclusive"});
    assert_eq!(found(0, "clone.data_dir"), Some(unasked));
    assert_eq!(found(1, "clone.data_dir").unwrap()["outcome"], "hit");
    assert_eq!(found(2, "clone.data_dir"), None);
    assert_eq!(found(2, "profile.second_user").unwrap()["severity"], "info");
    for part in [
        "broken.json: error[recording-malformed]: it is not JSON: EOF while parsing an object at line 1 column 1",
        "cases.json: error[recording-member-unfit]: the text.cases[2].name: expected text or null",
        "none.json: error[recording-unreadable]: ",
        "dump.json: note: the text.moon is not known and not read",
    ] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
}

#[test]
fn people_see_what_was_found_and_how_much_was_not_recorded() {
    let folder = Folder::new(&[("dump.json", DUMP), ("policy.yaml", POLICY), ("mine.yaml", PACK)]);
    let policy = folder.path("policy.yaml");
    let mine = r#"{"facts": {"prop(ro.mine)": "1"}}"#;
    fs::write(folder.path("mine.json"), mine).unwrap();
    let ended = folder.scan(&["--policy", text(&policy)], &["mine.json", "dump.json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = ended.text().replace(text(folder.0.path()), "DIR");
    insta::assert_snapshot!(shown, @r"
    DIR/mine.json
      critical  root         hit          mine.shadowed
    DIR/dump.json
      nothing found
      1 detector without a conclusion: what it asks for was not recorded

    2 records, 1 with a high or critical finding
    ");
}

#[test]
fn what_cannot_be_used_ends_with_two() {
    let folder = Folder::new(&[
        ("dump.json", DUMP),
        ("policy.yaml", "version: x"),
        ("list.json", "[]"),
    ]);
    let policy = folder.path("policy.yaml");
    let check = |options: &[&str], files: &[&str], code: i32, told: &str| {
        let ended = folder.scan(options, files);
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.err.contains(told), "{told}: {ended:?}");
    };
    check(
        &["--policy", text(&policy)],
        &["dump.json"],
        2,
        "policy.yaml:1:10: error[",
    );
    check(
        &["--policy", "/nowhere/policy.yaml"],
        &["dump.json"],
        2,
        "/nowhere/policy.yaml: cannot be read",
    );
    check(&[], &[], 2, "--facts");
    check(&["--json"], &["list.json"], 0, "");
    assert_eq!(folder.scan(&["--json"], &["list.json"]).text(), "[]\n");
}
