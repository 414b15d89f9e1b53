//! The brake over the policy in force: what is applied, until when, and that nothing lifts in the wrong direction.
//!
//! A brake ends by itself when either clock says so, and one that ended, or that a newer one followed, never comes back.

use attest_core::policy::{Brake, BrakeError, Mode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refresh::RefreshError;
use crate::clock::Moment;

/// The brake in force, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrakeStatus {
    /// Its version.
    pub version: u64,
    /// When it ends by itself.
    pub expires_at_s: u64,
    /// The rules that it relaxes, each with its mode.
    pub rules: std::collections::BTreeMap<String, String>,
}

/// Why a brake has no effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrakeRejectedError {
    /// Its metadata is not trusted, or it cannot be read.
    #[error(transparent)]
    Refresh(#[from] RefreshError),
    /// It reaches too far, or its time is wrong.
    #[error(transparent)]
    Brake(#[from] BrakeError),
    /// A later one was seen already.
    #[error("the brake has version {offered}, {newest} was seen already")]
    NotNewer {
        /// Its version.
        offered: u64,
        /// The newest one.
        newest: u64,
    },
}

impl BrakeRejectedError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refresh(error) => error.code(),
            Self::Brake(error) => error.code(),
            Self::NotNewer { .. } => "brake-not-newer",
        }
    }
}

/// A brake in force.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    brake: Brake,
    until_ms: u64,
}

impl Applied {
    /// In force from now on.
    pub(super) fn new(brake: Brake, now: Moment) -> Self {
        let left_s = brake.expires_at.saturating_sub(now.wall_s);
        Self {
            until_ms: now.monotonic_ms.saturating_add(left_s.saturating_mul(1000)),
            brake,
        }
    }

    pub(super) const fn brake(&self) -> &Brake {
        &self.brake
    }

    /// Whether its time is over: a wall clock that was put back does not make it longer.
    pub(super) fn is_over(&self, now: Moment) -> bool {
        now.monotonic_ms >= self.until_ms || now.wall_s >= self.brake.expires_at
    }

    pub(super) fn status(&self) -> BrakeStatus {
        let rules = self.brake.rules.iter();
        BrakeStatus {
            version: self.brake.version,
            expires_at_s: self.brake.expires_at,
            rules: rules.map(|(rule, mode)| (rule.clone(), word(*mode))).collect(),
        }
    }
}

fn word(mode: Mode) -> String {
    mode.as_str().to_owned()
}
