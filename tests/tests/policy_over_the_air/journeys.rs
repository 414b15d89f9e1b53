//! The good path: from publication to enforcement, across restarts, rotations, losses and clocks.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use attest_gateway::clock::Clock as _;
use attest_gateway::policy::Polled;
use attest_gateway::policy::repository::{Answer, Subject};
use attest_policy::repository::{KeyKind, RoleKey};
use attest_tests::publisher::EXPIRES_S;
use attest_tests::scene::START_S;
use attest_tests::station::Station;
use attest_tests::wire::until;
use ring::rand::SystemRandom;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_acts_on_running_traffic() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    station
        .open_with("repository = 'published'\npoll_ms = 100\n")
        .await
        .unwrap();
    let caller = station.caller().await;
    assert_eq!(station.login(&caller).await, 200);
    let mut delays = Vec::new();
    for round in 0..10 {
        let stopped = round % 2 == 0;
        let draft = station.publisher.draft(stopped);
        let repository = station.publisher.sign(&draft);
        station.publish(&repository);
        let published = Instant::now();
        let expected = if stopped { 403 } else { 200 };
        while station.login(&caller).await != expected {
            assert!(published.elapsed().as_secs() < 20, "round {round} never acted");
        }
        delays.push(published.elapsed().as_millis());
    }
    delays.sort_unstable();
    println!("publication to enforcement, folder, ms: {delays:?}");
    let ack = station.followed().last_ack.unwrap();
    assert_eq!(
        (ack.verdict, ack.subject, ack.code.as_str(), ack.version),
        (Answer::Ack, Subject::Policy, "activated", Some(11))
    );
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_without_the_source_comes_up_with_the_last_good_policy() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&first));
    station.open().await.unwrap();
    station.close().await;
    fs::remove_dir_all(station.published()).unwrap();
    // Not even expiry matters to what is in force: an alarm, never a way in.
    station.clock.set_s(EXPIRES_S + 5);
    station.open().await.unwrap();
    assert_eq!(station.version(), 1);
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "policy-source-unreadable");
    let caller = station.caller().await;
    assert_eq!(station.login(&caller).await, 403);
    // It comes back, older than what is expired now, and then newer.
    station.publish(&station.publisher.sign(&first));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "tuf-expired");
    station.clock.set_s(START_S);
    assert_eq!(station.look().await, Polled::Unchanged);
    assert_eq!(station.gateway().policies().status().problem, None);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_number_of_roots_ends_following() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    station
        .open_with("repository = 'published'\npoll_ms = 60000\nfetch_timeout_ms = 60000\n")
        .await
        .unwrap();
    assert_eq!(station.look().await, Polled::Unchanged);
    for version in 2..=300 {
        let root = station.publisher.next_root(version, EXPIRES_S);
        station.publisher.roots.push(root);
    }
    // The last root of all gives the online roles another key, so that nothing is taken without it.
    station.publisher.online = RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).unwrap();
    let root = station.publisher.next_root(301, EXPIRES_S);
    station.publisher.roots.push(root);
    let second = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&second));
    // As many as one look follows, and the rest at the next one.
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "tuf-threshold");
    assert_eq!(station.look().await, Polled::Activated(2));
    assert_eq!(station.followed().metadata.root, 301);
    assert_eq!(station.look().await, Polled::Unchanged);
    let third = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&third));
    assert_eq!(station.look().await, Polled::Activated(3));
    station.close().await;
    // The gateway's own copy is followed to its end as well.
    fs::remove_dir_all(station.published()).unwrap();
    station.open().await.unwrap();
    assert_eq!((station.version(), station.followed().metadata.root), (3, 301));
    assert!(station.nack().is_none_or(|nack| nack.source != "mirror"));
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_needs_a_source_and_says_why_it_has_none() {
    let mut station = Station::new().await;
    let error = station.open().await.unwrap_err().to_string();
    assert!(error.contains("policy-source-unreadable"), "{error}");
    let mut draft = station.publisher.draft(true);
    draft.signers = vec![0];
    station.publish(&station.publisher.sign(&draft));
    let error = station.open().await.unwrap_err().to_string();
    assert!(error.contains("tuf-threshold"), "{error}");
    let draft = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&draft));
    station.open().await.unwrap();
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_never_goes_back_behind_what_was_in_force() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    let older = station.publisher.sign(&first);
    station.publish(&older);
    station.open().await.unwrap();
    let second = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&second));
    assert_eq!(station.look().await, Polled::Activated(2));
    station.close().await;
    fs::remove_dir_all(station.published()).unwrap();
    station.publish(&older);
    station.open().await.unwrap();
    assert_eq!(station.version(), 2);
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "tuf-rollback");
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_mirror_is_told_and_made_anew() {
    for file in [
        "targets",
        "metadata/timestamp.json",
        "metadata/1.root.json",
        "metadata",
    ] {
        let mut station = Station::new().await;
        let first = station.publisher.draft(true);
        station.publish(&station.publisher.sign(&first));
        station.open().await.unwrap();
        station.close().await;
        let place = station.mirror().join(file);
        for damaged in fs::read_dir(&place).map_or_else(
            |_| vec![place.clone()],
            |entries| entries.map(|entry| entry.unwrap().path()).collect(),
        ) {
            fs::write(damaged, b"{\"signed\":").unwrap();
        }
        station.open().await.unwrap();
        station.look().await;
        assert_eq!(station.version(), 1, "{file}");
        if file != "metadata/1.root.json" {
            let events = station.admin("GET", "/events", b"").await.body;
            let events = String::from_utf8(events).unwrap();
            assert!(events.contains("policy-mirror-corrupt"), "{file}: {events}");
        }
        // And good again: the next start needs no source.
        station.close().await;
        fs::remove_dir_all(station.published()).unwrap();
        station.open().await.unwrap();
        assert_eq!(station.version(), 1, "{file}");
        station.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_rotated_and_a_stolen_one_is_of_no_use_any_more() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    station.open().await.unwrap();
    // The online key was stolen: the owners name another one.
    let fresh = RoleKey::generate(KeyKind::P256, &SystemRandom::new()).unwrap();
    let stolen = std::mem::replace(&mut station.publisher.online, fresh);
    let root = station.publisher.next_root(2, EXPIRES_S);
    station.publisher.roots.push(root);
    let second = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&second));
    assert_eq!(station.look().await, Polled::Activated(2));
    assert_eq!(station.followed().metadata.root, 2);
    // The thief signs on.
    let fresh = std::mem::replace(&mut station.publisher.online, stolen);
    let third = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&third));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "tuf-threshold");
    // From the first root the gateway finds its way again, without the source.
    station.close().await;
    station.publisher.online = fresh;
    fs::remove_dir_all(station.published()).unwrap();
    station.open().await.unwrap();
    assert_eq!((station.version(), station.followed().metadata.root), (2, 2));
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_root_that_is_held_back_does_not_bring_a_stolen_key_back() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    station.open().await.unwrap();
    let fresh = RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).unwrap();
    let stolen = std::mem::replace(&mut station.publisher.online, fresh);
    let root = station.publisher.next_root(2, EXPIRES_S);
    station.publisher.roots.push(root);
    let second = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&second));
    assert_eq!(station.look().await, Polled::Activated(2));
    // The gateway's own copy of the newer root is lost, and the thief's source does not have it.
    for folder in [station.mirror(), station.published()] {
        fs::remove_file(folder.join("metadata/2.root.json")).unwrap();
    }
    let fresh = std::mem::replace(&mut station.publisher.online, stolen);
    let root = station.publisher.roots.pop().unwrap();
    let third = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&third));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "tuf-rollback");
    assert_eq!((station.version(), station.followed().metadata.root), (2, 2));
    // The owners' source heals it.
    station.publisher.online = fresh;
    station.publisher.roots.push(root);
    let fourth = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&fourth));
    assert_eq!(station.look().await, Polled::Activated(4));
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_of_the_targets_end_a_fast_forward() {
    let mut station = Station::new().await;
    // Whoever stole the keys of the targets has used up all versions.
    station.publisher.settings.version = i64::MAX.unsigned_abs() - 1;
    let stolen = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&stolen));
    station.open().await.unwrap();
    assert_eq!(station.version(), i64::MAX.unsigned_abs());
    station.publisher.settings.version = 6;
    let lower = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&lower));
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(station.nack().unwrap().code, "policy-not-newer");
    let fresh = || RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).unwrap();
    station.publisher.targets = [fresh(), fresh(), fresh()];
    let root = station.publisher.next_root(2, EXPIRES_S);
    station.publisher.roots.push(root);
    let recovered = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&recovered));
    assert_eq!(station.look().await, Polled::Activated(8));
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_metadata_of_the_same_policy_is_kept_quietly() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(true);
    let mut repository = station.publisher.sign(&first);
    station.publish(&repository);
    station.open().await.unwrap();
    station.publisher.stamp(&mut repository, 2, EXPIRES_S + 86_400);
    station.publish(&repository);
    assert_eq!(station.look().await, Polled::Unchanged);
    let followed = station.followed();
    assert_eq!((followed.metadata.timestamp, followed.metadata.targets), (2, 1));
    assert_eq!(followed.last_ack.unwrap().code, "metadata");
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_wrong_changes_nothing_that_is_in_force() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&first));
    station.open().await.unwrap();
    let second = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&second));
    station.clock.set_s(EXPIRES_S + 1);
    assert!(matches!(station.look().await, Polled::Refused(_)));
    assert_eq!(
        (station.version(), station.nack().unwrap().code),
        (1, "tuf-expired".to_owned())
    );
    station.clock.set_s(START_S - 86_400 * 365);
    assert_eq!(
        station.look().await,
        Polled::Activated(2),
        "what is not expired is not too new"
    );
    assert!(station.clock.now_s() < START_S);
    station.clock.set_s(START_S);
    assert_eq!(station.look().await, Polled::Unchanged);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_on_while_policies_come_and_are_refused() {
    let mut station = Station::new().await;
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    station
        .open_with("repository = 'published'\npoll_ms = 10\n")
        .await
        .unwrap();
    let caller = station.caller().await;
    let ended = Arc::new(AtomicBool::new(false));
    let published = station.published();
    let (signed, bad): (Vec<_>, Vec<_>) = (0..20)
        .map(|_| {
            let good = station.publisher.draft(false);
            let mut bad = station.publisher.draft(true);
            bad.signers = vec![0];
            (station.publisher.sign(&good), station.publisher.sign(&bad))
        })
        .unzip();
    let done = Arc::clone(&ended);
    let feeding = tokio::task::spawn_blocking(move || {
        for (good, bad) in signed.iter().zip(&bad) {
            good.write_to(&published).unwrap();
            bad.write_to(&published).unwrap();
        }
        done.store(true, Relaxed);
    });
    let mut answered = 0;
    while !ended.load(Relaxed) {
        assert_eq!(station.login(&caller).await, 200);
        answered += 1;
    }
    feeding.await.unwrap();
    println!("{answered} requests while 40 repositories were published");
    let last = station.publisher.draft(true);
    let version = station.publisher.settings.version;
    station.publish(&station.publisher.sign(&last));
    until("the last one is in force", || station.version() == version).await;
    assert_eq!(station.login(&caller).await, 403);
    station.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_production_gateway_takes_signed_policy_and_nothing_else() {
    let mut station = Station::new().await;
    station.environment = "production";
    // A policy for development is signed by the same owners, and is not for this gateway.
    let other = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&other));
    let error = station.open().await.unwrap_err().to_string();
    assert!(error.contains("policy-environment"), "{error}");
    station.publisher.environment = "production";
    let draft = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&draft));
    station.open().await.unwrap();
    assert_eq!(station.version(), 2);
    station.close().await;
    let file = station.folder.path().join("attest.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(
        "root = 'root.json'\nrepository = 'published'",
        "file = 'policy.yaml'",
    );
    fs::write(&file, text).unwrap();
    fs::write(station.folder.path().join("policy.yaml"), attest_policy::EXAMPLE).unwrap();
    let config = attest_gateway::config::Config::read(&file).unwrap();
    let clock = Arc::clone(&station.clock);
    let started =
        attest_gateway::server::Server::start(config, clock, attest_gateway::faults::Faults::default());
    let error = Box::pin(started).await.unwrap_err().to_string();
    assert!(
        error.contains("policy.repository") || error.contains("signed"),
        "{error}"
    );
}
