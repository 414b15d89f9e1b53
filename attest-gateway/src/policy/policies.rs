//! The policy in force, wherever it comes from: a watched file, which a development gateway signs itself, or a repository that
//! others signed. Both end here, with one status; the request cores know no difference.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc as answers;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::Guard;
use attest_core::environment::Environment;
use attest_core::policy::GatewayPolicy;
use tokio::sync::mpsc;

use super::ActivePolicy;
use super::compile_file;
use super::file::{Polled, WatchedFile};
use super::repository::{
    Answer, Command, FollowOptions, Follower, Parked, Refreshed, RepositoryFiles, Source, WebError,
    kept_policy,
};
use super::status::{InForce, PolicyStatus};
use crate::clock::Clock;
use crate::config::{Config, PolicyOrigin};
use crate::keys::Keys;

/// Longer than any refresh that is not slow by intent; whoever waits is told that it goes on.
const ANSWER_WAIT: Duration = Duration::from_secs(60);

/// Why there is no policy to start with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyOpenError {
    /// Neither source nor last good one can be put into force; the reasons.
    #[error("{0}")]
    None(String),
    /// The first root cannot be read.
    #[error("policy.root: {}: {error}", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The address of the repository.
    #[error(transparent)]
    Web(#[from] WebError),
}

/// The thread that follows a repository is not there, or has too much to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the policy's repository is not being followed now")]
pub(crate) struct NotFollowedError;

/// The policy in force and its source.
#[derive(Debug)]
pub struct Policies {
    in_force: Arc<InForce>,
    origin: Origin,
    /// The version of which it was told that it is stale.
    told_stale: AtomicU64,
}

#[derive(Debug)]
enum Origin {
    File(WatchedFile),
    Repository(Followed),
}

/// How the thread that follows a repository is reached.
#[derive(Debug)]
struct Followed {
    /// Where relative paths of the policy start.
    folder: PathBuf,
    commands: mpsc::Sender<Command>,
    /// Until the thread is started.
    parked: Mutex<Option<Box<Parked>>>,
}

impl Policies {
    /// Puts the policy of the configured source into force; where that is bad, away or older than the last good one, that one.
    ///
    /// # Errors
    /// [`PolicyOpenError`], when neither can be put into force.
    pub async fn open(
        config: &Config,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, PolicyOpenError> {
        if let PolicyOrigin::File(file) = config.policy.origin() {
            let (state, upstreams) = (state_folder(config), upstreams(config));
            return Self::load(file.to_owned(), state, config.environment, upstreams, keys, clock)
                .map_err(PolicyOpenError::None);
        }
        let Some((options, source)) = repository_of(config, keys, clock)? else {
            return Err(PolicyOpenError::None("there is no source of policy".to_owned()));
        };
        let (follower, in_force) = Follower::open(options, &source)
            .await
            .map_err(PolicyOpenError::None)?;
        let (parked, commands) = Parked::new(follower, source);
        let root = config.policy.root.as_deref().and_then(Path::parent);
        Ok(Self::new(
            in_force,
            Origin::Repository(Followed {
                folder: root.unwrap_or_else(|| Path::new(".")).to_owned(),
                commands,
                parked: Mutex::new(Some(Box::new(parked))),
            }),
        ))
    }

    /// Puts a file's policy into force; where it is bad or older than the last good one, that one instead.
    ///
    /// # Errors
    /// The reason as a sentence, when neither can be put into force.
    pub fn load(
        file: PathBuf,
        state_folder: &Path,
        environment: Environment,
        upstreams: Vec<String>,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        let watched = WatchedFile::load(file, state_folder, environment, upstreams, keys, clock)?;
        Ok(Self::new(Arc::clone(watched.in_force()), Origin::File(watched)))
    }

    const fn new(in_force: Arc<InForce>, origin: Origin) -> Self {
        Self {
            in_force,
            origin,
            told_stale: AtomicU64::new(u64::MAX),
        }
    }

    /// The policy in force if it is stale, once for each.
    #[must_use]
    pub fn newly_stale(&self, now_s: u64) -> Option<Arc<ActivePolicy>> {
        let active = Arc::clone(&self.active());
        let told = || self.told_stale.swap(active.version(), Relaxed) == active.version();
        (active.is_stale(now_s) && !told()).then_some(active)
    }

    /// The policy in force.
    #[must_use]
    pub fn active(&self) -> Guard<Arc<ActivePolicy>> {
        self.in_force.active()
    }

    /// Where relative paths in a policy start: the folder of its file, or of the root that its repository is trusted by.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match &self.origin {
            Origin::File(file) => file.folder(),
            Origin::Repository(followed) => &followed.folder,
        }
    }

    /// What the operator sees.
    #[must_use]
    pub fn status(&self) -> Arc<PolicyStatus> {
        self.in_force.status()
    }

    /// SHA-256 of the source in force, and of its packs where it takes any by path; of a repository, of its targets.
    #[must_use]
    pub fn source_digest(&self) -> [u8; 32] {
        match &self.origin {
            Origin::File(file) => file.source_digest(),
            Origin::Repository(_) => self.status().followed.as_ref().map_or([0; 32], |of| of.digest),
        }
    }

    /// Looks at a watched file, once; a repository is followed by a thread of its own.
    pub(crate) fn watch(&self) -> Polled {
        match &self.origin {
            Origin::File(file) => file.poll(),
            Origin::Repository(_) => Polled::Unchanged,
        }
    }

    /// Looks at the source once and puts a newer policy into force. Not for request cores: it compiles and runs tests.
    pub fn poll(&self) -> Polled {
        match &self.origin {
            Origin::File(file) => file.poll(),
            Origin::Repository(followed) => followed.look(),
        }
    }

    /// Takes a repository that an operator sent, and says what became of it; `None` where the policy is a watched file.
    ///
    /// # Errors
    /// [`NotFollowedError`].
    pub(crate) fn push(&self, files: RepositoryFiles) -> Option<Result<Refreshed, NotFollowedError>> {
        match &self.origin {
            Origin::File(_) => None,
            Origin::Repository(followed) => Some(followed.ask(|answer| Command::Push(files, answer))),
        }
    }

    /// Whether the policy is one that others signed.
    #[must_use]
    pub const fn are_followed(&self) -> bool {
        matches!(self.origin, Origin::Repository(_))
    }

    /// Goes by these keys: a file's policy is signed again, with their response keys in it; a repository's has to have them. Its
    /// version stays.
    ///
    /// # Errors
    /// The reason as a sentence; nothing was changed.
    pub fn sign_again(&self, keys: Arc<Keys>) -> Result<(), String> {
        match &self.origin {
            Origin::File(file) => file.sign_again(keys),
            Origin::Repository(followed) => followed
                .ask(|answer| Command::Keys(keys, answer))
                .map_err(|error| error.to_string())?,
        }
    }

    /// What the thread that follows a repository starts with; `None` for a file, and for the second who asks.
    pub(crate) fn take_parked(&self) -> Option<Box<Parked>> {
        match &self.origin {
            Origin::File(_) => None,
            Origin::Repository(followed) => followed
                .parked
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        }
    }
}

impl Followed {
    fn ask<T>(&self, command: impl FnOnce(answers::Sender<T>) -> Command) -> Result<T, NotFollowedError> {
        let (sender, answer) = answers::channel();
        self.commands
            .try_send(command(sender))
            .map_err(|_| NotFollowedError)?;
        answer.recv_timeout(ANSWER_WAIT).map_err(|_| NotFollowedError)
    }

    fn look(&self) -> Polled {
        match self.ask(Command::Look) {
            Ok(Refreshed { policy, .. }) => match (policy.verdict, policy.version) {
                (Answer::Ack, Some(version)) if policy.code == "activated" => Polled::Activated(version),
                (Answer::Ack, _) => Polled::Unchanged,
                (Answer::Nack, _) => Polled::Refused(policy.reason),
            },
            Err(error) => Polled::Refused(error.to_string()),
        }
    }
}

/// What a configured repository is followed by; `None` where the policy is a watched file.
///
/// # Errors
/// [`PolicyOpenError::Root`], [`PolicyOpenError::Web`].
pub(super) fn repository_of(
    config: &Config,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
) -> Result<Option<(FollowOptions, Source)>, PolicyOpenError> {
    let policy = &config.policy;
    let source = match policy.origin() {
        PolicyOrigin::File(_) => return Ok(None),
        PolicyOrigin::Directory(folder) => Source::directory(folder),
        PolicyOrigin::Url(url) => Source::web(url, policy.ca_file.as_deref(), policy.fetch_timeout_ms)?,
    };
    let path = policy.root.clone().unwrap_or_default();
    let root = std::fs::read(&path).map_err(|error| PolicyOpenError::Root { path, error })?;
    let options = FollowOptions {
        root,
        state_folder: state_folder(config).to_owned(),
        environment: config.environment,
        upstreams: upstreams(config),
        keys,
        clock,
        longest_ms: policy.fetch_timeout_ms.saturating_mul(FILES_AT_ONCE),
    };
    Ok(Some((options, source)))
}

/// The gateway's side of the policy of this configuration, for who looks at a deployment: what the file holds, or what was last in
/// force of a signed repository. `None` if there is none that is good.
#[must_use]
pub fn configured_policy(config: &Config) -> Option<GatewayPolicy> {
    match config.policy.origin() {
        PolicyOrigin::File(file) => Some(compile_file(file)?.gateway),
        PolicyOrigin::Directory(_) | PolicyOrigin::Url(_) => {
            let root = std::fs::read(config.policy.root.as_ref()?).ok()?;
            kept_policy(&root, state_folder(config))
        }
    }
}

fn state_folder(config: &Config) -> &Path {
    config.store.path.parent().unwrap_or_else(|| Path::new("."))
}

fn upstreams(config: &Config) -> Vec<String> {
    let names = config.upstreams.iter().map(|upstream| upstream.name.clone());
    names.collect()
}

/// Files of one refresh that may each take as long as one may take.
const FILES_AT_ONCE: u64 = 4;
