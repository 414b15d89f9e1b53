//! HTTP/2 connections, each with many requests at once. A stream that its client does not read never holds up another one: a
//! connection's window has room for all of them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep, timeout};

use super::UpstreamError;
use super::body::RequestBody;
use super::dial::Link;
use super::plan::Plan;
use super::pool::Open;
use super::preface::Prefaced;

/// Room of one stream, in bytes: what a client that stops reading may leave in the gateway's memory.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// What one stream may have queued for sending, in bytes.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// Response heads beyond this are an upstream's defect.
const HEADERS_MAX_BYTES: u32 = 64 << 10;

/// Runs the parts of a connection on the core that opened it.
#[derive(Debug, Clone, Copy)]
struct OnThisCore;

impl<F: Future<Output = ()> + 'static> Executor<F> for OnThisCore {
    fn execute(&self, future: F) {
        drop(tokio::task::spawn_local(future));
    }
}

/// The open connections of one core to one upstream.
#[derive(Debug, Default)]
pub(super) struct Connections(RefCell<Vec<Rc<Connection>>>);

#[derive(Debug)]
struct Connection {
    sender: SendRequest<RequestBody>,
    streams: Cell<usize>,
    /// What both sides allow.
    streams_max: Rc<Cell<usize>>,
    idle_since: Cell<Instant>,
}

/// A place for one request on a connection, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Stream(Rc<Connection>);

impl Drop for Stream {
    fn drop(&mut self) {
        let streams = &self.0.streams;
        streams.set(streams.get().saturating_sub(1));
        self.0.idle_since.set(Instant::now());
    }
}

impl Stream {
    pub(super) fn sender(&self) -> SendRequest<RequestBody> {
        self.0.sender.clone()
    }
}

impl Connections {
    /// Connections without a request.
    pub(super) fn idle(&self) -> usize {
        let connections = self.0.borrow();
        connections.iter().filter(|one| one.streams.get() == 0).count()
    }

    /// A place on the fullest connection that has one, but not on the connection of `avoided`.
    pub(super) fn place(&self, avoided: Option<&Stream>) -> Option<Stream> {
        let mut connections = self.0.borrow_mut();
        connections.retain(|one| !one.sender.is_closed());
        let has_room = |one: &&Rc<Connection>| {
            one.streams.get() < one.streams_max.get()
                && avoided.is_none_or(|stream| !Rc::ptr_eq(one, &stream.0))
        };
        let found = connections
            .iter()
            .filter(has_room)
            .max_by_key(|one| one.streams.get())?;
        found.streams.set(found.streams.get() + 1);
        Some(Stream(Rc::clone(found)))
    }

    /// Speaks HTTP/2 on a connection and adds it once the upstream has answered in it.
    pub(super) async fn start(&self, link: Link, plan: &Plan, open: Open) -> Result<(), UpstreamError> {
        let (link, speaks) = Prefaced::new(link);
        let streams = u32::try_from(plan.streams_max).unwrap_or(u32::MAX);
        let (sender, mut connection) = http2::Builder::new(OnThisCore)
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(
                STREAM_WINDOW_BYTES
                    .saturating_mul(streams)
                    .min(i32::MAX.unsigned_abs()),
            )
            .initial_max_send_streams(plan.streams_max)
            .max_header_list_size(HEADERS_MAX_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .keep_alive_interval(plan.ping_interval)
            .keep_alive_timeout(plan.ping_interval)
            .handshake(TokioIo::new(link))
            .await
            .map_err(|_| UpstreamError::Closed { sent: false })?;
        let streams_max = Rc::new(Cell::new(plan.streams_max));
        let (configured, allowed) = (plan.streams_max, Rc::clone(&streams_max));
        tokio::task::spawn_local(async move {
            let ended = poll_fn(|cx| {
                let polled = Pin::new(&mut connection).poll(cx);
                allowed.set(connection.current_max_send_streams().clamp(1, configured));
                polled
            });
            if let Err(error) = ended.await {
                tracing::debug!(upstream = open.name(), %error, "an upstream connection failed");
            }
            drop(open);
        });
        match timeout(plan.connect_timeout, speaks).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Err(UpstreamError::Protocol),
            Ok(Err(_)) => return Err(UpstreamError::Closed { sent: false }),
            Err(_) => return Err(UpstreamError::ConnectTimeout),
        }
        let connection = Rc::new(Connection {
            sender,
            streams: Cell::new(0),
            streams_max,
            idle_since: Cell::new(Instant::now()),
        });
        self.0.borrow_mut().push(connection);
        Ok(())
    }

    /// Closes connections that had no request for too long, and more of them than may idle; whether any is left.
    fn sweep(&self, idle_timeout: Duration, idle_max: usize) -> bool {
        let mut idle = 0;
        let mut connections = self.0.borrow_mut();
        connections.retain(|one| {
            let busy = one.streams.get() > 0;
            idle += usize::from(!busy);
            !one.sender.is_closed()
                && (busy || idle <= idle_max && one.idle_since.get().elapsed() < idle_timeout)
        });
        !connections.is_empty()
    }
}

/// Sweeps until no connection is left.
pub(super) async fn reap(pool: std::rc::Weak<super::pool::Shared>) {
    loop {
        let Some(idle_timeout) = pool.upgrade().map(|pool| pool.plan.idle_timeout) else {
            return;
        };
        sleep(idle_timeout / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.http2.sweep(idle_timeout, pool.plan.idle_max) {
            pool.reaping_http2.set(false);
            return;
        }
    }
}
