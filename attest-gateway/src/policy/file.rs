//! Policy from a watched YAML file. A change is compiled, linted and tested here, on the caller's thread (never a request
//! core's), and put into force as a whole. A bad or older one is reported and changes nothing; the last good one is kept beside the
//! state, so that a restart never falls back behind it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use attest_core::encoding::sha256;
use attest_core::environment::Environment;
use ring::rand::SystemRandom;

use super::{ActivationError, ActivePolicy};
use crate::keys::Keys;

/// A source beyond this is not read: the compiler's own limit, and one byte to tell.
const MAX_SOURCE_BYTES: u64 = 256 * 1024 + 1;

/// The file beside the store that keeps the last good policy.
pub const LAST_GOOD_FILE: &str = "policy.last-good.yaml";

/// What the operator sees of the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyStatus {
    /// The version in force.
    pub active_version: u64,
    /// Why the file as it is now is not in force; `None` if it is.
    pub problem: Option<String>,
    /// Warnings of the policy in force.
    pub warnings: Vec<String>,
}

/// What a look at the file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// The file is as it was.
    Unchanged,
    /// A newer policy is in force now.
    Activated(u64),
    /// The file was refused, with the reason; the policy in force stays.
    Refused(String),
}

/// Digests of sources, so that a file is compiled once.
#[derive(Debug)]
struct Seen {
    /// What the file held at the last look; `None` if it could not be read.
    file: Option<[u8; 32]>,
    /// What is in force.
    active: String,
    /// What it is signed with.
    keys: Arc<Keys>,
}

/// The policy in force and the file it comes from.
#[derive(Debug)]
pub struct Policies {
    active: ArcSwap<ActivePolicy>,
    status: ArcSwap<PolicyStatus>,
    file: PathBuf,
    last_good: PathBuf,
    seen: Mutex<Seen>,
    environment: Environment,
    upstreams: Vec<String>,
}

impl Policies {
    /// Puts the file's policy into force; where it is bad or older than the last good one, that one instead.
    ///
    /// # Errors
    /// The reason as a sentence, when neither can be put into force.
    pub fn load(
        file: PathBuf,
        state_folder: &Path,
        environment: Environment,
        upstreams: Vec<String>,
        keys: Arc<Keys>,
    ) -> Result<Self, String> {
        let last_good = state_folder.join(LAST_GOOD_FILE);
        let build = |path: &Path| {
            let source = read(path)?;
            let (active, warnings) = build(path, &source, environment, &upstreams, &keys)?;
            Ok::<_, String>((source, active, warnings))
        };
        let kept = if last_good.exists() {
            build(&last_good).ok()
        } else {
            None
        };
        let offered = build(&file).and_then(|(source, active, warnings)| {
            match &kept {
                // What is kept already needs no room on the disk: a restart with a full one must succeed.
                Some((kept, ..)) if source == *kept => {}
                Some((_, kept, _)) if active.version() <= kept.version() => {
                    let not_newer = ActivationError::NotNewer {
                        offered: active.version(),
                        active: kept.version(),
                    };
                    return Err(not_newer.to_string());
                }
                _ => keep(&last_good, &source)?,
            }
            Ok((source, active, warnings))
        });
        let (problem, (source, active, warnings)) = match (offered, kept) {
            (Ok(offered), _) => (None, offered),
            (Err(problem), Some(kept)) => (Some(problem), kept),
            (Err(problem), None) => return Err(problem),
        };
        let status = PolicyStatus {
            active_version: active.version(),
            problem,
            warnings,
        };
        let digest = sha256(&[source.as_bytes()]);
        Ok(Self {
            active: ArcSwap::from_pointee(active),
            seen: Mutex::new(Seen {
                // A file that is not in force is looked at again: what kept it out may have been the disk.
                file: status.problem.is_none().then_some(digest),
                active: source,
                keys,
            }),
            status: ArcSwap::from_pointee(status),
            file,
            last_good,
            environment,
            upstreams,
        })
    }

    /// The policy in force.
    #[must_use]
    pub fn active(&self) -> arc_swap::Guard<Arc<ActivePolicy>> {
        self.active.load()
    }

    /// The folder of the policy file, where the paths in it start.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or_else(|| Path::new("."))
    }

    /// What the operator sees.
    #[must_use]
    pub fn status(&self) -> Arc<PolicyStatus> {
        self.status.load_full()
    }

    /// SHA-256 of the source in force.
    #[must_use]
    pub fn source_digest(&self) -> [u8; 32] {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        sha256(&[seen.active.as_bytes()])
    }

    /// Looks at the file once and puts a newer policy into force. Not for request cores: it compiles and runs tests.
    pub fn poll(&self) -> Polled {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let source = match read(&self.file) {
            Ok(source) => source,
            Err(problem) => {
                seen.file = None;
                return self.refuse(problem);
            }
        };
        let digest = sha256(&[source.as_bytes()]);
        if seen.file.replace(digest) == Some(digest) {
            return Polled::Unchanged;
        }
        if source == seen.active {
            // Put back as it was: whatever was wrong with the file is over.
            self.status.store(Arc::new(PolicyStatus {
                problem: None,
                ..PolicyStatus::clone(&self.status.load())
            }));
            return Polled::Unchanged;
        }
        match self.activate(&source, &seen.keys) {
            Ok(version) => {
                seen.active = source;
                Polled::Activated(version)
            }
            Err(NotActivated::Refused(problem)) => self.refuse(problem),
            Err(NotActivated::NotKept(problem)) => {
                // Nothing is wrong with the file: it is tried again until the disk takes it.
                seen.file = None;
                self.refuse(problem)
            }
        }
    }

    /// Signs the policy in force again, with these keys and their response keys in it. Its version stays; its entity tag does not.
    ///
    /// # Errors
    /// The reason as a sentence; nothing was changed.
    pub fn sign_again(&self, keys: Arc<Keys>) -> Result<(), String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (active, _) = build(&self.file, &seen.active, self.environment, &self.upstreams, &keys)?;
        self.active.store(Arc::new(active));
        seen.keys = keys;
        Ok(())
    }

    fn activate(&self, source: &str, keys: &Keys) -> Result<u64, NotActivated> {
        let (offered, warnings) = build(&self.file, source, self.environment, &self.upstreams, keys)
            .map_err(NotActivated::Refused)?;
        let active = self.active.load().version();
        if offered.version() <= active {
            let not_newer = ActivationError::NotNewer {
                offered: offered.version(),
                active,
            };
            return Err(NotActivated::Refused(not_newer.to_string()));
        }
        // Kept before it acts: after a crash in between, the newer one is found again.
        keep(&self.last_good, source).map_err(NotActivated::NotKept)?;
        let version = offered.version();
        self.active.store(Arc::new(offered));
        self.status.store(Arc::new(PolicyStatus {
            active_version: version,
            problem: None,
            warnings,
        }));
        Ok(version)
    }

    fn refuse(&self, problem: String) -> Polled {
        let status = self.status.load();
        if status.problem.as_ref() == Some(&problem) {
            return Polled::Unchanged;
        }
        self.status.store(Arc::new(PolicyStatus {
            problem: Some(problem.clone()),
            ..PolicyStatus::clone(&status)
        }));
        Polled::Refused(problem)
    }
}

/// Why a changed file is not in force.
enum NotActivated {
    /// For what it says.
    Refused(String),
    /// It could not be kept for the next start.
    NotKept(String),
}

/// Replaces the last good policy as a whole. Where that fails, the old one is untouched and nothing is left beside it.
fn keep(last_good: &Path, source: &str) -> Result<(), String> {
    let next = last_good.with_extension("next");
    let kept = fs::write(&next, source)
        .and_then(|()| fs::File::open(&next)?.sync_all())
        .and_then(|()| fs::rename(&next, last_good));
    kept.map_err(|error| {
        // A half-written file would only take room that is wanted elsewhere.
        let _left = fs::remove_file(&next).is_err();
        format!("{}: {error}", last_good.display())
    })
}

fn read(path: &Path) -> Result<String, String> {
    let mut source = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_SOURCE_BYTES).read_to_string(&mut source))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(source)
}

fn build(
    path: &Path,
    source: &str,
    environment: Environment,
    upstreams: &[String],
    keys: &Keys,
) -> Result<(ActivePolicy, Vec<String>), String> {
    let name = path
        .file_name()
        .map_or_else(|| "policy.yaml".into(), |name| name.to_string_lossy());
    let compiled = attest_policy::compile(&name, source).map_err(|problems| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    })?;
    let warnings = compiled.warnings.iter().map(ToString::to_string).collect();
    let active = ActivePolicy::build(
        compiled.gateway,
        compiled.device,
        environment,
        upstreams,
        keys,
        &SystemRandom::new(),
    )
    .map_err(|error| format!("{name}: {error}"))?;
    Ok((active, warnings))
}
