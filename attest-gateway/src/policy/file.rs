//! Policy from a watched YAML file and the packs beside it. A change is compiled, linted and tested here, on the caller's
//! thread (never a request core's), and put into force as a whole. A bad or older one is reported and changes nothing; the last
//! good one is kept beside the state with its packs, so that a restart never falls back behind it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use attest_core::environment::Environment;
use attest_policy::{PackFiles, analyse};
use ring::rand::SystemRandom;

use super::development::Versions;
use super::sources::{LAST_GOOD_FILE, PackFolder, Packs, Recorded, Sources, read_source};
use super::status::{InForce, PolicyStatus};
use super::{ActivationError, ActivePolicy};
use crate::clock::Clock;
use crate::keys::Keys;

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

/// What was looked at, so that it is compiled once.
#[derive(Debug)]
struct Seen {
    /// What the files held at the last look; `None` if that must be looked at again whatever it is.
    files: Option<Look>,
    /// What is in force.
    active: Sources,
    /// What it is signed with.
    keys: Arc<Keys>,
    versions: Versions,
}

/// What a look found: the policy's text, and for each pack it asked for the text, if there was one.
#[derive(Debug, PartialEq, Eq)]
struct Look {
    policy: String,
    packs: BTreeMap<String, Option<String>>,
}

impl Look {
    /// True if the packs are still what they were.
    fn stands(&self, policy: &str, files: &dyn PackFiles) -> bool {
        self.policy == policy
            && self
                .packs
                .iter()
                .all(|(path, text)| files.read(path).ok() == *text)
    }
}

/// A watched file, whose policy this gateway signs itself.
#[derive(Debug)]
pub(super) struct WatchedFile {
    in_force: Arc<InForce>,
    file: PathBuf,
    last_good: PathBuf,
    seen: Mutex<Seen>,
    environment: Environment,
    upstreams: Vec<String>,
}

impl WatchedFile {
    /// Puts the file's policy into force; where it is bad or older than the last good one, that one instead.
    ///
    /// # Errors
    /// The reason as a sentence, when neither can be put into force.
    pub(super) fn load(
        file: PathBuf,
        state_folder: &Path,
        environment: Environment,
        upstreams: Vec<String>,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let mut versions = Versions::beside(state_folder, clock);
        let last_good = state_folder.join(LAST_GOOD_FILE);
        let mut build = |path: &Path, policy: String, packs: &dyn PackFiles| {
            let version = versions.next();
            let built = build(path, &policy, packs, environment, &upstreams, &keys, version);
            let (active, warnings) = built.outcome?;
            let packs = with_text(built.packs);
            Ok::<_, String>((Sources { policy, packs }, active, warnings))
        };
        let kept =
            Sources::kept(&last_good).and_then(|kept| build(&last_good, kept.policy, &kept.packs).ok());
        let source = read_source(&file).map_err(|error| error.to_string());
        let offered = source.and_then(|source| build(&file, source, &PackFolder::beside(&file)));
        let offered = offered.and_then(|(source, active, warnings)| {
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
                _ => source.keep(&last_good, kept.as_ref().map(|(kept, ..)| kept))?,
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
            followed: None,
        };
        let look = || Look {
            policy: source.policy.clone(),
            packs: source
                .packs
                .0
                .iter()
                .map(|(path, text)| (path.clone(), Some(text.clone())))
                .collect(),
        };
        let in_force = InForce::new(Arc::new(active));
        let seen_files = status.problem.is_none().then(look);
        in_force.tell(status);
        Ok(Self {
            in_force: Arc::new(in_force),
            seen: Mutex::new(Seen {
                // A file that is not in force is looked at again: what kept it out may have been the disk.
                files: seen_files,
                active: source,
                keys,
                versions,
            }),
            file,
            last_good,
            environment,
            upstreams,
        })
    }

    /// What is in force.
    pub(super) const fn in_force(&self) -> &Arc<InForce> {
        &self.in_force
    }

    /// The folder of the policy file, where the paths in it start.
    pub(super) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or_else(|| Path::new("."))
    }

    /// SHA-256 of the source in force, and of its packs where it takes any by path.
    pub(super) fn source_digest(&self) -> [u8; 32] {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.active.digest()
    }

    /// Looks at the file and the packs it takes once and puts a newer policy into force. Not for request cores: it compiles and runs tests.
    pub(super) fn poll(&self) -> Polled {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let source = match read_source(&self.file) {
            Ok(source) => source,
            Err(problem) => {
                seen.files = None;
                return self.refuse(problem.to_string());
            }
        };
        let folder = PackFolder::beside(&self.file);
        if seen
            .files
            .as_ref()
            .is_some_and(|look| look.stands(&source, &folder))
        {
            return Polled::Unchanged;
        }
        let version = seen.versions.next();
        let built = self.build(&source, &folder, &seen.keys, version);
        let offered = Sources {
            policy: source.clone(),
            packs: with_text(built.packs.clone()),
        };
        seen.files = Some(Look {
            policy: source,
            packs: built.packs,
        });
        if offered == seen.active {
            // Put back as it was: whatever was wrong with the file is over.
            self.in_force.tell(PolicyStatus {
                problem: None,
                ..PolicyStatus::clone(&self.in_force.status())
            });
            return Polled::Unchanged;
        }
        match self.activate(&offered, &seen.active, built.outcome) {
            Ok(version) => {
                seen.active = offered;
                Polled::Activated(version)
            }
            Err(NotActivated::Refused(problem)) => self.refuse(problem),
            Err(NotActivated::NotKept(problem)) => {
                // Nothing is wrong with the file: it is tried again until the disk takes it.
                seen.files = None;
                self.refuse(problem)
            }
        }
    }

    /// Signs the policy in force again, with these keys and their response keys in it. Its version stays; its entity tag does not.
    ///
    /// # Errors
    /// The reason as a sentence; nothing was changed.
    pub(super) fn sign_again(&self, keys: Arc<Keys>) -> Result<(), String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let version = seen.versions.next();
        let (active, _) = self
            .build(&seen.active.policy, &seen.active.packs, &keys, version)
            .outcome?;
        self.in_force.put(Arc::new(active));
        seen.keys = keys;
        Ok(())
    }

    fn build(&self, source: &str, packs: &dyn PackFiles, keys: &Keys, version: u64) -> Built {
        let (environment, upstreams) = (self.environment, &self.upstreams);
        build(&self.file, source, packs, environment, upstreams, keys, version)
    }

    fn activate(&self, offered: &Sources, before: &Sources, built: Outcome) -> Result<u64, NotActivated> {
        let source = offered;
        let (offered, warnings) = built.map_err(NotActivated::Refused)?;
        let active = self.in_force.active().version();
        if offered.version() <= active {
            let not_newer = ActivationError::NotNewer {
                offered: offered.version(),
                active,
            };
            return Err(NotActivated::Refused(not_newer.to_string()));
        }
        // Kept before it acts: after a crash in between, the newer one is found again.
        source
            .keep(&self.last_good, Some(before))
            .map_err(NotActivated::NotKept)?;
        let version = offered.version();
        self.in_force.put(Arc::new(offered));
        self.in_force.tell(PolicyStatus {
            active_version: version,
            warnings,
            ..PolicyStatus::default()
        });
        Ok(version)
    }

    fn refuse(&self, problem: String) -> Polled {
        let status = self.in_force.status();
        if status.problem.as_ref() == Some(&problem) {
            return Polled::Unchanged;
        }
        self.in_force.tell(PolicyStatus {
            problem: Some(problem.clone()),
            ..PolicyStatus::clone(&status)
        });
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

/// A policy that can be put into force with its warnings, or why it cannot.
type Outcome = Result<(ActivePolicy, Vec<String>), String>;

/// What became of a source, and the packs it asked for.
struct Built {
    packs: BTreeMap<String, Option<String>>,
    outcome: Outcome,
}

fn with_text(packs: BTreeMap<String, Option<String>>) -> Packs {
    let read = |(path, text): (String, Option<String>)| Some((path, text?));
    Packs(packs.into_iter().filter_map(read).collect())
}

fn build(
    path: &Path,
    source: &str,
    packs: &dyn PackFiles,
    environment: Environment,
    upstreams: &[String],
    keys: &Keys,
    version: u64,
) -> Built {
    let name = path
        .file_name()
        .map_or_else(|| "policy.yaml".into(), |name| name.to_string_lossy());
    let packs = Recorded::new(packs);
    let analysed = analyse(&name, source, &packs).into_result();
    let compiled = analysed.map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        lines.join("\n")
    });
    let outcome = compiled.and_then(|compiled| {
        let warnings = compiled.warnings.iter().map(ToString::to_string).collect();
        let rng = SystemRandom::new();
        let active = ActivePolicy::of_source(compiled, environment, upstreams, keys, version, &rng);
        let active = active.map_err(|error| format!("{name}: {error}"))?;
        Ok((active, warnings))
    });
    Built {
        packs: packs.finish(),
        outcome,
    }
}
