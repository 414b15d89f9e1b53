//! `attest policy init`: the keys of who publishes policy, and the root that says whose signatures count.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::signing::{
    Document, Draft, Expiries, Folder, Keyring, NewKey, Settings, Stop, default_threshold, public_key, settle,
};
use crate::out::{Exit, Out, printable};
use attest_gateway::clock::{Clock as _, SystemClock};
use attest_policy::repository::{Header, KeyIds, KeyKind, Metadata, PublicKey, Root, RootRoles};
use clap::{Args, ValueEnum};

/// Begin a policy repository: who signs what, and how many of them.
///
/// Makes the keys that are yours in KEYDIR, takes the public keys of others, and writes the root. DIR holds nothing secret and can be
/// kept where others see it; KEYDIR stays on your machine. Root and policy keys need not be on this machine, and are better on several.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy init policy --keys keys\n  attest policy init policy --keys alice --root-key bob-root.pub.json \
                  --targets-key bob-targets.pub.json\n\n\
                  Without a terminal, ATTEST_PASSPHRASE_FILE names a file that holds the passphrase.\n\n\
                  Exit codes: 0 made, 1 refused, 2 wrong use or unreadable file."
)]
pub(super) struct Init {
    /// The folder; it must be empty or not there.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder of your own keys.
    #[arg(long, value_name = "KEYDIR")]
    keys: PathBuf,
    /// Which keys are yours.
    #[arg(
        long,
        value_name = "ROLES",
        value_delimiter = ',',
        default_value = "root,targets,brake,online"
    )]
    own: Vec<Role>,
    /// The kind of new keys.
    #[arg(long, value_name = "KIND", default_value = "ed25519")]
    kind: Kind,
    /// Make the online key without a passphrase, for a service that publishes by itself.
    #[arg(long)]
    plain_online_key: bool,
    /// Public key of somebody else who signs roots; may be given several times.
    #[arg(long, value_name = "FILE")]
    root_key: Vec<PathBuf>,
    /// Public key of somebody else who signs policies.
    #[arg(long, value_name = "FILE")]
    targets_key: Vec<PathBuf>,
    /// Public key of somebody else who may brake.
    #[arg(long, value_name = "FILE")]
    brake_key: Vec<PathBuf>,
    /// Public key of the service that signs snapshot and timestamp, if it is not yours.
    #[arg(long, value_name = "FILE")]
    online_key: Vec<PathBuf>,
    /// How many sign a root [default: 2 of two keys or more].
    #[arg(long, value_name = "N")]
    root_threshold: Option<u64>,
    /// How many sign a policy [default: 2 of two keys or more].
    #[arg(long, value_name = "N")]
    targets_threshold: Option<u64>,
    /// How many sign a brake.
    #[arg(long, value_name = "N", default_value_t = 1)]
    brake_threshold: u64,
    #[command(flatten)]
    expiries: Expiries,
}

/// A role of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Role {
    /// Says whose signatures count.
    Root,
    /// Signs policies.
    Targets,
    /// May relax listed rules for a day.
    Brake,
    /// Signs snapshot and timestamp.
    Online,
}

impl Role {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Brake => "brake",
            Self::Online => "online",
        }
    }
}

/// A kind of key.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    /// Ed25519.
    Ed25519,
    /// ECDSA over P-256, as hardware has it.
    P256,
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ed25519 => Self::Ed25519,
            Kind::P256 => Self::P256,
        }
    }
}

impl Init {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.make(out) {
            Ok(()) => Ok(Exit::Clean),
            Err(stop) => stop.show(out),
        }
    }

    fn make(&self, out: &mut Out<'_>) -> Result<(), Stop> {
        let mut folder = Folder::create(&self.folder, Settings::new(self.expiries.clone()))?;
        let mut keyring = Keyring::at(&self.keys)?;
        let held = self.held(&mut keyring, &mut folder.settings)?;
        let root = Document::Root(Metadata::new(self.root(&held)?));
        folder.settings.brake(&held.brake, self.brake_threshold);
        folder.put(Draft::Root, root, &BTreeMap::new())?;
        folder.remember()?;
        let name = |path: &Path| printable(&path.display().to_string());
        let (made, keys) = (name(&self.folder), name(&self.keys));
        writeln!(
            out.out,
            "Made {made}, with nothing secret in it, and your keys in {keys}."
        )?;
        let whole = settle(&mut folder, Some(&keyring), &Draft::ALL, &Draft::ALL, out)?;
        let count = u64::try_from(held.root.len()).unwrap_or(u64::MAX);
        if count > 1 && self.root_threshold(&held) == count {
            writeln!(
                out.out,
                "note: every root key is needed, so a lost one cannot be replaced; add one more than the threshold"
            )?;
        }
        if whole {
            writeln!(
                out.out,
                "\nNext: attest policy sign {made} POLICY.yaml --keys {keys}"
            )?;
        }
        Ok(())
    }

    fn root_threshold(&self, held: &Held) -> u64 {
        self.root_threshold
            .unwrap_or_else(|| default_threshold(held.root.len()))
    }

    /// The keys of every role: those of others, and own ones, which are made if they are not there.
    fn held(&self, keyring: &mut Keyring, settings: &mut Settings) -> Result<Held, Stop> {
        // Keys of others first: a file that cannot be read must not leave keys behind.
        let read = |files: &[PathBuf]| {
            files
                .iter()
                .map(|file| public_key(file))
                .collect::<Result<Vec<_>, _>>()
        };
        let mut named = Vec::new();
        for (role, files) in [
            (Role::Root, &self.root_key),
            (Role::Targets, &self.targets_key),
            (Role::Brake, &self.brake_key),
            (Role::Online, &self.online_key),
        ] {
            named.push((role, read(files)?));
        }
        let mut held = Held::default();
        for (role, mut keys) in named {
            let is_given = role == Role::Online && !keys.is_empty();
            if self.own.contains(&role) && !is_given {
                let plain = role == Role::Online && self.plain_online_key;
                let kind = self.kind.into();
                let own = keyring.own_or_new(role.as_str(), NewKey { kind, plain })?;
                keys.insert(0, (role.as_str().to_owned(), own));
            }
            for (name, key) in &keys {
                settings.call(key, name);
            }
            let keys = keys.into_iter().map(|(_, key)| key).collect();
            match role {
                Role::Root => held.root = keys,
                Role::Targets => held.targets = keys,
                Role::Brake => held.brake = keys,
                Role::Online => held.online = keys,
            }
        }
        reachable("brake", &held.brake, self.brake_threshold)?;
        Ok(held)
    }

    fn root(&self, held: &Held) -> Result<Root, Stop> {
        let now_s = SystemClock::new().now_s();
        let targets_threshold = self
            .targets_threshold
            .unwrap_or_else(|| default_threshold(held.targets.len()));
        let root_threshold = self.root_threshold(held);
        reachable("root", &held.root, root_threshold)?;
        reachable("targets", &held.targets, targets_threshold)?;
        reachable("online", &held.online, 1)?;
        apart(&held.root, &held.online)?;
        apart(&held.targets, &held.online)?;
        let all = [&held.root, &held.targets, &held.online].into_iter().flatten();
        Ok(Root {
            header: Header::new(1, Expiries::at(self.expiries.root_days, now_s))?,
            consistent_snapshot: true,
            keys: all.map(|key| (key.id(), key.clone())).collect(),
            roles: RootRoles {
                root: KeyIds::new(&held.root, root_threshold),
                timestamp: KeyIds::new(&held.online, 1),
                snapshot: KeyIds::new(&held.online, 1),
                targets: KeyIds::new(&held.targets, targets_threshold),
                other: BTreeMap::new(),
            },
            other: BTreeMap::new(),
        })
    }
}

/// Who holds which role.
#[derive(Debug, Default)]
struct Held {
    root: Vec<PublicKey>,
    targets: Vec<PublicKey>,
    brake: Vec<PublicKey>,
    online: Vec<PublicKey>,
}

/// So many of these keys can sign at all.
pub(super) fn reachable(role: &str, keys: &[PublicKey], threshold: u64) -> Result<(), Stop> {
    let distinct = KeyIds::new(keys, threshold).keyids.len();
    if threshold == 0 || u64::try_from(distinct).is_ok_and(|distinct| threshold > distinct) {
        let keys = super::count(distinct, "key");
        return Err(Stop::refused(format!(
            "{role}: {threshold} of {keys} can never sign"
        )));
    }
    Ok(())
}

/// The online key lives on a machine that the network reaches: it must never count for a root or a policy.
pub(super) fn apart(offline: &[PublicKey], online: &[PublicKey]) -> Result<(), Stop> {
    if offline
        .iter()
        .any(|key| online.iter().any(|other| other.id() == key.id()))
    {
        return Err(Stop::refused(
            "the online key cannot be a root or targets key too",
        ));
    }
    Ok(())
}
