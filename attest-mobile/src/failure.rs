//! Why enrolment, renewal, a policy fetch or minting failed, in full. The app sees [`AttestError`], made from it in one place.

use attest_core::bundle::BundleError;
use attest_core::jose::JwsError;
use attest_core::problem::{ProblemCode, RetryClass};
use attest_core::response::ResponseError;
use attest_core::token::binding::BindingError;
use attest_core::tuf::TufError;

use crate::error::AttestError;
use crate::foreign::{KeyError, TransportError};
use crate::policy::PolicyFault;

/// A call of the attestation service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `GET policy/bundle`.
    Policy,
    /// `POST challenge`.
    Challenge,
    /// `POST enroll`.
    Enroll,
    /// `POST renew`.
    Renew,
}

impl Call {
    /// Path below the service's URL.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Policy => "policy/bundle",
            Self::Challenge => "challenge",
            Self::Enroll => "enroll",
            Self::Renew => "renew",
        }
    }
}

/// A refusal of the attestation service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRefusal {
    /// The code, `None` if this version does not know it.
    pub code: Option<ProblemCode>,
    /// What to do about it.
    pub retry: RetryClass,
    /// For the operator.
    pub support: String,
    /// How long to wait.
    pub retry_after_s: Option<u32>,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The service could not be reached.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A reply is not what the call returns: another server, or a broken one.
    #[error("the reply to `{}` cannot be read", call.path())]
    Unreadable {
        /// The call.
        call: Call,
    },
    /// An error status without a reason.
    #[error("`{}` was answered with {status}", call.path())]
    Status {
        /// The call.
        call: Call,
        /// The status.
        status: u16,
    },
    /// The service refuses.
    #[error("the service refuses: {}", .0.code.map_or("unknown code", ProblemCode::as_str))]
    Refused(ServiceRefusal),
    /// The signed response is not by the service, or not for this phone.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// The session had ended before it began.
    #[error("the session had ended before it began")]
    SessionEnded,
    /// The device policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyFault),
    /// The device key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Storage could not be read.
    #[error("storage could not be read")]
    Storage,
    /// The source of randomness failed.
    #[error("the source of randomness failed")]
    Random,
    /// The request cannot be bound to a token.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// The URL is not an absolute http or https URL.
    #[error("the URL is not an absolute http or https URL")]
    Url,
    /// A token or evidence could not be written, usually because its URL is too long.
    #[error(transparent)]
    Token(#[from] JwsError),
    /// The app declined the step-up.
    #[error("the step-up was declined")]
    StepUpDeclined,
    /// What the app returned as a completed step-up cannot be one.
    #[error("the completed step-up is not a compact JWS")]
    StepUpMalformed,
    /// The Attestor did not come to an end within its patience.
    #[error("no session within the time that a request waits")]
    TimedOut,
}

impl Failure {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Transport(error) => error.code(),
            Self::Unreadable { .. } => "reply-unreadable",
            Self::Status { .. } => "reply-status",
            Self::Refused(refusal) => match refusal.code {
                Some(code) => code.as_str(),
                None => "refusal-unknown",
            },
            Self::Response(error) => error.code(),
            Self::SessionEnded => "session-ended",
            Self::Policy(fault) => fault.code(),
            Self::Key(error) => error.code(),
            Self::Storage => "storage",
            Self::Random => "random",
            Self::Binding(error) => error.code(),
            Self::Url => "url",
            Self::Token(error) => error.code(),
            Self::StepUpDeclined => "step-up-declined",
            Self::StepUpMalformed => "step-up-malformed",
            Self::TimedOut => "timed-out",
        }
    }

    /// What the app should do; `after_ms` is when the Attestor itself tries again.
    #[must_use]
    pub fn to_public(&self, after_ms: u64) -> AttestError {
        let code = self.code();
        match self {
            Self::Transport(_) | Self::Unreadable { .. } | Self::Response(_) => AttestError::Offline { code },
            Self::Refused(refusal) => refusal.to_public(code, after_ms),
            Self::Policy(PolicyFault::Engine { .. }) => AttestError::UpdateApp,
            // Another repository's root, or another environment's, was built into the app.
            Self::Policy(
                PolicyFault::Environment
                | PolicyFault::NoPolicy { .. }
                | PolicyFault::Bundle(BundleError::Tuf(TufError::Threshold { .. })),
            ) => AttestError::Misconfigured { code },
            Self::Binding(_) | Self::Url | Self::Token(_) | Self::StepUpMalformed => {
                AttestError::Misconfigured { code }
            }
            // Nothing else is at that address.
            Self::Status {
                status: 400..=499, ..
            } => AttestError::Misconfigured { code },
            Self::StepUpDeclined => AttestError::StepUpDeclined,
            Self::Status { .. }
            | Self::SessionEnded
            | Self::Policy(_)
            | Self::Key(_)
            | Self::Storage
            | Self::Random
            | Self::TimedOut => AttestError::TryLater { code, after_ms },
        }
    }

    /// The least time the service wants to be left alone.
    pub(crate) fn retry_after_ms(&self) -> u64 {
        let asked_s = if let Self::Refused(refusal) = self {
            refusal.retry_after_s
        } else {
            None
        };
        u64::from(asked_s.unwrap_or(0)).saturating_mul(1000)
    }
}

impl ServiceRefusal {
    fn to_public(&self, code: &'static str, after_ms: u64) -> AttestError {
        let is_wiring = matches!(
            self.code,
            Some(
                ProblemCode::AppUnknown
                    | ProblemCode::EnvironmentMismatch
                    | ProblemCode::CallUnknown
                    | ProblemCode::CallMalformed
                    | ProblemCode::EvidenceKind
            )
        );
        match self.retry {
            RetryClass::None if is_wiring => AttestError::Misconfigured { code },
            RetryClass::None => AttestError::Refused {
                code,
                support: self.support.clone(),
            },
            RetryClass::Later
            | RetryClass::FreshToken
            | RetryClass::StrongerToken
            | RetryClass::Renew
            | RetryClass::Enroll
            | RetryClass::RefreshPolicy
            | RetryClass::StepUp => AttestError::TryLater { code, after_ms },
        }
    }
}
