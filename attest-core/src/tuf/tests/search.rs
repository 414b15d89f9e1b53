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
