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
use super::connection::Connections;
use super::{CoreContext, CoreService, DrainReport, PeerAddr, ServerOptions};

/// A connection on its way to the core that has a place for it.
#[derive(Debug)]
pub(super) struct HandedOver {
    stream: std::net::TcpStream,
    peer: PeerAddr,
    place: Place,
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

impl LocalDrain {
    pub(super) async fn begun(&self) {
        while !self.begun.get() {
            self.notify.notified().await;
        }
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
        let connections = Connections::new(&self.options, service, Rc::clone(&drain));
        let mut draining = self.drain.clone();
        let mut open = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = begun(&mut draining) => break,
                (stream, peer) = accept(listener.as_ref()) => {
                    if let Some((stream, place)) = self.keep_or_hand_over(stream, peer) {
                        open.spawn_local(connections.serve(stream, PeerAddr(peer), place));
                    }
                }
                Some(HandedOver { stream, peer, place }) = self.inbox.recv() => {
                    match TcpStream::from_std(stream) {
                        Ok(stream) => { open.spawn_local(connections.serve(stream, peer, place)); }
                        Err(error) => tracing::warn!(%error, "a connection could not be taken over"),
                    }
                }
                Some(_) = open.join_next() => {}
            }
        }
        // First, so that whoever sees the port closed also sees every further answer say `connection: close`.
        drain.begin();
        drop(listener);
        drop(self.listener.take());
        self.inbox.close();
        let deadline = (*self.drain.borrow()).unwrap_or_else(Instant::now);
        finish(open, deadline).await
    }

    /// The stream and its place, if this core serves it.
    fn keep_or_hand_over(&self, stream: TcpStream, peer: SocketAddr) -> Option<(TcpStream, Place)> {
        // Over the cap: closing tells the client at once what waiting would tell it late.
        let own = self.context.core;
        let mut place = self.loads.place(own)?;
        if place.core() == own {
            return Some((stream, place));
        }
        let Some(permit) = self
            .inboxes
            .get(place.core())
            .and_then(|inbox| inbox.try_reserve().ok())
        else {
            place.move_to(own);
            return Some((stream, place));
        };
        match stream.into_std() {
            Ok(stream) => permit.send(HandedOver {
                stream,
                peer: PeerAddr(peer),
                place,
            }),
            Err(error) => tracing::warn!(%error, "a connection could not be handed over"),
        }
        None
    }
}

/// Returns when the server drains, or is gone.
async fn begun(draining: &mut watch::Receiver<Option<Instant>>) {
    let _gone = draining.wait_for(Option::is_some).await.is_err();
}

/// The next connection; never, without a listener.
async fn accept(listener: Option<&TcpListener>) -> (TcpStream, SocketAddr) {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
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
