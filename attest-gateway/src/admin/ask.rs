//! One call as its operation sees it, and what it answers.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::Query;
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Shared;
use super::problem::{AdminCode, AdminProblem};

/// What an operation's function returns.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Reply, AdminProblem>> + Send>>;

/// An admitted call.
pub(super) struct Ask {
    pub(super) shared: Arc<Shared>,
    pub(super) parameters: Vec<(String, String)>,
    pub(super) uri: Uri,
    pub(super) body: Bytes,
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) media_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) audit: Audit,
}

/// What the event of a call tells beyond who and when.
#[derive(Debug, Default)]
pub(super) struct Audit {
    pub(super) app: Option<String>,
    pub(super) device: Option<String>,
    pub(super) detail: String,
}

impl Ask {
    /// A part of the path; empty if the path has no such part.
    pub(super) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The query. What it does not know is refused, never ignored.
    pub(super) fn query<T: DeserializeOwned>(&self) -> Result<T, AdminProblem> {
        Query::try_from_uri(&self.uri)
            .map(|Query(query)| query)
            .map_err(|error| AdminProblem::new(AdminCode::Malformed, format!("query: {}", error.body_text())))
    }

    /// The body.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, AdminProblem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| AdminProblem::new(AdminCode::Malformed, format!("body: {error}")))
    }
}

impl Reply {
    /// A JSON answer.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, AdminProblem> {
        let body = serde_json::to_vec(value)
            .map_err(|_| AdminProblem::new(AdminCode::Unavailable, "the answer cannot be written as JSON"))?;
        Ok(Self {
            status: StatusCode::OK,
            media_type: "application/json",
            body,
            audit: Audit::default(),
        })
    }

    /// An answer in text.
    pub(super) fn text(media_type: &'static str, text: String) -> Self {
        Self {
            status: StatusCode::OK,
            media_type,
            body: text.into_bytes(),
            audit: Audit::default(),
        }
    }

    /// The same with another status.
    pub(super) const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with more to tell in its event.
    pub(super) fn with_audit(mut self, audit: Audit) -> Self {
        self.audit = audit;
        self
    }
}
