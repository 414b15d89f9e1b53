//! Slow connections in the three ways that cost a server most: a head, a body, or the reading of a response that never gets done.
//! Each moves one byte at a time, so that nothing about it ever stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, sleep};

use crate::instance::Instance;
use crate::origin::{Act, Origin, json};

/// What is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The head of a request.
    Head,
    /// The body of a request.
    Body,
    /// The reading of a response.
    Read,
}

impl Mode {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Head, Self::Body, Self::Read];

    /// What is sent at once.
    fn begins(self, address: SocketAddr) -> String {
        match self {
            Self::Head => format!("GET {LARGE} HTTP/1.1\r\nhost: {address}\r\nx-slow: "),
            Self::Body => {
                format!("POST {BODY} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100000\r\n\r\n")
            }
            Self::Read => format!("GET {LARGE} HTTP/1.1\r\nhost: {address}\r\n\r\n"),
        }
    }
}

/// What a slow reader leaves unread between two bytes is kept small, so that the response stays with the gateway.
const RECEIVE_BYTES: u32 = 4096;
/// Between two arrivals: slow clients come one by one, a burst is another attack.
const ARRIVAL: Duration = Duration::from_millis(1);
/// Connections that are being opened at the same time: beyond, the listener's queue would decide who is served.
const OPENING: usize = 64;

/// Slow connections to one gateway.
#[derive(Debug)]
pub struct Siege {
    open: Arc<AtomicUsize>,
    /// Aborted with the siege.
    _connections: JoinSet<()>,
}

impl Siege {
    /// Opens `count` slow connections and returns when all of them are. Bodies go to [`BODY`], responses come from [`LARGE`].
    pub async fn lay(address: SocketAddr, mode: Mode, count: usize, pause: Duration) -> Self {
        let open = Arc::new(AtomicUsize::new(0));
        let mut connections = JoinSet::new();
        let opening = Arc::new(Semaphore::new(OPENING));
        let mut arrivals = tokio::time::interval(ARRIVAL);
        arrivals.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..count {
            arrivals.tick().await;
            let Ok(turn) = Arc::clone(&opening).acquire_owned().await else {
                break;
            };
            let open = Arc::clone(&open);
            connections.spawn(async move {
                let stream = connect(address, mode).await;
                drop(turn);
                let Some(mut stream) = stream else { return };
                open.fetch_add(1, Ordering::SeqCst);
                if stream.write_all(mode.begins(address).as_bytes()).await.is_ok() {
                    endure(&mut stream, mode, pause).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            });
        }
        // When all turns are free, each one has tried.
        let _all = opening
            .acquire_many(u32::try_from(OPENING).unwrap_or(u32::MAX))
            .await;
        Self {
            open,
            _connections: connections,
        }
    }

    /// Connections that are open as far as this side has heard.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

async fn connect(address: SocketAddr, mode: Mode) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    if mode == Mode::Read {
        socket.set_recv_buffer_size(RECEIVE_BYTES).ok()?;
    }
    socket.connect(address).await.ok()
}

/// Goes on a byte at a time until the other side closes.
async fn endure(stream: &mut TcpStream, mode: Mode, pause: Duration) {
    let mut byte = [0];
    if mode == Mode::Read {
        while matches!(stream.read(&mut byte).await, Ok(1..)) {
            sleep(pause).await;
        }
        return;
    }
    let (mut reading, mut writing) = stream.split();
    let writes = async {
        while writing.write_all(b"a").await.is_ok() {
            sleep(pause).await;
        }
    };
    // A refusal may be read; the end follows it.
    let reads = async {
        let mut part = [0; 512];
        while matches!(reading.read(&mut part).await, Ok(1..)) {}
    };
    tokio::select! {
        () = writes => {}
        () = reads => {}
    }
}

/// Where slow bodies go: a route that needs no token, as [`ROUTES`] has it.
pub const BODY: &str = "/open/body";
/// Where slow readers read from: a response that no kernel's buffers hold.
pub const LARGE: &str = "/open/large";
/// The items of the policy's routes that sieges need.
pub const ROUTES: &str = "- {id: open, methods: [GET, POST], path: /open/*, upstream: bank, require: none}";

/// An upstream that has a large response for slow readers, and a small one for everything else.
pub async fn origin() -> Origin {
    const LARGE_BYTES: usize = 1 << 20;
    let large: Arc<[u8]> = json(&"x".repeat(LARGE_BYTES)).into_bytes().into();
    Origin::open(move |message| {
        if message.start.contains(LARGE) {
            Act::Shared(Arc::clone(&large))
        } else {
            Act::json("{}")
        }
    })
    .await
}

/// Waits until the gateway holds `descriptors` at least, and returns whether it came to that.
pub async fn takes(instance: &Instance, descriptors: usize, patience: Duration) -> bool {
    looks(patience, || instance.descriptors() >= descriptors)
        .await
        .is_some()
}

/// Waits until the gateway holds no more than `descriptors`, and returns how long that took; `None` if it takes longer than `patience`.
/// What a slow reader's own kernel still holds says nothing about that.
pub async fn let_go(instance: &Instance, descriptors: usize, patience: Duration) -> Option<Duration> {
    looks(patience, || instance.descriptors() <= descriptors).await
}

/// Looks again and again, because another process's descriptors tell nobody when they change.
async fn looks(patience: Duration, seen: impl Fn() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    while begun.elapsed() < patience {
        looks.tick().await;
        if seen() {
            return Some(begun.elapsed());
        }
    }
    None
}
