//! Metadata of another form than the specification's: what is refused before any signature is looked at, and what is not.

use super::attacks::{check, resign_timestamp};
use super::*;

/// Replaces text in the newest timestamp without signing it anew.
fn rewrite(repository: &mut Repository, from: &str, to: &str) {
    repository.publish_next();
    let text = String::from_utf8(repository.files["timestamp.json"].clone()).unwrap();
    assert!(text.contains(from), "{from}");
    let text = text.replacen(from, to, 1);
    repository
        .files
        .insert("timestamp.json".to_owned(), text.into_bytes());
}

#[test]
fn one_text_has_one_reading() {
    let version = "\"version\":6}";
    for (name, from, to, expect) in [
        (
            "a member twice",
            version,
            "\"version\":6,\"version\":7}",
            "tuf-malformed",
        ),
        (
            "a member twice outside of what is signed",
            "{\"signatures\"",
            "{\"signed\":1,\"signatures\"",
            "tuf-malformed",
        ),
        ("a fraction", version, "\"version\":6.0}", "tuf-malformed"),
        ("an exponent", version, "\"version\":6e0}", "tuf-malformed"),
        (
            "more than 64 bits",
            version,
            "\"version\":18446744073709551616}",
            "tuf-malformed",
        ),
        (
            "far more",
            version,
            &format!("\"version\":{}}}", "9".repeat(10_000)),
            "tuf-malformed",
        ),
        ("below zero", version, "\"version\":-6}", "tuf-field"),
        ("zero", version, "\"version\":0}", "tuf-field"),
        ("as text", version, "\"version\":\"6\"}", "tuf-field"),
        (
            "the highest",
            version,
            "\"version\":18446744073709551615}",
            "tuf-threshold",
        ),
        (
            "deep",
            version,
            &format!("\"version\":{}", "[".repeat(5_000)),
            "tuf-malformed",
        ),
        (
            "deep and closed",
            version,
            &format!("\"version\":6,\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000)),
            "tuf-malformed",
        ),
        (
            "half a character",
            version,
            "\"version\":6,\"x\":\"\\ud800\"}",
            "tuf-malformed",
        ),
        (
            "text behind it",
            "{\"signatures\"",
            "{}{\"signatures\"",
            "tuf-malformed",
        ),
        (
            "a byte order mark",
            "{\"signatures\"",
            "\u{feff}{\"signatures\"",
            "tuf-malformed",
        ),
    ] {
        check(name, |repository| rewrite(repository, from, to), Err(expect));
    }
}

#[test]
fn what_is_signed_has_the_form_of_its_role() {
    let of = |name: &str, change: &dyn Fn(&mut Value), expect: Result<(), &str>| {
        check(
            name,
            |repository| {
                repository.publish_next();
                resign_timestamp(repository, change);
            },
            expect,
        );
    };
    for spec in ["1.0", "1.0.0", "1.99.7"] {
        of(spec, &|signed| signed["spec_version"] = json!(spec), Ok(()));
    }
    for spec in ["2.0.0", "1", "1.0.0.0", "1.x", "1.", "", "10.0"] {
        of(
            spec,
            &|signed| signed["spec_version"] = json!(spec),
            Err("tuf-spec-version"),
        );
    }
    of(
        "members of later versions",
        &|signed| signed["x-later"] = json!({"a": [1, null, "é"]}),
        Ok(()),
    );
    of(
        "of another role",
        &|signed| signed["_type"] = json!("snapshot"),
        Err("tuf-field"),
    );
    of(
        "never",
        &|signed| signed["expires"] = json!("never"),
        Err("tuf-field"),
    );
    of(
        "of no snapshot",
        &|signed| signed["meta"] = json!({}),
        Err("tuf-field"),
    );
    of(
        "of a snapshot zero",
        &|signed| signed["meta"]["snapshot.json"]["version"] = json!(0),
        Err("tuf-field"),
    );
    of(
        "of a snapshot without a hash in its hashes",
        &|signed| signed["meta"]["snapshot.json"]["hashes"] = json!({}),
        Err("tuf-field"),
    );
    of(
        "of a snapshot with another hash",
        &|signed| signed["meta"]["snapshot.json"]["hashes"] = json!({"sha512": "00"}),
        Err("tuf-hash-mismatch"),
    );
    of(
        "of a snapshot with hashes of unknown kinds alone",
        &|signed| signed["meta"]["snapshot.json"]["hashes"] = json!({"crc32": "00"}),
        Err("tuf-hash-mismatch"),
    );
    of(
        "of a snapshot with another length",
        &|signed| signed["meta"]["snapshot.json"]["length"] = json!(7),
        Err("tuf-length-mismatch"),
    );
}

#[test]
fn key_ids_stand_once() {
    check(
        "a signature twice",
        |repository| {
            repository.publish_next();
            let mut timestamp: Value = serde_json::from_slice(&repository.files["timestamp.json"]).unwrap();
            let signature = timestamp["signatures"][0].clone();
            timestamp["signatures"].as_array_mut().unwrap().push(signature);
            let bytes = timestamp.to_string().into_bytes();
            repository.files.insert("timestamp.json".to_owned(), bytes);
        },
        Err("tuf-field"),
    );
    check(
        "signatures of strangers beside",
        |repository| {
            repository.publish_next();
            let signed = repository.timestamp_signed();
            let bytes = signed_by(&signed, &[&Key::new(), &repository.timestamp, &Key::new()]);
            repository.files.insert("timestamp.json".to_owned(), bytes);
        },
        Ok(()),
    );
    for (name, ids, expect) in [
        ("a key id twice in a role", 2, Err("tuf-field")),
        ("and once", 1, Ok(())),
    ] {
        check(
            name,
            |repository| {
                let mut signed = repository.root_signed(2);
                signed["roles"]["timestamp"]["keyids"] = json!(vec![repository.timestamp.id.clone(); ids]);
                let bytes = signed_by(&signed, &[&repository.root]);
                repository.files.insert("2.root.json".to_owned(), bytes);
            },
            expect,
        );
    }
}

#[test]
fn a_threshold_is_at_least_one() {
    for (name, threshold, expect) in [
        ("none", json!(0), Err("tuf-field")),
        ("below none", json!(-1), Err("tuf-field")),
        ("as text", json!("1"), Err("tuf-field")),
        ("one", json!(1), Ok(())),
        ("more than there are keys", json!(u64::MAX), Err("tuf-threshold")),
    ] {
        let mut repository = Repository::new();
        let mut client = Client::of(&repository);
        let mut signed = repository.root_signed(2);
        signed["roles"]["timestamp"]["threshold"] = threshold;
        let bytes = signed_by(&signed, &[&repository.root]);
        repository.files.insert("2.root.json".to_owned(), bytes);
        let outcome = client.refresh(&repository).map(|_| ());
        assert_eq!(outcome.map_err(|error| error.code()), expect, "{name}");
    }
}

#[test]
fn what_depends_on_a_role_is_looked_at_after_it() {
    let mut repository = Repository::new();
    let mut client = Client::of(&repository);
    let mut set = client.refresh(&repository).unwrap().trusted().clone();
    repository.publish_root(2, &[]);
    repository.publish_next();
    for (name, outcome) in [
        ("root", set.update_root(&repository.files["2.root.json"])),
        (
            "timestamp",
            set.update_timestamp(&repository.files["timestamp.json"])
                .map(|_| ()),
        ),
        (
            "snapshot",
            set.update_snapshot(&repository.files["2.snapshot.json"], false),
        ),
    ] {
        assert_eq!(outcome.unwrap_err().code(), "tuf-order", "{name}");
    }
    assert_eq!(
        (set.root_version(), set.version(&RoleName::Timestamp)),
        (1, Some(1))
    );
}
