//! The backends: per-core connection pools that send each request at most once and stream both bodies.
//!
//! This module neither decides nor rewrites: what reaches it is sent. It never retries a request that may have been seen.

mod body;
mod pool;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;

pub use body::{BodyError, BodyLimits, Relayed, RequestBody, ResponseBody, Streaming, is_reserved};
pub use pool::Upstream;

use crate::config;

/// Every upstream of one core, by name.
#[derive(Debug, Clone, Default)]
pub struct Upstreams {
    by_name: HashMap<String, Upstream>,
}

impl Upstreams {
    /// The upstreams that a configuration lists. Connects to none of them yet.
    ///
    /// # Errors
    /// [`UpstreamConfigError`] for one whose address makes no sense; a configuration that was read has none.
    pub fn new(configs: &[config::Upstream]) -> Result<Self, UpstreamConfigError> {
        let named = |config: &config::Upstream| Ok((config.name.clone(), Upstream::new(config)?));
        Ok(Self {
            by_name: configs.iter().map(named).collect::<Result<_, _>>()?,
        })
    }

    /// The upstream with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Upstream> {
        self.by_name.get(name)
    }
}

/// An upstream's address is not `http://host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the address of upstream `{name}` is not http://host:port")]
pub struct UpstreamConfigError {
    /// The upstream.
    pub name: String,
}

/// Why an upstream gave no response.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// This core has as many connections to it as it may.
    #[error("all connections to the upstream are busy")]
    Saturated,
    /// It cannot be reached.
    #[error("cannot connect to the upstream: {kind}")]
    Connect {
        /// The system's reason.
        kind: io::ErrorKind,
    },
    /// Connecting took too long.
    #[error("connecting to the upstream took too long")]
    ConnectTimeout,
    /// It closed the connection instead of answering.
    #[error("the upstream closed the connection")]
    Closed {
        /// Whether the request may have reached it.
        sent: bool,
    },
    /// Its response's head took too long.
    #[error("the upstream took too long to answer")]
    ResponseTimeout,
    /// What it answered is not HTTP, or its head is too large.
    #[error("the upstream's answer is malformed")]
    Malformed,
    /// The request's own body failed on the way.
    #[error("the request body failed: {code}")]
    RequestBody {
        /// The code of the [`BodyError`].
        code: &'static str,
    },
}

impl UpstreamError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Saturated => "upstream-saturated",
            Self::Connect { .. } => "upstream-unreachable",
            Self::ConnectTimeout => "upstream-connect-timeout",
            Self::Closed { .. } => "upstream-closed",
            Self::ResponseTimeout => "upstream-timeout",
            Self::Malformed => "upstream-malformed",
            Self::RequestBody { code } => code,
        }
    }

    /// Whether the upstream may have seen the request, and so may have acted on it.
    #[must_use]
    pub const fn sent(&self) -> bool {
        match self {
            Self::Saturated | Self::Connect { .. } | Self::ConnectTimeout => false,
            Self::Closed { sent } => *sent,
            Self::ResponseTimeout | Self::Malformed | Self::RequestBody { .. } => true,
        }
    }

    fn after_sending(error: &hyper::Error) -> Self {
        let mut cause = std::error::Error::source(error);
        while let Some(found) = cause {
            if let Some(body) = found.downcast_ref::<BodyError>() {
                return Self::RequestBody { code: body.code() };
            }
            cause = found.source();
        }
        if error.is_parse() {
            Self::Malformed
        } else {
            Self::Closed { sent: true }
        }
    }
}
