//! One step of a key rotation on disk. A new generation's file is complete before `fleet.json` names it, and an old one's is
//! removed after `fleet.json` has forgotten it: replacing `fleet.json` is the one moment at which the step happens, so an
//! interruption anywhere leaves either the state before the step or the state after it, and the next step clears up.
//!
//! Nothing here tells a running gateway; it takes new files when it is told to reload.

use std::io;
use std::path::{Path, PathBuf};

use attest_core::encoding::base64url;
use attest_core::fleet::FleetSecret;
use attest_core::jose::SigningKey;
use ring::rand::SecureRandom;

use super::disk::{Disk, UNFINISHED};
use super::files::{self, FleetFile};
use super::{FLEET_FILE, Family, Generations, KeyFileError, Keys, Overlap, Phase, Step, StepError};

/// A step to take.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'a> {
    /// The key folder.
    pub directory: &'a Path,
    /// Which kind of key.
    pub family: Family,
    /// The step.
    pub step: Step,
    /// The waits that must have passed since the step before; `None` to take it early.
    pub overlap: Option<Overlap>,
    /// Unix seconds.
    pub now_s: u64,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// As it was.
    pub before: Generations,
    /// As it is now.
    pub after: Generations,
    /// Files that were removed because nothing refers to them any more.
    pub removed: Vec<String>,
}

/// Why a step was not taken. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotateError {
    /// A key file.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// It is not this step's turn.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The step before was too short ago.
    #[error("too early: the step before it needs {left_s} s more")]
    Early {
        /// How long to wait.
        left_s: u64,
    },
    /// Another rotation is at work.
    #[error("{0} is being changed by somebody else")]
    Busy(PathBuf),
    /// The disk.
    #[error("{path}: {source}; run the command again, the keys are whole")]
    Disk {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl RotateError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Keys(error) => error.code(),
            Self::Step(error) => error.code(),
            Self::Early { .. } => "rotation-early",
            Self::Busy(_) => "rotation-busy",
            Self::Disk { .. } => "rotation-disk",
        }
    }
}

impl Generations {
    /// The next step that a rotation asks for, and when it is due: at once if nothing is known of the step before.
    #[must_use]
    pub fn next_step(&self, overlap: Overlap) -> Option<(Step, u64)> {
        let since = self.changed_at_s.unwrap_or(0);
        match self.phase() {
            Phase::Settled => None,
            Phase::Published => Some((Step::Use, since.saturating_add(overlap.use_after_s))),
            Phase::Used => Some((Step::Retire, since.saturating_add(overlap.retire_after_s))),
        }
    }
}

impl Rotation<'_> {
    /// Takes the step.
    ///
    /// # Errors
    /// [`RotateError`].
    pub fn run(&self, rng: &dyn SecureRandom) -> Result<Rotated, RotateError> {
        let disk = Disk::lock(self.directory).map_err(|source| {
            if source.kind() == io::ErrorKind::WouldBlock {
                RotateError::Busy(self.directory.to_owned())
            } else {
                self.failed(source)
            }
        })?;
        self.run_on(&disk, rng)
    }

    fn run_on(&self, disk: &Disk<'_>, rng: &dyn SecureRandom) -> Result<Rotated, RotateError> {
        // Damage is found before it is built upon.
        drop(Keys::read(self.directory, rng)?);
        let mut fleet = FleetFile::read(self.directory)?;
        let before = fleet.of(self.family).clone();
        let after = before.after(self.step, self.now_s)?;
        self.is_due(&before)?;
        for generation in after
            .accepted
            .iter()
            .filter(|number| !before.accepted.contains(number))
        {
            if let Some(name) = self.family.file_name(*generation) {
                let content = new_key(self.family, rng)?;
                disk.replace(&name, content.as_bytes())
                    .map_err(|source| self.failed(source))?;
            }
        }
        fleet.of_mut(self.family).clone_from(&after);
        let content = fleet.to_json(self.directory)?;
        disk.replace(FLEET_FILE, content.as_bytes())
            .map_err(|source| self.failed(source))?;
        // The step is taken. What is left over now, or from an interruption before, is not referred to by anything.
        let removed = self.left_over(disk, &after).and_then(|names| {
            disk.remove(&names)?;
            Ok(names)
        });
        Ok(Rotated {
            before,
            after,
            removed: removed.map_err(|source| self.failed(source))?,
        })
    }

    fn is_due(&self, before: &Generations) -> Result<(), RotateError> {
        let Some(overlap) = self.overlap else {
            return Ok(());
        };
        match before.next_step(overlap) {
            Some((step, due_s)) if step == self.step && due_s > self.now_s => Err(RotateError::Early {
                left_s: due_s - self.now_s,
            }),
            _ => Ok(()),
        }
    }

    /// Files of this family that `generations` does not name, and unfinished ones.
    fn left_over(&self, disk: &Disk<'_>, generations: &Generations) -> io::Result<Vec<String>> {
        let mut names = disk.names()?;
        names.retain(|name| {
            let finished = name.strip_suffix(UNFINISHED);
            let number = self.family.generation_of(finished.unwrap_or(name));
            number.is_some_and(|number| finished.is_some() || !generations.accepted.contains(&number))
        });
        Ok(names)
    }

    fn failed(&self, source: io::Error) -> RotateError {
        RotateError::Disk {
            path: self.directory.to_owned(),
            source,
        }
    }
}

fn new_key(family: Family, rng: &dyn SecureRandom) -> Result<String, KeyFileError> {
    if family.signs() {
        let key = SigningKey::generate(rng).map_err(|_| KeyFileError::Random)?;
        Ok(files::to_pem(&key))
    } else {
        let secret = FleetSecret::generate(rng).map_err(|_| KeyFileError::Random)?;
        Ok(base64url(secret.reveal()) + "\n")
    }
}

#[cfg(test)]
mod tests;
