//! Activation: what is put into force, what is refused with which words, and that nothing ever goes back.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use attest_core::environment::Environment;
use ring::rand::SystemRandom;
use tempfile::TempDir;

use super::{Policies, Polled};
use crate::keys::Keys;

const POLICY: &str = "
version: {version}
environment: development
origins: ['https://api.bank.example']
apps:
  - {id: bank, platform: ios, team: A1B2C3D4E5, bundle: com.example.bank, evidence: [software]}
requirements: {from_routes: true}
rules:
  - {id: nobody, mode: shadow, why: a test, when: {fact: app.id, op: eq, value: x}, then: deny}
routes:
  - {id: health, methods: [GET], path: /health, upstream: bank, require: none}
";

fn policy(version: u64) -> String {
    POLICY.replace("{version}", &version.to_string())
}

/// A folder with a policy file, read under keys that stay the same.
struct Place {
    folder: TempDir,
    keys: Arc<Keys>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: Arc::new(Keys::generate(&SystemRandom::new()).unwrap()),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("policy.yaml")
    }

    fn write(&self, source: impl AsRef<[u8]>) {
        fs::write(self.file(), source).unwrap();
    }

    fn load_for(&self, environment: Environment) -> Result<Policies, String> {
        let upstreams = vec!["bank".to_owned()];
        Policies::load(
            self.file(),
            self.folder.path(),
            environment,
            upstreams,
            Arc::clone(&self.keys),
        )
    }

    fn load(&self) -> Result<Policies, String> {
        self.load_for(Environment::Development)
    }
}

/// Sources that are never put into force after version 5, and a word that the refusal names.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let six = policy(6);
    let failing = "tests:\n  - {name: it works, decision: {request: {method: GET, path: /health, app: bank}, expect: {decision: deny}}}\n";
    let weak = "  - {id: pay, methods: [POST], path: /pay, upstream: bank, require: enforce, apps: [shop]}\n";
    vec![
        ("an older one", policy(4).into(), "version"),
        (
            "the same version with other content",
            format!("{}# changed\n", policy(5)).into(),
            "version",
        ),
        (
            "another environment",
            six.replace("environment: development", "environment: production")
                .into(),
            "production",
        ),
        (
            "an unknown upstream",
            six.replace("upstream: bank", "upstream: shop").into(),
            "shop",
        ),
        (
            "a failing test",
            format!("{six}{failing}").into(),
            "expected deny",
        ),
        ("a route of an unknown app", format!("{six}{weak}").into(), "shop"),
        ("an unknown key", format!("{six}surprise: 1\n").into(), "surprise"),
        ("garbage", b"\x00\xff\xfe: [".to_vec(), ""),
        ("no YAML", b"{{{{".to_vec(), ""),
        ("nothing", vec![], ""),
        (
            "more than is read",
            format!("{six}#{}", "x".repeat(256 * 1024)).into(),
            "",
        ),
        (
            "an alias bomb",
            b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n".to_vec(),
            "",
        ),
        (
            "no origin",
            six.replace("['https://api.bank.example']", "[]").into(),
            "origin",
        ),
        (
            "an origin that is none",
            six.replace("https://api.bank.example", "ftp://x").into(),
            "origin",
        ),
    ]
}

#[test]
fn a_bad_policy_changes_nothing_and_says_why_and_a_good_one_follows() {
    let place = Place::new();
    place.write(policy(5));
    let policies = place.load().unwrap();
    assert_eq!(
        (policies.active().version(), policies.status().problem.clone()),
        (5, None)
    );
    assert_eq!(policies.poll(), Polled::Unchanged);
    for (what, source, word) in refused() {
        place.write(source);
        let Polled::Refused(problem) = policies.poll() else {
            panic!("{what} was not refused")
        };
        assert!(problem.contains(word), "{what}: {problem}");
        assert_eq!(policies.poll(), Polled::Unchanged, "{what} is reported once");
        assert_eq!(
            (policies.active().version(), &policies.status().problem),
            (5, &Some(problem)),
            "{what}"
        );
        assert_eq!(policies.status().active_version, 5);
    }
    fs::remove_file(place.file()).unwrap();
    assert!(
        matches!(policies.poll(), Polled::Refused(_)),
        "a deleted file is reported"
    );
    assert_eq!(policies.active().version(), 5);
    place.write(policy(6));
    assert_eq!(policies.poll(), Polled::Activated(6));
    assert_eq!(
        (policies.active().version(), policies.status().problem.clone()),
        (6, None)
    );
    let (bundle, etag) = {
        let active = policies.active();
        (active.bundle().0, active.bundle().1.to_owned())
    };
    place.write(policy(7));
    assert_eq!(policies.poll(), Polled::Activated(7));
    assert_ne!(
        policies.active().bundle().0,
        bundle,
        "phones are served the new one"
    );
    assert_ne!(policies.active().bundle().1, etag);
}

#[test]
fn the_problem_goes_when_the_policy_in_force_is_put_back() {
    let place = Place::new();
    place.write(policy(5));
    let policies = place.load().unwrap();
    place.write("garbage: [");
    assert!(matches!(policies.poll(), Polled::Refused(_)));
    place.write(policy(5));
    assert_eq!(policies.poll(), Polled::Unchanged);
    assert_eq!(
        (policies.active().version(), policies.status().problem.clone()),
        (5, None)
    );
    fs::remove_file(place.file()).unwrap();
    assert!(matches!(policies.poll(), Polled::Refused(_)));
    place.write(policy(5));
    assert_eq!(policies.poll(), Polled::Unchanged);
    assert_eq!(policies.status().problem, None, "a file that came back as it was");
}

#[test]
fn a_restart_never_goes_back() {
    for (what, source, _) in refused() {
        let place = Place::new();
        place.write(policy(5));
        drop(place.load().unwrap());
        place.write(source);
        let policies = place.load().unwrap_or_else(|problem| panic!("{what}: {problem}"));
        assert_eq!(policies.active().version(), 5, "{what}");
        assert!(policies.status().problem.is_some(), "{what} is reported");
        drop(policies);
        fs::remove_file(place.file()).unwrap();
        assert_eq!(
            place.load().unwrap().active().version(),
            5,
            "{what}, then deleted"
        );
        place.write(policy(6));
        assert_eq!(
            place.load().unwrap().active().version(),
            6,
            "{what}, then repaired"
        );
        place.write(policy(5));
        assert_eq!(
            place.load().unwrap().active().version(),
            6,
            "{what}, then the one before"
        );
    }
}

#[test]
fn without_a_last_good_one_a_bad_policy_does_not_start() {
    for (what, source, _) in refused().into_iter().skip(2) {
        let place = Place::new();
        place.write(source);
        assert!(place.load().is_err(), "{what}");
        assert!(
            !place.folder.path().join("policy.last-good.yaml").exists(),
            "{what} was kept"
        );
    }
}

#[test]
fn production_takes_no_unsigned_policy() {
    let place = Place::new();
    for source in [
        policy(5),
        policy(5).replace("environment: development", "environment: production"),
    ] {
        place.write(source);
        assert!(place.load_for(Environment::Production).is_err());
    }
}
