//! Each attack of the specification's section 1.5.2, and what the client says to it. None changes what is trusted.

use super::*;

/// Changes the content of the newest timestamp, which is signed anew.
pub(super) fn resign_timestamp(repository: &mut Repository, change: impl FnOnce(&mut Value)) {
    let mut signed = repository.timestamp_signed();
    change(&mut signed);
    let bytes = signed_by(&signed, &[&repository.timestamp]);
    repository.files.insert("timestamp.json".to_owned(), bytes);
}

/// A client that trusts `before`, then meets what `attack` makes of the repository.
pub(super) fn check(name: &str, attack: impl FnOnce(&mut Repository), expect: Result<(), &str>) {
    let mut repository = Repository::new();
    repository.versions = [1, 5, 5, 5];
    repository.publish();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    let kept = client.kept.clone();
    attack(&mut repository);
    let outcome = client.refresh(&repository).map(|_| ());
    assert_eq!(
        outcome.as_ref().map_err(TufError::code),
        expect.as_ref().map_err(|code| *code),
        "{name}"
    );
    if expect.is_err() {
        // Only what was verified may have moved on.
        for role in [RoleName::Root, RoleName::Targets] {
            assert_eq!(client.kept[&role], kept[&role], "{name}");
        }
    }
}

#[test]
fn versions_only_rise_and_time_runs_out() {
    check("nothing new", |_| {}, Ok(()));
    check("news", Repository::publish_next, Ok(()));
    check(
        "an older timestamp",
        |repository| resign_timestamp(repository, |signed| signed["version"] = json!(4)),
        Err("tuf-rollback"),
    );
    check(
        "an older snapshot under a newer timestamp",
        |repository| {
            resign_timestamp(repository, |signed| {
                signed["version"] = json!(6);
                signed["meta"]["snapshot.json"]["version"] = json!(4);
            });
        },
        Err("tuf-rollback"),
    );
    check(
        "older targets under a newer snapshot",
        |repository| {
            repository.versions = [1, 6, 6, 4];
            repository.publish();
        },
        Err("tuf-rollback"),
    );
    check(
        "a freeze",
        |repository| {
            repository.expires_s = NOW_S;
            repository.publish_next();
        },
        Err("tuf-expired"),
    );
}

/// Publishes the next of everything, of which only these roles are still good tomorrow.
fn only_live(repository: &mut Repository, live: &[&str]) {
    let expires = json!(repository.expires());
    repository.expires_s = NOW_S;
    repository.publish_next();
    let [_, _, version, _] = repository.versions;
    let signed = [
        (
            format!("{version}.snapshot.json"),
            repository.snapshot_signed(),
            &repository.snapshot,
        ),
        (
            "timestamp.json".to_owned(),
            repository.timestamp_signed(),
            &repository.timestamp,
        ),
    ];
    for (file, mut signed, key) in signed {
        if live.iter().any(|role| signed["_type"] == *role) {
            signed["expires"] = expires.clone();
        }
        repository.files.insert(file, signed_by(&signed, &[key]));
    }
}

#[test]
fn one_role_that_expired_is_enough() {
    let expired = Err("tuf-expired");
    check(
        "the timestamp",
        |repository| only_live(repository, &["snapshot"]),
        expired,
    );
    check(
        "the snapshot",
        |repository| only_live(repository, &["timestamp"]),
        expired,
    );
    check(
        "the targets",
        |repository| only_live(repository, &["timestamp", "snapshot"]),
        expired,
    );

    // A root that follows is kept, though it has expired: the next one is found from there.
    let mut repository = Repository::new();
    let mut client = Client::of(&repository);
    repository.expires_s = NOW_S;
    repository.publish_root(2, &[]);
    assert_eq!(client.refresh(&repository).unwrap_err().code(), "tuf-expired");
    assert_eq!(client.kept[&RoleName::Root], repository.files["2.root.json"]);
}

#[test]
fn keys_below_the_threshold_say_nothing() {
    check(
        "a timestamp by a key of nobody",
        |repository| {
            repository.timestamp = Key::new();
            repository.publish_next();
        },
        Err("tuf-threshold"),
    );
    check(
        "targets by the key of the timestamp",
        |repository| {
            repository.targets = std::mem::replace(&mut repository.timestamp, Key::new());
            repository.publish_next();
        },
        Err("tuf-threshold"),
    );
    check(
        "a root that only its own new key signed",
        |repository| {
            repository.root = Key::new();
            repository.publish_root(2, &[]);
        },
        Err("tuf-threshold"),
    );
    check(
        "a root that nobody of before signed, under a lower threshold of its own",
        |repository| {
            let mut signed = repository.root_signed(2);
            signed["roles"]["root"]["threshold"] = json!(1);
            let other = Key::new();
            signed["keys"][&other.id] = other.public();
            signed["roles"]["root"]["keyids"] = json!([other.id]);
            let bytes = signed_by(&signed, &[&other]);
            repository.files.insert("2.root.json".to_owned(), bytes);
        },
        Err("tuf-threshold"),
    );
    check(
        "a root that its own threshold is not met by",
        |repository| {
            let mut signed = repository.root_signed(2);
            let other = Key::new();
            signed["keys"][&other.id] = other.public();
            signed["roles"]["root"] = role_of(&[&repository.root, &other], 2);
            let bytes = signed_by(&signed, &[&repository.root]);
            repository.files.insert("2.root.json".to_owned(), bytes);
        },
        Err("tuf-threshold"),
    );
    check(
        "a root that skips a version",
        |repository| {
            let bytes = signed_by(&repository.root_signed(3), &[&repository.root]);
            repository.files.insert("2.root.json".to_owned(), bytes);
        },
        Err("tuf-root-version"),
    );
    check(
        "the same root again",
        |repository| {
            let bytes = repository.files["1.root.json"].clone();
            repository.files.insert("2.root.json".to_owned(), bytes);
        },
        Err("tuf-root-version"),
    );
}

#[test]
fn files_are_what_is_named() {
    check(
        "targets of another time under the name of the new ones",
        |repository| {
            let old = repository.files["5.targets.json"].clone();
            repository.publish_next();
            repository.files.insert("6.targets.json".to_owned(), old);
        },
        Err("tuf-hash-mismatch"),
    );
    check(
        "endless data",
        |repository| {
            repository.publish_next();
            repository
                .files
                .insert("timestamp.json".to_owned(), vec![b' '; 20_000]);
        },
        Err("tuf-too-large"),
    );
    check(
        "targets longer than named",
        |repository| {
            repository.publish_next();
            repository.files.get_mut("6.targets.json").unwrap().push(b' ');
        },
        Err("tuf-length-mismatch"),
    );
    check(
        "a snapshot of before under the name of the new one",
        |repository| {
            let old = repository.files["5.snapshot.json"].clone();
            repository.publish_next();
            repository.files.insert("6.snapshot.json".to_owned(), old);
        },
        Err("tuf-version-mismatch"),
    );
    check(
        "truncated",
        |repository| {
            repository.publish_next();
            repository.files.get_mut("timestamp.json").unwrap().pop();
        },
        Err("tuf-malformed"),
    );
    check(
        "one file under the name of another",
        |repository| {
            repository.publish_next();
            let snapshot = repository.files["6.snapshot.json"].clone();
            repository.files.insert("timestamp.json".to_owned(), snapshot);
        },
        Err("tuf-field"),
    );
    check(
        "a snapshot that forgets a role",
        |repository| {
            repository.versions = [1, 6, 6, 5];
            repository.publish();
            let mut signed = repository.snapshot_signed();
            signed["meta"] = json!({});
            let bytes = signed_by(&signed, &[&repository.snapshot]);
            repository.files.insert("6.snapshot.json".to_owned(), bytes);
        },
        Err("tuf-removed"),
    );
    check(
        "nothing is there any more",
        |repository| repository.files.clear(),
        Err("tuf-unavailable"),
    );
}

#[test]
fn the_same_key_signs_once() {
    let mut repository = Repository::new();
    let key = Key::new();
    let mut signed = repository.root_signed(1);
    // One key under two ids, and a threshold of two.
    let mut again = key.public();
    again["x-note"] = json!("the same");
    signed["keys"][&key.id] = key.public();
    signed["keys"]["other"] = again;
    signed["roles"]["timestamp"] = json!({"keyids": [key.id, "other"], "threshold": 2});
    let root = signed_by(&signed, &[&repository.root]);
    repository.files.insert("1.root.json".to_owned(), root);
    let timestamp = repository.timestamp_signed();
    let mut twice = vec![key.signature(&timestamp), key.signature(&timestamp)];
    twice[1]["keyid"] = json!("other");
    let bytes = json!({"signed": timestamp, "signatures": twice})
        .to_string()
        .into_bytes();
    repository.files.insert("timestamp.json".to_owned(), bytes);
    let error = Client::of(&repository).refresh(&repository).unwrap_err();
    assert_eq!(
        error,
        TufError::Threshold {
            role: RoleName::Timestamp,
            signed: 1,
            needed: 2
        }
    );
}

#[test]
fn new_keys_end_a_fast_forward() {
    let mut repository = Repository::new();
    let mut client = Client::of(&repository);
    repository.versions = [1, 1_000_000, 1_000_000, 1];
    repository.publish();
    client.refresh(&repository).unwrap();
    // With the same keys, nothing lower is ever trusted again.
    repository.versions = [1, 2, 2, 2];
    repository.publish();
    assert_eq!(client.refresh(&repository).unwrap_err().code(), "tuf-rollback");
    repository.timestamp = Key::new();
    repository.snapshot = Key::new();
    repository.publish_root(2, &[]);
    repository.publish();
    let updater = client.refresh(&repository).unwrap();
    assert_eq!(updater.trusted().version(&RoleName::Timestamp), Some(2));
}

#[test]
fn only_a_clean_no_means_that_there_is_no_newer_root() {
    let repository = Repository::new();
    let mut updater = Updater::new(&repository.files["1.root.json"], NOW_S, Bounds::PHONE).unwrap();
    assert_eq!(
        updater.supply(Supply::Failed).unwrap_err().code(),
        "tuf-unavailable"
    );
}

#[test]
fn what_expired_on_disk_still_guards_against_rollback() {
    let mut repository = Repository::new();
    repository.versions = [1, 7, 7, 7];
    repository.expires_s = NOW_S + DAY_S;
    repository.publish();
    let mut client = Client::of(&repository);
    client.refresh(&repository).unwrap();
    client.now_s = NOW_S + 2 * DAY_S;
    repository.expires_s = NOW_S + 30 * DAY_S;
    repository.publish_root(2, &[]);
    repository.versions = [2, 6, 6, 6];
    repository.publish();
    assert_eq!(client.refresh(&repository).unwrap_err().code(), "tuf-rollback");
    repository.versions = [2, 8, 8, 8];
    repository.publish();
    client.refresh(&repository).unwrap();
}
