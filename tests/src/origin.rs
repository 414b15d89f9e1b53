//! An upstream that plays a part: for each request it does what the test says, well or badly. It can be down, and come back on the
//! same port. It keeps nothing of what it saw but the count.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::wire::{Message, Wire};

#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 32 << 10;

/// What an upstream does with one request.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes and waits for the next request.
    Reply(Vec<u8>),
    /// Sends these bytes, of which there is one copy, and waits for the next request.
    Shared(Arc<[u8]>),
    /// Sends these bytes and closes its sending side only.
    HalfClose(Vec<u8>),
    /// Sends these bytes and closes.
    HangUp(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
    /// Never answers.
    Silence,
}

impl Act {
    /// A good JSON answer.
    #[must_use]
    pub fn json(body: &str) -> Self {
        Self::Reply(json(body).into_bytes())
    }
}

/// A whole good response with this body.
#[must_use]
pub fn json(body: &str) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    format!("{head}{}\r\n\r\n{body}", body.len())
}

type Play = Arc<dyn Fn(&Message) -> Act + Send + Sync>;

/// A running upstream.
pub struct Origin {
    address: SocketAddr,
    play: Play,
    served: Arc<AtomicU64>,
    serving: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Origin {
    /// Opens on a free loopback port.
    pub async fn open(play: impl Fn(&Message) -> Act + Send + Sync + 'static) -> Self {
        let mut origin = Self {
            address: crate::deployment::free_address(),
            play: Arc::new(play),
            served: Arc::default(),
            serving: None,
        };
        origin.comes_back().await;
        origin
    }

    /// One that answers everything well.
    pub async fn sound() -> Self {
        Self::open(|_| Act::json("{}")).await
    }

    /// `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that arrived whole.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }

    /// Stops listening and cuts every connection.
    pub async fn goes_down(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _cancelled = serving.await;
        }
    }

    /// Listens again, where it did.
    pub async fn comes_back(&mut self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.address.port()))
            .await
            .unwrap();
        self.serving = Some(serve(listener, Arc::clone(&self.play), Arc::clone(&self.served)));
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

fn serve(listener: TcpListener, play: Play, served: Arc<AtomicU64>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    // Out of descriptors, perhaps: whoever waits is served when one is free.
                    let Ok((stream, _)) = accepted else { continue };
                    keep_little(&stream);
                    connections.spawn(converse(Wire::over(stream).patiently(), Arc::clone(&play), Arc::clone(&served)));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    })
}

/// Lets the kernel take little more than it can send, as a server with many clients does: copying a large response for nobody would
/// cost the machine that all share here.
fn keep_little(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    let _more = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES).is_err();
    #[cfg(not(target_os = "linux"))]
    let _more = stream;
}

async fn converse(mut wire: Wire, play: Play, served: Arc<AtomicU64>) {
    while let Some(message) = wire.message().await {
        served.fetch_add(1, Ordering::SeqCst);
        match play(&message) {
            Act::Reply(bytes) => {
                if !wire.send(bytes).await {
                    return;
                }
            }
            Act::Shared(bytes) => {
                if !wire.send(&bytes[..]).await {
                    return;
                }
            }
            Act::HalfClose(bytes) => {
                wire.send(bytes).await;
                wire.half_close().await;
                wire.closed().await;
                return;
            }
            Act::HangUp(bytes) => {
                wire.send(bytes).await;
                return;
            }
            Act::Reset(bytes) => {
                wire.send(bytes).await;
                wire.reset();
                return;
            }
            Act::Silence => std::future::pending().await,
        }
    }
}
