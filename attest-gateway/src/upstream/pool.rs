//! One upstream as one core sees it: its connections are owned by the core, reused while healthy, bounded in number, never shared.
//!
//! A request is sent on a second connection only if hyper handed it back unsent, or an HTTP/2 upstream said that it did not begin
//! with it; otherwise, once a byte of it may have left, it is never sent again.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, Shared as SharedFuture};
use http::header::{HOST, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::UpstreamError;
use super::body::{Progress, RequestBody, ResponseBody};
use super::dial::{Dialled, dial};
use super::exchange::{Failed, exchange};
use super::http1::{self, IdleConnections};
use super::http2::{self, Connections, Stream};
use super::plan::{Plan, UpstreamConfigError};
use crate::config::{self, AssertionMode, UpstreamProtocol};

/// A named backend as one core sees it. Cheap to clone, never leaves its core.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub(super) shared: Rc<Shared>,
}

/// What all clones of an upstream share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) idle: IdleConnections,
    pub(super) http2: Connections,
    pub(super) reaping_http2: Cell<bool>,
    /// What it spoke last, where that is not configured.
    speaks: Cell<Option<Speaks>>,
    /// A connection on its way for everybody who waits.
    dialling: RefCell<Option<Dialling>>,
    open: Cell<usize>,
    pub(super) tunnels: Cell<usize>,
}

/// The end of connecting, for as many as wait for it.
type Dialling = SharedFuture<LocalBoxFuture<'static, Result<(), UpstreamError>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    Http1,
    Http2,
}

/// A connection, or a place on one, in use.
#[derive(Debug)]
pub(super) enum Lease {
    /// It returns to its pool only if it is given back.
    Http1(Option<SendRequest<RequestBody>>, Weak<Shared>),
    /// Its place is free once this is dropped.
    Http2(#[expect(dead_code, reason = "dropped, never read")] Stream),
    /// It serves nothing else.
    Alone(#[expect(dead_code, reason = "dropped, never read")] Open),
}

impl Lease {
    pub(super) fn give_back(&mut self) {
        if let Self::Http1(sender, pool) = self
            && let (Some(sender), Some(pool)) = (sender.take(), pool.upgrade())
        {
            pool.keep(sender);
        }
    }
}

/// Counts a connection for as long as it is open.
#[derive(Debug)]
pub(super) struct Open(Rc<Shared>);

impl Open {
    pub(super) fn name(&self) -> &str {
        &self.0.plan.name
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

/// What a request goes out on.
enum Way {
    Http1 {
        sender: SendRequest<RequestBody>,
        reused: bool,
    },
    Http2(Stream),
}

/// Connections tried for one request where the upstream changes its protocol, or closes each at once.
const DIALS_MAX: usize = 3;

impl Upstream {
    /// The upstream that `config` describes. Connects to nothing yet.
    ///
    /// # Errors
    /// [`UpstreamConfigError`] when its address or its certificates make no sense.
    pub fn new(config: &config::Upstream) -> Result<Self, UpstreamConfigError> {
        Plan::new(config).map(|plan| Self::of(Arc::new(plan)))
    }

    pub(super) fn of(plan: Arc<Plan>) -> Self {
        let speaks = match (plan.protocol, &plan.tls) {
            (UpstreamProtocol::Http1, _) | (UpstreamProtocol::Auto, None) => Some(Speaks::Http1),
            (UpstreamProtocol::Http2, _) => Some(Speaks::Http2),
            (UpstreamProtocol::Auto, Some(_)) => None,
        };
        Self {
            shared: Rc::new(Shared {
                plan,
                idle: IdleConnections::default(),
                http2: Connections::default(),
                reaping_http2: Cell::new(false),
                speaks: Cell::new(speaks),
                dialling: RefCell::default(),
                open: Cell::new(0),
                tunnels: Cell::new(0),
            }),
        }
    }

    /// The name that routes use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.plan.name
    }

    /// Whether the client's tokens may be sent on.
    #[must_use]
    pub fn forwards_client_tokens(&self) -> bool {
        self.shared.plan.forward_client_tokens
    }

    /// Whether, and how often, it gets a signed assertion.
    #[must_use]
    pub fn assertion(&self) -> AssertionMode {
        self.shared.plan.assertion
    }

    /// The audience of its assertions.
    #[must_use]
    pub fn assertion_audience(&self) -> &str {
        &self.shared.plan.assertion_audience
    }

    /// Connections that wait for a request.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.shared.idle.len() + self.shared.http2.idle()
    }

    /// Open connections, idle and upgraded ones included.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.get()
    }

    /// Whether all but the last quarter of its connections are in use. That quarter is for requests that a token vouches for:
    /// slow clients without one must not keep genuine phones from the backend. HTTP/2 connections are shared and never crowded.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        let max = self.shared.plan.connections_max;
        let in_use = self.shared.open.get().saturating_sub(self.idle());
        self.shared.speaks.get() != Some(Speaks::Http2) && in_use >= max - max / 4
    }

    /// Upgraded connections.
    #[must_use]
    pub fn tunnels(&self) -> usize {
        self.shared.tunnels.get()
    }

    /// Sends a request, at most once, and returns the response when its head is complete; its body streams.
    ///
    /// The request target must be in origin form. `Host` is set to the upstream's own name unless it preserves the client's; `TE`
    /// goes to HTTP/2 only. Everything else is sent as it is: hop-by-hop fields are the caller's to remove.
    ///
    /// # Errors
    /// [`UpstreamError`], whose [`UpstreamError::sent`] tells whether the upstream may have seen the request.
    pub async fn send(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        let shared = &self.shared;
        let host = shared.host(request.headers_mut());
        let mut progress = request.body_mut().track();
        let way = shared.way(None, false).await?;
        let (again, avoided) = match self.once(way, request, &host, &progress).await {
            Ok(response) => return Ok(response),
            Err(Missed::Failed(error)) => return Err(error),
            Err(Missed::NotBegun(again, avoided)) => (again.ok_or(UpstreamError::Refused)?, avoided),
        };
        request = *again;
        progress = request.body_mut().track();
        let way = shared.way(avoided.as_ref(), true).await?;
        drop(avoided);
        self.once(way, request, &host, &progress)
            .await
            .map_err(|missed| match missed {
                Missed::Failed(error) => error,
                Missed::NotBegun(_, Some(_)) => UpstreamError::Refused,
                Missed::NotBegun(_, None) => UpstreamError::Closed { sent: false },
            })
    }

    async fn once(
        &self,
        way: Way,
        mut request: Request<RequestBody>,
        host: &HeaderValue,
        progress: &Progress,
    ) -> Result<Response<ResponseBody>, Missed> {
        let patience = self.shared.plan.response_header_timeout;
        match way {
            Way::Http1 { mut sender, reused } => {
                for_http1(&mut request, host);
                match exchange(sender.try_send_request(request), progress, patience).await {
                    Ok(response) => {
                        let lease = Lease::Http1(Some(sender), Rc::downgrade(&self.shared));
                        Ok(self.relay(response, lease, progress)?)
                    }
                    // The connection closed while it was idle.
                    Err(Failed::Unsent(unsent)) if reused => Err(Missed::NotBegun(Some(unsent), None)),
                    Err(Failed::Unsent(_)) => Err(UpstreamError::Closed { sent: false }.into()),
                    // Never said of HTTP/1.1.
                    Err(Failed::Unprocessed) => Err(UpstreamError::Closed { sent: true }.into()),
                    Err(Failed::Sent(error)) => Err(error.into()),
                }
            }
            Way::Http2(stream) => {
                for_http2(&mut request, host, &self.shared.plan)?;
                let spare = spare(&request);
                match exchange(stream.sender().try_send_request(request), progress, patience).await {
                    Ok(response) => Ok(self.relay(response, Lease::Http2(stream), progress)?),
                    Err(Failed::Unsent(unsent)) => Err(Missed::NotBegun(Some(unsent), Some(stream))),
                    Err(Failed::Unprocessed) => Err(Missed::NotBegun(spare, Some(stream))),
                    Err(Failed::Sent(error)) => Err(error.into()),
                }
            }
        }
    }

    pub(super) fn relay(
        &self,
        response: Response<Incoming>,
        lease: Lease,
        progress: &Progress,
    ) -> Result<Response<ResponseBody>, UpstreamError> {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(UpstreamError::Switched);
        }
        Ok(response.map(|incoming| {
            ResponseBody::relayed(incoming, self.shared.plan.body_idle, lease, progress.clone())
        }))
    }
}

/// Why one attempt yields no response.
enum Missed {
    /// For a reason that stands.
    Failed(UpstreamError),
    /// The upstream did not begin with it: the request, if it can be repeated, and the place to avoid.
    NotBegun(Option<Box<Request<RequestBody>>>, Option<Stream>),
}

impl From<UpstreamError> for Missed {
    fn from(error: UpstreamError) -> Self {
        Self::Failed(error)
    }
}

impl Shared {
    /// What the upstream hears as its name.
    pub(super) fn host(&self, headers: &mut HeaderMap) -> HeaderValue {
        let preserved = if self.plan.preserve_host {
            headers.remove(HOST)
        } else {
            None
        };
        preserved.unwrap_or_else(|| self.plan.host.clone())
    }

    fn keep(self: &Rc<Self>, sender: SendRequest<RequestBody>) {
        self.idle.keep(sender, self.plan.idle_max);
        if self.idle.len() > 0 && self.idle.wants_reaper() {
            tokio::task::spawn_local(http1::reap(Rc::downgrade(self), self.plan.idle_timeout));
        }
    }

    /// Counts one connection more.
    pub(super) fn open(self: &Rc<Self>) -> Result<Open, UpstreamError> {
        if self.open.get() >= self.plan.connections_max {
            return Err(UpstreamError::Saturated);
        }
        self.open.set(self.open.get() + 1);
        Ok(Open(Rc::clone(self)))
    }

    /// A connection for one request; a new one, if that is all that helps.
    async fn way(self: &Rc<Self>, avoided: Option<&Stream>, fresh: bool) -> Result<Way, UpstreamError> {
        for _ in 0..=DIALS_MAX {
            if self.speaks.get() == Some(Speaks::Http1) {
                if !fresh && let Some(sender) = self.idle.take(self.plan.idle_timeout) {
                    return Ok(Way::Http1 { sender, reused: true });
                }
                if let Some(sender) = self.connect().await? {
                    return Ok(Way::Http1 {
                        sender,
                        reused: false,
                    });
                }
            } else {
                if let Some(stream) = self.http2.place(avoided) {
                    return Ok(Way::Http2(stream));
                }
                self.connect_for_all()?.await?;
            }
        }
        Err(UpstreamError::Closed { sent: false })
    }

    /// A new HTTP/1.1 connection for the caller alone; `None` if it became an HTTP/2 one for all.
    async fn connect(self: &Rc<Self>) -> Result<Option<SendRequest<RequestBody>>, UpstreamError> {
        let open = self.open()?;
        match dial(&self.plan).await? {
            Dialled::Http1(link) => {
                self.speaks.set(Some(Speaks::Http1));
                http1::start(link, open).await.map(Some)
            }
            Dialled::Http2(link) => {
                self.http2.start(link, &self.plan, open).await?;
                self.now_http2();
                Ok(None)
            }
        }
    }

    /// A new HTTP/2 connection for whoever waits for one: however many do, one is opened. Should it turn out to be an
    /// HTTP/1.1 one, it idles.
    fn connect_for_all(self: &Rc<Self>) -> Result<Dialling, UpstreamError> {
        let mut dialling = self.dialling.borrow_mut();
        if let Some(under_way) = &*dialling {
            return Ok(under_way.clone());
        }
        // Refused before anything is spawned.
        drop(self.open()?);
        let shared = Rc::clone(self);
        // A task of its own: it goes on when whoever wanted it first has left.
        let task = tokio::task::spawn_local(async move {
            let outcome = match shared.connect().await {
                Ok(Some(mut sender)) => {
                    // A connection that is not ready yet would be passed over.
                    let _closed = sender.ready().await.is_err();
                    shared.keep(sender);
                    Ok(())
                }
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            shared.dialling.borrow_mut().take();
            outcome
        });
        let waiting = task
            .map(|joined| joined.unwrap_or(Err(UpstreamError::Closed { sent: false })))
            .boxed_local()
            .shared();
        *dialling = Some(waiting.clone());
        Ok(waiting)
    }

    fn now_http2(self: &Rc<Self>) {
        self.speaks.set(Some(Speaks::Http2));
        if !self.reaping_http2.replace(true) {
            tokio::task::spawn_local(http2::reap(Rc::downgrade(self)));
        }
    }
}

/// Origin form and `Host`, without `TE`, which concerns this hop alone.
pub(super) fn for_http1(request: &mut Request<RequestBody>, host: &HeaderValue) {
    *request.version_mut() = Version::HTTP_11;
    if request.uri().authority().is_some() {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(Uri::default, Uri::from);
    }
    let headers = request.headers_mut();
    headers.remove(TE);
    headers.insert(HOST, host.clone());
}

/// `:scheme` and `:authority` instead of `Host`.
fn for_http2(
    request: &mut Request<RequestBody>,
    host: &HeaderValue,
    plan: &Plan,
) -> Result<(), UpstreamError> {
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(HOST);
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(if plan.tls.is_some() {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    });
    parts.authority = Some(if plan.preserve_host {
        Authority::try_from(host.as_bytes()).map_err(|_| UpstreamError::Host)?
    } else {
        plan.authority.clone()
    });
    parts
        .path_and_query
        .get_or_insert_with(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| UpstreamError::Host)?;
    Ok(())
}

/// The same request once more, unless its body streams.
fn spare(request: &Request<RequestBody>) -> Option<Box<Request<RequestBody>>> {
    let mut spare = Request::new(request.body().again()?);
    spare.method_mut().clone_from(request.method());
    spare.uri_mut().clone_from(request.uri());
    *spare.version_mut() = request.version();
    spare.headers_mut().clone_from(request.headers());
    Some(Box::new(spare))
}
