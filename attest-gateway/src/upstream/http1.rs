//! HTTP/1.1 connections that wait for their next request. One whose last response was not taken to its end, or that said
//! anything since, is not among them.

use std::cell::{Cell, RefCell};
use std::rc::Weak;
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep};

use super::UpstreamError;
use super::body::RequestBody;
use super::dial::Link;
use super::pool::{Open, Shared};

/// Idle connections, youngest last.
#[derive(Debug, Default)]
pub(super) struct IdleConnections {
    idle: RefCell<Vec<Idle>>,
    reaping: Cell<bool>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<RequestBody>,
    since: Instant,
}

/// Response heads beyond this are an upstream's defect.
const RESPONSE_HEAD_MAX_BYTES: usize = 64 << 10;

impl IdleConnections {
    pub(super) fn len(&self) -> usize {
        self.idle.borrow().len()
    }

    /// The youngest one that can take a request: it is the least likely to be closed by now.
    pub(super) fn take(&self, idle_timeout: Duration) -> Option<SendRequest<RequestBody>> {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| !idle.sender.is_closed());
        let youngest = idle
            .iter()
            .rposition(|idle| idle.sender.is_ready() && idle.since.elapsed() < idle_timeout)?;
        Some(idle.remove(youngest).sender)
    }

    pub(super) fn keep(&self, sender: SendRequest<RequestBody>, idle_max: usize) {
        if sender.is_closed() || idle_max == 0 {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= idle_max {
            idle.remove(0);
        }
        idle.push(Idle {
            sender,
            since: Instant::now(),
        });
    }

    /// Closes what was idle for too long; whether any is left.
    fn sweep(&self, idle_timeout: Duration) -> bool {
        let mut idle = self.idle.borrow_mut();
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < idle_timeout);
        !idle.is_empty()
    }

    /// Whether nobody sweeps yet; from now on somebody does.
    pub(super) const fn wants_reaper(&self) -> bool {
        !self.reaping.replace(true)
    }
}

/// Sweeps until no connection is left.
pub(super) async fn reap(pool: Weak<Shared>, idle_timeout: Duration) {
    loop {
        sleep(idle_timeout / 2).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.idle.sweep(idle_timeout) {
            pool.idle.reaping.set(false);
            return;
        }
    }
}

/// Speaks HTTP/1.1 on a connection, which counts as open for as long as `open` lives.
pub(super) async fn start(link: Link, open: Open) -> Result<SendRequest<RequestBody>, UpstreamError> {
    let (sender, connection) = handshake(link).await?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(upstream = open.name(), %error, "an upstream connection failed");
        }
        drop(open);
    });
    Ok(sender)
}

/// The same for a connection that may be upgraded; the caller keeps count of it.
pub(super) async fn start_upgradeable(link: Link) -> Result<SendRequest<RequestBody>, UpstreamError> {
    let (sender, connection) = handshake(link).await?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "an upstream connection failed");
        }
    });
    Ok(sender)
}

type Connection = http1::Connection<TokioIo<Link>, RequestBody>;

async fn handshake(link: Link) -> Result<(SendRequest<RequestBody>, Connection), UpstreamError> {
    http1::Builder::new()
        .max_header_size(RESPONSE_HEAD_MAX_BYTES)
        .max_buf_size(RESPONSE_HEAD_MAX_BYTES)
        .handshake(TokioIo::new(link))
        .await
        .map_err(|_| UpstreamError::Closed { sent: false })
}
