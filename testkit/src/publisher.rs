//! The sample bank's policy admins, two of whom have to sign, and those who would like to be in their place: whatever is wrong with what
//! these publish, nothing else is wrong with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use attest_core::policy::{Brake, Mode};
use attest_core::tuf::RoleName;
use attest_policy::Compiled;
use attest_policy::repository::{
    BRAKE_ROLE, BRAKE_TARGET, DelegatedRole, Delegations, Described, Header, KeyIds, KeyKind, MetaFile,
    Metadata, Repository, RepositoryError, RoleKey, Root, RootRoles, Signed, Snapshot, Targets, Timestamp,
};
use ring::rand::SystemRandom;

/// How long what they sign is good, in seconds.
const GOOD_FOR_S: u64 = 86_400;
/// Admins who have to sign a policy.
const THRESHOLD: u64 = 2;
/// A version above every honest one.
const FORGED_VERSION: u64 = 1_000_000;

/// Who signs.
#[derive(Debug)]
struct Hands {
    admins: [RoleKey; 2],
    online: RoleKey,
    brake: RoleKey,
}

/// What was published last.
#[derive(Debug, Default)]
struct Published {
    version: u64,
    artifacts: BTreeMap<String, Vec<u8>>,
    brake: Option<Brake>,
    first: Option<Repository>,
}

/// What is wrong with a repository that somebody else publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// Signed by keys of the forger's own, root and all.
    ForeignKeys,
    /// Signed by one of the two admins who have to.
    OneAdmin,
    /// The first one that was ever published, once more.
    Older,
    /// As good as it gets, and out of date.
    Expired,
}

impl Forgery {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ForeignKeys, Self::OneAdmin, Self::Older, Self::Expired];

    /// What it is called in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ForeignKeys => "signed by the forger's own keys",
            Self::OneAdmin => "signed by one of two admins",
            Self::Older => "an older one once more",
            Self::Expired => "an expired one",
        }
    }
}

/// The admins, their keys and what they published.
#[derive(Debug)]
pub struct Publisher {
    hands: Hands,
    root: Vec<u8>,
    published: Mutex<Published>,
}

impl Publisher {
    /// Admins with new keys.
    ///
    /// # Errors
    /// [`RepositoryError`] if there is no randomness.
    pub fn new(now_s: u64) -> Result<Self, RepositoryError> {
        let hands = Hands::new()?;
        let root = hands.root(now_s)?;
        Ok(Self {
            hands,
            root,
            published: Mutex::default(),
        })
    }

    /// The root metadata that gateways and apps begin with.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// Both admins sign a policy.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn publish(&self, policy: &Compiled, now_s: u64) -> Result<Repository, RepositoryError> {
        let mut published = self.published();
        published.artifacts = artifacts(policy)?;
        self.next(&mut published, now_s)
    }

    /// The brake's holder puts rules into another mode for a while; no rules lift it.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn brake(
        &self,
        rules: &[(&str, Mode)],
        now_s: u64,
        for_s: u64,
    ) -> Result<Repository, RepositoryError> {
        let mut published = self.published();
        let before = published.brake.as_ref().map_or(0, |brake| brake.version);
        let mode = |(rule, mode): &(&str, Mode)| ((*rule).to_owned(), *mode);
        published.brake = Some(Brake {
            version: before + 1,
            issued_at: now_s,
            expires_at: now_s + for_s,
            rules: rules.iter().map(mode).collect(),
        });
        self.next(&mut published, now_s)
    }

    /// What is in force, signed once more.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn sign_again(&self, now_s: u64) -> Result<Repository, RepositoryError> {
        self.next(&mut self.published(), now_s)
    }

    /// What a forger publishes, who would like `policy` to be in force.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub fn forge(
        &self,
        forgery: Forgery,
        policy: &Compiled,
        now_s: u64,
    ) -> Result<Repository, RepositoryError> {
        let artifacts = artifacts(policy)?;
        let mut published = self.published();
        let admins = self.hands.admins.each_ref();
        let (signers, good_until_s) = match forgery {
            Forgery::ForeignKeys => {
                let own = Hands::new()?;
                let root = own.root(now_s)?;
                let until_s = now_s + GOOD_FOR_S;
                let admins = own.admins.each_ref();
                return own.sign(&root, &admins, FORGED_VERSION, &artifacts, None, until_s);
            }
            Forgery::Older => {
                let first = published.first.clone();
                return first.ok_or_else(|| RepositoryError::Missing("the first publication".into()));
            }
            Forgery::OneAdmin => (&admins[..1], now_s + GOOD_FOR_S),
            Forgery::Expired => (&admins[..], now_s.saturating_sub(GOOD_FOR_S)),
        };
        // Whoever signs timestamps was deceived, too: honest versions go on above this one.
        published.version += 1;
        let brake = published.brake.as_ref();
        self.hands.sign(
            &self.root,
            signers,
            published.version,
            &artifacts,
            brake,
            good_until_s,
        )
    }

    fn published(&self) -> MutexGuard<'_, Published> {
        self.published.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, published: &mut Published, now_s: u64) -> Result<Repository, RepositoryError> {
        published.version += 1;
        let repository = self.hands.sign(
            &self.root,
            &self.hands.admins.each_ref(),
            published.version,
            &published.artifacts,
            published.brake.as_ref(),
            now_s + GOOD_FOR_S,
        )?;
        if published.first.is_none() {
            published.first = Some(repository.clone());
        }
        Ok(repository)
    }
}

impl Hands {
    fn new() -> Result<Self, RepositoryError> {
        let key = |kind| RoleKey::generate(kind, &SystemRandom::new());
        Ok(Self {
            admins: [key(KeyKind::Ed25519)?, key(KeyKind::P256)?],
            online: key(KeyKind::Ed25519)?,
            brake: key(KeyKind::Ed25519)?,
        })
    }

    fn root(&self, now_s: u64) -> Result<Vec<u8>, RepositoryError> {
        let admins = self.admins.each_ref().map(RoleKey::public);
        let online = self.online.public();
        let both = KeyIds::new(&admins, THRESHOLD);
        let served = KeyIds::new([&online], 1);
        let keys = admins.iter().chain([&online]);
        let root = Root {
            header: Header::new(1, now_s + 365 * GOOD_FOR_S)?,
            consistent_snapshot: true,
            keys: keys.map(|key| (key.id(), key.clone())).collect(),
            roles: RootRoles {
                root: both.clone(),
                timestamp: served.clone(),
                snapshot: served,
                targets: both,
                other: BTreeMap::new(),
            },
            other: BTreeMap::new(),
        };
        signed(root, &self.admins.each_ref())
    }

    /// A whole repository, everything of it in this version.
    fn sign(
        &self,
        root: &[u8],
        admins: &[&RoleKey],
        version: u64,
        policy: &BTreeMap<String, Vec<u8>>,
        brake: Option<&Brake>,
        expires_s: u64,
    ) -> Result<Repository, RepositoryError> {
        let header = Header::new(version, expires_s)?;
        let role = |artifacts: &BTreeMap<String, Vec<u8>>, delegations| Targets {
            header: header.clone(),
            targets: artifacts
                .iter()
                .map(|(name, bytes)| (name.clone(), Described::of(bytes)))
                .collect(),
            delegations,
            other: BTreeMap::new(),
        };
        let mut metadata = BTreeMap::new();
        let targets = role(policy, Some(self.delegations()));
        metadata.insert(RoleName::Targets.as_str().to_owned(), signed(targets, admins)?);
        let mut artifacts = policy.clone();
        if let Some(brake) = brake {
            let braked = BTreeMap::from([(BRAKE_TARGET.to_owned(), json(brake)?)]);
            metadata.insert(
                BRAKE_ROLE.to_owned(),
                signed(role(&braked, None), &[&self.brake])?,
            );
            artifacts.extend(braked);
        }
        let snapshot = Snapshot {
            header: header.clone(),
            meta: metadata
                .iter()
                .map(|(role, bytes)| (format!("{role}.json"), MetaFile::of(version, bytes)))
                .collect(),
            other: BTreeMap::new(),
        };
        let snapshot = signed(snapshot, &[&self.online])?;
        let timestamp = Timestamp {
            header,
            meta: BTreeMap::from([("snapshot.json".to_owned(), MetaFile::of(version, &snapshot))]),
            other: BTreeMap::new(),
        };
        Ok(Repository {
            roots: BTreeMap::from([(1, root.to_vec())]),
            timestamp: signed(timestamp, &[&self.online])?,
            snapshot,
            metadata,
            artifacts,
        })
    }

    fn delegations(&self) -> Delegations {
        let brake = self.brake.public();
        Delegations {
            keys: BTreeMap::from([(brake.id(), brake.clone())]),
            roles: vec![DelegatedRole {
                name: BRAKE_ROLE.to_owned(),
                keyids: vec![brake.id()],
                threshold: 1,
                terminating: true,
                paths: Some(vec![BRAKE_TARGET.to_owned()]),
                path_hash_prefixes: None,
                other: BTreeMap::new(),
            }],
            other: BTreeMap::new(),
        }
    }
}

fn signed<T: Signed>(content: T, keys: &[&RoleKey]) -> Result<Vec<u8>, RepositoryError> {
    let mut metadata = Metadata::new(content);
    for key in keys {
        metadata.sign(key, &SystemRandom::new())?;
    }
    metadata.to_bytes()
}

fn artifacts(policy: &Compiled) -> Result<BTreeMap<String, Vec<u8>>, RepositoryError> {
    let text = |text: Result<String, serde_json::Error>| {
        text.map(String::into_bytes).map_err(|error| unwritable(&error))
    };
    Ok(BTreeMap::from([
        ("device.json".to_owned(), text(policy.device_json())?),
        ("gateway.json".to_owned(), text(policy.gateway_json())?),
        ("tests.json".to_owned(), text(policy.tests_json())?),
    ]))
}

fn json(brake: &Brake) -> Result<Vec<u8>, RepositoryError> {
    serde_json::to_vec(brake).map_err(|error| unwritable(&error))
}

fn unwritable(error: &serde_json::Error) -> RepositoryError {
    RepositoryError::Malformed {
        what: "the policy".to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use attest_core::tuf::{Bounds, Supply, TufError, Updater, Want};

    use super::*;

    const NOW_S: u64 = 1_800_000_000;

    fn policy(version: u64) -> Compiled {
        let source = include_str!("../../policy/examples/bank.yaml").replacen(
            "version: 7 ",
            &format!("version: {version} "),
            1,
        );
        attest_policy::compile("bank.yaml", &source).unwrap()
    }

    /// What a client that trusts `kept` makes of a repository.
    fn follow(root: &[u8], kept: Option<&Repository>, offered: &Repository) -> Result<(), TufError> {
        let files: BTreeMap<String, Vec<u8>> = offered
            .files()
            .unwrap()
            .into_iter()
            .map(|(name, bytes)| (name, bytes.to_vec()))
            .collect();
        let mut updater = Updater::new(root, NOW_S, Bounds::HOST)?;
        loop {
            let bytes = match updater.want()? {
                Want::Nothing => return Ok(()),
                Want::Fetch { name, .. } => files.get(&format!("metadata/{name}")),
                Want::Kept(role) => kept.and_then(|kept| match role {
                    RoleName::Timestamp => Some(&kept.timestamp),
                    RoleName::Snapshot => Some(&kept.snapshot),
                    RoleName::Root => None,
                    role @ (RoleName::Targets | RoleName::Delegated(_)) => kept.metadata.get(role.as_str()),
                }),
            };
            updater.supply(bytes.map_or(Supply::Missing, |bytes| Supply::Bytes(bytes)))?;
        }
    }

    #[test]
    fn clients_take_what_both_sign_and_nothing_that_is_forged() {
        let publisher = Publisher::new(NOW_S).unwrap();
        let first = publisher.publish(&policy(7), NOW_S).unwrap();
        assert_eq!(follow(publisher.root(), None, &first), Ok(()));
        let second = publisher.publish(&policy(8), NOW_S).unwrap();
        assert_eq!(follow(publisher.root(), Some(&first), &second), Ok(()));
        let braked = publisher
            .brake(&[("cloner-on-payments", Mode::Shadow)], NOW_S, 3600)
            .unwrap();
        assert_eq!(follow(publisher.root(), Some(&second), &braked), Ok(()));
        for (forgery, code) in [
            (Forgery::ForeignKeys, "tuf-threshold"),
            (Forgery::OneAdmin, "tuf-threshold"),
            (Forgery::Older, "tuf-rollback"),
            (Forgery::Expired, "tuf-expired"),
        ] {
            let forged = publisher.forge(forgery, &policy(99), NOW_S).unwrap();
            let refused = follow(publisher.root(), Some(&braked), &forged).unwrap_err();
            assert_eq!(refused.code(), code, "{forgery:?}");
        }
    }
}
