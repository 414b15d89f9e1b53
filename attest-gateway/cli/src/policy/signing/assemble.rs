//! A publication: the repository of before, what is new, and a snapshot and timestamp by the online key. It is verified as every client
//! and gateway would before a byte of it is written.

use std::collections::BTreeMap;

use attest_policy::repository::{
    BRAKE_ROLE, Header, MetaFile, Metadata, Repository, RoleKey, Root, Signed, Snapshot, Targets, Timestamp,
};

use super::{Expiries, Folder, Keyring, Settings, Stop};

/// What is new.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) root: Option<Metadata<Root>>,
    pub(crate) targets: Option<Metadata<Targets>>,
    pub(crate) brake: Option<Metadata<Targets>>,
    /// What `targets` and `brake` name.
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
}

/// The repository with what is new. Without anything new only the timestamp is, and the snapshot if most of its time is over.
pub(crate) fn assemble(
    folder: &Folder,
    change: Change,
    keyring: &Keyring,
    now_s: u64,
) -> Result<Repository, Stop> {
    let (brakes, is_rooted) = (change.brake.is_some(), change.root.is_some());
    let mut repository = folder.published.clone().unwrap_or_default();
    take(&mut repository, change)?;
    if repository.metadata.is_empty() {
        return Err(Stop::refused(format!(
            "there is no policy to publish yet\n  attest policy sign {} POLICY.yaml --keys KEYDIR",
            folder.display()
        )));
    }
    let online = online_keys(folder, &repository, keyring)?;
    let Settings { expiries, .. } = &folder.settings;
    let (snapshot, meta) = (snapshot_before(&repository)?, meta_of(&repository)?);
    let stays = snapshot.as_ref().is_some_and(|snapshot| {
        // A new root may name another online key.
        !is_rooted && snapshot.meta == meta && lasts(&snapshot.header, expiries.snapshot_days / 3, now_s)
    });
    if !stays {
        let before = snapshot.map_or(0, |snapshot| snapshot.header.version);
        let next = Snapshot {
            header: Header::new(
                before.saturating_add(1),
                Expiries::at(expiries.snapshot_days, now_s),
            )?,
            meta,
            other: BTreeMap::new(),
        };
        repository.snapshot = signed(next, &online, keyring)?;
    }
    let before = if repository.timestamp.is_empty() {
        0
    } else {
        version::<Timestamp>(&repository.timestamp)?
    };
    let snapshot = MetaFile::of(version::<Snapshot>(&repository.snapshot)?, &repository.snapshot);
    let timestamp = Timestamp {
        header: Header::new(
            before.saturating_add(1),
            Expiries::at(expiries.timestamp_days, now_s),
        )?,
        meta: BTreeMap::from([("snapshot.json".to_owned(), snapshot)]),
        other: BTreeMap::new(),
    };
    repository.timestamp = signed(timestamp, &online, keyring)?;
    let brake = repository.flaw_of_brake(now_s).filter(|_| brakes);
    if let Some(flaw) = brake {
        return Err(Stop::refused(format!(
            "not published: {} [{}]",
            flaw.message, flaw.code
        )));
    }
    match unfit(&repository, now_s) {
        Some(reason) => Err(Stop::refused(format!("not published: {reason}"))),
        None => Ok(repository),
    }
}

/// What is new takes the place of what was; targets that nobody names any more go.
fn take(repository: &mut Repository, change: Change) -> Result<(), Stop> {
    if let Some(root) = &change.root {
        repository
            .roots
            .insert(root.signed.header.version, root.to_bytes()?);
    }
    for (role, metadata) in [("targets", &change.targets), (BRAKE_ROLE, &change.brake)] {
        if let Some(metadata) = metadata {
            repository.metadata.insert(role.to_owned(), metadata.to_bytes()?);
        }
    }
    repository.artifacts.extend(change.artifacts);
    let mut named = Vec::new();
    for bytes in repository.metadata.values() {
        named.extend(Metadata::<Targets>::from_bytes(bytes)?.signed.targets.into_keys());
    }
    repository.artifacts.retain(|name, _| named.contains(name));
    Ok(())
}

fn snapshot_before(repository: &Repository) -> Result<Option<Snapshot>, Stop> {
    if repository.snapshot.is_empty() {
        return Ok(None);
    }
    Ok(Some(Metadata::from_bytes(&repository.snapshot)?.signed))
}

/// What a snapshot says of every targets role.
fn meta_of(repository: &Repository) -> Result<BTreeMap<String, MetaFile>, Stop> {
    let mut meta = BTreeMap::new();
    for (role, bytes) in &repository.metadata {
        meta.insert(
            format!("{role}.json"),
            MetaFile::of(version::<Targets>(bytes)?, bytes),
        );
    }
    Ok(meta)
}

fn version<T: Signed>(bytes: &[u8]) -> Result<u64, Stop> {
    Ok(Metadata::<T>::from_bytes(bytes)?.signed.header().version)
}

/// Why a client that trusts the first root, or a gateway, would not take it.
fn unfit(repository: &Repository, now_s: u64) -> Option<String> {
    let first = repository.roots.values().next()?;
    let flaws = repository.examine(first, now_s).flaws;
    let flaws = flaws.into_iter().chain(repository.flaws_of_policy());
    let lines: Vec<String> = flaws
        .map(|flaw| format!("{}: {} [{}]", flaw.place, flaw.message, flaw.code))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n  "))
}

/// True if it holds for more than so many days.
fn lasts(header: &Header, days: u64, now_s: u64) -> bool {
    crate::when::parse(&header.expires).is_ok_and(|expires_s| expires_s > Expiries::at(days, now_s))
}

/// The keys that sign snapshot and timestamp.
fn online_keys(folder: &Folder, repository: &Repository, keyring: &Keyring) -> Result<Vec<RoleKey>, Stop> {
    let newest = repository.roots.values().next_back();
    let root = newest
        .map(|bytes| Metadata::<Root>::from_bytes(bytes))
        .transpose()?;
    let roles = match root {
        Some(root) => root.signed.roles,
        None => return Err(Stop::refused("there is no root to publish by")),
    };
    let mut keys = Vec::new();
    for id in &roles.timestamp.keyids {
        keys.extend(keyring.unlock(id)?);
    }
    if keys.is_empty() {
        let name = |id: &String| folder.settings.name(id);
        let names: Vec<String> = roles.timestamp.keyids.iter().map(name).collect();
        return Err(Stop::refused(format!(
            "the online key is not among these keys; it is {}",
            names.join(", ")
        )));
    }
    Ok(keys)
}

fn signed<T: Signed>(content: T, keys: &[RoleKey], keyring: &Keyring) -> Result<Vec<u8>, Stop> {
    let mut metadata = Metadata::new(content);
    for key in keys {
        metadata.sign(key, keyring.rng())?;
    }
    Ok(metadata.to_bytes()?)
}
