//! The backends: per-core connections by HTTP/1.1 or HTTP/2, in clear or by TLS, that send each request at most once and stream
//! both bodies.
//!
//! This module neither decides nor rewrites: what reaches it is sent. It never retries a request that may have been seen.

mod body;
mod dial;
mod exchange;
mod http1;
mod http2;
mod plan;
mod pool;
mod preface;
mod reach;
mod tls;
mod tunnel;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

pub use body::{
    BodyError, BodyLimits, Outgoing, Payload, Relayed, RequestBody, ResponseBody, Streaming, is_reserved,
};
pub use plan::{Plans, UpstreamConfigError};
pub use pool::Upstream;
pub use reach::{ReachError, Reached, reach};
pub use tls::TlsFileError;
pub(crate) use tunnel::{Upgrade, ask as ask_upgrade, is_websocket};

use crate::config;

/// Every upstream of one core, by name.
#[derive(Debug, Clone, Default)]
pub struct Upstreams {
    by_name: HashMap<String, Upstream>,
}

impl Upstreams {
    /// The upstreams of these plans. Connects to none of them yet.
    #[must_use]
    pub fn new(plans: &Plans) -> Self {
        let named = |plan: &Arc<plan::Plan>| (plan.name.clone(), Upstream::of(Arc::clone(plan)));
        Self {
            by_name: plans.0.iter().map(named).collect(),
        }
    }

    /// The upstream with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Upstream> {
        self.by_name.get(name)
    }
}

/// Reads the certificates and keys of one upstream and keeps none.
///
/// # Errors
/// [`TlsFileError`] names the configuration's key and the file.
pub(crate) fn tls_files(config: &config::Upstream) -> Result<(), TlsFileError> {
    tls::tls_of(config).map(drop)
}

/// Why an upstream gave no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// Its certificate does not verify, or it refuses ours.
    #[error("TLS with the upstream failed: {reason}")]
    Tls {
        /// The library's reason.
        reason: String,
        /// Whether the request may have reached it.
        sent: bool,
    },
    /// It does not speak the protocol that is configured.
    #[error("the upstream does not speak the configured protocol")]
    Protocol,
    /// The client's `Host`, which it should be sent, is no authority.
    #[error("the client's Host cannot be sent to the upstream")]
    Host,
    /// It said, more than once or when the request's body was under way, that it did not begin with the request.
    #[error("the upstream refused the request before it began with it")]
    Refused,
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
    /// It changes to another protocol, which nobody asked for.
    #[error("the upstream changed the protocol without being asked")]
    Switched,
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
            Self::Tls { .. } => "upstream-tls",
            Self::Protocol => "upstream-protocol",
            Self::Host => "upstream-host",
            Self::Refused => "upstream-refused",
            Self::Closed { .. } => "upstream-closed",
            Self::ResponseTimeout => "upstream-timeout",
            Self::Malformed => "upstream-malformed",
            Self::Switched => "upstream-switched",
            Self::RequestBody { code } => code,
        }
    }

    /// Whether the upstream may have seen the request, and so may have acted on it.
    #[must_use]
    pub const fn sent(&self) -> bool {
        match self {
            Self::Saturated
            | Self::Connect { .. }
            | Self::ConnectTimeout
            | Self::Protocol
            | Self::Host
            | Self::Refused => false,
            Self::Closed { sent } | Self::Tls { sent, .. } => *sent,
            Self::ResponseTimeout | Self::Malformed | Self::Switched | Self::RequestBody { .. } => true,
        }
    }

    /// Of a TLS handshake that failed: nothing was sent.
    fn handshake(error: &io::Error) -> Self {
        match tls_error(error) {
            // Its way of saying that it speaks none of the protocols that it was offered.
            Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
                Self::Protocol
            }
            Some(error) => Self::Tls {
                reason: error.to_string(),
                sent: false,
            },
            None => Self::Tls {
                reason: error.kind().to_string(),
                sent: false,
            },
        }
    }
}

/// The TLS library's own error inside one of a stream.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
