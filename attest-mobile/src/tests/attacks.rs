//! Attacks on the policy repository and on the way to it, as a phone meets them. None is put into force, each is told by its own
//! code, minting goes on, and the next honest bundle is taken.

use attest_core::bundle::DEVICE_TARGET;
use attest_core::service::PolicyBundle;
use attest_core::sorted::Sorted;
use serde_json::json;

use super::repository::{Repository, Role, signed_by};
use super::service::{State, reply};
use super::world::{BEGIN_S, READ, World, request};
use crate::{Attestor, HttpReply, Notice};

const DAY_S: u64 = 86_400;

/// A phone on which version 5 is in force, and a bundle of version 3 from before.
fn field() -> (World, Attestor, PolicyBundle) {
    let world = World::new();
    let before = world.service.change(|state| {
        state.policy.version = 3;
        state
            .repository
            .offer(&serde_json::to_string(&state.policy).unwrap());
        state.repository.bundle(1)
    });
    world.service.publish(5);
    let attestor = world.attestor();
    world.run(attestor.ready()).unwrap();
    assert_eq!(attestor.status().policy_version, Some(5));
    drop(world.diary.take());
    (world, attestor, before)
}

/// Lets the reply to a request announce another version, and a minute pass.
pub(super) fn announce(world: &World, attestor: &Attestor, version: u64) {
    let read = request("GET", READ);
    let answer = HttpReply {
        status: 200,
        headers: vec![("Attest-Policy".to_owned(), version.to_string())],
        body: Vec::new(),
    };
    let sent = attestor.send_with(&read, |_| std::future::ready(Ok::<_, ()>(answer.clone())));
    assert_eq!(world.run(sent).unwrap().sends, 1);
    world.run_for_ms(attestor, 61_000);
}

/// What the policy was refused for.
pub(super) fn refused(world: &World) -> Vec<&'static str> {
    let code = |notice: Notice| {
        if let Notice::PolicyRefused(fault) = notice {
            Some(fault.code())
        } else if let Notice::Failed { failure, .. } = notice {
            Some(failure.code())
        } else {
            None
        }
    };
    let mut codes: Vec<_> = world.diary.take().into_iter().filter_map(code).collect();
    codes.dedup();
    codes
}

fn mints(attestor: &Attestor) {
    assert!(
        attestor.try_authorize(&request("GET", READ)).is_some(),
        "minting goes on"
    );
}

/// Spoils the bundle of version 9 on its way.
fn on_the_way(code: &str, spoil: impl FnOnce(&mut PolicyBundle, PolicyBundle) + Send + 'static) {
    let (world, attestor, before) = field();
    world.service.publish(9);
    world.service.twist("bundle", move |_, honest| {
        let honest = honest.unwrap();
        let mut bundle: PolicyBundle = serde_json::from_slice(&honest.body).unwrap();
        spoil(&mut bundle, before);
        let mut spoiled = reply(200, &bundle);
        spoiled.headers = honest.headers;
        Ok(spoiled)
    });
    announce(&world, &attestor, 9);
    assert_eq!(attestor.status().policy_version, Some(5), "{code}");
    assert_eq!(refused(&world), [code]);
    mints(&attestor);
    announce(&world, &attestor, 9);
    assert_eq!(attestor.status().policy_version, Some(9), "after {code}");
}

/// Publishes a version 9 that should not have been.
fn at_the_source(code: &str, spoil: impl FnOnce(&mut State)) {
    let (world, attestor, _) = field();
    world.service.change(|state| {
        state.policy.version = 9;
        state
            .repository
            .offer(&serde_json::to_string(&state.policy).unwrap());
        spoil(state);
    });
    announce(&world, &attestor, 9);
    assert_eq!(attestor.status().policy_version, Some(5), "{code}");
    assert_eq!(refused(&world), [code]);
    mints(&attestor);
    // An app that is started again finds what it had.
    world.service.change(|state| state.down = true);
    let again = world.attestor();
    drop(world.run(again.ready()));
    assert_eq!(again.status().policy_version, Some(5), "{code}");
}

#[test]
fn what_is_spoiled_on_the_way() {
    on_the_way("tuf-rollback", |bundle, before| *bundle = before);
    on_the_way("tuf-length-mismatch", |bundle, _| bundle.snapshot.push(' '));
    on_the_way("tuf-hash-mismatch", |bundle, _| {
        bundle.snapshot = bundle.snapshot.replacen('{', " ", 1);
    });
    // Mix and match.
    on_the_way("tuf-hash-mismatch", |bundle, before| {
        bundle.snapshot = before.snapshot
    });
    on_the_way("tuf-hash-mismatch", |bundle, before| {
        bundle.targets = before.targets
    });
    on_the_way("tuf-target-hash", |bundle, before| {
        bundle.artifacts = before.artifacts
    });
    on_the_way("tuf-target-length", |bundle, _| {
        bundle.artifacts.insert(DEVICE_TARGET.to_owned(), "{}".to_owned());
    });
    on_the_way("bundle-policy-missing", |bundle, _| {
        bundle.artifacts = Sorted::default()
    });
    // Truncated, and without end.
    on_the_way("tuf-malformed", |bundle, _| bundle.timestamp.truncate(100));
    on_the_way("tuf-length-mismatch", |bundle, _| bundle.targets.truncate(100));
    on_the_way("tuf-too-large", |bundle, _| {
        bundle.timestamp.push_str(&" ".repeat(20_000));
    });
    on_the_way("tuf-too-large", |bundle, _| {
        bundle.roots.push(" ".repeat(70_000));
    });
    on_the_way("tuf-too-many-roots", |bundle, _| {
        bundle.roots = vec!["{}".to_owned(); 33];
    });
    on_the_way("bundle-roots-missing", |bundle, _| bundle.more = true);
    // The timestamp is asked for by one role and signed for another.
    on_the_way("tuf-field", |bundle, _| {
        bundle.timestamp = bundle.snapshot.clone()
    });
    on_the_way("tuf-threshold", |bundle, _| {
        *bundle = {
            let mut other = Repository::new();
            other.versions = [100; 3];
            other.offer(bundle.artifacts.get(DEVICE_TARGET).unwrap());
            other.bundle(1)
        };
    });
}

#[test]
fn a_root_that_does_not_follow() {
    // A version is skipped.
    let rotated = |state: &mut State, times: usize| {
        for _ in 0..times {
            state.repository.rotate(|_| {});
        }
    };
    let (world, attestor, _) = field();
    world.service.change(|state| rotated(state, 2));
    world.service.twist("bundle", |_, honest| {
        let mut bundle: PolicyBundle = serde_json::from_slice(&honest.unwrap().body).unwrap();
        bundle.roots.remove(0);
        Ok(reply(200, &bundle))
    });
    announce(&world, &attestor, 9);
    assert_eq!(
        (refused(&world), attestor.status().policy_root),
        // The root keys of two versions later are none of the first's.
        (vec!["tuf-threshold"], 1)
    );
    let (world, attestor, _) = field();
    world.service.change(|state| {
        let root = state.repository.root_of(3);
        state.repository.roots.push(state.repository.root.sign(&root));
    });
    announce(&world, &attestor, 9);
    assert_eq!(
        (refused(&world), attestor.status().policy_root),
        (vec!["tuf-root-version"], 1)
    );
    mints(&attestor);
    // Signed by the new keys only, by the old ones only, and by too few.
    at_the_source("tuf-threshold", |state| {
        state.repository.root = Role::of(3, 2);
        let root = state.repository.root.sign(&state.repository.root_of(2));
        state.repository.roots.push(root);
    });
    at_the_source("tuf-threshold", |state| {
        let before = std::mem::replace(&mut state.repository.root, Role::of(3, 2));
        let root = before.sign(&state.repository.root_of(2));
        state.repository.roots.push(root);
    });
    at_the_source("tuf-threshold", |state| {
        let root = state.repository.root_of(2);
        let keys = &state.repository.root.keys;
        state.repository.roots.push(signed_by(&root, &[&keys[0]]));
    });
    at_the_source("tuf-field", |state| {
        let root = state.repository.root_of(2);
        let keys = &state.repository.root.keys;
        state
            .repository
            .roots
            .push(signed_by(&root, &[&keys[0], &keys[0]]));
    });
}

#[test]
fn a_good_root_is_kept_even_if_what_follows_is_not() {
    let (world, attestor, _) = field();
    world.service.change(|state| {
        state.policy.version = 9;
        state
            .repository
            .offer(&serde_json::to_string(&state.policy).unwrap());
        state
            .repository
            .rotate(|repository| repository.timestamp = Role::of(1, 1));
    });
    world.service.twist("bundle", |_, honest| {
        let mut bundle: PolicyBundle = serde_json::from_slice(&honest.unwrap().body).unwrap();
        bundle.targets.truncate(100);
        Ok(reply(200, &bundle))
    });
    announce(&world, &attestor, 9);
    let status = attestor.status();
    assert_eq!((status.policy_root, status.policy_version), (2, Some(5)));
    assert_eq!(refused(&world), ["tuf-length-mismatch"]);
    // A new root with the old policy is what the next start finds.
    world.service.change(|state| state.down = true);
    let again = world.attestor();
    drop(world.run(again.ready()));
    let status = again.status();
    assert_eq!((status.policy_root, status.policy_version), (2, Some(5)));
    // What was verified before the targets failed guards against older metadata.
    world.service.change(|state| {
        state.down = false;
        state.repository.versions = state.repository.versions.map(|version| version - 2);
        state.repository.publish();
    });
    drop(world.diary.take());
    world.time.advance_ms(61_000);
    world.run(again.ready()).unwrap();
    announce(&world, &again, 9);
    assert!(refused(&world).contains(&"tuf-rollback"));
    world.service.change(|state| {
        state.repository.versions = state.repository.versions.map(|version| version + 9);
        state.repository.publish();
    });
    announce(&world, &again, 9);
    assert_eq!(again.status().policy_version, Some(9));
}

#[test]
fn what_is_signed_by_the_wrong_keys() {
    at_the_source("tuf-threshold", |state| {
        state.repository.timestamp = Role::of(1, 1);
        state.repository.seal();
    });
    at_the_source("tuf-threshold", |state| {
        state.repository.snapshot = Role::of(1, 1);
        state.repository.seal();
    });
    at_the_source("tuf-threshold", |state| {
        state.repository.targets = Role::of(2, 2);
        state.repository.publish();
    });
    // Another role's keys.
    at_the_source("tuf-threshold", |state| {
        let keys = &mut state.repository;
        std::mem::swap(&mut keys.timestamp, &mut keys.snapshot);
        keys.seal();
    });
    // One of two, and one twice.
    at_the_source("tuf-threshold", |state| {
        state.repository.targets.keys.pop();
        state.repository.publish();
    });
    at_the_source("tuf-field", |state| {
        let repository = &mut state.repository;
        let targets = repository.targets_of(&[&repository.device]);
        let key = &repository.targets.keys[0];
        repository.served.targets = signed_by(&targets, &[key, key]);
        repository.seal();
    });
}

#[test]
fn what_nobody_on_its_path_vouches_for() {
    // Only a delegated role names the policy, within its paths or outside of them.
    for paths in [json!(["feeds/*"]), json!(["device.json"])] {
        at_the_source("tuf-target-unknown", |state| {
            let repository = &mut state.repository;
            let feed = Role::of(1, 1);
            let mut targets = repository.targets_of(&[]);
            targets["delegations"] = json!({
                "keys": {},
                "roles": [{"name": "feed", "keyids": [&feed.keys[0].id], "threshold": 1, "terminating": false, "paths": paths}],
            });
            repository.served.targets = repository.targets.sign(&targets);
            let delegated = feed.sign(&repository.targets_of(&[&repository.device]));
            repository.served.delegated.insert("feed".to_owned(), delegated);
            repository.seal();
        });
    }
    at_the_source("policy-malformed", |state| {
        "{\"version\": 9, \"environment\": \"development\", \"rules\": []}"
            .clone_into(&mut state.repository.device);
        state.repository.publish();
        // What the service believes to have published.
        state.policy = serde_json::from_value(json!({"version": 9, "environment": "development"})).unwrap();
        state.pinned = true;
    });
}

#[test]
fn what_has_expired() {
    for role in 0..3 {
        at_the_source("tuf-expired", |state| {
            state.repository.expires_s[role] = BEGIN_S;
            state.repository.publish();
        });
    }
    // The root alone: nothing below it counts.
    let (world, attestor, _) = field();
    world.service.change(|state| {
        state.repository.root_expires_s = BEGIN_S + DAY_S;
        state.repository.rotate(|_| {});
    });
    announce(&world, &attestor, 9);
    assert_eq!((refused(&world).len(), attestor.status().policy_root), (0, 2));
    assert!(!attestor.status().policy_is_stale);
    world.time.advance_ms(2 * DAY_S * 1000);
    world.run(attestor.ready()).unwrap();
    world.service.publish(9);
    announce(&world, &attestor, 9);
    assert_eq!(refused(&world), ["tuf-expired"]);
    let status = attestor.status();
    assert!(status.policy_is_stale && status.policy_version == Some(5));
    mints(&attestor);
    // A new root ends it.
    world.service.change(|state| {
        state.repository.root_expires_s = BEGIN_S + 900 * DAY_S;
        state.repository.rotate(|_| {});
    });
    announce(&world, &attestor, 9);
    let status = attestor.status();
    assert!(!status.policy_is_stale && status.policy_version == Some(9));
}

#[test]
fn versions_run_ahead_until_a_root_is_rotated() {
    // Whoever held the online keys made the versions as high as they go.
    let (world, attestor, _) = field();
    let versions = world.service.change(|state| {
        let versions = state.repository.versions;
        state.repository.versions = [u64::MAX - 1; 3];
        state.repository.publish();
        versions
    });
    announce(&world, &attestor, 9);
    assert_eq!(refused(&world), [""; 0]);
    world.service.change(|state| {
        state.repository.versions = versions;
        state.policy.version = 9;
    });
    announce(&world, &attestor, 9);
    assert_eq!(
        (refused(&world), attestor.status().policy_version),
        (vec!["tuf-rollback"], Some(5))
    );
    world.service.change(|state| {
        state.repository.rotate(|repository| {
            repository.timestamp = Role::of(1, 1);
            repository.snapshot = Role::of(1, 1);
        });
    });
    announce(&world, &attestor, 9);
    assert_eq!(
        (refused(&world).len(), attestor.status().policy_version),
        (0, Some(9))
    );
}
