//! The tokens that travel with requests: *session tokens*, MACed with the session key, and *proof tokens*, signed by the
//! device key. Both carry the same claims; verification ends in a witness that only this module can make.

pub mod assertion;
pub mod binding;
pub mod claims;
pub mod proof;
pub mod session;
pub mod single_use;

use crate::appraisal::AppraisalResult;
use crate::device::TokenKind;
use crate::jose::JwsError;
use crate::ticket::TicketError;
use binding::{BindingError, Bound, RequestToBind};
use claims::{ClaimsError, TokenClaims};

/// Header that carries a session token.
pub const SESSION_HEADER: &str = "attest-token";
/// Header that carries the attestation of a proof token.
pub const ATTESTATION_HEADER: &str = "oauth-client-attestation";
/// Header that carries the proof of possession of a proof token.
pub const PROOF_HEADER: &str = "oauth-client-attestation-pop";

/// Why a token was refused before it was compared with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The JWS itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The ticket in `kid`.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The claims.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    /// The session or attestation has ended.
    #[error("the session has ended")]
    SessionExpired,
    /// The attestation was issued in another environment.
    #[error("made in another environment")]
    Environment,
}

impl TokenError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Ticket(error) => error.code(),
            Self::Claims(error) => error.code(),
            Self::SessionExpired => "session-expired",
            Self::Environment => "environment",
        }
    }
}

/// Bounds on time that a verifier applies. Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeBounds {
    /// How far the phone's clock may be from the verifier's.
    pub skew_s: u64,
    /// Longest accepted `exp - iat`.
    pub lifetime_max_s: u64,
}

impl Default for TimeBounds {
    /// 60 s of skew, 300 s of life: DESIGN section 3.
    fn default() -> Self {
        Self {
            skew_s: 60,
            lifetime_max_s: 300,
        }
    }
}

/// Witness: a token whose signature, ticket or attestation, audience and times were verified. Only this module makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    kind: TokenKind,
    result: AppraisalResult,
    claims: TokenClaims,
}

impl Verified {
    /// Which of the two tokens it was.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// What the verifier concluded at the last renewal.
    #[must_use]
    pub const fn result(&self) -> &AppraisalResult {
        &self.result
    }

    /// What the phone claims in this token.
    #[must_use]
    pub const fn claims(&self) -> &TokenClaims {
        &self.claims
    }

    /// Compares the token's bindings with the request it came with.
    ///
    /// # Errors
    /// [`BindingError`] names the first binding that is missing or differs.
    pub fn bind(self, request: &RequestToBind<'_>) -> Result<Bound, BindingError> {
        binding::bind(self, request)
    }
}
