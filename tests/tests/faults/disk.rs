//! The disk is full. A file size limit stands for it: each write beyond it fails, as each write to a full disk does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::keys::Keys;
use attest_mobile::{AttestError, Headers, SendError};
use attest_testkit::phone::{Phone, PhoneOptions};
use attest_testkit::publisher::Publisher;
use attest_tests::binary::attest;
use attest_tests::deployment::{Deployment, Node};
use attest_tests::origin::Origin;
use attest_tests::request::Request;
use ring::rand::SystemRandom;

use super::assert_closed;

const POLICY_HEADER: &str = "attest-policy";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_changes_nothing_and_room_on_it_is_all_that_is_needed() {
    let origin = Origin::sound().await;
    let deployment = Deployment::new(|_| ());
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    let phone = deployment.phone(node.address);
    let balance = Request::balance();
    let send = async |expect_policy: &str| {
        let sent = phone
            .send("GET", &balance.target, &balance.headers, b"")
            .await
            .unwrap();
        let version = sent.reply.header(POLICY_HEADER).map(str::to_owned);
        assert_eq!(
            (sent.reply.status, version.as_deref()),
            (200, Some(expect_policy))
        );
    };
    send("1").await;
    let newcomer = deployment.attacker(node.address);
    let prepared = newcomer.prepare(None).await;

    instance.limit("fsize", "0");
    deployment.publish(|policy| policy.cloner_rule = "enforce");
    let log = instance.logged("policy refused").await;
    assert!(
        log.contains("policy.last-good"),
        "it says what it could not write: {log}"
    );
    // The policy in force stays, sessions go on, enrolment is put off and not refused, scripts are refused.
    send("1").await;
    let reply = newcomer.present(&prepared).await;
    assert_eq!(reply.status, 503, "{}", String::from_utf8_lossy(&reply.body));
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    assert_closed(node.address).await;
    let kept = node.config.with_file_name("policy.last-good.yaml");
    assert!(std::fs::read_to_string(&kept).unwrap().contains("\nversion: 1\n"));
    assert!(
        !kept.with_extension("next").exists(),
        "half a policy was left behind"
    );

    instance.limit("fsize", "unlimited");
    instance.logged("policy activated").await;
    send("2").await;
    assert!(std::fs::read_to_string(&kept).unwrap().contains("\nversion: 2\n"));
    // The store is asked again within a second, and the phone comes again: nobody has to do anything.
    served(&deployment.phone(node.address)).await;
    let (code, log) = instance.ends().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_on_a_full_disk_starts_again_with_what_it_has_or_says_why_not() {
    let origin = Origin::sound().await;
    let deployment = Deployment::new(|_| ());
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    let phone = deployment.phone(node.address);
    let balance = Request::balance();
    let send = async || {
        let sent = phone
            .send("GET", &balance.target, &balance.headers, b"")
            .await
            .unwrap();
        (
            sent.reply.status,
            sent.reply.header(POLICY_HEADER).map(str::to_owned),
        )
    };
    assert_eq!(send().await, (200, Some("1".to_owned())));
    instance.ends().await;
    deployment.publish(|policy| policy.cloner_rule = "enforce");
    match node.start_limited("ulimit -S -f 0") {
        Ok(instance) => {
            // The newer policy cannot be kept for the next start, so the older one stays in force, loudly.
            assert!(
                instance.log().contains("the policy file was refused"),
                "{}",
                instance.log()
            );
            assert_eq!(send().await, (200, Some("1".to_owned())));
            assert_closed(node.address).await;
            instance.limit("fsize", "unlimited");
            instance.logged("policy activated").await;
            assert_eq!(send().await, (200, Some("2".to_owned())));
        }
        Err(log) => {
            assert!(log.contains("attest.redb"), "it names the file: {log}");
            let _instance = node.start();
            assert_eq!(send().await, (200, Some("2".to_owned())));
        }
    }
}

/// A fleet whose policy admins sign.
struct Signed {
    deployment: Deployment,
    admins: Publisher,
}

impl Signed {
    /// One that has published its first policy.
    fn new() -> Self {
        let signed = Self {
            deployment: Deployment::new(|_| ()),
            admins: Publisher::new(SystemClock::new().now_s()).unwrap(),
        };
        std::fs::write(signed.deployment.folder().join("root.json"), signed.admins.root()).unwrap();
        signed.publish();
        signed
    }

    fn published(&self) -> PathBuf {
        self.deployment.folder().join("published")
    }

    /// Signs what the deployment's policy is now.
    fn publish(&self) {
        let folder = self.deployment.folder();
        let source = std::fs::read_to_string(folder.join("policy.yaml")).unwrap();
        let mut compiled = attest_policy::compile("policy.yaml", &source).unwrap();
        let keys = Keys::read(&folder.join("keys"), &SystemRandom::new()).unwrap();
        let keys = keys.attestation_jwks().keys.into_iter();
        compiled.device.response_keys = keys.map(|key| serde_json::to_value(key).unwrap()).collect();
        let repository = self
            .admins
            .publish(&compiled, SystemClock::new().now_s())
            .unwrap();
        repository.write_to(&self.published()).unwrap();
    }

    fn node(&self, name: &str, bank: &str) -> Node {
        let node = self.deployment.node(name, bank, "", "");
        let text = std::fs::read_to_string(&node.config).unwrap();
        let followed = "repository = \"../published\"\nroot = \"../root.json\"";
        std::fs::write(&node.config, text.replace("file = \"../policy.yaml\"", followed)).unwrap();
        node
    }

    fn phone(&self, node: &Node) -> Phone {
        Phone::new(PhoneOptions {
            root: self.admins.root().to_vec(),
            ..self.deployment.phone_options(node.address)
        })
        .unwrap()
    }
}

/// The status of a balance, and the version of the policy that decided.
async fn balance(phone: &Phone) -> (u16, Option<String>) {
    let balance = Request::balance();
    let sent = phone.send("GET", &balance.target, &balance.headers, b"").await;
    let reply = sent.unwrap().reply;
    (reply.status, reply.header(POLICY_HEADER).map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_policy_that_cannot_be_kept_is_not_taken_until_it_can() {
    let origin = Origin::sound().await;
    let served_by = |version: &str| (200, Some(version.to_owned()));
    // Nothing can be written; or metadata can, and the policy itself cannot.
    for (bytes, named) in [("0", "timestamp.json"), ("6000", "targets")] {
        let signed = Signed::new();
        let node = signed.node("a", &origin.url());
        let instance = node.start();
        let phone = signed.phone(&node);
        assert_eq!(balance(&phone).await, served_by("1"));

        instance.limit("fsize", bytes);
        signed.deployment.publish(|policy| policy.cloner_rule = "enforce");
        signed.publish();
        let log = instance.logged("policy-not-kept").await;
        let line = log.lines().find(|line| line.contains("policy-not-kept")).unwrap();
        assert!(
            line.contains("policy refused; the last good one stays") && line.contains(named),
            "it says what it could not write: {line}"
        );
        assert_eq!(balance(&phone).await, served_by("1"));
        assert_closed(node.address).await;
        let mirror = node.config.with_file_name("policy");
        for folder in [mirror.clone(), mirror.join("metadata"), mirror.join("targets")] {
            for file in std::fs::read_dir(&folder).unwrap() {
                let file = file.unwrap().path();
                let whole = file.is_dir() || file.extension() == Some("json".as_ref());
                assert!(whole, "half of a file was left behind: {}", file.display());
            }
        }

        instance.limit("fsize", "unlimited");
        let log = instance.logged("policy activated version=2").await;
        assert_eq!(balance(&phone).await, served_by("2"));
        assert_eq!(log.matches("policy-not-kept").count(), 1, "{log}");

        // Cut off in the middle of a third one, it starts with the second, with or without what it follows.
        instance.ends().await;
        let instance = node.start();
        instance.limit("fsize", bytes);
        signed.deployment.publish(|policy| policy.cloner_rule = "shadow");
        signed.publish();
        instance.logged("policy-not-kept").await;
        instance.dies();
        let away = signed.published().with_extension("away");
        std::fs::rename(signed.published(), &away).unwrap();
        let instance = node.start();
        assert_eq!(balance(&signed.phone(&node)).await, served_by("2"));
        std::fs::rename(&away, signed.published()).unwrap();
        instance.logged("policy activated version=3").await;
        assert_eq!(balance(&signed.phone(&node)).await, served_by("3"));
    }
}

/// Sends a login as an app does: each time it is told when to come again, it does so.
async fn served(phone: &Phone) {
    for _ in 0..4 {
        match phone.send("POST", "/v1/login", &Headers::new(), b"{}").await {
            Ok(sent) => {
                assert_eq!(sent.reply.status, 200, "{:?}", sent.refusal);
                return;
            }
            Err(SendError::Attest(AttestError::TryLater { after_ms, .. })) => {
                tokio::time::sleep(Duration::from_millis(after_ms)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it is put off again and again");
}

/// Runs `attest gateway` where no file can grow beyond `bytes`; the exit code and what it said.
fn limited(arguments: &[&str], bytes: u64) -> (Option<i32>, String) {
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec prlimit --fsize=\"$0\" \"$@\""])
        .arg(bytes.to_string())
        .arg(attest())
        .arg("gateway")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn keys_are_made_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("gateway");
    let (mut refused, mut bytes) = (0, 0);
    loop {
        let (code, log) = limited(&["init", place.to_str().unwrap()], bytes);
        if code == Some(0) {
            break;
        }
        assert_eq!(code, Some(1), "{bytes}: {log}");
        assert!(log.contains("attest: "), "it says nothing: {log}");
        assert!(!place.exists(), "{bytes} bytes: something was left behind");
        refused += 1;
        bytes = bytes * 5 / 4 + 40;
    }
    assert!(refused > 10, "each file in its turn was too large");
    let check = Command::new(attest())
        .args(["gateway", "check", "--config"])
        .arg(place.join("attest.toml"))
        .output()
        .unwrap();
    assert!(check.status.success(), "{check:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_without_room_to_enrol_is_told_to_come_later_and_is_served_then() {
    let origin = Origin::sound().await;
    let deployment = Deployment::new(|_| ());
    let node = deployment.node("a", &origin.url(), "", "");
    let instance = node.start();
    instance.limit("fsize", "0");
    let phone = deployment.phone(node.address);
    let login = phone.send("POST", "/v1/login", &Headers::new(), b"{}").await;
    let Err(SendError::Attest(AttestError::TryLater { .. })) = login else {
        panic!("{login:?}")
    };
    instance.logged("the store failed").await;
    instance.limit("fsize", "unlimited");
    served(&phone).await;
}

/// Every file of a folder with what is in it.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            (path, bytes)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_without_room_leaves_the_old_keys_in_force_and_can_be_taken_with_room() {
    let origin = Origin::sound().await;
    let deployment = Deployment::new(|_| ());
    let node = deployment.node("a", &origin.url(), "", "");
    let keys = deployment.folder().join("keys");
    let fleet = keys.join("fleet.json");
    let instance = node.start();
    let config = node.config.to_str().unwrap();
    for family in ["ticket", "attestation", "assertion", "support"] {
        let phone = deployment.phone(node.address);
        served(&phone).await;
        for more in [
            &["--stage", "publish"][..],
            &["--stage", "use", "--early"],
            &["--emergency"],
        ] {
            let before = content(&keys);
            let rotate = [&["keys", "rotate", family, "--config", config], more].concat();
            let (mut refused, mut bytes) = (0, 0);
            loop {
                let (code, log) = limited(&rotate, bytes);
                if code == Some(0) {
                    break;
                }
                assert_eq!(code, Some(1), "{bytes}: {log}");
                assert!(log.contains("[rotation-disk]"), "{bytes}: {log}");
                // A finished key that nothing names yet may be there, and nothing unfinished.
                let left = content(&keys);
                for (path, bytes) in &before {
                    assert_eq!(left.get(path), Some(bytes), "{} changed", path.display());
                }
                let new: Vec<_> = left.keys().filter(|path| !before.contains_key(*path)).collect();
                assert!(new.len() <= 1, "{new:?}");
                assert!(
                    new.iter().all(|path| path.extension() != Some("next".as_ref())),
                    "{new:?}"
                );
                refused += 1;
                bytes = bytes * 5 / 4 + 40;
            }
            assert!(refused > 3, "{family} {more:?}: it needs no room");
            assert_ne!(content(&keys).get(&fleet), before.get(&fleet));
        }
        // Nothing of it was told to the gateway, whose keys are as they were: the session goes on, scripts are refused.
        served(&phone).await;
        assert_closed(node.address).await;
        let told = instance.log().matches("reloaded settings").count();
        instance.signal("HUP");
        instance.logged_times("reloaded settings", told + 1).await;
        served(&phone).await;
        served(&deployment.phone(node.address)).await;
    }
}
