//! Takes changed settings, keys and policy while the gateway runs. Everything is read and prepared before anything is changed: a
//! bad file changes nothing, and every problem of it is returned.
//!
//! What each core reads for each request is swapped as a whole; what was copied at the start waits for a restart and is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::rand::SystemRandom;

use crate::admin::{AdminTokens, HashFileError};
use crate::config::{Config, ConfigProblem, MergeError};
use crate::gateway::{AssemblyError, Gateway};
use crate::keys::{Family, KeyFileError, Keys};
use crate::policy::Polled;

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Changed settings that are in force now.
    pub applied: Vec<String>,
    /// Changed settings that wait for a restart.
    pub restart: Vec<String>,
    /// Kinds of keys whose generations changed.
    pub keys: Vec<Family>,
    /// What the policy file held.
    pub policy: Polled,
}

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The configuration, with every problem it has.
    #[error("{}", lines(.path, .problems))]
    Config {
        /// The file.
        path: PathBuf,
        /// The problems, in the order of their lines.
        problems: Vec<ConfigProblem>,
    },
    /// A configuration that cannot be compared.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A key file.
    #[error("keys: {0}")]
    Keys(#[from] KeyFileError),
    /// What is made from the keys.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// A hash of an admin token.
    #[error("admin tokens: {0}")]
    AdminTokens(#[from] HashFileError),
    /// The policy in force cannot be signed with the new keys.
    #[error("policy: {0}")]
    Policy(String),
}

impl ReloadError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "reload-config",
            Self::Merge(error) => error.code(),
            Self::Keys(error) => error.code(),
            Self::Assembly(_) => "reload-keys-unusable",
            Self::AdminTokens(_) => "reload-admin-tokens",
            Self::Policy(_) => "reload-policy",
        }
    }
}

fn lines(path: &Path, problems: &[ConfigProblem]) -> String {
    let lines = problems
        .iter()
        .map(|problem| format!("{}:{problem}", path.display()));
    lines.collect::<Vec<_>>().join("\n")
}

impl Gateway {
    /// Reads the configuration at `path`, the keys, the policy and changed certificates again. Not for request cores: it reads files, and compiles and
    /// tests the policy.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing was changed.
    pub fn reload(&self, path: &Path) -> Result<Reloaded, ReloadError> {
        let offered = Config::read(path).map_err(|problems| ReloadError::Config {
            path: path.to_owned(),
            problems,
        })?;
        // Two at once would each undo the other's half.
        let _one_at_a_time = self
            .reloading
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let running = self.live.load_full();
        let merged = running.config.merge(&offered)?;
        let keys = Arc::new(Keys::read(&running.config.keys.directory, &SystemRandom::new())?);
        let changed = Family::ALL
            .into_iter()
            .filter(|family| running.keys.generations(*family) != keys.generations(*family));
        let changed = changed.collect();
        // The listener reads them again, when it is told.
        drop(AdminTokens::read(&merged.config.admin.tokens)?);
        let next = running.followed_by(merged.config, Arc::clone(&keys))?;
        // Last of what may fail. Phones learn the new response keys from the policy before anything is signed by them.
        self.policies.sign_again(keys).map_err(ReloadError::Policy)?;
        self.live.store(Arc::new(next));
        self.poll_certificates();
        Ok(Reloaded {
            applied: merged.applied,
            restart: merged.restart,
            keys: changed,
            policy: self.poll_policy(),
        })
    }
}
