use std::collections::BTreeMap;

use attest_core::tuf::{Bounds, RoleName, Supply, TufError, Updater, Want};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::SystemRandom;

use super::*;

const NOW_S: u64 = 1_800_000_000;

fn artifacts() -> BTreeMap<String, Vec<u8>> {
    ["device.json", "gateway.json", "tests.json", "brake.json"]
        .into_iter()
        .map(|name| (name.to_owned(), format!("{{\"of\":\"{name}\"}}").into_bytes()))
        .collect()
}

fn repository(kind: KeyKind) -> Repository {
    let rng = SystemRandom::new();
    let key = RoleKey::generate(kind, &rng).unwrap();
    development(&key, artifacts(), 7, NOW_S + 60, &rng).unwrap()
}

/// What a client that trusts the first root says of a target.
fn fetched(repository: &Repository, now_s: u64, target: &str) -> Result<RoleName, TufError> {
    let files: BTreeMap<String, &[u8]> = repository.files().unwrap().into_iter().collect();
    let mut updater = Updater::new(&repository.roots[&1], now_s, Bounds::HOST)?;
    let run = |updater: &mut Updater| loop {
        let bytes = match updater.want()? {
            Want::Nothing => return Ok(()),
            Want::Kept(_) => None,
            Want::Fetch { name, .. } => files.get(&format!("metadata/{name}")).copied(),
        };
        updater.supply(bytes.map_or(Supply::Missing, Supply::Bytes))?;
    };
    run(&mut updater)?;
    updater.seek(target);
    run(&mut updater)?;
    let (role, file) = updater.found()?;
    let path = format!("targets/{}.{target}", file.hash_prefix().unwrap());
    file.verify(target, files[&path])?;
    Ok(role.clone())
}

#[test]
fn a_client_takes_what_is_made() {
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let repository = repository(kind);
        let check =
            |target: &str, expect: RoleName| assert_eq!(fetched(&repository, NOW_S, target), Ok(expect));
        check("device.json", RoleName::Targets);
        check("gateway.json", RoleName::Targets);
        check("tests.json", RoleName::Targets);
        check("brake.json", RoleName::Delegated("brake".to_owned()));
        let code = |now_s, target| fetched(&repository, now_s, target).map_err(|error| error.code());
        assert_eq!(code(NOW_S, "other.json"), Err("tuf-target-unknown"));
        assert_eq!(code(NOW_S + 60, "device.json"), Err("tuf-expired"));
    }
}

#[test]
fn a_client_refuses_what_another_key_made() {
    let mut forged = repository(KeyKind::Ed25519);
    forged.roots = repository(KeyKind::Ed25519).roots;
    assert_eq!(
        fetched(&forged, NOW_S, "device.json").map_err(|error| error.code()),
        Err("tuf-threshold")
    );
}

#[test]
fn files_and_json_carry_all_of_it() {
    let made = repository(KeyKind::P256);
    let directory = tempfile::tempdir().unwrap();
    made.write_to(directory.path()).unwrap();
    assert_eq!(Repository::read_from(directory.path()).unwrap(), made);
    assert_eq!(Repository::from_json(&made.to_json().unwrap()).unwrap(), made);
    // A newer one beside it is what is read then; the old files stay for who is still reading them.
    let newer = repository(KeyKind::Ed25519);
    newer.write_to(directory.path()).unwrap();
    assert_eq!(Repository::read_from(directory.path()).unwrap(), newer);
}

#[test]
fn what_is_missing_or_another_is_told() {
    let made = repository(KeyKind::Ed25519);
    let files: Vec<(String, Vec<u8>)> = made
        .files()
        .unwrap()
        .into_iter()
        .map(|(name, bytes)| (name, bytes.to_owned()))
        .collect();
    for (spoilt, _) in &files {
        let without = Repository::from_files(|path| {
            let file = files.iter().find(|(name, _)| name == path && name != spoilt);
            Ok(file.map(|(_, bytes)| bytes.clone()))
        });
        assert_eq!(without.unwrap_err().code(), "repository-missing", "{spoilt}");
        if spoilt.starts_with("targets/") {
            let other = Repository::from_files(|path| {
                let bytes = files
                    .iter()
                    .find(|(name, _)| name == path)
                    .map(|(_, bytes)| bytes.clone());
                Ok(if path == spoilt {
                    Some(b"{}".to_vec())
                } else {
                    bytes
                })
            });
            assert_eq!(other.unwrap_err().code(), "repository-target", "{spoilt}");
        }
    }
}

#[test]
fn no_target_is_written_outside() {
    for name in ["../device.json", "/device.json", "a//b", "", "a/..", "a\\b"] {
        let mut made = repository(KeyKind::Ed25519);
        made.artifacts.insert(name.to_owned(), Vec::new());
        assert_eq!(made.files().unwrap_err().code(), "repository-name", "{name}");
    }
}

#[test]
fn metadata_of_others_is_kept_whole() {
    let text = r#"{"signatures":[{"keyid":"a","sig":"00"}],"signed":{"_type":"targets","spec_version":"1.0.0","version":3,
        "expires":"2031-04-01T00:00:00Z","x-of-another-tool":[1],"targets":{"a":{"length":0,"hashes":{"sha512":"00"},"custom":{"x":1}}},
        "delegations":{"keys":{},"roles":[],"succinct_roles":{"bit_length":1}}}}"#;
    let read = Metadata::<Targets>::from_bytes(text.as_bytes()).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&read.to_bytes().unwrap()).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(text).unwrap());
    assert_eq!(
        Metadata::<Root>::from_bytes(text.as_bytes()).unwrap_err().code(),
        "repository-malformed"
    );
}

#[test]
fn a_key_comes_back_from_its_document_and_signs_once() {
    let rng = SystemRandom::new();
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let key = RoleKey::generate(kind, &rng).unwrap();
        let again = RoleKey::from_pkcs8(key.to_pkcs8(), &rng).unwrap();
        assert_eq!((again.id(), again.kind()), (key.id(), kind));
        assert!(!format!("{key:?}").contains("pkcs8"));
        let header = Header::new(1, NOW_S).unwrap();
        let mut metadata = Metadata::new(Snapshot {
            header,
            meta: BTreeMap::new(),
            other: BTreeMap::new(),
        });
        metadata.sign(&key, &rng).unwrap();
        metadata.sign(&again, &rng).unwrap();
        assert_eq!(metadata.signatures.len(), 1);
    }
    assert_eq!(
        RoleKey::from_pkcs8(b"no key", &rng).unwrap_err().code(),
        "repository-key"
    );
}

/// Keys and the ids that securesystemslib 1.6 gives them.
#[test]
fn key_ids_are_those_of_the_reference_implementation() {
    const P256: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAMDmhRANCAAQm7869DunjSmaRh\
        +GLOpEisvczlFtknMn5+SHp+drYEpAji96cx7szDRUMZ3BN0lrnBVIFdEtvMb9AcHRYctDm";
    let key = RoleKey::from_pkcs8(&STANDARD.decode(P256).unwrap(), &SystemRandom::new()).unwrap();
    assert_eq!(
        key.id(),
        "1b680a9b047f61c06aa7a6bfff05db6741ee261d5230cb708b7fda33a9611328"
    );
    let seed: Vec<u8> = (0..32).collect();
    let document = [
        b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".as_slice(),
        &seed,
    ]
    .concat();
    let key = RoleKey::from_pkcs8(&document, &SystemRandom::new()).unwrap();
    assert_eq!(
        key.public().keyval.public,
        "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
    );
    assert_eq!(
        key.id(),
        "63d00ee3cf4f5c61ad94efa696c68f13b608fe56ecea13fb144a6fd18e9235b9"
    );
}

#[test]
fn everything_wrong_is_told() {
    let made = repository(KeyKind::P256);
    let root = made.roots[&1].clone();
    let codes = |repository: &Repository, now_s| -> Vec<(String, &str)> {
        let flaws = repository.examine(&root, now_s).flaws;
        flaws.into_iter().map(|flaw| (flaw.place, flaw.code)).collect()
    };
    let examined = made.examine(&root, NOW_S);
    assert_eq!(examined.flaws, []);
    assert_eq!(examined.vouched["brake.json"], "brake");
    assert_eq!(examined.versions["targets"], 7);
    let late = codes(&made, NOW_S + 60);
    let expired = ["timestamp", "snapshot", "brake", "targets"];
    assert_eq!(late, expired.map(|role| (role.to_owned(), "tuf-expired")));
    let mut foreign = repository(KeyKind::P256);
    foreign.roots.clone_from(&made.roots);
    assert_eq!(
        codes(&foreign, NOW_S),
        [("repository".to_owned(), "tuf-threshold")]
    );
    let mut spoilt = made.clone();
    spoilt.artifacts.insert("device.json".to_owned(), b"{}".to_vec());
    spoilt.artifacts.insert("brake.json".to_owned(), b"{}".to_vec());
    assert_eq!(
        codes(&spoilt, NOW_S),
        [
            ("brake.json".to_owned(), "tuf-target-length"),
            ("device.json".to_owned(), "tuf-target-length")
        ]
    );
}

#[test]
fn a_policy_that_gateways_would_refuse_is_told() {
    let compiled = crate::compile("bank.yaml", crate::EXAMPLE).unwrap();
    let artifact = |name: &str, text: String| (name.to_owned(), text.into_bytes());
    let mut artifacts = BTreeMap::from([
        artifact("device.json", compiled.device_json().unwrap()),
        artifact("gateway.json", compiled.gateway_json().unwrap()),
        artifact("tests.json", compiled.tests_json().unwrap()),
    ]);
    let codes = |artifacts: &BTreeMap<String, Vec<u8>>| -> Vec<&str> {
        let repository = Repository {
            artifacts: artifacts.clone(),
            ..Repository::default()
        };
        repository
            .flaws_of_policy()
            .iter()
            .map(|flaw| flaw.code)
            .collect()
    };
    assert_eq!(codes(&artifacts), Vec::<&str>::new());
    let brake = |rule: &str| {
        format!(r#"{{"version":1,"issued_at":1,"expires_at":3,"rules":{{"{rule}":"off"}}}}"#).into_bytes()
    };
    let braked = |brake: Vec<u8>, now_s| {
        let mut artifacts = artifacts.clone();
        artifacts.insert("brake.json".to_owned(), brake);
        let repository = Repository {
            artifacts,
            ..Repository::default()
        };
        repository.flaw_of_brake(now_s).map(|flaw| flaw.code)
    };
    assert_eq!(braked(brake("no-such-rule"), 2), Some("brake-unknown-rule"));
    assert_eq!(braked(brake("no-such-rule"), 3), None);
    assert_eq!(braked(b"{}".to_vec(), 3), Some("brake-malformed"));
    let older = br#"{"version":999,"tests":[]}"#.to_vec();
    let tests = artifacts.insert("tests.json".to_owned(), older).unwrap();
    assert_eq!(codes(&artifacts), ["policy-version-mismatch"]);
    let other = String::from_utf8(tests)
        .unwrap()
        .replace(r#""decision":"deny""#, r#""decision":"step_up""#);
    artifacts.insert("tests.json".to_owned(), other.into_bytes());
    let failed = codes(&artifacts);
    assert!(
        !failed.is_empty() && failed.iter().all(|code| *code == "policy-tests-failed"),
        "{failed:?}"
    );
    artifacts.remove("gateway.json");
    assert_eq!(codes(&artifacts), ["policy-target-missing"]);
}

#[test]
fn only_a_key_that_signed_this_counts() {
    let rng = SystemRandom::new();
    for kind in [KeyKind::Ed25519, KeyKind::P256] {
        let [key, other] = [(); 2].map(|()| RoleKey::generate(kind, &rng).unwrap());
        assert!(key.public().is_known());
        let keys: BTreeMap<_, _> = [&key, &other].map(|key| (key.id(), key.public())).into();
        let header = Header::new(1, NOW_S).unwrap();
        let mut metadata = Metadata::new(Snapshot {
            header,
            meta: BTreeMap::new(),
            other: BTreeMap::new(),
        });
        metadata.sign(&key, &rng).unwrap();
        let sig = metadata.signatures[0].sig.clone();
        metadata.attach(Signature {
            keyid: other.id(),
            sig,
        });
        assert_eq!(metadata.signed_by(&keys), [key.id()]);
        metadata.signed.header.version = 2;
        assert_eq!(metadata.signed_by(&keys), Vec::<String>::new());
    }
}
