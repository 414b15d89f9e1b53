//! `attest policy keys`: make keys, see who holds which role, and let the root say otherwise.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_policy::repository::{BRAKE_ROLE, Header, KeyIds, Metadata, PublicKey, Targets};
use clap::{Args, Subcommand};
use serde_json::json;

use super::init::{Kind, Role, apart, reachable};
use super::sign;
use super::signing::{Document, Draft, Expiries, Folder, Keyring, NewKey, Stop, list, public_key, settle};
use crate::out::{Exit, Out, printable};

/// Make keys, see who holds which role, and add, remove or rotate them.
///
/// A change of root, targets or online keys is a new root, signed by as many keys of the old one as of the new. A change of brake keys
/// is a new version of the policy's metadata. Nothing changes for gateways and phones until it is published.
#[derive(Debug, Args)]
pub(super) struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    New(New),
    List(List),
    Add(Add),
    Remove(Remove),
    Rotate(Rotate),
}

/// Make a key pair on this machine: NAME.pem stays, NAME.pub.json is given to who keeps the policy's folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest policy keys new bob-root --keys keys\n\nExit codes: 0 made, 1 refused, 2 wrong use or unwritable folder."
)]
struct New {
    /// Its name, which others see.
    #[arg(value_name = "NAME")]
    name: String,
    /// The folder of your own keys.
    #[arg(long, value_name = "KEYDIR")]
    keys: PathBuf,
    /// Its kind.
    #[arg(long, value_name = "KIND", default_value = "ed25519")]
    kind: Kind,
    /// Without a passphrase: for the online key of a service alone.
    #[arg(long)]
    plain: bool,
}

/// Show who holds which role, or with --keys the keys on this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy keys list policy\n  attest policy keys list --keys keys\n\nExit codes: 0 shown, 2 unreadable."
)]
struct List {
    /// The folder that `init` made.
    #[arg(value_name = "DIR", required_unless_present = "keys")]
    folder: Option<PathBuf>,
    /// The folder of your own keys.
    #[arg(long, value_name = "KEYDIR", conflicts_with = "folder")]
    keys: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What every change needs.
#[derive(Debug, Args)]
struct Place {
    /// The folder that `init` made.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The role.
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// How many of its keys have to sign from then on.
    #[arg(long, value_name = "N")]
    threshold: Option<u64>,
    /// The folder of your own keys, which sign the change at once.
    #[arg(long, value_name = "KEYDIR")]
    keys: Option<PathBuf>,
}

/// Let one more key sign for a role, or only change how many have to.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy keys add policy --role targets --key carol.pub.json --threshold 2 --keys keys\n\n\
                  Exit codes: 0 drafted, whether more signatures are needed or not; 1 refused; 2 wrong use or unreadable file."
)]
struct Add {
    #[command(flatten)]
    place: Place,
    /// The public key; may be given several times.
    #[arg(long, value_name = "FILE", required_unless_present = "threshold")]
    key: Vec<PathBuf>,
}

/// Take a key's role away, for example because it was lost or stolen.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest policy keys remove policy --role online --key online --keys keys\n\n\
                  Exit codes: 0 drafted, whether more signatures are needed or not; 1 refused; 2 wrong use or unreadable file."
)]
struct Remove {
    #[command(flatten)]
    place: Place,
    /// The key: its name as `list` shows it, its id, or its public file.
    #[arg(long, value_name = "KEY", required = true)]
    key: Vec<String>,
}

/// Replace a key of a role by another.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest policy keys rotate policy --role online --old online --new online-2.pub.json --keys keys\n\n\
                  Exit codes: 0 drafted, whether more signatures are needed or not; 1 refused; 2 wrong use or unreadable file."
)]
struct Rotate {
    #[command(flatten)]
    place: Place,
    /// The key that goes: its name as `list` shows it, its id, or its public file.
    #[arg(long, value_name = "KEY")]
    old: String,
    /// The public key that comes.
    #[arg(long, value_name = "FILE")]
    new: PathBuf,
}

impl Keys {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let done = match &self.command {
            KeysCommand::New(new) => new.run(out),
            KeysCommand::List(list) => list.run(out),
            KeysCommand::Add(add) => add.place.change(&[], &add.key, out),
            KeysCommand::Remove(remove) => remove.place.change(&remove.key, &[], out),
            KeysCommand::Rotate(rotate) => rotate.place.change(
                std::slice::from_ref(&rotate.old),
                std::slice::from_ref(&rotate.new),
                out,
            ),
        };
        match done {
            Ok(()) => Ok(Exit::Clean),
            Err(stop) => stop.show(out),
        }
    }
}

impl New {
    fn run(&self, out: &mut Out<'_>) -> Result<(), Stop> {
        let mut keyring = Keyring::at(&self.keys)?;
        let kind = self.kind.into();
        keyring.make(
            &self.name,
            NewKey {
                kind,
                plain: self.plain,
            },
        )?;
        let folder = self.keys.display();
        let name = &self.name;
        writeln!(
            out.out,
            "Made {folder}/{name}.pem, which stays here, and {folder}/{name}.pub.json, which is given to who keeps the policy's folder."
        )?;
        Ok(())
    }
}

impl List {
    fn run(&self, out: &mut Out<'_>) -> Result<(), Stop> {
        if let Some(keys) = &self.keys {
            let keyring = Keyring::open(keys)?;
            let keys: Vec<_> = keyring
                .own()
                .map(|(name, key)| (name.to_owned(), key.keytype.clone(), key.id()))
                .collect();
            if self.json {
                let keys = keys
                    .iter()
                    .map(|(name, kind, id)| json!({"name": name, "kind": kind, "id": id}));
                writeln!(out.out, "{}", json!({"keys": keys.collect::<Vec<_>>()}))?;
                return Ok(());
            }
            for (name, kind, id) in keys {
                writeln!(out.out, "{:<16} {kind:<8} {id}", printable(&name))?;
            }
            return Ok(());
        }
        let Some(folder) = &self.folder else { return Ok(()) };
        let folder = Folder::open(folder)?;
        let root = folder.root()?.signed;
        let mut roles = vec![
            ("root".to_owned(), root.roles.root.clone()),
            ("targets".to_owned(), root.roles.targets.clone()),
            ("online".to_owned(), root.roles.timestamp.clone()),
        ];
        for role in &folder.settings.delegations.roles {
            let held = KeyIds {
                keyids: role.keyids.clone(),
                threshold: role.threshold,
                other: BTreeMap::new(),
            };
            roles.push((role.name.clone(), held));
        }
        let name = |id: &str| folder.settings.name(id);
        if self.json {
            let key = |id: &String| json!({"name": name(id), "id": id});
            let roles = roles.iter().map(|(role, held)| {
                json!({"role": role, "threshold": held.threshold, "keys": held.keyids.iter().map(key).collect::<Vec<_>>()})
            });
            let roles: Vec<_> = roles.collect();
            writeln!(
                out.out,
                "{}",
                json!({"root_version": root.header.version, "roles": roles})
            )?;
            return Ok(());
        }
        for (role, held) in roles {
            let text = format!(
                "{} of {}: {}",
                held.threshold,
                held.keyids.len(),
                list(&held.keyids, &name)
            );
            writeln!(out.out, "{:<8} {}", printable(&role), printable(&text))?;
        }
        for draft in folder.drafts.keys() {
            writeln!(out.out, "not published yet: {draft}")?;
        }
        Ok(())
    }
}

impl Place {
    fn change(&self, remove: &[String], add: &[PathBuf], out: &mut Out<'_>) -> Result<(), Stop> {
        let mut folder = Folder::open(&self.folder)?;
        let keyring = self.keys.as_deref().map(Keyring::open).transpose()?;
        let remove: Vec<String> = remove
            .iter()
            .map(|key| known(&folder, key))
            .collect::<Result<_, _>>()?;
        let mut added = Vec::new();
        for file in add {
            let (name, key) = public_key(file)?;
            folder.settings.call(&key, &name);
            added.push(key);
        }
        if self.role == Role::Brake {
            self.brake(&mut folder, &remove, &added)?;
        } else {
            self.root(&mut folder, &remove, &added)?;
        }
        folder.remember()?;
        if settle(&mut folder, keyring.as_ref(), &Draft::ALL, &Draft::ALL, out)? {
            writeln!(
                out.out,
                "\nNext: attest policy publish {} --keys KEYDIR",
                folder.display()
            )?;
        }
        Ok(())
    }

    /// The keys of a role after the change, in force from how many signatures on.
    fn changed(
        &self,
        held: &KeyIds,
        keys: &BTreeMap<String, PublicKey>,
        remove: &[String],
        added: &[PublicKey],
    ) -> Result<(Vec<PublicKey>, u64), Stop> {
        let role = self.role.as_str();
        if let Some(id) = remove.iter().find(|id| !held.keyids.contains(id)) {
            return Err(Stop::refused(format!("{role}: key {id} does not hold this role")));
        }
        if let Some(key) = added.iter().find(|key| held.keyids.contains(&key.id())) {
            return Err(Stop::refused(format!(
                "{role}: key {} holds this role already",
                key.id()
            )));
        }
        let kept = held.keyids.iter().filter(|id| !remove.contains(id));
        let kept = kept.filter_map(|id| keys.get(id).cloned());
        let next: Vec<PublicKey> = kept.chain(added.iter().cloned()).collect();
        let threshold = self.threshold.unwrap_or(held.threshold);
        reachable(role, &next, threshold).map_err(|_| {
            Stop::refused(format!(
                "{role}: {threshold} of {} can never sign; add a key first, or lower --threshold",
                super::count(next.len(), "key")
            ))
        })?;
        Ok((next, threshold))
    }

    /// A new root; one that is not published yet is changed instead.
    fn root(&self, folder: &mut Folder, remove: &[String], added: &[PublicKey]) -> Result<(), Stop> {
        let now_s = SystemClock::new().now_s();
        let Metadata { signed: mut root, .. } = folder.root()?;
        let held = match self.role {
            Role::Root => &root.roles.root,
            Role::Targets => &root.roles.targets,
            Role::Online | Role::Brake => &root.roles.timestamp,
        };
        let (keys, threshold) = self.changed(held, &root.keys, remove, added)?;
        let next = KeyIds::new(&keys, threshold);
        match self.role {
            Role::Root => root.roles.root = next,
            Role::Targets => root.roles.targets = next,
            Role::Online | Role::Brake => {
                root.roles.timestamp = next.clone();
                root.roles.snapshot = next;
            }
        }
        root.keys.extend(keys.into_iter().map(|key| (key.id(), key)));
        let roles = &root.roles;
        let used: Vec<&String> = [&roles.root, &roles.targets, &roles.timestamp, &roles.snapshot]
            .into_iter()
            .flat_map(|held| &held.keyids)
            .collect();
        let keys = root.keys.clone();
        root.keys.retain(|id, _| used.contains(&id));
        let of = |held: &KeyIds| {
            held.keyids
                .iter()
                .filter_map(|id| keys.get(id).cloned())
                .collect::<Vec<_>>()
        };
        apart(&of(&roles.root), &of(&roles.timestamp))?;
        apart(&of(&roles.targets), &of(&roles.timestamp))?;
        let published = folder
            .published_root()?
            .map_or(0, |root| root.signed.header.version);
        let expires_s = Expiries::at(folder.settings.expiries.root_days, now_s);
        root.header = Header::new(published.saturating_add(1), expires_s)?;
        let document = Document::Root(Metadata::new(root));
        folder.put(Draft::Root, document, &BTreeMap::new())?;
        if self.role == Role::Targets {
            self.sign_again(folder, now_s)?;
        }
        Ok(())
    }

    /// A policy whose signatures do not count any more has to be signed again, unchanged.
    fn sign_again(&self, folder: &mut Folder, now_s: u64) -> Result<(), Stop> {
        // What is being signed needs other signatures now; what was signed stays good if enough of its keys stay.
        let Some(published) = folder.published_role("targets")? else {
            return Ok(());
        };
        let root = folder.root()?.signed;
        let signed = published.signed_by(&root.keys);
        let good = signed
            .iter()
            .filter(|id| root.roles.targets.keyids.contains(id))
            .count();
        let enough = u64::try_from(good).is_ok_and(|good| good >= root.roles.targets.threshold);
        if enough || folder.drafts.contains_key(&Draft::Targets) {
            return Ok(());
        }
        renew(folder, published.signed, now_s)
    }

    fn brake(&self, folder: &mut Folder, remove: &[String], added: &[PublicKey]) -> Result<(), Stop> {
        let now_s = SystemClock::new().now_s();
        let delegations = folder.settings.delegations.clone();
        let held = delegations
            .roles
            .iter()
            .find(|role| role.name == BRAKE_ROLE)
            .map_or_else(
                || KeyIds::new([], 1),
                |role| KeyIds {
                    keyids: role.keyids.clone(),
                    threshold: role.threshold,
                    other: BTreeMap::new(),
                },
            );
        let (keys, threshold) = self.changed(&held, &delegations.keys, remove, added)?;
        folder.settings.brake(&keys, threshold);
        let draft = match folder.drafts.get(&Draft::Targets) {
            Some(Document::Targets(targets)) => Some(targets.signed.clone()),
            _ => folder
                .published_role("targets")?
                .map(|published| published.signed),
        };
        match draft {
            Some(targets) => renew(folder, targets, now_s),
            None => Ok(()),
        }
    }
}

/// The same policy under a new version of its metadata, handing on what the settings say now.
fn renew(folder: &mut Folder, before: Targets, now_s: u64) -> Result<(), Stop> {
    let artifacts = folder.artifacts("drafts", &before)?;
    let version = folder.last_targets()?.saturating_add(1);
    let targets = sign::targets(folder, version, &artifacts, now_s)?;
    // The way back was signed for another version; a new one is signed with the next policy.
    folder.drop_draft(Draft::Undo)?;
    folder.put(
        Draft::Targets,
        Document::Targets(Metadata::new(targets)),
        &artifacts,
    )
}

/// The id of a key by its name, id or public file.
fn known(folder: &Folder, key: &str) -> Result<String, Stop> {
    let names = &folder.settings.names;
    if names.contains_key(key) {
        return Ok(key.to_owned());
    }
    if let Some((id, _)) = names.iter().find(|(_, name)| *name == key) {
        return Ok(id.clone());
    }
    if Path::new(key).is_file() {
        return Ok(public_key(Path::new(key))?.1.id());
    }
    Err(Stop::refused(format!(
        "no key is called `{key}`; `attest policy keys list {}` shows them",
        folder.display()
    )))
}
