//! A web server with the files of a folder, as plain as there are: entity tags, 304, 404. It counts what it is asked, can wait
//! with an answer as RFC 7240 lets a client prefer, and can be made to misbehave for the files whose names end in a word.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use attest_core::encoding::{hex, sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misdeed {
    /// A body without an end.
    Endless,
    /// One byte now and then.
    Drips,
    /// The head, and half of the body that it announces.
    Breaks,
    /// An error that says nothing about the file.
    Status(u16),
}

#[derive(Debug, Default)]
struct State {
    folder: PathBuf,
    misdeed: Mutex<Option<(&'static str, Misdeed)>>,
    requests: AtomicU64,
    unchanged: AtomicU64,
    waits: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Shelf {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

impl Shelf {
    /// Serves a folder on loopback; `waits` says whether it holds a question for changes back until there is one.
    pub async fn open(folder: PathBuf, waits: bool, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            folder,
            waits,
            ..State::default()
        });
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let _slower = stream.set_nodelay(true).is_err();
                let (state, tls) = (Arc::clone(&shared), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, &state).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &state).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self {
            address,
            state,
            serving,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Misbehaves for files whose names end so, from now on.
    pub fn misbehave(&self, misdeed: Option<(&'static str, Misdeed)>) {
        *self.state.misdeed.lock().unwrap_or_else(PoisonError::into_inner) = misdeed;
    }

    /// Requests until now, and how many of them were answered 304.
    #[must_use]
    pub fn counted(&self) -> (u64, u64) {
        (
            self.state.requests.load(Relaxed),
            self.state.unchanged.load(Relaxed),
        )
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> Option<()> {
    let mut unread = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = unread.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut unread).await.ok()? == 0 {
                return None;
            }
        };
        let head: Vec<u8> = unread.drain(..end).collect();
        let head = String::from_utf8(head).ok()?.to_lowercase();
        let path = head.split(' ').nth(1)?.trim_start_matches('/').to_owned();
        let field = |name: &str| {
            let line = head.lines().find(|line| line.starts_with(&format!("{name}:")))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        state.requests.fetch_add(1, Relaxed);
        answer(&mut stream, state, &path, field("if-none-match"), field("prefer")).await?;
    }
}

async fn answer(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    state: &State,
    path: &str,
    known: Option<String>,
    prefer: Option<String>,
) -> Option<()> {
    let misdeed = *state.misdeed.lock().unwrap_or_else(PoisonError::into_inner);
    let misdeed = misdeed.and_then(|(end, misdeed)| path.ends_with(end).then_some(misdeed));
    let file = || std::fs::read(state.folder.join(path)).ok();
    let tag = |bytes: &[u8]| format!("\"{}\"", hex(sha256(&[bytes])));
    match misdeed {
        None => {}
        Some(Misdeed::Status(status)) => {
            let text = format!("HTTP/1.1 {status} Odd\r\ncontent-length: 0\r\n\r\n");
            return stream.write_all(text.as_bytes()).await.ok();
        }
        Some(Misdeed::Breaks) => {
            let bytes = file()?;
            let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.write_all(bytes.split_at(bytes.len() / 2).0).await.ok()?;
            return None;
        }
        Some(Misdeed::Endless) => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
            stream.write_all(head).await.ok()?;
            loop {
                stream.write_all(&[b'{'; 4096]).await.ok()?;
            }
        }
        Some(Misdeed::Drips) => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
                .await
                .ok()?;
            loop {
                stream.write_all(b" ").await.ok()?;
                // What a slow sender does; nothing waits for it.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    let mut bytes = file();
    while state.waits && prefer.is_some() && known.is_some() && bytes.as_deref().map(tag) == known {
        // A server that knows when its files change; this one looks.
        tokio::time::sleep(Duration::from_millis(5)).await;
        bytes = file();
    }
    match bytes {
        None => stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            .await
            .ok(),
        Some(bytes) if known.as_ref() == Some(&tag(&bytes)) => {
            state.unchanged.fetch_add(1, Relaxed);
            let text = format!("HTTP/1.1 304 Not Modified\r\netag: {}\r\n\r\n", tag(&bytes));
            stream.write_all(text.as_bytes()).await.ok()
        }
        Some(bytes) => {
            let text = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: {}\r\n\r\n",
                bytes.len(),
                tag(&bytes)
            );
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.write_all(&bytes).await.ok()
        }
    }
}
