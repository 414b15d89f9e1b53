//! Upgrades to WebSocket (RFC 6455): asks for one on a connection of its own, and joins both sides once the upstream has agreed.
//!
//! A tunnel ends when it is quiet for too long, when a side stops taking bytes, when a side closes, or with its core. It counts
//! against the upstream's connections for as long as it lives.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::time::{Instant, sleep_until};

use super::body::Progress;
use super::body::{RequestBody, ResponseBody};
use super::dial::dial_http1;
use super::exchange::{Failed, exchange};
use super::http1;
use super::pool::{Lease, Open, Shared, for_http1};
use super::{Upstream, UpstreamError};
use crate::runtime::idle::IdleTimer;

/// The one protocol that is upgraded to.
const WEBSOCKET: &str = "websocket";

/// What an upstream answered when it was asked to upgrade.
#[derive(Debug)]
pub(crate) enum Upgrade {
    /// It did not: an answer like any other.
    Declined(Response<ResponseBody>),
    /// It did: 101, and its side of the tunnel.
    Agreed(Response<ResponseBody>, Tunnel),
}

/// The upstream's side of an upgraded connection.
#[derive(Debug)]
pub(crate) struct Tunnel {
    upstream: OnUpgrade,
    open: Open,
    counted: Counted,
    idle: Duration,
}

/// Counts a tunnel for as long as it lives.
#[derive(Debug)]
struct Counted(Rc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.tunnels.set(self.0.tunnels.get().saturating_sub(1));
    }
}

impl Upstream {
    /// Sends a WebSocket handshake, at most once, on a connection that serves nothing else.
    ///
    /// # Errors
    /// As [`Upstream::send`]; [`UpstreamError::Protocol`] where HTTP/2 is configured, [`UpstreamError::Switched`] for any other
    /// protocol than WebSocket.
    pub(crate) async fn upgrade(&self, mut request: Request<RequestBody>) -> Result<Upgrade, UpstreamError> {
        let shared = &self.shared;
        let host = shared.host(request.headers_mut());
        for_http1(&mut request, &host);
        ask(request.headers_mut());
        let progress = request.body_mut().track();
        let open = shared.open()?;
        let mut sender = http1::start_upgradeable(dial_http1(&shared.plan).await?).await?;
        let patience = shared.plan.response_header_timeout;
        let mut response = match exchange(sender.try_send_request(request), &progress, patience).await {
            Ok(response) => response,
            Err(Failed::Unsent(_)) => return Err(UpstreamError::Closed { sent: false }),
            Err(Failed::Unprocessed) => return Err(UpstreamError::Closed { sent: true }),
            Err(Failed::Sent(error)) => return Err(error),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return self
                .relay(response, Lease::Alone(open), &Progress::begin())
                .map(Upgrade::Declined);
        }
        if !is_websocket(response.headers()) {
            return Err(UpstreamError::Switched);
        }
        shared.tunnels.set(shared.tunnels.get() + 1);
        let tunnel = Tunnel {
            upstream: hyper::upgrade::on(&mut response),
            open,
            counted: Counted(Rc::clone(shared)),
            idle: shared.plan.upgrade_idle,
        };
        Ok(Upgrade::Agreed(response.map(|_| ResponseBody::Empty), tunnel))
    }
}

/// Whether the one protocol that these fields name is WebSocket.
pub(crate) fn is_websocket(headers: &http::HeaderMap) -> bool {
    let mut named = headers.get_all(UPGRADE).iter();
    named
        .next()
        .is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes()))
        && named.next().is_none()
}

/// Adds the two fields that ask for, or agree to, the upgrade.
pub(crate) fn ask(headers: &mut http::HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

impl Tunnel {
    /// Joins both sides on this core, once the client has its 101. Bytes that a side does not take for `write_idle` end it.
    pub(crate) fn join(self, client: OnUpgrade, write_idle: Duration) {
        tokio::task::spawn_local(async move {
            let Self {
                upstream,
                open,
                counted,
                idle,
            } = self;
            match tokio::try_join!(client, upstream) {
                Ok((client, upstream)) => {
                    let why = copy(client, upstream, idle, write_idle).await;
                    tracing::debug!(upstream = open.name(), why, "a tunnel ended");
                }
                Err(error) => {
                    tracing::debug!(upstream = open.name(), %error, "an upgrade was not completed");
                }
            }
            drop((open, counted));
        });
    }
}

async fn copy(client: Upgraded, upstream: Upgraded, idle: Duration, write_idle: Duration) -> &'static str {
    let moved = Rc::new(Cell::new(Instant::now()));
    let side = |upgraded| Side {
        stream: TokioIo::new(upgraded),
        moved: Rc::clone(&moved),
        write: IdleTimer::new(write_idle, None),
    };
    let (mut client, mut upstream) = (side(client), side(upstream));
    let mut copying = std::pin::pin!(copy_bidirectional(&mut client, &mut upstream));
    loop {
        tokio::select! {
            biased;
            copied = copying.as_mut() => {
                return copied.map_or("broken", |_| "closed");
            }
            () = sleep_until(moved.get() + idle) => {
                if moved.get() + idle <= Instant::now() {
                    return "quiet";
                }
            }
        }
    }
}

/// One side of a tunnel: notes when bytes move and gives up on a peer that takes none.
struct Side {
    stream: TokioIo<Upgraded>,
    moved: Rc<Cell<Instant>>,
    write: IdleTimer,
}

impl AsyncRead for Side {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, into));
        self.moved.set(Instant::now());
        Poll::Ready(read)
    }
}

impl AsyncWrite for Side {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, bytes) {
            self.write.moved();
            self.moved.set(Instant::now());
            return Poll::Ready(written);
        }
        self.write
            .poll_stalled(cx)
            .map(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
