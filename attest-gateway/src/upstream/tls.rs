//! TLS towards upstreams: TLS 1.2 and 1.3 by ring. A certificate is always verified, against the configured authorities or the
//! system's; there is no way to turn that off.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::plan::Tls;
use crate::config::{self, UpstreamProtocol};

/// The ALPN name of HTTP/2.
pub(super) const ALPN_HTTP2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// What is wrong with the certificates of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileError {
    /// A file is not there.
    #[error("there is no file {}", path.display())]
    Absent {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{} does not hold {expected} in PEM", path.display())]
    Unreadable {
        /// The configuration's key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// Certificate and key do not belong together, or are of a kind that is not supported.
    #[error("certificate and key do not fit: {reason}")]
    Pair {
        /// The library's reason.
        reason: String,
    },
    /// This system has no authorities.
    #[error("this system has no certificate authorities; name a `ca_file`")]
    NoSystemRoots,
    /// The name to verify is neither a DNS name nor an address.
    #[error("`{name}` is neither a DNS name nor an address")]
    Name {
        /// The configuration's key.
        key: &'static str,
        /// The name.
        name: String,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {reason}")]
    Library {
        /// The library's reason.
        reason: String,
    },
}

impl TlsFileError {
    /// The configuration's key that leads to it.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Absent { key, .. } | Self::Unreadable { key, .. } | Self::Name { key, .. } => key,
            Self::Pair { .. } => "client_certificate",
            Self::NoSystemRoots => "ca_file",
            Self::Library { .. } => "url",
        }
    }

    /// The code of the configuration problem.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "no-such-file",
            Self::Unreadable { .. } | Self::Pair { .. } => "unreadable",
            Self::NoSystemRoots => "missing",
            Self::Name { .. } => "wrong-value",
            Self::Library { .. } => "unsupported",
        }
    }
}

/// What handshakes with this upstream need, read from its files; `None` without TLS.
///
/// # Errors
/// [`TlsFileError`] names key and file.
pub(super) fn tls_of(config: &config::Upstream) -> Result<Option<Tls>, TlsFileError> {
    let Some(authority) = config.url.strip_prefix("https://") else {
        return Ok(None);
    };
    let host = authority
        .parse::<http::uri::Authority>()
        .map(|authority| authority.host().trim_matches(['[', ']']).to_owned())
        .unwrap_or_default();
    let (key, name) = match &config.server_name {
        Some(name) => ("server_name", name.clone()),
        None => ("url", host),
    };
    let server_name = ServerName::try_from(name.clone()).map_err(|_| TlsFileError::Name { key, name })?;
    let base = client_config(config)?;
    let offering = |protocols: &[&[u8]]| {
        let mut offer = base.clone();
        offer.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        TlsConnector::from(Arc::new(offer))
    };
    Ok(Some(Tls {
        connector: match config.protocol {
            UpstreamProtocol::Http1 => offering(&[ALPN_HTTP1]),
            UpstreamProtocol::Http2 => offering(&[ALPN_HTTP2]),
            UpstreamProtocol::Auto => offering(&[ALPN_HTTP2, ALPN_HTTP1]),
        },
        http1: offering(&[ALPN_HTTP1]),
        server_name,
    }))
}

fn client_config(config: &config::Upstream) -> Result<ClientConfig, TlsFileError> {
    let library = |error: rustls::Error| TlsFileError::Library {
        reason: error.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(library)?
        .with_root_certificates(roots(config.ca_file.as_deref())?);
    match (&config.client_certificate, &config.client_key) {
        (Some(certificate), Some(key)) => builder
            .with_client_auth_cert(
                certificates("client_certificate", certificate)?,
                private_key("client_key", key)?,
            )
            .map_err(|error| TlsFileError::Pair {
                reason: error.to_string(),
            }),
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, TlsFileError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_file {
        for certificate in certificates("ca_file", path)? {
            roots.add(certificate).map_err(|_| TlsFileError::Unreadable {
                key: "ca_file",
                path: path.to_owned(),
                expected: "certificate authorities",
            })?;
        }
        return Ok(roots);
    }
    // Single authorities that cannot be read are left out, as everywhere on this system.
    let found = rustls_native_certs::load_native_certs();
    let (added, _ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(TlsFileError::NoSystemRoots);
    }
    Ok(roots)
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let unreadable = || TlsFileError::Unreadable {
        key,
        path: path.to_owned(),
        expected: "certificates",
    };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&read(key, path)?)
        .collect::<Result<_, _>>()
        .map_err(|_| unreadable())?;
    if found.is_empty() {
        return Err(unreadable());
    }
    Ok(found)
}

fn private_key(key: &'static str, path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    PrivateKeyDer::from_pem_slice(&read(key, path)?).map_err(|_| TlsFileError::Unreadable {
        key,
        path: path.to_owned(),
        expected: "a private key",
    })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsFileError> {
    std::fs::read(path).map_err(|error| {
        let path = path.to_owned();
        if error.kind() == std::io::ErrorKind::NotFound {
            TlsFileError::Absent { key, path }
        } else {
            TlsFileError::Unreadable {
                key,
                path,
                expected: "anything that may be read",
            }
        }
    })
}
