//! The errors of the surface: six for the app, named by what it should do, and one for what the app's side of a trait could not do.

use attest_mobile::AttestError as Public;
use attest_mobile::foreign::{KeyError, StorageError, TransportError};

/// What the app should do. None is final: the library goes on trying by itself.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Error)]
pub enum AttestError {
    /// Show that there is no trustworthy connection; try again when the network changes.
    Offline {
        /// For logs.
        code: String,
    },
    /// Try again later.
    TryLater {
        /// For logs.
        code: String,
        /// When it makes sense to try again, milliseconds from now.
        after_ms: u64,
    },
    /// Ask the user to update the app: the policy needs a newer one.
    UpdateApp,
    /// Show the support code: this device or app is not accepted.
    Refused {
        /// For logs.
        code: String,
        /// Tells the operator, and nobody else, why.
        support: String,
    },
    /// Go back: the user did not confirm.
    StepUpDeclined,
    /// Correct the app's configuration or request; users cannot do anything about it.
    Misconfigured {
        /// Says what.
        code: String,
    },
}

impl AttestError {
    pub(super) fn misconfigured(code: &str) -> Self {
        Self::Misconfigured {
            code: code.to_owned(),
        }
    }

    pub(super) fn stopped() -> Self {
        Self::misconfigured("stopped")
    }

    pub(super) fn panicked() -> Self {
        Self::later("internal", 60_000)
    }

    pub(super) fn no_thread() -> Self {
        Self::later("no-thread", 10_000)
    }

    pub(super) fn busy() -> Self {
        Self::later("busy", 1_000)
    }

    fn later(code: &str, after_ms: u64) -> Self {
        Self::TryLater {
            code: code.to_owned(),
            after_ms,
        }
    }
}

impl From<Public> for AttestError {
    fn from(error: Public) -> Self {
        match error {
            Public::Offline { code } => Self::Offline {
                code: code.to_owned(),
            },
            Public::TryLater { code, after_ms } => Self::later(code, after_ms),
            Public::UpdateApp => Self::UpdateApp,
            Public::Refused { code, support } => Self::Refused {
                code: code.to_owned(),
                support,
            },
            Public::StepUpDeclined => Self::StepUpDeclined,
            Public::Misconfigured { code } => Self::misconfigured(code),
        }
    }
}

impl std::fmt::Display for AttestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, code) = match self {
            Self::Offline { code } => ("no trustworthy connection to the service", code.as_str()),
            Self::TryLater { code, .. } => ("try again later", code.as_str()),
            Self::UpdateApp => ("the policy needs a newer version of the app", "update-app"),
            Self::Refused { code, .. } => ("refused", code.as_str()),
            Self::StepUpDeclined => ("the step-up was declined", "step-up-declined"),
            Self::Misconfigured { code } => ("the app or its request is misconfigured", code.as_str()),
        };
        f.write_str(what)?;
        f.write_str(": ")?;
        f.write_str(code)
    }
}

impl std::error::Error for AttestError {}

/// Why the app's side of a trait did not do what was asked. Anything else that it throws counts as [`HostFailure::Failed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Error)]
pub enum HostFailure {
    /// It failed this time: no connection, a full disk, a busy key.
    Failed,
    /// There is no key, or it can never be used again.
    Gone,
    /// There was no whole answer in time.
    TimedOut,
    /// The answer is longer than its bound.
    Oversized,
}

impl std::fmt::Display for HostFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Failed => "failed",
            Self::Gone => "gone",
            Self::TimedOut => "timed out",
            Self::Oversized => "oversized",
        })
    }
}

impl std::error::Error for HostFailure {}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostFailure {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl From<HostFailure> for TransportError {
    fn from(failure: HostFailure) -> Self {
        match failure {
            HostFailure::Failed | HostFailure::Gone => Self::Unreachable,
            HostFailure::TimedOut => Self::TimedOut,
            HostFailure::Oversized => Self::Oversized,
        }
    }
}

impl From<HostFailure> for KeyError {
    fn from(failure: HostFailure) -> Self {
        match failure {
            HostFailure::Gone => Self::Gone,
            HostFailure::Failed | HostFailure::TimedOut | HostFailure::Oversized => Self::Failed,
        }
    }
}

impl From<HostFailure> for StorageError {
    fn from(_: HostFailure) -> Self {
        Self
    }
}
