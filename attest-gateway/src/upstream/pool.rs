//! Connections to one upstream, owned by one core: reused while healthy, bounded in number, never shared.
//!
//! A request is sent on a second connection only if hyper handed it back unsent from a reused one; once a byte of it may
//! have left, it is never sent again.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::body::{Progress, RequestBody, ResponseBody};
use super::{UpstreamConfigError, UpstreamError};
use crate::config;

/// A named backend as one core sees it. Cheap to clone, never leaves its core.
#[derive(Debug, Clone)]
pub struct Upstream {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    authority: Authority,
    port: u16,
    host: HeaderValue,
    preserve_host: bool,
    forward_client_tokens: bool,
    connect_timeout: Duration,
    response_header_timeout: Duration,
    body_idle: Duration,
    idle_timeout: Duration,
    idle_max: usize,
    connections_max: usize,
    /// Youngest last.
    idle: RefCell<Vec<Idle>>,
    open: Cell<usize>,
    reaping: Cell<bool>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// A connection in use. It returns to its pool only if it is given back.
#[derive(Debug)]
pub(super) struct Lease {
    sender: Option<SendRequest<RequestBody>>,
    pool: Weak<Shared>,
}

impl Lease {
    pub(super) fn give_back(&mut self) {
        if let (Some(sender), Some(pool)) = (self.sender.take(), self.pool.upgrade()) {
            pool.keep(sender);
        }
    }
}

/// Counts a connection for as long as it is open.
struct Open(Rc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

/// Response heads beyond this are an upstream's defect.
const RESPONSE_HEAD_MAX_BYTES: usize = 64 << 10;

impl Upstream {
    /// The upstream that `config` describes. Connects to nothing yet.
    ///
    /// # Errors
    /// [`UpstreamConfigError`] when its address is not `http://host:port`.
    pub fn new(config: &config::Upstream) -> Result<Self, UpstreamConfigError> {
        let malformed = || UpstreamConfigError {
            name: config.name.clone(),
        };
        let uri: http::Uri = config.url.parse().map_err(|_| malformed())?;
        let authority = uri
            .authority()
            .filter(|_| uri.scheme_str() == Some("http"))
            .ok_or_else(malformed)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| malformed())?;
        let shared = Shared {
            name: config.name.clone(),
            authority: authority.clone(),
            port: authority.port_u16().unwrap_or(80),
            host,
            preserve_host: config.preserve_host,
            forward_client_tokens: config.forward_client_tokens,
            connect_timeout: Duration::from_millis(config.connect_timeout_ms),
            response_header_timeout: Duration::from_millis(config.response_header_timeout_ms),
            body_idle: Duration::from_millis(config.body_idle_timeout_ms),
            idle_timeout: Duration::from_millis(config.idle_timeout_ms),
            idle_max: config.idle_per_core,
            connections_max: config.connections_per_core,
            idle: RefCell::default(),
            open: Cell::new(0),
            reaping: Cell::new(false),
        };
        Ok(Self {
            shared: Rc::new(shared),
        })
    }

    /// The name that routes use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Whether the client's tokens may be sent on.
    #[must_use]
    pub fn forwards_client_tokens(&self) -> bool {
        self.shared.forward_client_tokens
    }

    /// Connections that wait for a request.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.shared.idle.borrow().len()
    }

    /// Open connections, idle ones included.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.get()
    }

    /// Sends a request, at most once, and returns the response when its head is complete; its body streams.
    ///
    /// The request target must be in origin form. `Host` is set to the upstream's own name unless it preserves the
    /// client's. Everything else is sent as it is: hop-by-hop fields are the caller's to remove.
    ///
    /// # Errors
    /// [`UpstreamError`], whose [`UpstreamError::sent`] tells whether the upstream may have seen the request.
    pub async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let shared = &self.shared;
        *request.version_mut() = Version::HTTP_11;
        if !shared.preserve_host || !request.headers().contains_key(HOST) {
            request.headers_mut().insert(HOST, shared.host.clone());
        }
        let progress = request.body_mut().track();
        if let Some(mut reused) = shared.take_idle() {
            match self.exchange(&mut reused, request, &progress).await {
                Ok(response) => return Ok(self.relay(response, reused)),
                Err(Failed::Sent(error)) => return Err(error),
                // The connection closed while it was idle; not a byte of the request was written.
                Err(Failed::Unsent(unsent)) => request = *unsent,
            }
        }
        let mut fresh = shared.connect().await?;
        match self.exchange(&mut fresh, request, &progress).await {
            Ok(response) => Ok(self.relay(response, fresh)),
            Err(Failed::Sent(error)) => Err(error),
            Err(Failed::Unsent(_)) => Err(UpstreamError::Closed { sent: false }),
        }
    }

    async fn exchange(
        &self,
        sender: &mut SendRequest<RequestBody>,
        request: Request<RequestBody>,
        progress: &Progress,
    ) -> Result<Response<Incoming>, Failed> {
        let mut exchange = std::pin::pin!(sender.try_send_request(request));
        loop {
            let deadline = progress.last() + self.shared.response_header_timeout;
            tokio::select! {
                biased;
                outcome = exchange.as_mut() => {
                    return outcome.map_err(|mut error| match error.take_message() {
                        Some(unsent) => Failed::Unsent(Box::new(unsent)),
                        None => Failed::Sent(UpstreamError::after_sending(error.error())),
                    });
                }
                // A body that is still on its way has moved the deadline meanwhile.
                () = sleep_until(deadline) => {
                    if progress.last() + self.shared.response_header_timeout <= Instant::now() {
                        return Err(Failed::Sent(UpstreamError::ResponseTimeout));
                    }
                }
            }
        }
    }

    fn relay(
        &self,
        response: Response<Incoming>,
        sender: SendRequest<RequestBody>,
    ) -> Response<ResponseBody> {
        let lease = Lease {
            sender: Some(sender),
            pool: Rc::downgrade(&self.shared),
        };
        response.map(|incoming| ResponseBody::relayed(incoming, self.shared.body_idle, lease))
    }
}

enum Failed {
    Unsent(Box<Request<RequestBody>>),
    Sent(UpstreamError),
}

impl Shared {
    /// The youngest idle connection that can take a request: it is the least likely to be closed by now.
    fn take_idle(&self) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| !idle.sender.is_closed());
        let youngest = idle
            .iter()
            .rposition(|idle| idle.sender.is_ready() && idle.since.elapsed() < self.idle_timeout)?;
        Some(idle.remove(youngest).sender)
    }

    fn keep(self: &Rc<Self>, sender: SendRequest<RequestBody>) {
        if sender.is_closed() || self.idle_max == 0 {
            return;
        }
        {
            let mut idle = self.idle.borrow_mut();
            if idle.len() >= self.idle_max {
                idle.remove(0);
            }
            idle.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
        if !self.reaping.replace(true) {
            tokio::task::spawn_local(reap(Rc::downgrade(self), self.idle_timeout));
        }
    }

    async fn connect(self: &Rc<Self>) -> Result<SendRequest<RequestBody>, UpstreamError> {
        if self.open.get() >= self.connections_max {
            return Err(UpstreamError::Saturated);
        }
        self.open.set(self.open.get() + 1);
        let open = Open(Rc::clone(self));
        let host = self
            .authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        let stream = timeout(self.connect_timeout, TcpStream::connect((host, self.port)))
            .await
            .map_err(|_| UpstreamError::ConnectTimeout)?
            .map_err(|error| UpstreamError::Connect { kind: error.kind() })?;
        let _unsupported = stream.set_nodelay(true).is_err();
        let (sender, connection) = http1::Builder::new()
            .max_header_size(RESPONSE_HEAD_MAX_BYTES)
            .max_buf_size(RESPONSE_HEAD_MAX_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| UpstreamError::Closed { sent: false })?;
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(upstream = open.0.name, %error, "an upstream connection failed");
            }
            drop(open);
        });
        Ok(sender)
    }
}

/// Closes connections that were idle for too long, until none is left.
async fn reap(pool: Weak<Shared>, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut idle = pool.idle.borrow_mut();
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < idle_timeout);
        if idle.is_empty() {
            pool.reaping.set(false);
            return;
        }
    }
}
