//! A backend that keeps every request exactly as it arrived and answers with any bytes. It can be down, and come back on the
//! same port.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::wire::{Message, Wire};

/// What it answers unless told otherwise.
pub const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";

#[derive(Debug)]
struct State {
    arrived: Mutex<Vec<Message>>,
    /// `None`: reads and never answers.
    answer: Mutex<Option<Vec<u8>>>,
}

/// A running backend.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    state: Arc<State>,
    serving: Option<JoinHandle<()>>,
}

impl Backend {
    /// Opens on a free loopback port.
    pub async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Mutex::new(Some(OK.as_bytes().to_vec()));
        let state = Arc::new(State {
            arrived: Mutex::default(),
            answer,
        });
        let serving = Some(serve(listener, Arc::clone(&state)));
        Self {
            address,
            state,
            serving,
        }
    }

    /// `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers every further request with these bytes.
    pub fn answers(&self, bytes: impl Into<Vec<u8>>) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.into());
    }

    /// Reads every further request and never answers.
    pub fn falls_silent(&self) {
        *self.state.answer.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What arrived since the last look.
    pub fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.state.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The only request that arrived since the last look.
    pub fn only(&self) -> Message {
        let mut arrived = self.take();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived.pop().unwrap()
    }

    /// Stops listening and cuts every connection.
    pub async fn goes_down(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // Cancelled, as asked.
            let _cancelled = serving.await;
        }
    }

    /// Listens again, where it did.
    pub async fn comes_back(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.serving = Some(serve(listener, Arc::clone(&self.state)));
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

fn serve(listener: TcpListener, state: Arc<State>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let state = Arc::clone(&state);
            connections.spawn(async move {
                let mut wire = Wire::over(stream).patiently();
                // An idle connection waits without a limit, so that the scene decides how long it lives.
                while let Some(message) = wire.message().await {
                    state
                        .arrived
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(message);
                    let answer = state
                        .answer
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .clone();
                    match answer {
                        Some(answer) => drop(wire.send(answer).await),
                        None => std::future::pending().await,
                    }
                }
            });
        }
    })
}
