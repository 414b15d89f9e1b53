//! How a target is found below delegations, and who may vouch for what.

use super::*;

/// Adds a delegation from `parent` to `name` for `paths`, and the role with its `targets`.
fn delegate(
    repository: &mut Repository,
    parent: &str,
    name: &str,
    paths: &[&str],
    terminating: bool,
    targets: &[&str],
) {
    let key = Key::new();
    let of = |target: &&str| {
        let bytes = target.as_bytes();
        (
            (*target).to_owned(),
            json!({"length": bytes.len(), "hashes": {"sha256": hex(sha256(&[bytes]))}}),
        )
    };
    let targets: BTreeMap<String, Value> = targets.iter().map(of).collect();
    let signed = json!({
        "_type": "targets", "spec_version": "1.0.31", "version": 1, "expires": repository.expires(), "targets": targets,
    });
    let delegation = json!({
        "name": name, "keyids": [key.id], "threshold": 1, "paths": paths, "terminating": terminating,
    });
    let bytes = signed_by(&signed, &[&key]);
    repository.delegated.insert(name.to_owned(), (1, signed, bytes));
    let holder = Key::new();
    let above = match parent {
        "targets" => &mut repository.targets_signed,
        other => &mut repository.delegated.get_mut(other).unwrap().1,
    };
    above["delegations"]["keys"][&key.id] = key.public();
    if above["delegations"]["roles"].is_null() {
        above["delegations"]["roles"] = json!([]);
    }
    above["delegations"]["roles"]
        .as_array_mut()
        .unwrap()
        .push(delegation);
    // A role above that grew is signed anew, by a key that its own delegator then names.
    if parent != "targets" {
        let (version, signed, _) = repository.delegated[parent].clone();
        let bytes = signed_by(&signed, &[&holder]);
        repository
            .delegated
            .insert(parent.to_owned(), (version, signed, bytes));
        let grand = &mut repository.targets_signed["delegations"];
        grand["keys"][&holder.id] = holder.public();
        for role in grand["roles"].as_array_mut().unwrap() {
            if role["name"] == parent {
                role["keyids"] = json!([holder.id]);
            }
        }
    }
}

fn check(repository: &Repository, target: &str, expect: Result<&str, &str>, visited: &[&str]) {
    let mut client = Client::of(repository);
    let mut updater = client.refresh(repository).unwrap();
    client.asked.clear();
    updater.seek(target);
    let outcome = client.run(&mut updater, repository).and_then(|()| {
        let (role, file) = updater.found()?;
        file.verify(target, target.as_bytes())?;
        Ok(role.as_str().to_owned())
    });
    assert_eq!(
        outcome.as_deref().map_err(|error| error.code()),
        expect,
        "{target}"
    );
    assert_eq!(client.asked, visited, "{target}");
}

#[test]
fn roles_are_asked_in_the_order_of_their_delegations() {
    let mut repository = Repository::new();
    delegate(&mut repository, "targets", "a", &["feeds/*"], false, &["feeds/a"]);
    delegate(
        &mut repository,
        "targets",
        "b",
        &["feeds/*"],
        true,
        &["feeds/a", "feeds/b"],
    );
    delegate(
        &mut repository,
        "targets",
        "c",
        &["feeds/*", "own/*"],
        false,
        &["feeds/c", "own/c", "feeds/outside"],
    );
    delegate(
        &mut repository,
        "a",
        "below",
        &["feeds/deep*"],
        false,
        &["feeds/deep", "own/deep"],
    );
    repository.publish();
    check(&repository, "feeds/a", Ok("a"), &["1.a.json"]);
    check(&repository, "feeds/b", Ok("b"), &["1.a.json", "1.b.json"]);
    check(
        &repository,
        "feeds/deep",
        Ok("below"),
        &["1.a.json", "1.below.json"],
    );
    // `b` is terminating: what it does not have, nobody after it has.
    check(
        &repository,
        "feeds/c",
        Err("tuf-target-unknown"),
        &["1.a.json", "1.b.json"],
    );
    check(&repository, "own/c", Ok("c"), &["1.c.json"]);
    // Named by a role outside of the paths that were delegated to it.
    check(&repository, "own/deep", Err("tuf-target-unknown"), &["1.c.json"]);
    check(&repository, "elsewhere", Err("tuf-target-unknown"), &[]);
}

#[test]
fn a_delegated_role_is_signed_by_its_delegators_keys() {
    let mut repository = Repository::new();
    delegate(&mut repository, "targets", "a", &["*"], false, &["x"]);
    let signed = repository.delegated["a"].1.clone();
    let bytes = signed_by(&signed, &[&repository.targets]);
    repository.delegated.insert("a".to_owned(), (1, signed, bytes));
    repository.publish();
    check(&repository, "x", Err("tuf-threshold"), &["1.a.json"]);
}

#[test]
fn a_role_speaks_for_a_delegator_only_with_that_ones_keys() {
    // `a` names keys of its own for `x`, to which `b` delegates with others.
    let mut repository = Repository::new();
    delegate(&mut repository, "targets", "a", &["a/*"], false, &[]);
    delegate(&mut repository, "targets", "b", &["b/*"], false, &[]);
    delegate(&mut repository, "b", "x", &["b/*"], false, &["b/one"]);
    delegate(&mut repository, "a", "x", &["a/*"], false, &["a/one", "b/one"]);
    repository.publish();
    let mut client = Client::of(&repository);
    let mut updater = client.refresh(&repository).unwrap();
    updater.seek("a/one");
    client.run(&mut updater, &repository).unwrap();
    assert_eq!(updater.found().unwrap().0.as_str(), "x");
    updater.seek("b/one");
    let outcome = client.run(&mut updater, &repository);
    assert_eq!(outcome.unwrap_err().code(), "tuf-threshold");
    assert!(updater.found().is_err());
}

#[test]
fn succinct_roles_are_bins_of_one_holder() {
    let mut repository = Repository::new();
    let key = Key::new();
    let bins = json!({"keyids": [key.id], "threshold": 1, "bit_length": 4, "name_prefix": "bin"});
    repository.targets_signed =
        json!({"targets": {}, "delegations": {"keys": {&key.id: key.public()}, "succinct_roles": bins}});
    let digits = hex(sha256(&[b"x"]));
    let name = format!("bin-{}", digits.chars().next().unwrap());
    let entry = json!({"length": 1, "hashes": {"sha256": hex(sha256(&[b"x"]))}});
    let signed = json!({
        "_type": "targets", "spec_version": "1.0.31", "version": 1, "expires": repository.expires(), "targets": {"x": entry},
    });
    let bytes = signed_by(&signed, &[&key]);
    repository.delegated.insert(name.clone(), (1, signed, bytes));
    repository.publish();
    check(&repository, "x", Ok(&name), &[&format!("1.{name}.json")]);
}

#[test]
fn delegations_are_unambiguous_or_refused() {
    let check = |name: &str, change: &dyn Fn(&mut Value), expect: Result<(), &str>| {
        let mut repository = Repository::new();
        delegate(&mut repository, "targets", "a", &["*"], false, &["x"]);
        change(&mut repository.targets_signed["delegations"]);
        repository.publish();
        let outcome = Client::of(&repository).refresh(&repository).map(|_| ());
        assert_eq!(
            outcome.as_ref().map_err(TufError::code),
            expect.as_ref().map_err(|code| *code),
            "{name}"
        );
    };
    let refused = Err("tuf-field");
    check("as it is", &|_| {}, Ok(()));
    check(
        "of a later kind",
        &|written| written["x-later"] = json!([1]),
        Ok(()),
    );
    check(
        "of a later kind alone",
        &|written| *written = json!({"keys": {}, "x-later": [1]}),
        Ok(()),
    );
    check(
        "a role twice",
        &|written| written["roles"] = json!([written["roles"][0], written["roles"][0]]),
        refused,
    );
    check(
        "a top-level name",
        &|written| written["roles"][0]["name"] = json!("snapshot"),
        refused,
    );
    check(
        "no name",
        &|written| written["roles"][0]["name"] = json!(""),
        refused,
    );
    check(
        "two scopes",
        &|written| written["roles"][0]["path_hash_prefixes"] = json!(["0"]),
        refused,
    );
    check(
        "no scope",
        &|written| written["roles"][0]["paths"] = Value::Null,
        refused,
    );
    check(
        "no threshold",
        &|written| written["roles"][0]["threshold"] = json!(0),
        refused,
    );
    check(
        "two schemes",
        &|written| written["succinct_roles"] = json!({}),
        refused,
    );
    for bits in [json!(0), json!(33), json!(u64::MAX), json!(-1)] {
        let bins = json!({"keyids": [], "threshold": 1, "bit_length": bits, "name_prefix": "bin"});
        check(
            "bits",
            &|written| *written = json!({"keys": {}, "succinct_roles": bins}),
            refused,
        );
    }
}

#[test]
fn a_target_that_cannot_be_compared_takes_no_other_with_it() {
    let mut repository = Repository::new();
    repository.targets_signed = json!({"targets": {
        "odd": {"length": 3, "hashes": {"crc32": "00"}},
        "both": {"length": 4, "hashes": {"sha512": "00", "sha256": hex(sha256(&[b"both"]))}},
        "x": {"length": 1, "hashes": {"crc32": "00", "sha256": hex(sha256(&[b"x"]))}},
    }});
    repository.publish();
    check(&repository, "x", Ok("targets"), &[]);
    check(&repository, "odd", Err("tuf-target-hash"), &[]);
    check(&repository, "both", Err("tuf-target-hash"), &[]);
}

#[test]
fn circles_and_long_chains_end() {
    let mut repository = Repository::new();
    let names: Vec<String> = (0..40).map(|number| format!("r{number}")).collect();
    for name in &names {
        delegate(&mut repository, "targets", name, &["*"], false, &[]);
    }
    repository.publish();
    let mut client = Client::of(&repository);
    let mut updater = client.refresh(&repository).unwrap();
    client.asked.clear();
    updater.seek("x");
    client.run(&mut updater, &repository).unwrap();
    assert!(updater.found().is_err());
    assert_eq!(client.asked.len(), Bounds::PHONE.delegations);
}

#[test]
fn a_target_is_its_bytes() {
    let mut repository = Repository::new();
    repository.targets_signed =
        json!({"targets": {"x": {"length": 1, "hashes": {"sha256": hex(sha256(&[b"x"]))}}}});
    repository.publish();
    let mut client = Client::of(&repository);
    let mut updater = client.refresh(&repository).unwrap();
    updater.seek("x");
    client.run(&mut updater, &repository).unwrap();
    let (role, file) = updater.found().unwrap();
    assert_eq!(
        (role, file.hash_prefix()),
        (&RoleName::Targets, Some(hex(sha256(&[b"x"]))))
    );
    assert_eq!(file.verify("x", b"x"), Ok(()));
    assert_eq!(file.verify("x", b"y").unwrap_err().code(), "tuf-target-hash");
    assert_eq!(file.verify("x", b"xy").unwrap_err().code(), "tuf-target-length");
}
