//! A folder in which several people work on one policy, each with keys of their own, by the real binary.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::*;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// A folder in which several people work.
pub(crate) struct Office(tempfile::TempDir);

impl Office {
    pub(crate) fn new() -> Self {
        let office = Self(tempfile::tempdir().unwrap());
        office.write("passphrase", PASSPHRASE);
        office
    }

    /// One that has published policy 1, all of it by one person.
    pub(crate) fn published() -> Self {
        let office = Self::new();
        office.good(&["init", "policy", "--keys", "keys"]);
        office.sign(1, "enforce", &[]);
        office.good(&["publish", "policy", "--keys", "keys"]);
        office
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = command();
        command
            .arg("policy")
            .args(words)
            .current_dir(self.0.path())
            .env("ATTEST_PASSPHRASE_FILE", "passphrase");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        ended(self.command(words))
    }

    pub(crate) fn good(&self, words: &[&str]) -> Ended {
        let ended = self.run(words);
        assert!(
            ended.code == Some(0) && !ended.err.contains("error"),
            "{words:?} {ended:?}"
        );
        ended
    }

    /// Refused with these words, and nothing of what was published changed.
    pub(crate) fn refused(&self, words: &[&str], parts: &[&str]) {
        let before = self.published_files();
        let ended = self.run(words);
        assert!(matches!(ended.code, Some(1 | 2)), "{words:?} {ended:?}");
        for part in parts {
            assert!(ended.err.contains(part), "{part} is not in\n{}", ended.err);
        }
        assert_eq!(self.published_files(), before, "{words:?}");
    }

    pub(crate) fn published_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let folders = ["metadata", "targets"].map(|folder| self.path("policy/repository").join(folder));
        let entries = folders
            .iter()
            .filter_map(|folder| fs::read_dir(folder).ok())
            .flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
            .into_iter()
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect()
    }

    pub(crate) fn sign(&self, version: u64, mode: &str, words: &[&str]) -> Ended {
        self.write("policy.yaml", &policy(version, mode));
        self.good(&[&["sign", "policy", "policy.yaml", "--keys", "keys"], words].concat())
    }

    /// What a client that has the first root says, as JSON.
    pub(crate) fn verified(&self) -> serde_json::Value {
        self.run(&["verify", "policy", "--root", "policy/root.json", "--json"])
            .json()
    }

    pub(crate) fn codes(&self, words: &[&str]) -> Vec<String> {
        let verified = self.run(
            &[
                &["verify", "policy", "--root", "policy/root.json", "--json"],
                words,
            ]
            .concat(),
        );
        let problems = verified.json()["problems"].as_array().unwrap().clone();
        assert_eq!(verified.code, Some(i32::from(!problems.is_empty())));
        let text = |problem: &serde_json::Value, name: &str| problem[name].as_str().unwrap().to_owned();
        let line = |problem| format!("{} {}", text(problem, "place"), text(problem, "code"));
        problems.iter().map(line).collect()
    }
}

pub(crate) fn ended(mut command: Command) -> Ended {
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    Ended {
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A policy whose one rule that the brake may touch has this mode.
pub(crate) fn policy(version: u64, mode: &str) -> String {
    format!(
        "version: {version}
environment: development
origins: ['https://api.bank.example']
apps:
  - id: bank-android
    platform: android
    package: com.example.bank
    signers: ['3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011']
    evidence: [software, android_key]
packs: [{{use: android/cloner}}]
brake_rules: [cloner-on-payments]
rules:
  - id: cloner-on-payments
    mode: {mode}
    routes: [payments]
    why: Payments from inside a cloner are how accounts are farmed.
    when: {{fact: findings.category, op: any_eq, value: cloner}}
    then: deny
  - id: software-keys
    mode: {mode}
    routes: [payments]
    why: A key outside of hardware can be copied.
    when: {{fact: key.level, op: eq, value: software}}
    then: deny
routes:
  - id: payments
    methods: [POST]
    path: /v1/payments/**
    upstream: bank
    require: enforce
    apps: [bank-android]
    token: proof
    bind: [body]
    single_use: true
tests:
  - name: a phone that shows nothing pays
    decision:
      request: {{method: POST, path: /v1/payments/42, app: bank-android}}
      facts: {{key.level: tee}}
      expect: {{decision: allow}}
"
    )
}

pub(crate) fn check(ended: Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.text().contains(part), "{part} is not in\n{}", ended.text());
    }
}

/// Two people have signed a root that needs both.
pub(crate) fn founded() -> Office {
    let office = Office::new();
    office.good(&["keys", "new", "bob-root", "--keys", "bob"]);
    office.good(&["keys", "new", "bob-targets", "--keys", "bob", "--kind", "p256"]);
    let made = office.good(&[
        "init",
        "policy",
        "--keys",
        "keys",
        "--root-key",
        "bob/bob-root.pub.json",
        "--targets-key",
        "bob/bob-targets.pub.json",
    ]);
    check(
        made,
        &[
            "root     2 of 2: bob-root, root",
            "1 of 2 signatures for root; missing: bob-root",
        ],
    );
    assert!(!office.path("policy/root.json").exists());
    office.copy("policy/requests/root-1.json", "root-1.json");
    check(
        office.good(&["sign", "root-1.json", "--keys", "bob"]),
        &["signed by bob-root"],
    );
    check(
        office.good(&["sign", "policy", "--attach", "root-1.bob-root.json"]),
        &[
            "signed by bob-root, root",
            "Next: attest policy sign policy POLICY.yaml",
        ],
    );
    assert!(office.path("policy/root.json").exists());
    assert!(!office.path("policy/requests/root-1.json").exists());
    office
}
