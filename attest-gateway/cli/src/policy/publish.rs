//! `attest policy publish`: what is signed becomes what gateways and phones find, by the online key.

use std::io;
use std::path::PathBuf;

use attest_gateway::clock::{Clock as _, SystemClock};
use clap::Args;

use super::signing::{
    Change, Document, Draft, Folder, Gateways, Keyring, Stop, assemble, deliver, list, missing,
    published_line,
};
use crate::out::{Exit, Out, printable};

/// Publish what is signed: into DIR/repository, other folders, and running gateways.
///
/// The snapshot and timestamp are made with the online key. Everything is verified as gateways and phones will before anything is
/// written; files are added and the timestamp is replaced last, so whoever reads meanwhile reads the old repository or the new one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy publish policy --keys keys\n  attest policy publish policy --keys keys --to /srv/policy\n  \
                  attest policy publish policy --keys keys --admin http://127.0.0.1:9443 --token-file admin.token\n  \
                  attest policy publish policy --keys online --refresh\n\n\
                  Exit codes: 0 published, and every gateway has it in force; 1 refused, signatures are missing, or a gateway refused; \
                  2 wrong use or unreadable file."
)]
pub(super) struct Publish {
    /// The folder that `init` made.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder with the online key. Without it, what was published already is handed on.
    #[arg(long, value_name = "KEYDIR")]
    keys: Option<PathBuf>,
    /// Write it here too; may be given several times.
    #[arg(long, value_name = "DIR")]
    to: Vec<PathBuf>,
    /// Only sign the timestamp anew, so that it does not expire; what is being signed stays for later.
    #[arg(long, requires = "keys")]
    refresh: bool,
    #[command(flatten)]
    gateways: Gateways,
}

impl Publish {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.publish(out) {
            Ok(exit) => Ok(exit),
            Err(stop) => stop.show(out),
        }
    }

    fn publish(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        let mut folder = Folder::open(&self.folder)?;
        let change = if self.refresh {
            Change::default()
        } else {
            self.change(&folder)?
        };
        let is_new = change.root.is_some() || change.targets.is_some() || change.brake.is_some();
        if is_new || self.refresh {
            let keys = self.keys.as_deref();
            let keys = keys.ok_or_else(|| {
                Stop::unusable(
                    "there is something new to publish; name the folder with the online key: --keys",
                )
            })?;
            let keyring = Keyring::open(keys)?;
            publish(&mut folder, change, &keyring, out)?;
        } else if folder.published.is_none() || (self.to.is_empty() && self.gateways.is_empty()) {
            return Err(Stop::refused(format!(
                "{}: nothing new is signed; sign a policy first, or give --refresh, --to or --admin",
                folder.display()
            )));
        }
        let published = folder.published.clone().unwrap_or_default();
        deliver(&published, &self.to, &self.gateways, out)
    }

    /// What is signed; everything that is being signed has to be.
    fn change(&self, folder: &Folder) -> Result<Change, Stop> {
        let mut change = Change::default();
        for (draft, document) in &folder.drafts {
            let (needs, keys) = folder.needs(*draft)?;
            let signed = document.signed_by(&keys);
            if let Some((need, count, ids)) = missing(&signed, &needs).into_iter().next() {
                if *draft == Draft::Brake {
                    // A policy does not wait for a brake; the brake is published by itself.
                    continue;
                }
                let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
                return Err(Stop::refused(format!(
                    "{draft} has {count} of {} signatures for {}; missing: {}\n  The request is in {}.",
                    need.threshold,
                    need.of,
                    list(&ids, &|id| folder.settings.name(id)),
                    folder.path("requests").display()
                )));
            }
            match (draft, document) {
                (Draft::Targets, Document::Targets(targets)) => {
                    change
                        .artifacts
                        .extend(folder.artifacts("drafts", &targets.signed)?);
                    change.targets = Some(targets.clone());
                }
                (Draft::Brake, Document::Targets(brake)) => {
                    change
                        .artifacts
                        .extend(folder.artifacts("drafts", &brake.signed)?);
                    change.brake = Some(brake.clone());
                }
                (_, Document::Root(root)) => change.root = Some(root.clone()),
                (Draft::Root | Draft::Undo, Document::Targets(_)) => {}
            }
        }
        Ok(change)
    }
}

/// Assembles, verifies and writes; then nothing of it is a draft any more.
pub(super) fn publish(
    folder: &mut Folder,
    change: Change,
    keyring: &Keyring,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let now_s = SystemClock::new().now_s();
    let mut done = Vec::new();
    if change.root.is_some() {
        done.push(Draft::Root);
    }
    if change.targets.is_some() {
        done.extend([Draft::Targets, Draft::Undo]);
    }
    if change.brake.is_some() {
        done.push(Draft::Brake);
    }
    let has_targets = change.targets.is_some();
    let repository = assemble(folder, change, keyring, now_s)?;
    if has_targets {
        folder.keep_undo()?;
    }
    repository.write_to(&folder.path("repository"))?;
    for draft in done {
        folder.drop_draft(draft)?;
    }
    let line = published_line(&repository)?;
    folder.published = Some(repository);
    let path = folder.path("repository");
    writeln!(
        out.out,
        "published in {}: {line}",
        printable(&path.display().to_string())
    )?;
    Ok(())
}
