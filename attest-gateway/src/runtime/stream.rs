//! A client's connection that gives up on a client that stops taking its response.
//!
//! Without it, a client that asks and never reads would hold a connection, and an upstream's, for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::idle::IdleTimer;

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] after standing still for too long.
#[derive(Debug)]
pub(super) struct ClientStream<T> {
    stream: T,
    timer: IdleTimer,
}

impl<T> ClientStream<T> {
    pub(super) fn new(stream: T, write_idle: Duration) -> Self {
        Self {
            stream,
            timer: IdleTimer::new(write_idle, None),
        }
    }
}

impl<T: AsyncWrite + Unpin> ClientStream<T> {
    fn poll_moving<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let outcome = write(Pin::new(&mut self.stream), cx);
        if outcome.is_ready() {
            self.timer.moved();
            return outcome;
        }
        self.timer
            .poll_stalled(cx)
            .map(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for ClientStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for ClientStream<T> {
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
        self.poll_moving(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_moving(cx, AsyncWrite::poll_shutdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_given_up() {
        let (client, server) = tokio::io::duplex(8);
        let mut stream = ClientStream::new(server, Duration::from_secs(30));
        let error = stream
            .write_all(b"more than fits into the pipe")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_is_not() {
        let (mut client, server) = tokio::io::duplex(8);
        let mut stream = ClientStream::new(server, Duration::from_secs(30));
        let reading = async {
            let mut taken = 0;
            while taken < 64 {
                tokio::time::sleep(Duration::from_secs(29)).await;
                taken += client.read(&mut [0; 8]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&[0; 64]), reading);
        written.unwrap();
    }
}
