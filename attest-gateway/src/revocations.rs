//! The revocation list in force, and what follows for devices that are already enrolled.
//!
//! The file that the policy names is looked at with the policy itself. A list that cannot be read changes nothing; how old the one
//! in force is stays visible, and appraisal refuses new evidence once it is older than policy allows. A certificate that appears on
//! a newer list takes its devices with it at once: their sessions are cut, and they cannot renew.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use attest_core::fleet::{FleetSecret, KeyUse};
use attest_core::jose::MacKey;

use crate::gateway::Gateway;
use crate::store::{Ban, BanKind, BanScope, CertificateHash, Event, StoreError};
use crate::verifier::revocation::{RevocationError, RevocationList};

/// A list as it was read.
#[derive(Debug)]
pub struct Listed {
    /// The list.
    pub list: RevocationList,
    /// When its file was written, Unix seconds: until then it was the newest.
    pub as_of_s: u64,
    hashes: HashSet<CertificateHash>,
}

impl Listed {
    /// Whether any of these certificates is on the list.
    #[must_use]
    pub fn names_any(&self, certificates: &[CertificateHash]) -> bool {
        certificates
            .iter()
            .any(|certificate| self.hashes.contains(certificate))
    }
}

/// What a look at the file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relisted {
    /// The file is as it was.
    Unchanged,
    /// Another list is in force now.
    Listed {
        /// Certificates on it.
        entries: usize,
        /// Those that were not on the one before.
        new: usize,
    },
    /// The file was refused, with the reason; the list in force stays.
    Refused(String),
    /// The policy asks for no list any more.
    Dropped,
}

/// The list in force and its file.
#[derive(Debug)]
pub struct Revocations {
    active: ArcSwapOption<Listed>,
    key: MacKey,
    seen: Mutex<Seen>,
    /// Held while devices are cut off, so that nobody is cut twice and who returns knows that it was done.
    cutting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Seen {
    file: Option<Stamp>,
    problem: Option<String>,
    /// Newly listed, and not acted upon yet.
    pending: Vec<CertificateHash>,
}

/// A file is read again when one of these changes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    path: PathBuf,
    modified: SystemTime,
    bytes: u64,
}

impl Revocations {
    /// No list yet.
    #[must_use]
    pub fn new(fleet: &FleetSecret) -> Self {
        Self {
            active: ArcSwapOption::empty(),
            key: MacKey::new(&fleet.subkey(KeyUse::CertificateSerial, 1)),
            seen: Mutex::default(),
            cutting: tokio::sync::Mutex::default(),
        }
    }

    /// The list in force, `None` before the first.
    #[must_use]
    pub fn active(&self) -> Option<Arc<Listed>> {
        self.active.load_full()
    }

    /// By what the store knows a certificate: its serial, in lower-case hexadecimal without leading zeros, under a key of ours.
    #[must_use]
    pub fn hash(&self, serial: &str) -> CertificateHash {
        self.key.tag(serial.as_bytes())
    }

    /// Whether certificates were listed that nobody acted upon yet.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        !self.seen().pending.is_empty()
    }

    /// Why the file as it is now is not in force; `None` if it is.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.seen().problem.clone()
    }

    /// Looks at the file once and puts its list into force. Not for request cores: it reads megabytes.
    pub fn poll(&self, file: Option<&Path>) -> Relisted {
        let mut seen = self.seen();
        let Some(file) = file else {
            *seen = Seen::default();
            return match self.active.swap(None) {
                Some(_) => Relisted::Dropped,
                None => Relisted::Unchanged,
            };
        };
        let stamp = match stamp(file) {
            Ok(stamp) => stamp,
            Err(problem) => return seen.refuse(problem),
        };
        if seen.file.as_ref() == Some(&stamp) {
            return Relisted::Unchanged;
        }
        let list = match read(file) {
            Ok(list) => list,
            Err(problem) => {
                seen.file = Some(stamp);
                return seen.refuse(problem);
            }
        };
        let hashes: HashSet<_> = list.serials().map(|serial| self.hash(serial)).collect();
        let before = self.active.load();
        let is_new = |hash: &&CertificateHash| {
            before
                .as_ref()
                .is_none_or(|before| !before.hashes.contains(*hash))
        };
        let new: Vec<_> = hashes.iter().filter(is_new).copied().collect();
        let listed = Relisted::Listed {
            entries: list.len(),
            new: new.len(),
        };
        seen.pending.extend(new);
        seen.problem = None;
        let since = stamp.modified.duration_since(UNIX_EPOCH);
        self.active.store(Some(Arc::new(Listed {
            list,
            as_of_s: since.map_or(0, |since| since.as_secs()),
            hashes,
        })));
        seen.file = Some(stamp);
        listed
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn refuse(&mut self, problem: String) -> Relisted {
        if self.problem.as_ref() == Some(&problem) {
            return Relisted::Unchanged;
        }
        self.problem = Some(problem.clone());
        Relisted::Refused(problem)
    }
}

impl Gateway {
    /// Looks at the revocation list that the policy names, and reports what became of it.
    pub fn poll_revocations(&self) -> Relisted {
        let file = self.policies.active().revocation_file(self.policies.folder());
        let relisted = self.revocations.poll(file.as_deref());
        match &relisted {
            Relisted::Unchanged => {}
            Relisted::Listed { entries, new } => tracing::info!(entries, new, "revocation list read"),
            Relisted::Dropped => tracing::warn!("the policy names no revocation list any more"),
            Relisted::Refused(problem) => {
                tracing::error!(%problem, "revocation list refused; the one in force stays");
            }
        }
        relisted
    }

    /// Cuts the sessions of devices whose certificates were listed since the last call; how many.
    ///
    /// # Errors
    /// [`StoreError`]: nobody was cut for certain; the next call tries again.
    pub async fn cut_revoked(&self) -> Result<usize, StoreError> {
        let _one_at_a_time = self.revocations.cutting.lock().await;
        let pending = self.revocations.seen().pending.clone();
        let mut cut = 0;
        for part in pending.chunks(LOOKED_UP_AT_ONCE) {
            let devices = self.store.devices_vouched_by(part.to_vec(), DEVICES_MAX).await?;
            let now_s = self.clock.now_s();
            let bans = devices.iter().map(|device| cut_now(device, now_s)).collect();
            self.bans.ban_all(bans).await?;
            cut += devices.len();
            for device in devices {
                self.store.record(Event {
                    at_s: now_s,
                    kind: "revoked".to_owned(),
                    device: Some(device),
                    app: None,
                    code: "revoked".to_owned(),
                    detail: String::new(),
                    by: None,
                    from: None,
                });
            }
            let done: HashSet<_> = part.iter().collect();
            self.revocations
                .seen()
                .pending
                .retain(|hash| !done.contains(hash));
        }
        if cut > 0 {
            tracing::warn!(devices = cut, "sessions cut: certificates were revoked");
        }
        Ok(cut)
    }
}

fn cut_now(device: &str, now_s: u64) -> Ban {
    Ban {
        scope: BanScope::Device(device.to_owned()),
        // Whatever began in this second, too.
        kind: BanKind::SessionsNotBefore(now_s.saturating_add(1)),
        reason: "a certificate that vouched for its key was revoked".to_owned(),
        at_s: now_s,
        until_s: Some(now_s.saturating_add(SESSION_MAX_S)),
    }
}

fn stamp(file: &Path) -> Result<Stamp, String> {
    let found = fs::metadata(file).and_then(|found| Ok((found.modified()?, found.len())));
    let (modified, bytes) = found.map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Stamp {
        path: file.to_owned(),
        modified,
        bytes,
    })
}

fn read(file: &Path) -> Result<RevocationList, String> {
    let mut json = Vec::new();
    let limit = u64::try_from(RevocationList::BYTES_MAX).unwrap_or(u64::MAX);
    File::open(file)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut json))
        .map_err(|error| format!("{}: {error}", file.display()))?;
    RevocationList::parse(&json).map_err(|error: RevocationError| format!("{}: {error}", file.display()))
}

/// Policy allows no longer session: after that nothing is left to cut.
const SESSION_MAX_S: u64 = 86_400;
const LOOKED_UP_AT_ONCE: usize = 1024;
/// Devices that are cut by one part of a list. A certificate that vouches for more is no certificate of a phone's maker.
const DEVICES_MAX: usize = 100_000;
