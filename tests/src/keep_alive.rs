//! A client as real ones are: it keeps its connection while it does not know it closed, and repeats a request only if its method is
//! idempotent and the connection closed before a byte of the response. Whatever else goes wrong is an error.

use std::time::Duration;

use attest_mobile::{Headers, HttpReply};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::wire::Wire;

/// Attempts at one request.
const ATTEMPTS: u32 = 4;
/// No exchange takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why an exchange failed for good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Nobody accepts connections.
    #[error("nobody accepts connections")]
    Refused,
    /// The connection closed before the response, and the request may not be sent again.
    #[error("closed before the response")]
    Unanswered,
    /// The connection closed within the response.
    #[error("closed within the response")]
    Broken,
    /// Nothing came.
    #[error("no response in time")]
    Silence,
}

/// A client of one `host:port`.
#[derive(Debug)]
pub struct KeepAlive {
    authority: String,
    wire: Option<Wire>,
    /// Requests that were sent once more.
    pub repeated: u64,
}

impl KeepAlive {
    /// A client that has not connected yet.
    #[must_use]
    pub fn new(authority: impl std::fmt::Display) -> Self {
        Self {
            authority: authority.to_string(),
            wire: None,
            repeated: 0,
        }
    }

    /// Sends one request and reads its reply.
    ///
    /// # Errors
    /// [`ExchangeError`]
    pub async fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &Headers,
        body: &str,
    ) -> Result<HttpReply, ExchangeError> {
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", self.authority);
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            bytes.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        bytes.push_str("\r\n");
        bytes.push_str(body);
        let idempotent = ["GET", "HEAD", "PUT", "DELETE"].contains(&method);
        let mut attempts = 1;
        loop {
            let exchange = timeout(PATIENCE, self.once(&bytes)).await;
            match exchange.unwrap_or(Err(ExchangeError::Silence)) {
                Err(ExchangeError::Unanswered) if idempotent && attempts < ATTEMPTS => {
                    attempts += 1;
                    self.repeated += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn once(&mut self, bytes: &str) -> Result<HttpReply, ExchangeError> {
        let kept = self
            .wire
            .take()
            .and_then(|mut wire| (!wire.is_over()).then_some(wire));
        let mut wire = match kept {
            Some(wire) => wire,
            None => {
                let stream = TcpStream::connect(&self.authority).await;
                Wire::over(stream.map_err(|_| ExchangeError::Refused)?)
            }
        };
        // A refused byte is not the last word: the reply may be there already.
        let _taken = wire.send(bytes).await;
        if !wire.more().await {
            return Err(ExchangeError::Unanswered);
        }
        let reply = wire.reply().await.ok_or(ExchangeError::Broken)?;
        if reply.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        Ok(reply)
    }
}
