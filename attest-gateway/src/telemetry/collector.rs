//! The way to the collector: one short HTTP/1.1 connection for each export, over TLS where the address says so.
//!
//! It runs on the export's own thread, follows no redirect, reads at most a little of the answer, and gives up in time.

use std::fmt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// An answer names rejected spans at most.
const ANSWER_MAX_BYTES: usize = 64 << 10;

/// Why the way to a collector is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CollectorError {
    /// The address.
    #[error("the collector's address is not http://host:port or https://host")]
    Address,
    /// The authorities that may sign its certificate.
    #[error("the authorities of the collector's certificate cannot be read: {reason}")]
    Authorities {
        /// What is wrong.
        reason: String,
    },
}

/// A collector.
pub(super) struct Collector {
    host: String,
    port: u16,
    authority: HeaderValue,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// The collector at `url`. Connects to nothing yet.
    pub(super) fn new(url: &str, ca_file: Option<&Path>, timeout: Duration) -> Result<Self, CollectorError> {
        let uri: Uri = url.parse().map_err(|_| CollectorError::Address)?;
        let authority = uri.authority().ok_or(CollectorError::Address)?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let (default_port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| CollectorError::Address)?;
                (443, Some((connector(ca_file)?, name)))
            }
            _ => return Err(CollectorError::Address),
        };
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(default_port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| CollectorError::Address)?,
            tls,
            timeout,
        })
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => self.exchange(stream, request).await,
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await?;
                self.exchange(stream, request).await
            }
        }
    }

    async fn exchange<T>(&self, stream: T, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the exchange: the sender is dropped then.
        let connection = tokio::spawn(connection);
        let target = request.uri().path().parse()?;
        *request.uri_mut() = target;
        request.headers_mut().insert(HOST, self.authority.clone());
        let (parts, answer) = sender.send_request(request.map(Full::new)).await?.into_parts();
        let answer = Limited::new(answer, ANSWER_MAX_BYTES).collect().await?.to_bytes();
        connection.abort();
        Ok(Response::from_parts(parts, answer))
    }
}

impl HttpClient for Collector {
    // What `async_trait` makes of `async fn send_bytes`.
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { tokio::time::timeout(self.timeout, self.send(request)).await? })
    }
}

fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, CollectorError> {
    let wrong = |reason: String| CollectorError::Authorities { reason };
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in
                CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?
            {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong("there is none".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
