//! HTTP/1.1 as bytes: sends what a well-behaved client refuses to send, and reads what comes back. Every wait ends.

use std::time::Duration;

use attest_mobile::{Headers, HttpReply};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No exchange of a test takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than any test runs.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);

/// Room for one read.
const PART_BYTES: usize = 64 * 1024;

/// One message, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Fields as received.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Fields after a chunked body.
    pub trailers: Headers,
}

impl Message {
    /// All values of a field, whatever its case.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let named = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
    patience: Duration,
}

impl Wire {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// A connection that was accepted.
    #[must_use]
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            unread: Vec::new(),
            patience: PATIENCE,
        }
    }

    /// Waits as long as the other side likes.
    #[must_use]
    pub fn patiently(self) -> Self {
        Self {
            patience: FOR_EVER,
            ..self
        }
    }

    /// Sends bytes; whether the other side still took them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends as many of these bytes as are taken at once, and returns how many. Nothing is lost if it is dropped.
    pub async fn send_some(&mut self, bytes: &[u8]) -> usize {
        self.stream.write(bytes).await.unwrap_or(0)
    }

    /// Reads some more; whether there was more.
    pub async fn more(&mut self) -> bool {
        self.unread.reserve(PART_BYTES);
        let read = timeout(self.patience, self.stream.read_buf(&mut self.unread)).await;
        read.expect("nothing came in time").unwrap_or(0) > 0
    }

    /// Whether the other side is known to have closed already, without waiting.
    pub fn is_over(&mut self) -> bool {
        match self.stream.try_read_buf(&mut self.unread) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// What was read and not yet taken.
    pub const fn unread(&mut self) -> &mut Vec<u8> {
        &mut self.unread
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let rest = self.unread.split_off(end + 2);
                let line = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8_lossy(line.split_at(end).0).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.unread.len() < length {
            if !self.more().await {
                return None;
            }
        }
        let rest = self.unread.split_off(length);
        Some(std::mem::replace(&mut self.unread, rest))
    }

    async fn fields(&mut self) -> Option<Headers> {
        let mut fields = Headers::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                return Some(fields);
            }
            let (name, value) = line.split_once(':')?;
            fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    /// The next head, with an empty body.
    pub async fn head(&mut self) -> Option<Message> {
        let start = self.line().await?;
        let headers = self.fields().await?;
        Some(Message {
            start,
            headers,
            body: Vec::new(),
            trailers: Headers::new(),
        })
    }

    /// The next whole message; `None` if the connection closed before its end.
    pub async fn message(&mut self) -> Option<Message> {
        let mut message = self.head().await?;
        let response = message.start.starts_with("HTTP/");
        let status = message
            .start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse::<u16>().ok());
        let bodiless =
            response && status.is_some_and(|status| status < 200 || status == 204 || status == 304);
        if message
            .all("transfer-encoding")
            .iter()
            .any(|value| value.eq_ignore_ascii_case("chunked"))
        {
            loop {
                let size = self.line().await?;
                let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
                if size == 0 {
                    break;
                }
                let chunk = self.exactly(size).await?;
                message.body.extend(chunk);
                self.line().await?;
            }
            message.trailers = self.fields().await?;
        } else if let Some(length) = message.all("content-length").first().copied() {
            let length = length.parse().ok()?;
            message.body = self.exactly(length).await?;
        } else if response && !bodiless {
            while self.more().await {}
            message.body = std::mem::take(&mut self.unread);
        }
        Some(message)
    }

    /// The next reply, interim ones left out.
    pub async fn reply(&mut self) -> Option<HttpReply> {
        loop {
            let message = self.message().await?;
            let status = message.start.split(' ').nth(1)?.parse().ok()?;
            if status >= 200 {
                return Some(HttpReply {
                    status,
                    headers: message.headers,
                    body: message.body,
                });
            }
        }
    }

    /// Closes the sending side only.
    pub async fn half_close(&mut self) {
        // A peer that is gone already needs no word.
        let _gone = self.stream.shutdown().await.is_err();
    }

    /// Ends the connection by a reset, so that the other side sees an error and not an end.
    pub fn reset(self) {
        let _unsupported = self.stream.set_zero_linger().is_err();
    }

    /// Waits until the other side closes; what came before is dropped.
    pub async fn closed(&mut self) {
        while self.more().await {
            self.unread.clear();
        }
    }
}

/// Waits until something holds that happens by itself before long.
///
/// # Panics
/// When it does not: the test has failed.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, waiting).await.is_ok(), "not in time: {what}");
}

/// Sends bytes on a new connection and reads one reply; `None` if the other side closed without one.
pub async fn exchange(address: &str, bytes: impl AsRef<[u8]>) -> Option<HttpReply> {
    let mut wire = Wire::open(address).await;
    // A peer that refuses early may close while we still send; its reply counts.
    let _taken = wire.send(bytes).await;
    wire.reply().await
}
