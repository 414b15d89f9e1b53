//! One single-threaded runtime and one listening socket for each core, and connections that never leave their core.
//!
//! Services are built on the core that runs them, so they need neither locks nor `Send`. A connection over the cap closes one
//! that has not shown an authentic token, or is closed at once; a slow one is timed out, and a drain ends: none of them can
//! hold a core, or the process, for ever.

mod balance;
mod census;
mod connection;
mod core;
mod establish;
mod exchange;
mod facts;
mod guarded;
mod h2_watch;
mod head_refusal;
mod head_wait;
mod http2;
pub(crate) mod idle;
mod listen;
mod paced;
mod served;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;
use tower_service::Service;

use self::balance::Loads;
use self::core::Core;
pub use self::facts::{ConnectionFacts, Pressure};
pub use self::head_refusal::HeadRefusal;
use crate::config::{Config, Protocol, Proxy};
use crate::tls::ServerTls;
use crate::upstream::ResponseBody;

/// What serves requests on one core. It answers every request: an error has no way out of it.
pub trait CoreService:
    Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible> + Clone + 'static
{
}

impl<S> CoreService for S where
    S: Service<Request<Incoming>, Response = Response<ResponseBody>, Error = Infallible> + Clone + 'static
{
}

/// The address of the socket's other end. Behind a proxy, that is the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Where a service is being built.
#[derive(Debug, Clone, Copy)]
pub struct CoreContext {
    /// This core, counted from 0.
    pub core: usize,
    /// How many there are.
    pub cores: usize,
}

/// Bounds of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Threads; 0 is one for each core of the machine.
    pub cores: usize,
    /// Largest request head.
    pub head_bytes: usize,
    /// Most header fields of a request.
    pub head_fields: usize,
    /// Time for a request head, idle time before it included.
    pub head_timeout: Duration,
    /// Longest pause of a client in taking its response.
    pub write_idle_timeout: Duration,
    /// Bytes per second that make up for a second of such pauses.
    pub write_rate_min: u64,
    /// Longest time for a whole response, unless its client keeps sending.
    pub response_total_timeout: Duration,
    /// Longest pause of a client that keeps sending.
    pub body_idle_timeout: Duration,
    /// Open connections of all cores.
    pub connections_max: usize,
    /// Of one source, that have not shown an authentic token, all cores together.
    pub connections_per_source_max: usize,
    /// Requests that one core works on.
    pub requests_per_core_max: usize,
    /// Bounds of an HTTP/2 connection.
    pub http2: Http2Options,
    /// What is spoken.
    pub protocols: Vec<Protocol>,
    /// TLS, if the gateway ends it.
    pub tls: Option<Arc<ServerTls>>,
    /// Whose connections carry many clients.
    pub proxy: Proxy,
    /// Says what a client hears whose request the guard refuses.
    pub head_refusal: HeadRefusal,
    /// Lets one core accept for all, as off Linux, where ports are not shared evenly.
    pub one_acceptor: bool,
}

/// Bounds of an HTTP/2 connection.
#[derive(Debug, Clone)]
pub struct Http2Options {
    /// Streams open at once.
    pub streams_max: u32,
    /// Bytes that a request's body may be ahead of its reader.
    pub window_bytes: u32,
    /// How long a connection without streams is kept.
    pub idle_timeout: Duration,
    /// Pause between pings.
    pub keep_alive: Duration,
    /// Frames that carry no request.
    pub control_frames_per_s: u64,
    /// Streams cancelled by the client.
    pub resets_per_s: u64,
}

impl From<&Config> for ServerOptions {
    fn from(config: &Config) -> Self {
        Self {
            address: config.listen.address,
            cores: config.listen.cores,
            head_bytes: config.limits.head_bytes,
            head_fields: config.limits.head_fields,
            head_timeout: Duration::from_millis(config.limits.head_timeout_ms),
            write_idle_timeout: Duration::from_millis(config.limits.write_idle_timeout_ms),
            write_rate_min: config.limits.write_rate_min_bytes_per_s,
            response_total_timeout: Duration::from_millis(config.limits.response_total_timeout_ms),
            body_idle_timeout: Duration::from_millis(config.limits.body_idle_timeout_ms),
            connections_max: config.limits.connections_max,
            connections_per_source_max: config.limits.connections_per_source_max,
            requests_per_core_max: config.limits.requests_per_core_max,
            http2: Http2Options {
                streams_max: config.limits.http2_streams_max,
                window_bytes: config.limits.http2_window_bytes,
                idle_timeout: Duration::from_millis(config.limits.http2_idle_timeout_ms),
                keep_alive: Duration::from_millis(config.limits.http2_keep_alive_ms),
                control_frames_per_s: config.limits.http2_control_frames_per_s,
                resets_per_s: config.limits.http2_resets_per_s,
            },
            protocols: config.listen.protocols.clone(),
            tls: None,
            proxy: config.proxy.clone(),
            head_refusal: HeadRefusal::default(),
            one_acceptor: false,
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process, perhaps another gateway, listens there.
    #[error("{address} is in use by another process")]
    AddressInUse {
        /// The address.
        address: SocketAddr,
    },
    /// The system refused the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused a thread or its event queue.
    #[error("cannot start a core: {0}")]
    Core(io::Error),
}

impl StartError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AddressInUse { .. } => "address-in-use",
            Self::Listen { .. } => "cannot-listen",
            Self::Core(_) => "cannot-start-core",
        }
    }
}

/// What became of the connections that were open when a drain began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Finished by themselves.
    pub finished: usize,
    /// Cut off at the deadline.
    pub aborted: usize,
}

/// A running server. Dropping it cuts every connection off; [`Running::drain`] is the polite way.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    loads: Arc<Loads>,
    drain: watch::Sender<Option<Instant>>,
    ended: Arc<Notify>,
    cores: Vec<(JoinHandle<()>, oneshot::Receiver<DrainReport>)>,
}

/// A look at a running server that does not keep it running.
#[derive(Debug, Clone)]
pub struct RunningView {
    loads: Arc<Loads>,
    drain: watch::Receiver<Option<Instant>>,
}

impl RunningView {
    /// Open client connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.loads.open()
    }

    /// Connections closed at once because there were too many.
    #[must_use]
    pub fn connections_refused(&self) -> u64 {
        self.loads.refused()
    }

    /// Connections that were closed to make room for others.
    #[must_use]
    pub fn connections_evicted(&self) -> u64 {
        self.loads.evicted().load(std::sync::atomic::Ordering::Relaxed)
    }

    /// HTTP/2 connections that were closed because of a flood of frames.
    #[must_use]
    pub fn connections_flooding(&self) -> u64 {
        self.loads.flooding().load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Whether it stopped accepting.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.borrow().is_some()
    }
}

/// Handed-over connections that wait for a busy core; beyond, the accepting core keeps them.
const INBOX_LEN: usize = 64;
/// See [`Loads`]: about what one core serves without noticing.
const SLACK: usize = 32;

/// Starts the cores and returns when all of them serve.
///
/// `factory` runs once on each core, inside its runtime, and may spawn local tasks.
///
/// # Errors
/// [`StartError`] when the address is taken or the system refuses sockets or threads.
pub fn start<S: CoreService>(
    options: &ServerOptions,
    factory: impl Fn(CoreContext) -> S + Clone + Send + 'static,
) -> Result<Running, StartError> {
    let cores = match options.cores {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        cores => cores,
    };
    let acceptors = if options.one_acceptor { 1 } else { cores };
    let listeners = listen::listen(options.address, acceptors).map_err(|source| {
        let address = options.address;
        if source.kind() == io::ErrorKind::AddrInUse {
            StartError::AddressInUse { address }
        } else {
            StartError::Listen { address, source }
        }
    })?;
    let address = listeners
        .first()
        .map_or(Ok(options.address), std::net::TcpListener::local_addr);
    let address = address.map_err(StartError::Core)?;
    let slack = if listeners.len() < cores { 0 } else { SLACK };
    let loads = Arc::new(Loads::new(cores, options.connections_max, slack));
    let (drain, draining) = watch::channel(None);
    let ended = Arc::new(Notify::new());
    let (inboxes, receivers): (Vec<_>, Vec<_>) =
        (0..cores).map(|_| tokio::sync::mpsc::channel(INBOX_LEN)).unzip();
    let mut listeners = listeners.into_iter();
    let (ready, started) = mpsc::channel();
    let mut running = Running {
        address,
        loads: Arc::clone(&loads),
        drain,
        ended: Arc::clone(&ended),
        cores: Vec::new(),
    };
    for (number, inbox) in receivers.into_iter().enumerate() {
        let (report, reported) = oneshot::channel();
        let core = Core {
            context: CoreContext { core: number, cores },
            options: options.clone(),
            listener: listeners.next(),
            inbox,
            inboxes: inboxes.clone(),
            loads: Arc::clone(&loads),
            drain: draining.clone(),
            ended: Arc::clone(&ended),
        };
        let (factory, ready) = (factory.clone(), ready.clone());
        let thread = std::thread::Builder::new()
            .name(format!("core-{number}"))
            .spawn(move || core.run(factory, ready, report))
            .map_err(StartError::Core)?;
        running.cores.push((thread, reported));
    }
    drop(ready);
    for _ in 0..cores {
        // A core that panicked while it built its service is gone without a word.
        let word = started
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("a core ended before it served")));
        word.map_err(StartError::Core)?;
    }
    Ok(running)
}

impl Running {
    /// Where the server listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Open client connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.loads.open()
    }

    /// Connections that had shown no authentic token and were closed to make room for newer ones.
    #[must_use]
    pub fn connections_evicted(&self) -> u64 {
        self.loads.evicted().load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Connections closed at once because there were too many, none of which could make room.
    #[must_use]
    pub fn connections_refused(&self) -> u64 {
        self.loads.refused()
    }

    /// What others may know of it while it runs and after.
    #[must_use]
    pub fn view(&self) -> RunningView {
        RunningView {
            loads: Arc::clone(&self.loads),
            drain: self.drain.subscribe(),
        }
    }

    /// Waits until a core ends although nobody asked it to: a defect after which the process should end, too.
    pub async fn core_ended(&self) {
        self.ended.notified().await;
    }

    /// Stops accepting, lets requests in flight finish for at most `grace`, closes connections as soon as they are idle for a
    /// moment, so that no request meets a connection that is being closed, and returns when every core has ended.
    pub async fn drain(mut self, grace: Duration) -> DrainReport {
        self.drain.send_replace(Some(Instant::now() + grace));
        let mut total = DrainReport::default();
        for (thread, reported) in std::mem::take(&mut self.cores) {
            let report = reported.await.unwrap_or_default();
            total.finished += report.finished;
            total.aborted += report.aborted;
            // It reports last, so this does not wait; a panic was reported when it happened.
            let _panicked = thread.join().is_err();
        }
        total
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.drain.send_replace(Some(Instant::now()));
    }
}
