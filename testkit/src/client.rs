//! A small HTTP/1.1 client over hyper with keep-alive: the network of simulated phones and of scripts. It follows no redirect and
//! never sends a request twice once bytes were sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use attest_mobile::foreign::{BoxFuture, Transport, TransportError};
use attest_mobile::{Headers, HttpReply, HttpRequest};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::meddler::Meddler;

/// Longest wait for a whole reply.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Largest reply to an app's own request.
const REPLY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Connections kept for the next request.
const IDLE_MAX: usize = 64;

/// A client of one `http://host:port`.
#[derive(Debug)]
pub struct HttpClient {
    authority: String,
    user_agent: &'static str,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    meddler: Option<Arc<Meddler>>,
}

impl HttpClient {
    /// A client of `base`, an `http://host:port` without a path. `None` for anything else.
    #[must_use]
    pub fn new(base: &str, user_agent: &'static str) -> Option<Self> {
        let authority = base.strip_prefix("http://")?.trim_end_matches('/');
        let uri: http::uri::Authority = authority.parse().ok()?;
        uri.port()?;
        Some(Self {
            authority: authority.to_owned(),
            user_agent,
            idle: Mutex::default(),
            meddler: None,
        })
    }

    /// The same client with somebody in between.
    #[must_use]
    pub fn meddled_with(mut self, meddler: Option<Arc<Meddler>>) -> Self {
        self.meddler = meddler;
        self
    }

    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends one request and reads the whole reply.
    ///
    /// # Errors
    /// [`TransportError`].
    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &Headers,
        body: &[u8],
        reply_bytes_max: usize,
    ) -> Result<HttpReply, TransportError> {
        if let Some(reply) = self.meddler.as_ref().and_then(|meddler| meddler.reply(target)) {
            return Ok(reply);
        }
        let exchange = self.exchange(method, target, headers, body, reply_bytes_max);
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| TransportError::TimedOut)?
    }

    /// Sends an app's own request.
    ///
    /// # Errors
    /// [`TransportError`].
    pub async fn app(
        &self,
        method: &str,
        target: &str,
        headers: &Headers,
        body: &[u8],
    ) -> Result<HttpReply, TransportError> {
        self.send(method, target, headers, body, REPLY_BYTES_MAX).await
    }

    async fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &Headers,
        body: &[u8],
        reply_bytes_max: usize,
    ) -> Result<HttpReply, TransportError> {
        let mut builder = http::Request::builder()
            .method(method)
            .uri(target)
            .header("host", &self.authority)
            .header("user-agent", self.user_agent);
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(body));
        let mut request = builder.body(body).map_err(|_| TransportError::Unreachable)?;
        // A kept connection may have closed meanwhile; the request comes back unsent then and goes on a new one.
        while let Some(mut kept) = self.take() {
            match kept.try_send_request(request).await {
                Ok(response) => return self.read(response, kept, reply_bytes_max).await,
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(TransportError::Unreachable),
                },
            }
        }
        let mut fresh = self.connect().await?;
        let response = fresh
            .send_request(request)
            .await
            .map_err(|_| TransportError::Unreachable)?;
        self.read(response, fresh, reply_bytes_max).await
    }

    fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, TransportError> {
        let stream = TcpStream::connect(&self.authority)
            .await
            .map_err(|_| TransportError::Unreachable)?;
        // Small requests should not wait for each other's acknowledgement; without it they are only slower.
        let _slower = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|_| TransportError::Unreachable)?;
        tokio::spawn(async move {
            // Its end shows at the next request.
            let _ended = connection.await;
        });
        Ok(sender)
    }

    async fn read(
        &self,
        response: http::Response<hyper::body::Incoming>,
        mut sender: SendRequest<Full<Bytes>>,
        reply_bytes_max: usize,
    ) -> Result<HttpReply, TransportError> {
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, reply_bytes_max)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    TransportError::Oversized
                } else {
                    TransportError::Unreachable
                }
            })?;
        let headers = parts
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let reply = HttpReply {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: body.to_bytes().to_vec(),
        };
        if sender.ready().await.is_ok() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(sender);
            }
        }
        Ok(reply)
    }
}

impl Transport for HttpClient {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpReply, TransportError>> {
        Box::pin(async move {
            let prefix = format!("http://{}", self.authority);
            let target = request
                .url
                .strip_prefix(&prefix)
                .filter(|target| target.starts_with('/'));
            let target = target.ok_or(TransportError::Unreachable)?;
            Self::send(
                self,
                request.method,
                target,
                &request.headers,
                &request.body,
                request.reply_bytes_max,
            )
            .await
        })
    }
}
