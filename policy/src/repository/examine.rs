//! Everything that a client would verify of a repository, and every artifact, with all that is wrong instead of the first.

use std::collections::BTreeMap;

use attest_core::tuf::{Bounds, RoleName, Supply, TufError, Updater, Want, expiry_text};

use super::{Metadata, Repository, Root, Signed, Snapshot, Targets, Timestamp};

/// What is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The role or target.
    pub place: String,
    /// The stable code that a client would refuse it with.
    pub code: &'static str,
    /// Why, in words.
    pub message: String,
}

/// What a client would trust, and why it would not trust the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Examined {
    /// The version of each role that was verified.
    pub versions: BTreeMap<String, u64>,
    /// Each target whose content was verified, and the role that vouches for it.
    pub vouched: BTreeMap<String, String>,
    /// What is wrong. Nothing if a client takes all of it.
    pub flaws: Vec<Flaw>,
}

/// What phones bear; they follow the roots of longer absence in several refreshes.
const BOUNDS: Bounds = Bounds {
    root_rotations: 256,
    ..Bounds::PHONE
};

impl Repository {
    /// What a client that trusts `root` and has never refreshed says at this time. Expiry is told for each role by itself.
    #[must_use]
    pub fn examine(&self, root: &[u8], now_s: u64) -> Examined {
        let mut examined = Examined::default();
        let files = match self.files() {
            Ok(files) => files.into_iter().collect::<BTreeMap<_, _>>(),
            Err(error) => {
                examined.flaw("repository", error.code(), error.to_string());
                return examined;
            }
        };
        // At the beginning of time nothing has expired.
        let updater = Updater::new(root, 0, BOUNDS)
            .and_then(|mut updater| walk(&mut updater, &files).map(|()| updater));
        match updater {
            Ok(mut updater) => {
                self.targets(&mut updater, &files, &mut examined);
                let delegated = self.metadata.keys().map(|name| RoleName::named(name));
                let upper = [RoleName::Root, RoleName::Timestamp, RoleName::Snapshot];
                for role in upper.into_iter().chain(delegated) {
                    if let Some(version) = updater.trusted().version(&role) {
                        examined.versions.insert(role.to_string(), version);
                    } else {
                        examined.flaw(
                            role.as_str(),
                            "tuf-not-delegated",
                            format!("nothing that is trusted delegates to {role}"),
                        );
                    }
                }
            }
            Err(error) => examined.refused("repository", &error),
        }
        self.expiries(now_s, &mut examined);
        examined
    }

    /// Every target that a role names, by the way a client finds it.
    fn targets(&self, updater: &mut Updater, files: &BTreeMap<String, &[u8]>, examined: &mut Examined) {
        let mut names = BTreeMap::new();
        for bytes in self.metadata.values() {
            let Ok(Metadata { signed, .. }) = Metadata::<Targets>::from_bytes(bytes) else {
                continue;
            };
            names.extend(signed.targets.into_keys().map(|name| (name, true)));
            // A role that names nothing yet is found by what it might name.
            let below = signed
                .delegations
                .map(|delegations| delegations.roles)
                .unwrap_or_default();
            let scopes = below
                .into_iter()
                .filter_map(|role| role.paths?.into_iter().next());
            for pattern in scopes {
                names.entry(pattern).or_insert(false);
            }
        }
        for (name, is_named) in names {
            updater.seek(&name);
            let found = walk(updater, files).and_then(|()| updater.found());
            let vouched = found.and_then(|(role, file)| {
                let hash = file.hash_prefix().unwrap_or_default();
                let path = match name.rsplit_once('/') {
                    Some((folder, last)) => format!("targets/{folder}/{hash}.{last}"),
                    None => format!("targets/{hash}.{name}"),
                };
                file.verify(&name, files.get(&path).copied().unwrap_or_default())?;
                Ok(role.to_string())
            });
            match vouched {
                Ok(role) => drop(examined.vouched.insert(name, role)),
                Err(TufError::TargetUnknown { .. } | TufError::NotInSnapshot { .. }) if !is_named => {}
                Err(error) => examined.refused(&name, &error),
            }
        }
    }

    fn expiries(&self, now_s: u64, examined: &mut Examined) {
        let Some(now) = expiry_text(now_s) else { return };
        let mut told = |role: &str, expires: Option<String>| {
            // One form of time only, so that texts are ordered as times are.
            if let Some(expires) = expires.filter(|expires| *expires <= now) {
                examined.flaw(role, "tuf-expired", format!("{role} expired at {expires}"));
            }
        };
        let newest = self.roots.last_key_value();
        told("root", newest.and_then(|(_, bytes)| expires::<Root>(bytes)));
        told("timestamp", expires::<Timestamp>(&self.timestamp));
        told("snapshot", expires::<Snapshot>(&self.snapshot));
        for (role, bytes) in &self.metadata {
            told(role, expires::<Targets>(bytes));
        }
    }
}

impl Examined {
    fn flaw(&mut self, place: &str, code: &'static str, message: String) {
        self.flaws.push(Flaw {
            place: place.to_owned(),
            code,
            message,
        });
    }

    fn refused(&mut self, place: &str, error: &TufError) {
        self.flaw(place, error.code(), error.to_string());
    }
}

fn expires<T: Signed>(bytes: &[u8]) -> Option<String> {
    let read = Metadata::<T>::from_bytes(bytes).ok()?;
    Some(read.signed.header().expires.clone())
}

fn walk(updater: &mut Updater, files: &BTreeMap<String, &[u8]>) -> Result<(), TufError> {
    loop {
        let bytes = match updater.want()? {
            Want::Nothing => return Ok(()),
            Want::Kept(_) => None,
            Want::Fetch { name, .. } => files.get(&format!("metadata/{name}")).copied(),
        };
        updater.supply(bytes.map_or(Supply::Missing, Supply::Bytes))?;
    }
}
