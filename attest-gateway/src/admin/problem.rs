//! Every refusal of the admin listener: status, code and words, as RFC 9457 documents. Codes are stable and of their own kind,
//! `urn:attest:admin:<code>`: no phone ever sees one.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of problem documents.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// What every `type` begins with.
pub const TYPE_PREFIX: &str = "urn:attest:admin:";

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminProblem {
    /// What kind.
    pub code: AdminCode,
    /// What exactly, for the operator.
    pub detail: String,
    /// How long to wait, seconds.
    pub retry_after_s: Option<u64>,
}

/// The closed set of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminCode {
    /// No token, or one that is not known.
    Unauthenticated,
    /// The token does not allow this.
    Forbidden,
    /// No such resource.
    NotFound,
    /// The resource has no such method.
    MethodNotAllowed,
    /// The body is larger than any call's.
    ContentTooLarge,
    /// Too many bad tokens from this source, or too many calls with this token.
    TooManyRequests,
    /// Query, path or body are not what the call takes.
    Malformed,
    /// The store does not answer, or the call took too long.
    Unavailable,
}

/// A problem as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:attest:admin:<code>`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// What it means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What exactly.
    pub detail: String,
    /// Seconds to wait before another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl AdminCode {
    /// The stable code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.words().1
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.words().0
    }

    const fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthenticated => (
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "This call needs an admin token.",
            ),
            Self::Forbidden => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "The token does not allow this call.",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such resource."),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "The resource has no such method.",
            ),
            Self::ContentTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "content-too-large",
                "The body is too large.",
            ),
            Self::TooManyRequests => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many calls.",
            ),
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The call is malformed."),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "The gateway cannot answer this call now.",
            ),
        }
    }
}

impl AdminProblem {
    /// A refusal with its detail.
    pub fn new(code: AdminCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after_s: None,
        }
    }

    /// The document that travels.
    #[must_use]
    pub fn document(&self) -> ProblemDocument {
        let (status, code, title) = self.code.words();
        ProblemDocument {
            type_uri: format!("{TYPE_PREFIX}{code}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            retry_after_s: self.retry_after_s,
        }
    }
}

impl From<crate::store::StoreError> for AdminProblem {
    fn from(error: crate::store::StoreError) -> Self {
        Self::new(AdminCode::Unavailable, error.to_string())
    }
}
