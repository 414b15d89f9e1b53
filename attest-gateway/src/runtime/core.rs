//! One core's life: accept or take over, serve, drain.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::balance::{Loads, Place};
use super::census::Census;
use super::connection::Connections;
use super::{CoreContext, CoreService, DrainReport, PeerAddr, ServerOptions};

/// A connection on its way to the core that has a place for it.
#[derive(Debug)]
pub(super) struct HandedOver {
    stream: std::net::TcpStream,
    peer: PeerAddr,
    place: Place,
    /// All places are taken: it is served if this core can close another one for it.
    makes_room: bool,
}

pub(super) struct Core {
    pub(super) context: CoreContext,
    pub(super) options: ServerOptions,
    pub(super) listener: Option<std::net::TcpListener>,
    pub(super) inbox: tokio::sync::mpsc::Receiver<HandedOver>,
    pub(super) inboxes: Vec<tokio::sync::mpsc::Sender<HandedOver>>,
    pub(super) loads: Arc<Loads>,
    pub(super) drain: watch::Receiver<Option<Instant>>,
    pub(super) ended: Arc<Notify>,
}

/// Tells a core's connections that it drains, without a word to other cores.
#[derive(Debug, Default)]
pub(super) struct LocalDrain {
    begun: Cell<bool>,
    notify: Notify,
}

/// Who was let in or answered less long ago may have its next request on the way: closing would lose it.
const LINGER: Duration = Duration::from_millis(500);

impl LocalDrain {
    pub(super) async fn begun(&self) {
        while !self.begun.get() {
            self.notify.notified().await;
        }
    }

    /// Returns when the drain has begun and a connection that was last used then is idle.
    pub(super) async fn closes_idle(&self, last_use: impl Fn() -> Instant) {
        self.begun().await;
        tokio::time::sleep_until(last_use() + LINGER).await;
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.begun.get()
    }

    fn begin(&self) {
        self.begun.set(true);
        self.notify.notify_waiters();
    }
}

/// Speaks up when its core ends, however it ends.
struct EndNotice(Arc<Notify>);

impl Drop for EndNotice {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// Name look-ups of upstreams are all that ever blocks; a few at a time are enough.
const BLOCKING_THREADS: usize = 4;
/// Pause after the system refused a connection, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// A core does not repeat the complaint sooner, but counts.
const LOG_PAUSE: Duration = Duration::from_secs(60);
/// Connections closed before each such pause: few, because what is short may be short for a moment only.
const EVICTED_FOR_WANT: usize = 8;
/// Connections that a drain still takes from the system's queue; a flood must not keep it from ending.
const LET_IN_MAX: usize = 4096;

impl Core {
    pub(super) fn run<S: CoreService>(
        self,
        factory: impl Fn(CoreContext) -> S,
        ready: mpsc::Sender<io::Result<()>>,
        report: oneshot::Sender<DrainReport>,
    ) {
        let _notice = EndNotice(Arc::clone(&self.ended));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS)
            .build_local(LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                let _gone = ready.send(Err(error)).is_err();
                return;
            }
        };
        let drained = runtime.block_on(async move {
            let listener = self
                .listener
                .as_ref()
                .map(std::net::TcpListener::try_clone)
                .transpose();
            let listener = listener.and_then(|found| found.map(TcpListener::from_std).transpose());
            let listener = match listener {
                Ok(listener) => listener,
                Err(error) => {
                    let _gone = ready.send(Err(error)).is_err();
                    return DrainReport::default();
                }
            };
            let service = factory(self.context);
            let _gone = ready.send(Ok(())).is_err();
            // Who waits for all cores must not wait for a word from this one, if another one is gone.
            drop(ready);
            self.serve(listener, service).await
        });
        // Idle upstream connections and whatever else the service spawned end here, before anyone hears of the end.
        drop(runtime);
        let _gone = report.send(drained).is_err();
    }

    async fn serve<S: CoreService>(mut self, listener: Option<TcpListener>, service: S) -> DrainReport {
        let drain = Rc::new(LocalDrain::default());
        let connections = Connections::new(&self.options, service, Rc::clone(&drain), &self.loads);
        let mut draining = self.drain.clone();
        let mut open = JoinSet::new();
        let mut pause = Pause::default();
        loop {
            tokio::select! {
                biased;
                () = begun(&mut draining) => break,
                accepted = accept(listener.as_ref(), pause.until) => match accepted {
                    Ok((stream, peer)) => {
                        pause.over();
                        if let Some((stream, place)) = self.keep_or_hand_over(stream, peer, connections.census()) {
                            connections.open(stream, PeerAddr(peer), place, &mut open);
                        }
                        if self.loads.is_full() {
                            // Those that are being closed end before more come; the others are not starved by a flood.
                            tokio::task::yield_now().await;
                        }
                    }
                    Err(error) => pause.begin(&error, connections.census()),
                },
                Some(handed) = self.inbox.recv() => self.take_over(handed, &connections, &mut open),
                Some(_) = open.join_next() => {}
            }
        }
        // First, so that whoever sees the port closed also sees every further answer say `connection: close`.
        drain.begin();
        // Whom the system let in already has sent its request to nobody else.
        if let Some(listener) = &self.listener {
            for (stream, peer) in std::iter::from_fn(|| listener.accept().ok()).take(LET_IN_MAX) {
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| TcpStream::from_std(stream));
                let Ok(stream) = stream else { continue };
                if let Some((stream, place)) = self.keep_or_hand_over(stream, peer, connections.census()) {
                    connections.open(stream, PeerAddr(peer), place, &mut open);
                }
            }
        }
        drop(listener);
        drop(self.listener.take());
        self.inbox.close();
        while let Ok(handed) = self.inbox.try_recv() {
            self.take_over(handed, &connections, &mut open);
        }
        let deadline = (*self.drain.borrow()).unwrap_or_else(Instant::now);
        finish(open, deadline).await
    }

    /// Serves a connection that another core accepted.
    fn take_over<S: CoreService>(
        &self,
        handed: HandedOver,
        connections: &Connections<S>,
        open: &mut JoinSet<()>,
    ) {
        match TcpStream::from_std(handed.stream) {
            Ok(stream) if handed.makes_room && !connections.census().evict() => {
                drop(handed.place);
                let _closed: Option<()> = self.refuse(stream);
            }
            Ok(stream) => connections.open(stream, handed.peer, handed.place, open),
            Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
        }
    }

    /// The stream and its place, if this core serves it.
    fn keep_or_hand_over(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        census: &Census,
    ) -> Option<(TcpStream, Place)> {
        let own = self.context.core;
        let (mut place, makes_room) = match self.loads.place(own) {
            Some(place) => (place, false),
            // Who is closed gives its place back in a moment.
            None if census.evict() => (self.loads.place_over(own), false),
            // Another core may have one to close.
            None => match self.loads.place_elsewhere(own) {
                Some(place) => (place, true),
                None => return self.refuse(stream),
            },
        };
        if place.core() == own {
            return Some((stream, place));
        }
        let inbox = self.inboxes.get(place.core());
        let Some(permit) = inbox.and_then(|inbox| inbox.try_reserve().ok()) else {
            if makes_room {
                drop(place);
                return self.refuse(stream);
            }
            place.move_to(own);
            return Some((stream, place));
        };
        match stream.into_std() {
            Ok(stream) => permit.send(HandedOver {
                stream,
                peer: PeerAddr(peer),
                place,
                makes_room,
            }),
            Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
        }
        None
    }

    /// There is no room, and nobody to make any: closing tells the client at once what waiting would tell it late.
    fn refuse<T>(&self, stream: TcpStream) -> Option<T> {
        self.loads.refuse();
        drop(stream);
        None
    }
}

/// Returns when the server drains, or is gone.
async fn begun(draining: &mut watch::Receiver<Option<Instant>>) {
    let _gone = draining.wait_for(Option::is_some).await.is_err();
}

/// The next connection, not before `until`; never, without a listener.
async fn accept(
    listener: Option<&TcpListener>,
    until: Option<Instant>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
    loop {
        match listener.accept().await {
            // The client left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            outcome => return outcome,
        }
    }
}

/// How a core waits while the system refuses connections, usually for want of file descriptors.
#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    logged: Option<Instant>,
    /// Since it was logged.
    failures: usize,
    evicted: usize,
}

impl Pause {
    /// Makes room and waits a moment. The log hears of it once in a while.
    fn begin(&mut self, error: &io::Error, census: &Census) {
        self.failures += 1;
        let now = Instant::now();
        self.evicted += census.thin(EVICTED_FOR_WANT, now);
        if self.logged.is_none_or(|logged| logged + LOG_PAUSE <= now) {
            self.logged = Some(now);
            let failures = std::mem::take(&mut self.failures);
            let evicted = std::mem::take(&mut self.evicted);
            tracing::warn!(%error, failures, evicted, "cannot accept connections; unproven ones are closed until it can");
        }
        self.until = Some(now + ACCEPT_PAUSE);
    }

    const fn over(&mut self) {
        self.until = None;
    }
}

async fn finish(mut open: JoinSet<()>, deadline: Instant) -> DrainReport {
    let mut report = DrainReport::default();
    // Those that ended before the drain but were not noticed yet are nobody's business.
    while open.try_join_next().is_some() {}
    while !open.is_empty() {
        if tokio::time::timeout_at(deadline, open.join_next()).await.is_err() {
            report.aborted = open.len();
            open.shutdown().await;
        } else {
            report.finished += 1;
        }
    }
    report
}
