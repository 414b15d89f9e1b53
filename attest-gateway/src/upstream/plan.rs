//! What the configuration says of one upstream, read once and shared by all cores. It connects to nothing.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::Authority;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::tls::{self, TlsFileError};
use crate::config::{self, AssertionMode, UpstreamProtocol};

/// Why an upstream cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamConfigError {
    /// Its address is not `http://host:port` or `https://host:port`.
    #[error("the address of upstream `{name}` is not http://host:port or https://host:port")]
    Address {
        /// The upstream.
        name: String,
    },
    /// Its certificates.
    #[error("upstream `{name}`: {error}")]
    Tls {
        /// The upstream.
        name: String,
        /// What is wrong with them.
        error: TlsFileError,
    },
}

/// Every upstream of a configuration.
#[derive(Debug, Clone, Default)]
pub struct Plans(pub(super) Arc<[Arc<Plan>]>);

impl Plans {
    /// Reads certificates and keys.
    ///
    /// # Errors
    /// [`UpstreamConfigError`] names the upstream.
    pub fn new(configs: &[config::Upstream]) -> Result<Self, UpstreamConfigError> {
        let plans: Result<Vec<_>, _> = configs.iter().map(|one| Plan::new(one).map(Arc::new)).collect();
        Ok(Self(plans?.into()))
    }
}

/// How one upstream is reached and what it is told.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) authority: Authority,
    pub(super) port: u16,
    pub(super) host: HeaderValue,
    pub(super) tls: Option<Tls>,
    pub(super) protocol: UpstreamProtocol,
    pub(super) preserve_host: bool,
    pub(super) forward_client_tokens: bool,
    pub(super) connect_timeout: Duration,
    pub(super) response_header_timeout: Duration,
    pub(super) body_idle: Duration,
    pub(super) idle_timeout: Duration,
    pub(super) idle_max: usize,
    pub(super) connections_max: usize,
    pub(super) streams_max: usize,
    pub(super) ping_interval: Duration,
    pub(super) upgrade_idle: Duration,
    pub(super) assertion: AssertionMode,
    pub(super) assertion_audience: String,
}

/// What a handshake needs.
pub(super) struct Tls {
    /// Offers what the configuration wants.
    pub(super) connector: TlsConnector,
    /// Offers HTTP/1.1 alone, for upgrades.
    pub(super) http1: TlsConnector,
    pub(super) server_name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

impl Plan {
    pub(super) fn new(config: &config::Upstream) -> Result<Self, UpstreamConfigError> {
        let malformed = || UpstreamConfigError::Address {
            name: config.name.clone(),
        };
        let uri: http::Uri = config.url.parse().map_err(|_| malformed())?;
        let authority = uri.authority().ok_or_else(malformed)?.clone();
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(malformed()),
        };
        let tls = tls::tls_of(config).map_err(|error| UpstreamConfigError::Tls {
            name: config.name.clone(),
            error,
        })?;
        Ok(Self {
            name: config.name.clone(),
            port: authority.port_u16().unwrap_or(default_port),
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| malformed())?,
            authority,
            tls,
            protocol: config.protocol,
            preserve_host: config.preserve_host,
            forward_client_tokens: config.forward_client_tokens,
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            response_header_timeout: Duration::from_millis(config.response_header_timeout_ms),
            body_idle: Duration::from_millis(config.body_idle_timeout_ms),
            idle_timeout: Duration::from_millis(config.idle_timeout_ms),
            idle_max: config.idle_per_core,
            connections_max: config.connections_per_core,
            streams_max: config.streams_per_connection.max(1),
            ping_interval: Duration::from_millis(config.ping_interval_ms),
            upgrade_idle: Duration::from_millis(config.upgrade_idle_timeout_ms),
            assertion: config.assertion,
            assertion_audience: config
                .assertion_audience
                .clone()
                .unwrap_or_else(|| config.name.clone()),
        })
    }
}
