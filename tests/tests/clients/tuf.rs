//! python-tuf as the counterpart: our client for the command line reads its repositories, its client reads ours.

use std::collections::BTreeMap;
use std::path::Path;

use attest_core::encoding::{hex, sha256};
use attest_policy::repository::{
    DelegatedRole, Delegations, Described, Header, KeyIds, KeyKind, MetaFile, Metadata, PublicKey,
    Repository, RoleKey, Root, RootRoles, Signed, Snapshot, Targets, Timestamp, development,
};
use attest_tests::binary::tuf_client;
use ring::rand::SystemRandom;

use super::stage::{Behind, Stage, python, script, succeeds};

/// 2100-01-01: nothing in these tests expires but what is meant to.
const NEVER_S: u64 = 4_102_444_800;
/// 2001-09-09.
const LONG_AGO_S: u64 = 1_000_000_000;
/// What a scenario of the script prints.
const SCENARIOS: usize = 237;

#[test]
fn our_client_reads_repositories_of_python_tuf() {
    let Some(python) = python() else { return };
    let scenarios = script("tuf/main.py");
    let told = succeeds(
        python,
        &["-B", scenarios.to_str().unwrap(), tuf_client().to_str().unwrap()],
    );
    assert_eq!(told.matches("ok ").count(), SCENARIOS, "{told}");
}

fn key(kind: KeyKind) -> RoleKey {
    RoleKey::generate(kind, &SystemRandom::new()).unwrap()
}

fn signed<T: Signed>(content: T, keys: &[&RoleKey]) -> Vec<u8> {
    let mut metadata = Metadata::new(content);
    for key in keys {
        metadata.sign(key, &SystemRandom::new()).unwrap();
    }
    metadata.to_bytes().unwrap()
}

fn by_id(keys: &[&RoleKey]) -> BTreeMap<String, PublicKey> {
    keys.iter().map(|key| (key.id(), key.public())).collect()
}

fn ids(keys: &[&RoleKey], threshold: u64) -> KeyIds {
    let public: Vec<PublicKey> = keys.iter().map(|key| key.public()).collect();
    KeyIds::new(&public, threshold)
}

/// An owner with two offline keys for the root and the targets each, one online key and one for the brake.
struct Owner {
    root: [RoleKey; 2],
    targets: [RoleKey; 2],
    online: RoleKey,
    brake: RoleKey,
    /// Of all but the root.
    version: u64,
    expires_s: u64,
    roots: BTreeMap<u64, Vec<u8>>,
    artifacts: BTreeMap<String, Vec<u8>>,
}

impl Owner {
    fn new() -> Self {
        let mut owner = Self {
            root: [key(KeyKind::P256), key(KeyKind::Ed25519)],
            targets: [key(KeyKind::Ed25519), key(KeyKind::P256)],
            online: key(KeyKind::Ed25519),
            brake: key(KeyKind::P256),
            version: 1,
            expires_s: NEVER_S,
            roots: BTreeMap::new(),
            artifacts: BTreeMap::new(),
        };
        for name in ["device.json", "gateway.json", "brake.json", "feeds/public.json"] {
            owner.change(name, "first");
        }
        owner.next_root(&[]);
        owner
    }

    fn change(&mut self, artifact: &str, to: &str) {
        self.artifacts.insert(
            artifact.to_owned(),
            format!("{{\"{artifact}\":\"{to}\"}}").into_bytes(),
        );
    }

    /// Signs the next root, also with the keys of before if they changed.
    fn next_root(&mut self, before: &[RoleKey]) {
        let version = u64::try_from(self.roots.len()).unwrap() + 1;
        let [root, targets] = [self.root.each_ref(), self.targets.each_ref()];
        let online = ids(&[&self.online], 1);
        let all = [&root[..], &targets[..], &[&self.online]].concat();
        let content = Root {
            header: Header::new(version, self.expires_s).unwrap(),
            consistent_snapshot: true,
            keys: by_id(&all),
            roles: RootRoles {
                root: ids(&root, 2),
                timestamp: online.clone(),
                snapshot: online,
                targets: ids(&targets, 2),
                other: BTreeMap::new(),
            },
            other: BTreeMap::new(),
        };
        let signers: Vec<&RoleKey> = root.into_iter().chain(before).collect();
        self.roots.insert(version, signed(content, &signers));
    }

    fn role(&self, names: &[&str], delegations: Option<Delegations>) -> Targets {
        let named = self
            .artifacts
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()));
        Targets {
            header: Header::new(self.version, self.expires_s).unwrap(),
            targets: named
                .map(|(name, bytes)| (name.clone(), Described::of(bytes)))
                .collect(),
            delegations,
            other: BTreeMap::new(),
        }
    }

    /// The repository of now, its targets signed by these keys.
    fn repository(&self, targets: &[&RoleKey]) -> Repository {
        let delegate = |name: &str, path: &str| DelegatedRole {
            name: name.to_owned(),
            keyids: vec![self.brake.id()],
            threshold: 1,
            terminating: true,
            paths: Some(vec![path.to_owned()]),
            path_hash_prefixes: None,
            other: BTreeMap::new(),
        };
        let delegations = Delegations {
            keys: by_id(&[&self.brake]),
            roles: vec![
                delegate("brake", "brake.json"),
                delegate("community-feed", "feeds/*.json"),
            ],
            other: BTreeMap::new(),
        };
        let top = self.role(&["device.json", "gateway.json"], Some(delegations));
        let brake = self.role(&["brake.json"], None);
        let feed = self.role(&["feeds/public.json"], None);
        let metadata = BTreeMap::from([
            ("targets".to_owned(), signed(top, targets)),
            ("brake".to_owned(), signed(brake, &[&self.brake])),
            ("community-feed".to_owned(), signed(feed, &[&self.brake])),
        ]);
        let entry =
            |(name, bytes): (&String, &Vec<u8>)| (format!("{name}.json"), MetaFile::of(self.version, bytes));
        let header = Header::new(self.version, self.expires_s).unwrap();
        let snapshot = Snapshot {
            header: header.clone(),
            meta: metadata.iter().map(entry).collect(),
            other: BTreeMap::new(),
        };
        let snapshot = signed(snapshot, &[&self.online]);
        let timestamp = Timestamp {
            header,
            meta: BTreeMap::from([("snapshot.json".to_owned(), MetaFile::of(self.version, &snapshot))]),
            other: BTreeMap::new(),
        };
        Repository {
            roots: self.roots.clone(),
            timestamp: signed(timestamp, &[&self.online]),
            snapshot,
            metadata,
            artifacts: self.artifacts.clone(),
        }
    }

    fn publish(&self, folder: &Path) {
        let [first, second] = &self.targets;
        self.repository(&[first, second]).write_to(folder).unwrap();
    }
}

/// What python-tuf says about the repository in a folder, with what it kept of before.
fn read(python: &Path, folder: &Path, kept: &Path, targets: &[&str]) -> String {
    let reader = script("tuf/reader.py");
    let paths = [reader.as_path(), folder, kept].map(|path| path.to_str().unwrap());
    succeeds(python, &[&["-B"][..], &paths[..], targets].concat())
}

fn told(root: u64, others: u64, artifacts: &[(&str, &[u8])]) -> String {
    let mut text = format!("root={root} timestamp={others} snapshot={others} targets={others}\n");
    for (name, bytes) in artifacts {
        text.push_str(&format!("{name} {}\n", hex(sha256(&[bytes]))));
    }
    text
}

#[test]
fn python_tuf_reads_our_repositories() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (repository, kept) = (folder.path().join("repository"), folder.path().join("kept"));
    let names = ["device.json", "gateway.json", "brake.json", "feeds/public.json"];
    let mut owner = Owner::new();
    let expect = |owner: &Owner| {
        let artifacts = names.map(|name| (name, owner.artifacts[name].as_slice()));
        let roots = u64::try_from(owner.roots.len()).unwrap();
        told(roots, owner.version, &artifacts)
    };
    let check = |owner: &Owner, what: &str| {
        owner.publish(&repository);
        assert_eq!(read(&python, &repository, &kept, &names), expect(owner), "{what}");
        // One that never saw anything before follows from the first root.
        let fresh = tempfile::tempdir().unwrap();
        assert_eq!(
            read(&python, &repository, fresh.path(), &names),
            expect(owner),
            "{what}, anew"
        );
    };
    check(&owner, "the first publication");
    check(&owner, "nothing new");
    owner.version = 2;
    owner.change("device.json", "second");
    owner.change("brake.json", "second");
    check(&owner, "a change");
    let before = std::mem::replace(&mut owner.root, [key(KeyKind::Ed25519), key(KeyKind::P256)]);
    owner.next_root(&before);
    check(&owner, "new root keys");
    owner.targets = [key(KeyKind::P256), key(KeyKind::P256)];
    owner.online = key(KeyKind::P256);
    owner.next_root(&[]);
    owner.version = 3;
    check(&owner, "new keys of the other roles");
    owner.brake = key(KeyKind::Ed25519);
    owner.version = 4;
    check(&owner, "a new key of the delegated roles");

    let refuses = |roots: &Repository, reason: &str| {
        roots.write_to(&repository).unwrap();
        let told = read(&python, &repository, &kept, &[]);
        assert_eq!(told, format!("refused {reason}\n"));
    };
    owner.version = 5;
    refuses(&owner.repository(&[&owner.targets[1]]), "UnsignedMetadataError");
    owner.version = 6;
    refuses(
        &owner.repository(&[&owner.targets[1], &owner.brake]),
        "UnsignedMetadataError",
    );
    owner.version = 4;
    let [first, second] = &owner.targets;
    refuses(&owner.repository(&[first, second]), "BadVersionNumberError");
    owner.version = 7;
    owner.expires_s = LONG_AGO_S;
    let [first, second] = &owner.targets;
    refuses(&owner.repository(&[first, second]), "ExpiredMetadataError");
    owner.version = 8;
    owner.expires_s = NEVER_S;
    check(&owner, "service goes on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_client_reads_the_repository_of_a_gateway() {
    let Some(python) = python() else { return };
    let stage = Stage::open(&Behind::nobody()).await;
    let base = format!("http://{}/.attest/v1/policy/tuf", stage.plain.address);
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("python");
    let names = ["device.json", "gateway.json"];
    let told = read(&python, Path::new(&base), &kept, &names);
    // Phones and whoever else asks are told that there are rules for gateways, never what they say.
    assert!(
        told.starts_with("root=1 ") && told.contains("\ndevice.json "),
        "{told}"
    );
    assert!(told.ends_with("refused DownloadHTTPError\n"), "{told}");

    let root = kept.join("root_history/1.root.json");
    let [metadata, targets] = ["metadata", "targets"].map(|name| folder.path().join(name));
    let [root, metadata, targets] = [&root, &metadata, &targets].map(|path| path.to_str().unwrap());
    succeeds(tuf_client(), &["--metadata-dir", metadata, "init", root]);
    let metadata_url = format!("{base}/metadata");
    let targets_url = format!("{base}/targets");
    let from = ["--metadata-url", &metadata_url, "--metadata-dir", metadata];
    let to = ["--target-name", "device.json", "--target-dir", targets];
    let download = ["--target-base-url", &targets_url, "download"];
    succeeds(tuf_client(), &[&from[..], &to[..], &download[..]].concat());
    let ours = std::fs::read(Path::new(targets).join("device.json")).unwrap();
    assert!(told.contains(&hex(sha256(&[&ours]))), "{told}");
}

#[test]
fn python_tuf_reads_a_development_repository() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (repository, kept) = (folder.path().join("repository"), folder.path().join("kept"));
    for (kind, version) in [(KeyKind::P256, 7), (KeyKind::Ed25519, 9)] {
        let artifacts = ["device.json", "gateway.json", "tests.json", "brake.json"]
            .map(|name| (name.to_owned(), name.as_bytes().to_vec()));
        let made = development(
            &key(kind),
            BTreeMap::from(artifacts.clone()),
            version,
            NEVER_S,
            &SystemRandom::new(),
        );
        let kept = kept.join(version.to_string());
        made.unwrap().write_to(&repository).unwrap();
        let expect: Vec<(&str, &[u8])> = artifacts
            .iter()
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        let names: Vec<&str> = expect.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            read(&python, &repository, &kept, &names),
            told(1, version, &expect)
        );
        std::fs::remove_dir_all(&repository).unwrap();
    }
}
