//! The admin listener's thread: accepts, bounds and serves connections until it is stopped.
//!
//! At most `admin.connections_max` are open. A new one takes the place of the oldest that showed no good token, so that nobody
//! without one can keep an operator out by holding connections.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::Shared;
use super::gate::{Peer, router};
use super::secret::{AdminTokens, HashFileError};
use super::tls::{self, AdminTlsError};
use crate::config::{Admin, AdminToken};
use crate::gateway::Gateway;
use crate::runtime::RunningView;
use crate::telemetry::Quiet;

/// Time for a request head, for a TLS handshake, and for a kept connection to idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// However lively, a connection ends; a scraper opens the next one.
const CONNECTION_MAX: Duration = Duration::from_secs(3600);
/// Largest request head.
const HEAD_MAX_BYTES: usize = 16 << 10;
/// Time for answers under way when the listener stops.
const STOP_PATIENCE: Duration = Duration::from_secs(1);
/// Pause after the system refused a connection, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The same complaint is not repeated sooner.
const LOG_PAUSE_MS: u64 = 60_000;

/// Why the admin listener does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminStartError {
    /// The address cannot be taken.
    #[error("cannot listen on {address}, the `admin.address`: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A token's hash file.
    #[error("admin token: {0}")]
    Token(#[from] HashFileError),
    /// Certificate, key or authority.
    #[error("admin TLS: {0}")]
    Tls(#[from] AdminTlsError),
    /// The thread or its runtime.
    #[error("cannot start the admin thread: {0}")]
    Thread(io::Error),
}

/// A running admin listener. Dropping it stops it without waiting; [`AdminListener::stop`] waits.
#[derive(Debug)]
pub struct AdminListener {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// Reads what a start would read, hash files and TLS, and changes nothing.
///
/// # Errors
/// [`AdminStartError::Token`] and [`AdminStartError::Tls`].
pub fn inspect(config: &Admin) -> Result<(), AdminStartError> {
    AdminTokens::read(&config.tokens)?;
    if let Some(tls) = &config.tls {
        tls::acceptor(tls)?;
    }
    Ok(())
}

impl AdminListener {
    /// Listens as the gateway's configuration says.
    ///
    /// # Errors
    /// [`AdminStartError`].
    pub fn start(gateway: &Arc<Gateway>, running: RunningView) -> Result<Self, AdminStartError> {
        let live = gateway.live();
        let config = &live.config.admin;
        let tokens = AdminTokens::read(&config.tokens)?;
        let acceptor = match &config.tls {
            Some(tls) => {
                let (acceptor, expires_at_s) = tls::acceptor(tls)?;
                gateway.metrics.admin_tls().certificate_expires(expires_at_s);
                Some(acceptor)
            }
            None => None,
        };
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let listen = || {
            let listener = TcpListener::bind(config.address)?;
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        };
        let (address, listener) = listen().map_err(|source| AdminStartError::Listen {
            address: config.address,
            source,
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .map_err(AdminStartError::Thread)?;
        let shared = Arc::new(Shared::new(Arc::clone(gateway), running, tokens));
        let (stop, stopped) = watch::channel(false);
        let there = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(run(listener, there, acceptor, stopped)))
            .map_err(AdminStartError::Thread)?;
        Ok(Self {
            address,
            scheme,
            shared,
            stop,
            thread,
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Replaces the tokens; calls from now on are measured by the new ones.
    ///
    /// # Errors
    /// [`HashFileError`]; the old tokens stay.
    pub fn replace_tokens(&self, tokens: &[AdminToken]) -> Result<(), HashFileError> {
        self.shared.tokens.store(Arc::new(AdminTokens::read(tokens)?));
        Ok(())
    }

    /// Stops accepting, lets answers under way finish for at most a second, and returns when the thread has ended. Blocks.
    pub fn stop(self) {
        self.stop.send_replace(true);
        let _panicked = self.thread.join().is_err();
    }
}

/// An open connection.
struct Open {
    proven: Arc<AtomicBool>,
    task: AbortHandle,
}

async fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    mut stopped: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the admin listener cannot run");
            return;
        }
    };
    let router = router(&shared);
    let mut open: Vec<Open> = Vec::new();
    let mut tasks = JoinSet::new();
    let until_stopped = stopped.clone();
    let complaint = Quiet::new(LOG_PAUSE_MS);
    loop {
        tokio::select! {
            biased;
            () = stop_asked(&mut stopped) => break,
            Some(_) = tasks.join_next() => open.retain(|connection| !connection.task.is_finished()),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if !makes_room(&mut open, shared.gateway.live().config.admin.connections_max) {
                        continue;
                    }
                    let proven = Arc::<AtomicBool>::default();
                    let peer = Peer { source: peer.ip(), proven: Arc::clone(&proven) };
                    let serving = serve(stream, acceptor.clone(), router.clone(), Arc::clone(&shared), peer, until_stopped.clone());
                    let task = tasks.spawn(async move {
                        let _late = timeout(CONNECTION_MAX, serving).await.is_err();
                    });
                    open.push(Open { proven, task });
                }
                Err(error) => {
                    if let Some(suppressed) = complaint.speaks(shared.gateway.clock.monotonic_ms()) {
                        tracing::warn!(%error, suppressed, "the admin listener cannot accept");
                    }
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let finished = async { while tasks.join_next().await.is_some() {} };
    let _cut = timeout(STOP_PATIENCE, finished).await.is_err();
}

async fn stop_asked(stopped: &mut watch::Receiver<bool>) {
    // Also when the listener was dropped.
    let _gone = stopped.wait_for(|stopped| *stopped).await.is_err();
}

/// Whether there is room for one more connection, after the oldest unproven one was closed if need be.
fn makes_room(open: &mut Vec<Open>, max: usize) -> bool {
    if open.len() < max {
        return true;
    }
    let oldest = open
        .iter()
        .position(|connection| !connection.proven.load(Relaxed));
    let Some(oldest) = oldest else { return false };
    open.remove(oldest).task.abort();
    true
}

async fn serve(
    stream: tokio::net::TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    shared: Arc<Shared>,
    peer: Peer,
    stopped: watch::Receiver<bool>,
) {
    let _unsupported = stream.set_nodelay(true).is_err();
    let Some(acceptor) = acceptor else {
        return http(stream, router, peer, stopped).await;
    };
    match timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, router, peer, stopped).await,
        failed => {
            shared.gateway.metrics.admin_tls().handshake_failed();
            if let Ok(Err(error)) = failed {
                tracing::debug!(%error, "a TLS handshake with the admin listener failed");
            }
        }
    }
}

async fn http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    peer: Peer,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        router.clone().oneshot(request)
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX_BYTES);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        biased;
        () = stop_asked(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        outcome = connection.as_mut() => outcome,
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "an admin connection failed");
    }
}
