//! Slow connections in the three ways that cost a server most: a head, a body, or the reading of a response that never gets done.
//! Each moves one byte at a time, so that nothing about it ever stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

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
}

/// What a slow reader leaves unread between two bytes is kept small, so that the response stays with the gateway.
const RECEIVE_BYTES: u32 = 4096;
/// Connections that are opened at the same time: beyond, the listener's queue would decide who is served.
const OPENING: usize = 64;

/// Slow connections to one gateway.
#[derive(Debug)]
pub struct Siege {
    open: Arc<AtomicUsize>,
    connections: JoinSet<Option<Duration>>,
}

/// What became of a siege.
#[derive(Debug, Clone, Default)]
pub struct Lifted {
    /// Connections that the gateway closed, with their age.
    pub ages: Vec<Duration>,
    /// Connections that could not even be opened.
    pub refused: usize,
}

impl Lifted {
    /// The oldest connection.
    #[must_use]
    pub fn oldest(&self) -> Duration {
        self.ages.iter().max().copied().unwrap_or_default()
    }
}

impl Siege {
    /// Opens `count` slow connections and returns when all of them are. Bodies go to `body`, and a large response is read from
    /// `read`: targets that need no token.
    pub async fn lay(
        address: SocketAddr,
        mode: Mode,
        count: usize,
        pause: Duration,
        body: &'static str,
        read: &'static str,
    ) -> Self {
        let open = Arc::new(AtomicUsize::new(0));
        let mut connections = JoinSet::new();
        for batch in (0..count).step_by(OPENING) {
            let (tried, mut trying) = tokio::sync::mpsc::channel::<()>(1);
            for number in batch..(batch + OPENING).min(count) {
                let (open, tried) = (Arc::clone(&open), tried.clone());
                connections.spawn(async move {
                    let stream = connect(address, mode).await;
                    drop(tried);
                    let mut stream = stream?;
                    open.fetch_add(1, Ordering::SeqCst);
                    let begun = Instant::now();
                    let first = match mode {
                        Mode::Head => format!("GET {read} HTTP/1.1\r\nhost: {address}\r\nx-slow: "),
                        Mode::Body => {
                            format!(
                                "POST {body} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 100000\r\n\r\n"
                            )
                        }
                        Mode::Read => format!("GET {read} HTTP/1.1\r\nhost: {address}\r\n\r\n"),
                    };
                    if stream.write_all(first.as_bytes()).await.is_ok() {
                        // Spread over the pause, as slow clients are.
                        let share = u32::try_from(number % OPENING).unwrap_or(0);
                        sleep(pause * share / u32::try_from(OPENING).unwrap_or(1)).await;
                        endure(&mut stream, mode, pause).await;
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                    Some(begun.elapsed())
                });
            }
            drop(tried);
            // Closed when the last one of this batch has tried.
            let _all = trying.recv().await;
        }
        Self { open, connections }
    }

    /// Connections that are still open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Waits until the gateway has closed every connection, for at most `patience`.
    ///
    /// # Errors
    /// How many are still open.
    pub async fn lifted(mut self, patience: Duration) -> Result<Lifted, usize> {
        let mut lifted = Lifted::default();
        let ends = async {
            while let Some(ended) = self.connections.join_next().await {
                match ended {
                    Ok(Some(age)) => lifted.ages.push(age),
                    _ => lifted.refused += 1,
                }
            }
        };
        let in_time = tokio::time::timeout(patience, ends).await.is_ok();
        if in_time { Ok(lifted) } else { Err(self.open()) }
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
