//! One connection to an upstream and no request, made as the proxy makes it: for commands that look at a deployment.

use super::dial::{Dialled, Link, dial};
use super::plan::{Plan, UpstreamConfigError};
use super::{UpstreamError, config};
use crate::tls;

/// An upstream that can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Whether requests would go by HTTP/2.
    pub http2: bool,
    /// When its certificate expires, Unix seconds; `None` in clear.
    pub certificate_expires_s: Option<u64>,
}

/// Why an upstream cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// What its plan is made of.
    #[error(transparent)]
    Config(#[from] UpstreamConfigError),
    /// Its name.
    #[error("{name}: {reason}")]
    Name {
        /// The name.
        name: String,
        /// The system's reason.
        reason: String,
    },
    /// The connection or the handshake.
    #[error("{0} [{code}]", code = .0.code())]
    Dial(UpstreamError),
}

/// Looks its name up, connects, and shakes hands with the verification that requests get. That it refuses our own certificate may
/// only be seen by the first request: TLS 1.3 lets a server say so late.
///
/// # Errors
/// [`ReachError`].
pub async fn reach(config: &config::Upstream) -> Result<Reached, ReachError> {
    let plan = Plan::new(config)?;
    let host = plan.authority.host().trim_matches(['[', ']']);
    // Connecting looks it up again, but tells less of what is wrong with it.
    tokio::net::lookup_host((host, plan.port))
        .await
        .map(drop)
        .map_err(|error| ReachError::Name {
            name: host.to_owned(),
            reason: error.to_string(),
        })?;
    let (link, http2) = match dial(&plan).await.map_err(ReachError::Dial)? {
        Dialled::Http1(link) => (link, false),
        Dialled::Http2(link) => (link, true),
    };
    let certificate_expires_s = match &link {
        Link::Plain(_) => None,
        Link::Tls(stream) => {
            let presented = stream.get_ref().1.peer_certificates();
            presented.and_then(<[_]>::first).and_then(tls::expires_s)
        }
    };
    Ok(Reached {
        http2,
        certificate_expires_s,
    })
}
