//! Activation: what is put into force, what is refused with which words, and that nothing ever goes back.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use attest_core::bundle::{Kept, Offered, root_version, take};
use attest_core::environment::Environment;
use attest_core::service::PolicyBundle;
use ring::rand::SystemRandom;
use tempfile::TempDir;

use super::{Policies, Polled};
use crate::clock::ManualClock;
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
            Arc::new(ManualClock::at(1_800_000_000)),
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
        active.published().bundle(1)
    };
    place.write(policy(7));
    assert_eq!(policies.poll(), Polled::Activated(7));
    let next = policies.active().published().bundle(1);
    assert!(
        next.0 != bundle && next.1 != etag,
        "phones are served the new one"
    );
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

const PACK: &str = "
pack: ios/ours
about: What only we look for.
detectors:
  - {id: ours.path, platform: ios, category: jailbreak, severity: low, why: Ours., when: {fact: path.exists({path}), op: eq, value: true}}
tests:
  - {name: there, detector: {id: ours.path, facts: {path.exists({path}): true}, expect: hit}}
  - {name: not there, detector: {id: ours.path, facts: {path.exists({path}): false}, expect: clear}}
";

fn pack(path: &str) -> String {
    PACK.replace("{path}", path)
}

fn with_packs(version: u64) -> String {
    format!(
        "{}packs: [{{use: ios/jailbreak}}, {{use: ./packs/ours.yaml}}]\n",
        policy(version)
    )
}

#[test]
fn packs_beside_the_policy_are_watched_and_kept_with_it() {
    let place = Place::new();
    let file = place.folder.path().join("packs/ours.yaml");
    fs::create_dir(place.folder.path().join("packs")).unwrap();
    place.write(with_packs(5));
    let missing = place.load().unwrap_err();
    assert!(
        missing.contains("packs[1].use") && missing.contains("ours.yaml"),
        "{missing}"
    );
    fs::write(&file, pack("/ours")).unwrap();
    let policies = place.load().unwrap();
    assert_eq!(policies.poll(), Polled::Unchanged);
    let digest = policies.source_digest();
    // A changed pack is a changed policy: it needs a higher version.
    fs::write(&file, pack("/theirs")).unwrap();
    let Polled::Refused(problem) = policies.poll() else {
        panic!("not refused")
    };
    assert!(problem.contains("higher version"), "{problem}");
    assert_eq!(policies.poll(), Polled::Unchanged, "reported once");
    fs::write(&file, pack("/ours")).unwrap();
    assert_eq!(policies.poll(), Polled::Unchanged);
    assert_eq!(policies.status().problem, None, "put back as it was");
    assert_eq!(policies.source_digest(), digest);
    fs::write(&file, pack("/theirs")).unwrap();
    place.write(with_packs(6));
    assert_eq!(policies.poll(), Polled::Activated(6));
    assert_ne!(policies.source_digest(), digest);
    // Each start signs anew, and no two signatures are alike.
    let signed = |policies: &Policies| {
        let bundle = policies.active().published().bundle(1).0;
        let bundle: PolicyBundle = serde_json::from_slice(&bundle).unwrap();
        bundle.artifacts
    };
    let bundle = signed(&policies);
    // What is wrong with a pack is said with the pack's name and place.
    fs::write(&file, pack("/theirs").replace("expect: clear", "expect: hit")).unwrap();
    let Polled::Refused(problem) = policies.poll() else {
        panic!("not refused")
    };
    assert!(problem.contains("\npacks/ours.yaml:8:"), "{problem}");
    fs::remove_file(&file).unwrap();
    assert!(matches!(policies.poll(), Polled::Refused(_)));
    policies.sign_again(Arc::clone(&place.keys)).unwrap();
    assert_eq!(policies.active().version(), 6);
    drop(policies);
    // A restart finds the last good policy with the packs it had, and nothing of those before.
    let policies = place.load().unwrap();
    assert_eq!(policies.active().version(), 6);
    assert!(policies.status().problem.is_some());
    assert_eq!(signed(&policies), bundle);
    let kept = fs::read_dir(place.folder.path()).unwrap();
    let kept = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.filter(|name| name.contains(".packs.")).count(), 1);
    let (_, analysis) = super::analyse_kept(place.folder.path()).unwrap();
    assert!(
        analysis
            .compiled
            .unwrap()
            .gateway
            .detectors
            .contains_key("ours.path")
    );
    place.write(policy(7));
    assert_eq!(policies.poll(), Polled::Activated(7));
    let kept = fs::read_dir(place.folder.path()).unwrap();
    let kept = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.filter(|name| name.contains(".packs.")).count(), 0);
}

#[test]
fn a_file_that_is_no_text_is_refused_with_its_place() {
    let place = Place::new();
    let check = |source: &[u8], code: &str, words: &str| {
        place.write(source);
        let error = super::read_source(&place.file()).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().ends_with(words), "{error}");
    };
    check(b"", "source-empty", "policy.yaml:1:1: the file is empty");
    check(b"\n \n", "source-empty", "policy.yaml:1:1: the file is empty");
    check(
        b"a: b\nc\xff",
        "source-not-utf8",
        "policy.yaml:2:2: not UTF-8 text: save the file as UTF-8",
    );
    check(
        &[b'#'; 256 * 1024 + 1],
        "source-too-large",
        "policy.yaml:1:1: a source has at most 262144 bytes",
    );
    fs::remove_file(place.file()).unwrap();
    assert_eq!(
        super::read_source(&place.file()).unwrap_err().code(),
        "policy-unreadable"
    );
    let error = super::read_source(place.folder.path()).unwrap_err();
    assert_eq!(error.code(), "policy-not-a-file");
}

#[test]
fn phones_follow_a_development_gateway_through_restarts_and_rotations() {
    let place = Place::new();
    let root =
        super::development_root(place.keys.policy_root.as_ref().unwrap(), &SystemRandom::new()).unwrap();
    let mut kept = Kept {
        since: root_version(&root).unwrap(),
        ..Kept::default()
    };
    let mut follow = |policies: &Policies| {
        let (body, _) = policies.active().published().bundle(1);
        let bundle: PolicyBundle = serde_json::from_slice(&body).unwrap();
        let mut taken = take(&root, std::mem::take(&mut kept), &bundle, 1_800_000_000);
        let Ok(Offered::Policy { vouched, .. }) = taken.outcome else {
            panic!("{:?}", taken.outcome)
        };
        let device: serde_json::Value = serde_json::from_str(&vouched.device).unwrap();
        taken.kept.activate(*vouched);
        kept = taken.kept;
        (
            device["version"].clone(),
            device["response_keys"].as_array().unwrap().len(),
        )
    };
    place.write(policy(5));
    let policies = place.load().unwrap();
    assert_eq!(follow(&policies), (5.into(), 1));
    // Signed again under the same version, as when keys rotate.
    policies.sign_again(Arc::clone(&place.keys)).unwrap();
    assert_eq!(follow(&policies), (5.into(), 1));
    place.write(policy(6));
    assert_eq!(policies.poll(), Polled::Activated(6));
    assert_eq!(follow(&policies), (6.into(), 1));
    drop(policies);
    // The clock of this test stands still, so that only what was kept makes the next version higher.
    assert_eq!(follow(&place.load().unwrap()), (6.into(), 1));
}
