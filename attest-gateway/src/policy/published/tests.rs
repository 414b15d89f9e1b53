//! What is served, to whom, and under which tag.

use attest_core::service::PolicyBundle;

use super::*;

/// A repository of that many roots; signatures do not matter here.
fn repository(roots: u64, root_bytes: usize) -> Repository {
    let key = attest_policy::repository::RoleKey::generate(
        attest_policy::repository::KeyKind::Ed25519,
        &ring::rand::SystemRandom::new(),
    );
    let artifacts = [DEVICE_TARGET, "gateway.json", "tests.json", "brake.json"];
    let artifacts = artifacts.map(|name| (name.to_owned(), format!("{{\"name\":\"{name}\"}}").into_bytes()));
    let mut repository = attest_policy::repository::development(
        &key.unwrap(),
        artifacts.into(),
        7,
        4_000_000_000,
        &ring::rand::SystemRandom::new(),
    )
    .unwrap();
    for version in 2..=roots {
        let root = format!("\"{version}\"{}", " ".repeat(root_bytes));
        repository.roots.insert(version, root.into_bytes());
    }
    repository
}

fn bundle(published: &Published, root: u64) -> PolicyBundle {
    let (body, etag) = published.bundle(root);
    assert_eq!(etag, published.bundle_etag(root));
    assert!(body.len() <= MAX_BUNDLE_BYTES);
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn a_phone_gets_the_roots_that_it_lacks() {
    let check = |roots: u64, root_bytes: usize, held: u64, expect: (usize, bool, Option<&str>)| {
        let published = Published::new(&repository(roots, root_bytes)).unwrap();
        let bundle = bundle(&published, held);
        let first = bundle.roots.first().map(|root| root.trim_end());
        assert_eq!((bundle.roots.len(), bundle.more, first), expect, "{roots} {held}");
        assert_eq!(bundle.artifacts.len(), 1);
        assert!(bundle.artifacts.contains(DEVICE_TARGET) && bundle.delegated.is_empty());
    };
    check(1, 0, 1, (0, false, None));
    check(1, 0, 9, (0, false, None));
    check(1, 0, u64::MAX, (0, false, None));
    check(3, 0, 1, (2, false, Some("\"2\"")));
    check(3, 0, 2, (1, false, Some("\"3\"")));
    check(33, 0, 1, (32, false, Some("\"2\"")));
    check(34, 0, 1, (32, true, Some("\"2\"")));
    check(34, 0, 33, (1, false, Some("\"34\"")));
    // Large roots come in smaller portions, and one always comes.
    check(10, 100_000, 1, (2, true, Some("\"2\"")));
    check(3, 300_000, 1, (1, true, Some("\"2\"")));
    let published = Published::new(&repository(2, 0)).unwrap();
    assert_eq!(bundle(&published, 0).roots.len(), 2);
}

#[test]
fn a_tag_is_of_the_root_and_of_all_that_is_served() {
    let one = repository(3, 0);
    let published = Published::new(&one).unwrap();
    let tags = [0, 1, 2, 3].map(|root| published.bundle_etag(root));
    assert_eq!(tags.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    assert_eq!(published.bundle_etag(9), tags[3]);
    for change in [
        |repository: &mut Repository| drop(repository.roots.insert(4, b"\"4\"".to_vec())),
        |repository: &mut Repository| repository.timestamp.push(b' '),
        |repository: &mut Repository| repository.snapshot.push(b' '),
        |repository: &mut Repository| repository.metadata.get_mut("targets").unwrap().push(b' '),
        |repository: &mut Repository| repository.artifacts.get_mut(DEVICE_TARGET).unwrap().push(b' '),
    ] {
        let mut other = one.clone();
        change(&mut other);
        let other = Published::new(&other).unwrap();
        assert_ne!(other.bundle_etag(1), tags[1]);
    }
}

#[test]
fn files_are_those_that_a_phone_may_see() {
    let published = Published::new(&repository(2, 0)).unwrap();
    let names: Vec<&str> = published.files.keys().map(String::as_str).collect();
    let (targets, metadata): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| name.starts_with("targets/"));
    assert_eq!(
        metadata,
        [
            "metadata/1.root.json",
            "metadata/2.root.json",
            "metadata/7.brake.json",
            "metadata/7.snapshot.json",
            "metadata/7.targets.json",
            "metadata/timestamp.json"
        ]
    );
    assert!(
        targets.len() == 1 && targets[0].ends_with(".device.json"),
        "{targets:?}"
    );
    for (name, file) in &published.files {
        assert_eq!(file.immutable, name != "metadata/timestamp.json");
    }
    for name in [
        "",
        "metadata",
        "metadata/../metadata/timestamp.json",
        "/metadata/timestamp.json",
    ] {
        assert!(published.file(name).is_none(), "{name}");
    }
}

#[test]
fn what_phones_could_not_read_is_not_published() {
    let check = |change: &dyn Fn(&mut Repository), expect: &str| {
        let mut spoiled = repository(3, 0);
        change(&mut spoiled);
        assert_eq!(Published::new(&spoiled).unwrap_err().code(), expect);
    };
    check(&|repository| repository.roots.clear(), "publish-missing");
    check(
        &|repository| drop(repository.roots.remove(&2)),
        "publish-root-missing",
    );
    check(&|repository| repository.artifacts.clear(), "publish-missing");
    check(&|repository| repository.metadata.clear(), "publish-missing");
    check(&|repository| repository.timestamp.push(0xff), "publish-not-text");
    check(
        &|repository| {
            let device = vec![b'"'; MAX_BUNDLE_BYTES / 2];
            repository.artifacts.insert(DEVICE_TARGET.to_owned(), device);
        },
        "publish-too-large",
    );
}
