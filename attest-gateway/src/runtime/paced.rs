//! A client's socket that gives up on a client that stops taking what it asked for, or takes it too slowly.
//!
//! Without it, a client that asks and never reads would hold a connection, and an upstream's, for ever. It stands directly
//! on the socket, so it sees handshakes and every protocol; it holds the connection's place for as long as the socket is open,
//! also when an upgrade has taken it elsewhere.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::idle::IdleTimer;

/// Bytes that the kernel takes beyond what it can send. Small, because a client's pace is seen only where the kernel takes no
/// more: with this, whoever takes half of it within the longest pause is alive.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 32 << 10;
/// How long the kernel keeps what a client does not acknowledge, also after the connection was closed here.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] after standing still, or moving too slowly, for too long.
#[derive(Debug)]
pub(super) struct Paced<T, P> {
    stream: T,
    timer: IdleTimer,
    /// Given back when the stream is closed.
    _place: P,
}

impl<T, P> Paced<T, P> {
    /// Gives up after `idle` without a byte, or when it has lost as much time below `rate_min` bytes per second.
    pub(super) fn new(stream: T, idle: Duration, rate_min: u64, place: P) -> Self {
        Self {
            stream,
            timer: IdleTimer::new(idle, None).with_rate(rate_min),
            _place: place,
        }
    }
}

/// Prepares a socket for being paced.
pub(super) fn prepare(stream: &TcpStream) {
    // Responses are written whole; waiting to fill a segment only adds latency.
    let _unsupported = stream.set_nodelay(true).is_err();
    #[cfg(target_os = "linux")]
    {
        let socket = SockRef::from(stream);
        let _unsupported = socket.set_tcp_notsent_lowat(UNSENT_BYTES).is_err();
        let _unsupported = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED)).is_err();
    }
}

impl<T: AsyncWrite + Unpin, P: Unpin> Paced<T, P> {
    fn poll_moving(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let outcome = write(Pin::new(&mut self.stream), cx);
        if let Poll::Ready(outcome) = outcome {
            self.timer.moved_by(*outcome.as_ref().unwrap_or(&0));
            return Poll::Ready(outcome);
        }
        self.timer
            .poll_stalled(cx)
            .map(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin, P: Unpin> AsyncRead for Paced<T, P> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin, P: Unpin> AsyncWrite for Paced<T, P> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_moving(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_moving(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_moving(cx, |stream, cx| stream.poll_flush(cx).map_ok(|()| 0))
            .map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_moving(cx, |stream, cx| stream.poll_shutdown(cx).map_ok(|()| 0))
            .map_ok(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// What becomes of 64 KiB for a client that takes `bytes` once in `pause` seconds.
    async fn outcome(pause: u64, bytes: usize) -> io::Result<()> {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut stream = Paced::new(server, Duration::from_secs(10), 1000, ());
        let reading = async {
            let mut part = vec![0; bytes];
            loop {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                if client.read(&mut part).await.unwrap() == 0 {
                    return;
                }
            }
        };
        let writing = async {
            let outcome = stream.write_all(&[0; 64 << 10]).await;
            drop(stream);
            outcome
        };
        tokio::join!(writing, reading).0
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_or_drips_is_given_up_and_a_slow_one_is_not() {
        let check = |outcome: io::Result<()>, expect: Option<io::ErrorKind>| {
            assert_eq!(outcome.err().map(|error| error.kind()), expect);
        };
        check(outcome(100, 1).await, Some(io::ErrorKind::TimedOut));
        check(outcome(1, 1).await, Some(io::ErrorKind::TimedOut));
        check(outcome(1, 1024).await, None);
    }

    #[tokio::test]
    async fn the_place_is_kept_until_the_stream_is_gone() {
        let place = std::sync::Arc::new(());
        let (_client, server) = tokio::io::duplex(8);
        let stream = Paced::new(server, Duration::from_secs(1), 1, std::sync::Arc::clone(&place));
        assert_eq!(std::sync::Arc::strong_count(&place), 2);
        drop(stream);
        assert_eq!(std::sync::Arc::strong_count(&place), 1);
    }
}
