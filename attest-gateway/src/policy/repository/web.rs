//! A repository on a web server: GET over HTTP/1.1 on one connection that is kept, over TLS where the address says so.
//!
//! Each file is bounded in bytes and in time from the first byte of the request to the last one of the answer: a server that
//! drips or never ends is left. No redirect is followed, and only 404 and 410 say that there is no file.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, ETAG, HOST, IF_NONE_MATCH};
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;

use super::source::{FetchError, Found};

/// How the file that tells of every change is asked for without being asked often (RFC 7240): a server that knows this answers
/// when there is a change, every other one at once.
const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Shorter than what cuts idle connections on the way.
const WAIT_S: u64 = 25;
const WAIT: HeaderValue = HeaderValue::from_static("wait=25");

/// Why an address cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// The address.
    #[error("policy.url is not http://host[:port]/path or https://host[:port]/path")]
    Address,
    /// The authorities that may sign its certificate.
    #[error("policy.ca_file: {reason}")]
    Authorities {
        /// What is wrong.
        reason: String,
    },
}

/// A folder of a web server.
pub(crate) struct Web {
    host: String,
    port: u16,
    authority: HeaderValue,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    /// Between exchanges.
    idle: Mutex<Option<SendRequest<Empty<Bytes>>>>,
}

/// What a question for changes was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// The entity tag is still the same.
    Same,
    /// Something else than before, with its entity tag if there is one.
    Other(Option<HeaderValue>),
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Web")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl Web {
    /// The repository at `url`. Connects to nothing yet.
    ///
    /// # Errors
    /// [`WebError`].
    pub(super) fn new(url: &str, ca_file: Option<&Path>, timeout_ms: u64) -> Result<Self, WebError> {
        let uri: Uri = url.parse().map_err(|_| WebError::Address)?;
        let authority = uri.authority().ok_or(WebError::Address)?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let (default_port, tls) = match uri.scheme_str() {
            Some("http") => (80, None),
            Some("https") => {
                let name = ServerName::try_from(host.clone()).map_err(|_| WebError::Address)?;
                (443, Some((connector(ca_file)?, name)))
            }
            _ => return Err(WebError::Address),
        };
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(default_port),
            authority: HeaderValue::from_str(authority.as_str()).map_err(|_| WebError::Address)?,
            path: uri.path().trim_end_matches('/').to_owned(),
            tls,
            timeout: Duration::from_millis(timeout_ms),
            idle: Mutex::default(),
        })
    }

    pub(super) async fn fetch(&self, path: &str, max_bytes: u64) -> Result<Found, FetchError> {
        let read = async {
            let (sender, response) = self.get(path, None).await?;
            let found = match response.status().as_u16() {
                OK => Found::Bytes(self.body(path, response, max_bytes).await?),
                NOT_THERE | GONE => {
                    self.body(path, response, ERROR_PAGE_BYTES).await?;
                    Found::Missing
                }
                status => return Err(self.strange(path, status)),
            };
            *self.idle.lock().await = Some(sender);
            Ok(found)
        };
        self.in_time(path, self.timeout, read).await
    }

    /// Asks whether `path` is still what `etag` stands for, and lets the server wait with its answer until it is not.
    pub(super) async fn ask(&self, path: &str, etag: Option<&HeaderValue>) -> Result<Asked, FetchError> {
        let ask = async {
            let (sender, response) = self.get(path, etag).await?;
            let asked = match response.status().as_u16() {
                NOT_MODIFIED => Asked::Same,
                OK => Asked::Other(response.headers().get(ETAG).cloned()),
                status => return Err(self.strange(path, status)),
            };
            self.body(path, response, ERROR_PAGE_BYTES).await?;
            *self.idle.lock().await = Some(sender);
            Ok(asked)
        };
        let longest = self.timeout.saturating_add(Duration::from_secs(WAIT_S));
        self.in_time(path, longest, ask).await
    }

    async fn in_time<T>(
        &self,
        path: &str,
        longest: Duration,
        work: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<T, FetchError> {
        tokio::time::timeout(longest, work).await.unwrap_or_else(|_| {
            Err(FetchError::Slow {
                file: self.named(path),
                timeout_ms: u64::try_from(longest.as_millis()).unwrap_or(u64::MAX),
            })
        })
    }

    /// Sends one request, on the kept connection if that still stands.
    async fn get(
        &self,
        path: &str,
        etag: Option<&HeaderValue>,
    ) -> Result<(SendRequest<Empty<Bytes>>, Response<Incoming>), FetchError> {
        let lost = |error: &dyn std::fmt::Display| FetchError::Unreachable {
            file: self.named(path),
            reason: error.to_string(),
        };
        let request = || {
            let mut request = Request::get(format!("{}/{path}", self.path))
                .header(HOST, &self.authority)
                .body(Empty::new())
                .map_err(|error| lost(&error))?;
            if let Some(etag) = etag {
                request.headers_mut().insert(IF_NONE_MATCH, etag.clone());
                request.headers_mut().insert(PREFER, WAIT);
            }
            Ok(request)
        };
        let kept = self.idle.lock().await.take();
        if let Some(mut sender) = kept
            && sender.ready().await.is_ok()
            // The server may have closed it just now; a new one tells.
            && let Ok(response) = sender.send_request(request()?).await
        {
            return Ok((sender, response));
        }
        let mut sender = self.connect().await.map_err(|error| lost(&*error))?;
        let response = sender
            .send_request(request()?)
            .await
            .map_err(|error| lost(&error))?;
        Ok((sender, response))
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => speak(stream).await,
            Some((connector, name)) => speak(connector.connect(name.clone(), stream).await?).await,
        }
    }

    /// The whole body, or one byte more than `max_bytes`.
    async fn body(
        &self,
        path: &str,
        response: Response<Incoming>,
        max_bytes: u64,
    ) -> Result<Vec<u8>, FetchError> {
        let most = usize::try_from(max_bytes).unwrap_or(usize::MAX).saturating_add(1);
        let announced = response.headers().get(CONTENT_LENGTH);
        let announced = announced.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        let mut bytes = Vec::with_capacity(announced.unwrap_or_default().min(most).min(FIRST_BYTES));
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| FetchError::Unreachable {
                file: self.named(path),
                reason: error.to_string(),
            })?;
            let data = frame.into_data().unwrap_or_default();
            bytes.extend(data.iter().take(most.saturating_sub(bytes.len())));
            if bytes.len() >= most {
                break;
            }
        }
        Ok(bytes)
    }

    fn strange(&self, path: &str, status: u16) -> FetchError {
        FetchError::Status {
            file: self.named(path),
            status,
        }
    }

    fn named(&self, path: &str) -> String {
        format!("{}{}/{path}", self.host, self.path)
    }
}

async fn speak<T>(stream: T) -> Result<SendRequest<Empty<Bytes>>, Box<dyn std::error::Error + Send + Sync>>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, WebError> {
    let wrong = |reason: String| WebError::Authorities { reason };
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
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong("there is no certificate authority".to_owned()));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What the other side says of a file.
const OK: u16 = 200;
const NOT_MODIFIED: u16 = 304;
const NOT_THERE: u16 = 404;
const GONE: u16 = 410;

/// Room that is made at once for what a server announces.
const FIRST_BYTES: usize = 64 * 1024;
/// What is read of a page that nobody looks at, so that its connection can be used again.
const ERROR_PAGE_BYTES: u64 = 64 * 1024;
