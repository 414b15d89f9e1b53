//! One request to a listener of the gateway, for commands that look at it from outside: in clear or by TLS, by HTTP/1.1 or HTTP/2,
//! bounded in time and size. It trusts exactly the certificates that the configuration names, follows nothing, and sends nothing
//! twice.

use std::error::Error;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::admin::BASE;
use crate::config::{Admin, Config, Protocol};
use crate::tls::{self, Identity, TlsError};

/// A machine that is slower is not healthy.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answers are a thousand decisions and the device policy.
const ANSWER_MAX_BYTES: usize = 8 << 20;

/// How one listener is asked.
#[derive(Debug)]
pub struct Probe {
    address: SocketAddr,
    base: String,
    protocol: Protocol,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    pub(crate) patience: Duration,
}

/// A whole answer.
pub type Answer = Response<Bytes>;

/// Nothing answered: why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub(crate) String);

impl Probe {
    /// Of the listener for clients.
    ///
    /// # Errors
    /// [`TlsError`] for a file of `[tls]` or of the identity.
    pub fn of_gateway(config: &Config, identity: Option<&Identity>) -> Result<Self, TlsError> {
        let mut probe = Self::new(config.listen.address, &config.listen.base_path);
        if !config.listen.protocols.contains(&Protocol::Http1) {
            probe.protocol = Protocol::H2;
        }
        if !config.tls.certificates.is_empty() {
            let files = config.tls.certificates.iter();
            let files = files.map(|pair| pair.certificate.as_path());
            probe.trust(tls::pinned(files, identity)?);
        }
        Ok(probe)
    }

    /// Of the listener for operators.
    ///
    /// # Errors
    /// [`TlsError`] for a file of `[admin.tls]` or of the identity.
    pub fn of_admin(config: &Admin, identity: Option<&Identity>) -> Result<Self, TlsError> {
        let mut probe = Self::new(config.address, BASE);
        if let Some(files) = &config.tls {
            probe.trust(tls::pinned([files.certificate.as_path()], identity)?);
        }
        Ok(probe)
    }

    /// In clear, by HTTP/1.1.
    pub(crate) fn new(listen: SocketAddr, base: &str) -> Self {
        Self {
            address: reachable(listen),
            base: base.to_owned(),
            protocol: Protocol::Http1,
            tls: None,
            patience: PATIENCE,
        }
    }

    fn trust(&mut self, mut config: ClientConfig) {
        let name: &[u8] = match self.protocol {
            Protocol::H2 => b"h2",
            Protocol::Http1 => b"http/1.1",
        };
        config.alpn_protocols = vec![name.to_vec()];
        // An address is not asked for by name, so that the first certificate is served; what is trusted are files, not names.
        let name = ServerName::IpAddress(self.address.ip().into());
        self.tls = Some((Arc::new(config), name));
    }

    /// Where it asks.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub const fn encrypts(&self) -> bool {
        self.tls.is_some()
    }

    /// Asks for `path` below the listener's base path, with a JSON body unless that is empty.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Result<Answer, Unanswered> {
        let mut request = Request::new(Full::new(Bytes::from(body.to_owned())));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|error| reason(&error))?;
        *request.uri_mut() = self.uri(path)?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("attest"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.exchange(request).await
    }

    /// Of a path below the base path.
    pub(crate) fn uri(&self, path: &str) -> Result<Uri, Unanswered> {
        format!("{}{path}", self.base)
            .parse::<PathAndQuery>()
            .map(Uri::from)
            .map_err(|error| Unanswered(format!("{path}: {error}")))
    }

    /// Sends a request on a new connection and reads the whole answer.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub(crate) async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Unanswered> {
        let exchange = async {
            let stream = TcpStream::connect(self.address)
                .await
                .map_err(|error| reason(&error))?;
            let Some((config, name)) = &self.tls else {
                return self.exchange_on(stream, request).await;
            };
            let stream = TlsConnector::from(Arc::clone(config))
                .connect(name.clone(), stream)
                .await
                .map_err(|error| reason(&error))?;
            self.exchange_on(stream, request).await
        };
        tokio::time::timeout(self.patience, exchange)
            .await
            .unwrap_or_else(|_| Err(Unanswered("it took too long".to_owned())))
    }

    async fn exchange_on(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Answer, Unanswered> {
        let stream = TokioIo::new(stream);
        match self.protocol {
            Protocol::Http1 => {
                let authority = HeaderValue::from_str(&self.address.to_string());
                let authority = authority.map_err(|error| reason(&error))?;
                request.headers_mut().insert(HOST, authority);
                let (mut sender, connection) =
                    http1::handshake(stream).await.map_err(|error| reason(&error))?;
                finish(connection, sender.send_request(request)).await
            }
            Protocol::H2 => {
                let scheme = if self.encrypts() { "https" } else { "http" };
                let uri = Uri::builder().scheme(scheme).authority(self.address.to_string());
                let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
                *request.uri_mut() = uri.path_and_query(path).build().map_err(|error| reason(&error))?;
                let handshake = http2::handshake(TokioExecutor::new(), stream).await;
                let (mut sender, connection) = handshake.map_err(|error| reason(&error))?;
                finish(connection, sender.send_request(request)).await
            }
        }
    }
}

async fn finish(
    connection: impl Future,
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> Result<Answer, Unanswered> {
    let answer = async {
        let (parts, body) = response.await.map_err(|error| reason(&error))?.into_parts();
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await;
        let body = body.map_err(|error| reason(&*error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    let (mut connection, mut answer) = (pin!(connection), pin!(answer));
    tokio::select! {
        answer = answer.as_mut() => answer,
        // It may end first although the answer is there.
        _ = connection.as_mut() => answer.await,
    }
}

/// An error and what caused it, each once.
fn reason(error: &(dyn Error + 'static)) -> Unanswered {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        cause = error.source();
    }
    Unanswered(words)
}

/// Where a listener of this address answers on this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_answers_on_loopback() {
        for (listen, expect) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expect);
        }
    }
}
