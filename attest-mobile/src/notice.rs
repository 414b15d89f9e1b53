//! What the Attestor tells its observer: stable codes and plain numbers, never a token, key, challenge, id or address.

use attest_core::challenge::Purpose;

use crate::failure::Failure;
use crate::policy::PolicyFault;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Persisted state was read; `resumed` says whether it held a registration.
    Started {
        /// Whether the phone was enrolled before.
        resumed: bool,
    },
    /// Something persisted could not be used and was discarded.
    Discarded {
        /// The blob.
        blob: &'static str,
        /// Why.
        code: &'static str,
    },
    /// A blob could not be written; the Attestor goes on in memory.
    NotStored {
        /// The blob.
        blob: &'static str,
    },
    /// A device policy took effect.
    PolicyActive {
        /// Its version.
        version: u64,
    },
    /// A device policy was refused; the last good one stays.
    PolicyRefused(PolicyFault),
    /// Detectors were evaluated.
    Scanned {
        /// How many there are.
        detectors: usize,
        /// How many fired.
        hits: usize,
        /// How many could not decide.
        inconclusive: usize,
        /// How many of these this engine does not understand.
        unsupported: usize,
    },
    /// A new device key was made.
    KeyMade,
    /// A session began.
    Session {
        /// By enrolment or renewal.
        purpose: Purpose,
        /// Its length.
        lifetime_s: u64,
    },
    /// The registration cannot be used any more; the phone enrols again by itself.
    RegistrationLost {
        /// Why.
        code: &'static str,
    },
    /// Something failed and is tried again.
    Failed {
        /// What failed.
        failure: Failure,
        /// When it is tried again at the latest, milliseconds from now.
        again_in_ms: u64,
    },
}

impl Notice {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Discarded { .. } => "discarded",
            Self::NotStored { .. } => "not-stored",
            Self::PolicyActive { .. } => "policy-active",
            Self::PolicyRefused(_) => "policy-refused",
            Self::Scanned { .. } => "scanned",
            Self::KeyMade => "key-made",
            Self::Session { .. } => "session",
            Self::RegistrationLost { .. } => "registration-lost",
            Self::Failed { .. } => "failed",
        }
    }
}
