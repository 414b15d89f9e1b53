//! The other side of the admin listener, for the command line: one call, one connection, bounded in time and size.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use attest_core::redacted::Redacted;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::operation::BASE;
use super::problem::ProblemDocument;
use crate::probe::{Probe, Unanswered};
use crate::tls::Identity;

/// Longest wait for a whole answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A caller of one admin listener.
#[derive(Debug)]
pub struct AdminClient {
    probe: Probe,
    token: Redacted<String>,
}

/// How a listener with TLS is verified.
#[derive(Debug, Clone)]
pub struct ClientTls {
    /// PEM of the authority, or of the listener's own certificate where it signed itself.
    pub authority: PathBuf,
    /// The name that its certificate must have.
    pub server_name: String,
    /// PEM of the client's certificate and key, where the listener asks for one.
    pub identity: Option<Identity>,
}

/// Why a call brought no good answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminClientError {
    /// Nobody listens, or the connection broke.
    #[error("nothing answers at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// Why, in the system's words.
        reason: String,
    },
    /// A file for TLS, or the name.
    #[error("{path}: {reason}")]
    Tls {
        /// The file or name.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The listener refused.
    #[error("{} ({})", .0.detail, .0.type_uri)]
    Refused(Box<ProblemDocument>),
    /// What came back is not from an admin listener.
    #[error("what answers at {address} is no admin listener of this version")]
    Foreign {
        /// Where.
        address: SocketAddr,
    },
}

impl AdminClient {
    /// A caller with this token.
    ///
    /// # Errors
    /// [`AdminClientError::Tls`] for files or a name that cannot be used.
    pub fn new(
        address: SocketAddr,
        token: String,
        tls: Option<&ClientTls>,
    ) -> Result<Self, AdminClientError> {
        let mut probe = Probe::new(address, BASE);
        probe.patience = PATIENCE;
        probe.tls = tls.map(connector).transpose()?;
        Ok(Self {
            probe,
            token: Redacted::new(token),
        })
    }

    /// Calls `method` on `path` below the base path and reads the answer.
    ///
    /// # Errors
    /// [`AdminClientError`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<T, AdminClientError> {
        let address = self.probe.address();
        let foreign = |_| AdminClientError::Foreign { address };
        let body = body.map(serde_json::to_vec).transpose().map_err(foreign)?;
        let request = self.request(method, path, body.unwrap_or_default())?;
        let answer = self.probe.exchange(request).await;
        let answer = answer.map_err(|unanswered| self.unreachable(unanswered))?;
        if answer.status().is_success() {
            serde_json::from_slice(answer.body()).map_err(foreign)
        } else {
            let problem = serde_json::from_slice(answer.body()).map_err(foreign)?;
            Err(AdminClientError::Refused(Box::new(problem)))
        }
    }

    fn unreachable(&self, Unanswered(reason): Unanswered) -> AdminClientError {
        AdminClientError::Unreachable {
            address: self.probe.address(),
            reason,
        }
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Request<Full<Bytes>>, AdminClientError> {
        let malformed = |reason: &str| self.unreachable(Unanswered(reason.to_owned()));
        let mut token = HeaderValue::from_str(&format!("Bearer {}", self.token.reveal()))
            .map_err(|_| malformed("the token has characters that no token has"))?;
        token.set_sensitive(true);
        let uri = self
            .probe
            .uri(path)
            .map_err(|unanswered| self.unreachable(unanswered))?;
        Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, token)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| malformed("the method is none"))
    }
}

fn connector(tls: &ClientTls) -> Result<(Arc<ClientConfig>, ServerName<'static>), AdminClientError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |reason: String| AdminClientError::Tls { path, reason }
    };
    let mut roots = RootCertStore::empty();
    let authority = failed(&tls.authority);
    for certificate in certificates(&tls.authority)? {
        roots
            .add(certificate)
            .map_err(|error| authority.clone()(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| authority(error.to_string()))?
        .with_root_certificates(roots);
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let failed = failed(key);
            let chain = certificates(certificate)?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed.clone()(error.to_string()))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| failed(error.to_string()))?
        }
    };
    let name = ServerName::try_from(tls.server_name.clone()).map_err(|error| AdminClientError::Tls {
        path: tls.server_name.clone(),
        reason: error.to_string(),
    })?;
    Ok((Arc::new(config), name))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AdminClientError> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| AdminClientError::Tls {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
}
