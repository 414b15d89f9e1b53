//! Everything that can be wrong with a repository, each against a gateway with a good policy in force.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use attest_gateway::policy::Polled;
use attest_gateway::policy::repository::Answer;
use attest_policy::repository::{KeyKind, Metadata, Repository, RoleKey, Targets};
use attest_tests::publisher::{Draft, EXPIRES_S, Publisher, artifacts, bytes, copy};
use attest_tests::scene::START_S;
use attest_tests::station::Station;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

/// Publishes something spoilt over a good repository.
type Spoil = fn(&mut Publisher, &Draft, &Path);

fn signed(publisher: &mut Publisher, to: &Path, change: impl FnOnce(&mut Draft)) {
    let mut draft = publisher.draft(false);
    change(&mut draft);
    copy(&publisher.sign(&draft), to);
}

fn with(publisher: &mut Publisher, to: &Path, change: impl FnOnce(&mut Publisher, &Draft, &mut Repository)) {
    let draft = publisher.draft(false);
    let mut repository = publisher.sign(&draft);
    change(publisher, &draft, &mut repository);
    // Files as they are named by what names them, whatever is in them.
    copy(&repository, to);
}

/// Replaces the bytes of a file that the next repository has, under its name.
fn swapped(publisher: &mut Publisher, to: &Path, end: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let draft = publisher.draft(false);
    let repository = publisher.sign(&draft);
    let files = repository.files().unwrap();
    let (name, bytes) = files.iter().find(|(name, _)| name.ends_with(end)).unwrap();
    copy(&repository, to);
    fs::write(to.join(name), change(bytes.to_vec())).unwrap();
}

/// Changes one of the policy's targets before it is signed.
fn edited(artifacts: &mut BTreeMap<String, Vec<u8>>, name: &str, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&artifacts[name]).unwrap();
    change(&mut value);
    artifacts.insert(name.to_owned(), value.to_string().into_bytes());
}

/// What an attacker, or a careless owner, publishes, and the code that tells it.
const ATTACKS: &[(&str, &str, Spoil)] = &[
    (
        "the older version again",
        "tuf-rollback",
        |publisher, before, to| {
            let older = Draft {
                version: before.version - 1,
                ..before.clone()
            };
            copy(&publisher.sign(&older), to);
        },
    ),
    (
        "an older snapshot under a newer timestamp",
        "tuf-rollback",
        |publisher, before, to| {
            let mut older = publisher.sign(&Draft {
                version: before.version - 1,
                ..before.clone()
            });
            publisher.stamp(&mut older, before.version + 1, EXPIRES_S);
            copy(&older, to);
        },
    ),
    (
        "an older policy under newer metadata",
        "policy-not-newer",
        |publisher, before, to| {
            let mut older = before.artifacts.clone();
            for name in ["device.json", "gateway.json", "tests.json"] {
                edited(&mut older, name, |part| part["version"] = 1.into());
            }
            let draft = publisher.draft_with(older);
            copy(&publisher.sign(&draft), to);
        },
    ),
    (
        "the version in force with other content",
        "policy-not-newer",
        |publisher, before, to| {
            let mut other = before.artifacts.clone();
            edited(&mut other, "gateway.json", |policy| {
                policy["rules"][0]["why"] = "another".into()
            });
            let draft = publisher.draft_with(other);
            copy(&publisher.sign(&draft), to);
        },
    ),
    ("an expired timestamp", "tuf-expired", |publisher, _, to| {
        signed(publisher, to, |draft| draft.timestamp_expires_s = START_S);
    }),
    ("an expired snapshot", "tuf-expired", |publisher, _, to| {
        signed(publisher, to, |draft| draft.snapshot_expires_s = START_S - 1);
    }),
    ("expired targets", "tuf-expired", |publisher, _, to| {
        signed(publisher, to, |draft| draft.targets_expires_s = START_S - 1);
    }),
    (
        "a timestamp by a stranger's key",
        "tuf-threshold",
        |publisher, _, to| {
            let stranger = RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).unwrap();
            let own = std::mem::replace(&mut publisher.online, stranger);
            signed(publisher, to, |_| ());
            publisher.online = own;
        },
    ),
    (
        "targets by a stranger's keys",
        "tuf-threshold",
        |publisher, _, to| {
            let stranger = || RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).unwrap();
            let own = std::mem::replace(&mut publisher.targets, [stranger(), stranger(), stranger()]);
            signed(publisher, to, |_| ());
            publisher.targets = own;
        },
    ),
    (
        "targets by the online key, which a server's intruder has",
        "tuf-threshold",
        |publisher, _, to| {
            with(publisher, to, |publisher, draft, repository| {
                let mut targets = Metadata::<Targets>::from_bytes(&repository.metadata["targets"]).unwrap();
                targets.signatures.clear();
                targets.sign(&publisher.online, &SystemRandom::new()).unwrap();
                repository
                    .metadata
                    .insert("targets".to_owned(), targets.to_bytes().unwrap());
                *repository = publisher.seal(draft, repository.metadata.clone(), BTreeMap::new());
            });
        },
    ),
    (
        "targets below the threshold",
        "tuf-threshold",
        |publisher, _, to| {
            signed(publisher, to, |draft| draft.signers = vec![1]);
        },
    ),
    ("one key that signs twice", "tuf-field", |publisher, _, to| {
        signed(publisher, to, |draft| draft.signers = vec![1, 1]);
    }),
    ("one key under two ids", "tuf-threshold", |publisher, _, to| {
        with(publisher, to, |publisher, draft, repository| {
            let mut targets = Metadata::<Targets>::from_bytes(&repository.metadata["targets"]).unwrap();
            targets.signatures.truncate(1);
            let mut again = targets.signatures[0].clone();
            again.keyid = publisher.targets[1].id();
            targets.signatures.push(again);
            repository
                .metadata
                .insert("targets".to_owned(), targets.to_bytes().unwrap());
            *repository = publisher.seal(draft, repository.metadata.clone(), BTreeMap::new());
        });
    }),
    (
        "a root by one of two keys",
        "tuf-threshold",
        |publisher, before, to| {
            let online = RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).unwrap();
            let own = std::mem::replace(&mut publisher.online, online);
            let root = publisher.next_root(2, EXPIRES_S);
            let mut root = Metadata::<attest_policy::repository::Root>::from_bytes(&root).unwrap();
            root.signatures.truncate(1);
            publisher.online = own;
            fs::write(to.join("metadata/2.root.json"), root.to_bytes().unwrap()).unwrap();
            let again = publisher.draft_with(before.artifacts.clone());
            copy(&publisher.sign(&again), to);
        },
    ),
    (
        "a root that skips a version",
        "tuf-root-version",
        |publisher, _, to| {
            fs::write(to.join("metadata/2.root.json"), publisher.next_root(3, EXPIRES_S)).unwrap();
        },
    ),
    (
        "targets of one version, snapshot of another",
        "tuf-hash-mismatch",
        |publisher, before, to| {
            let other = publisher.sign(&Draft {
                brake_expires_s: EXPIRES_S - 86_400,
                ..before.clone()
            });
            swapped(publisher, to, ".snapshot.json", |_| other.snapshot);
        },
    ),
    (
        "another file in the place of targets",
        "tuf-length-mismatch",
        |publisher, _, to| {
            swapped(publisher, to, ".targets.json", |mut bytes| {
                bytes.push(b' ');
                bytes
            });
        },
    ),
    (
        "device.json of one version, gateway.json of another",
        "policy-version-mismatch",
        |publisher, before, to| {
            let mut draft = publisher.draft(false);
            let device = before.artifacts["device.json"].clone();
            draft.artifacts.insert("device.json".to_owned(), device);
            copy(&publisher.sign(&draft), to);
        },
    ),
    (
        "tests of another version",
        "policy-version-mismatch",
        |publisher, before, to| {
            let mut draft = publisher.draft(false);
            let tests = before.artifacts["tests.json"].clone();
            draft.artifacts.insert("tests.json".to_owned(), tests);
            copy(&publisher.sign(&draft), to);
        },
    ),
    ("a truncated timestamp", "tuf-malformed", |publisher, _, to| {
        swapped(publisher, to, "/timestamp.json", |bytes| {
            bytes.split_at(bytes.len() / 2).0.to_vec()
        });
    }),
    ("an empty timestamp", "tuf-malformed", |publisher, _, to| {
        swapped(publisher, to, "/timestamp.json", |_| Vec::new());
    }),
    ("no timestamp", "tuf-unavailable", |_, _, to| {
        fs::remove_file(to.join("metadata/timestamp.json")).unwrap();
    }),
    ("an oversized timestamp", "tuf-too-large", |publisher, _, to| {
        swapped(publisher, to, "/timestamp.json", |bytes| {
            [bytes, vec![b' '; 1 << 20]].concat()
        });
    }),
    ("an oversized root", "tuf-too-large", |publisher, _, to| {
        let root = [publisher.next_root(2, EXPIRES_S), vec![b' '; 1 << 20]].concat();
        fs::write(to.join("metadata/2.root.json"), root).unwrap();
    }),
    (
        "a snapshot that is not there",
        "tuf-unavailable",
        |publisher, _, to| {
            let draft = publisher.draft(false);
            copy(&publisher.sign(&draft), to);
            fs::remove_file(to.join(format!("metadata/{}.snapshot.json", draft.version))).unwrap();
        },
    ),
    ("a truncated target", "tuf-target-length", |publisher, _, to| {
        swapped(publisher, to, ".gateway.json", |bytes| {
            bytes.split_at(bytes.len() / 2).0.to_vec()
        });
    }),
    (
        "a target with another content",
        "tuf-target-hash",
        |publisher, _, to| {
            swapped(publisher, to, ".gateway.json", |mut bytes| {
                bytes.reverse();
                bytes
            });
        },
    ),
    (
        "a target that is not there",
        "policy-target-missing",
        |publisher, _, to| {
            let draft = publisher.draft(false);
            let repository = publisher.sign(&draft);
            copy(&repository, to);
            let files = repository.files().unwrap();
            let (name, _) = files
                .iter()
                .find(|(name, _)| name.ends_with(".tests.json"))
                .unwrap();
            fs::remove_file(to.join(name)).unwrap();
        },
    ),
    (
        "a policy of three targets with only two",
        "tuf-target-unknown",
        |publisher, _, to| {
            signed(publisher, to, |draft| drop(draft.artifacts.remove("tests.json")));
        },
    ),
    (
        "a policy by a delegated role, outside its paths",
        "tuf-target-unknown",
        |publisher, _, to| {
            delegated(publisher, to, "brake.json");
        },
    ),
    (
        "a policy by a delegated role that may name it",
        "policy-target-role",
        |publisher, _, to| {
            delegated(publisher, to, "*.json");
        },
    ),
    (
        "a policy whose own tests fail",
        "policy-tests-failed",
        |publisher, _, to| {
            signed(publisher, to, |draft| {
                edited(&mut draft.artifacts, "tests.json", |tests| {
                    let request = json!({"method": "POST", "path": "/v1/login", "app": "bank-android"});
                    let test = json!({"request": request, "facts": {}, "expect": {"decision": "deny"}});
                    let tests = tests["tests"].as_array_mut().unwrap();
                    tests.push(json!({"name": "all is well", "decision": test}));
                });
            });
        },
    ),
    (
        "a policy for another environment",
        "policy-environment",
        |publisher, _, to| {
            signed(publisher, to, |draft| {
                for name in ["device.json", "gateway.json"] {
                    edited(&mut draft.artifacts, name, |part| {
                        part["environment"] = "production".into()
                    });
                }
            });
        },
    ),
    (
        "a policy with an upstream that is not configured",
        "policy-upstream",
        |publisher, _, to| {
            signed(publisher, to, |draft| {
                edited(&mut draft.artifacts, "gateway.json", |policy| {
                    policy["routes"][0]["upstream"] = "shop".into()
                });
            });
        },
    ),
    (
        "a policy for a newer engine",
        "engine-unsupported",
        |publisher, _, to| {
            signed(publisher, to, |draft| {
                edited(&mut draft.artifacts, "gateway.json", |policy| {
                    policy["engine_min"] = 4000.into()
                });
            });
        },
    ),
    ("a policy that is none", "policy-malformed", |publisher, _, to| {
        signed(publisher, to, |draft| {
            draft
                .artifacts
                .insert("gateway.json".to_owned(), b"[1,2]".to_vec());
        });
    }),
    (
        "a policy without this gateway's keys",
        "policy-response-keys",
        |publisher, _, to| {
            let version = publisher.settings.version + 1;
            publisher.settings.version = version;
            let compiled = attest_policy::compile("bank.yaml", &publisher.settings.source()).unwrap();
            let draft = publisher.draft_with(artifacts(compiled, &[]));
            copy(&publisher.sign(&draft), to);
        },
    ),
];

/// Targets that hand all of the policy to the role `brake`, which may name what `paths` covers.
fn delegated(publisher: &mut Publisher, to: &Path, paths: &str) {
    let mut draft = publisher.draft(false);
    draft.brake_paths = vec![paths.to_owned()];
    let artifacts = std::mem::take(&mut draft.artifacts);
    let mut repository = publisher.sign(&draft);
    let mut brake = Metadata::<Targets>::from_bytes(&repository.metadata["brake"])
        .unwrap()
        .signed;
    let named = artifacts
        .iter()
        .map(|(name, bytes)| (name.clone(), attest_policy::repository::Described::of(bytes)));
    brake.targets = named.collect();
    let mut metadata = repository.metadata.clone();
    metadata.insert("brake".to_owned(), bytes(brake, &[&publisher.brake]));
    repository = publisher.seal(&draft, metadata, artifacts);
    copy(&repository, to);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attack_on_the_repository_replaces_the_last_good_policy() {
    let mut station = Station::new().await;
    // Two versions, so that there is an older one. The second stops logins, and so does every good one after it.
    let first = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&first));
    station.open().await.unwrap();
    let mut good = station.publisher.draft(true);
    station.publish(&station.publisher.sign(&good));
    assert_eq!(station.look().await, Polled::Activated(2));
    let mut caller = station.caller().await;
    let mut counted = BTreeMap::new();
    for (what, code, spoil) in ATTACKS {
        let (published, before) = (station.published(), station.version());
        spoil(&mut station.publisher, &good, &published);
        let polled = station.look().await;
        let Polled::Refused(reason) = &polled else {
            panic!("{what}: {polled:?}");
        };
        let nack = station.nack().unwrap();
        assert_eq!(
            (nack.verdict, nack.code.as_str(), nack.source.as_str()),
            (Answer::Nack, *code, "repository"),
            "{what}: {reason}"
        );
        assert_eq!(station.version(), before, "{what}");
        assert_eq!(
            station.gateway().policies().status().problem.as_ref(),
            Some(reason)
        );
        assert_eq!(station.login(&caller).await, 403, "{what}");
        // Told once, however often it is looked at.
        station.look().await;
        *counted.entry(*code).or_insert(0) += 1;
        let metrics = String::from_utf8(station.admin("GET", "/metrics", b"").await.body).unwrap();
        let told: Vec<_> = metrics
            .lines()
            .filter(|line| line.contains("verdicts_total{"))
            .collect();
        let once = format!(
            "attest_policy_verdicts_total{{verdict=\"nack\",code=\"{code}\"}} {}",
            counted[code]
        );
        assert!(told.contains(&once.as_str()), "{what}: {told:?}");

        // A good one after it acts, whatever was fed before.
        fs::remove_dir_all(&published).unwrap();
        good = station.publisher.draft(true);
        station.publish(&station.publisher.sign(&good));
        let activated = Polled::Activated(station.publisher.settings.version);
        assert_eq!(station.look().await, activated, "{what}");
        assert_eq!(station.gateway().policies().status().problem, None, "{what}");
        // So that the next one is told of, too.
        station.clock.advance_s(60);
        caller = station.caller().await;
    }
    let last = station.publisher.draft(false);
    station.publish(&station.publisher.sign(&last));
    station.look().await;
    assert_eq!(station.login(&caller).await, 200);
    station.close().await;
}
