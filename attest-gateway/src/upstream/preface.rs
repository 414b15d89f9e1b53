//! Notices whether an upstream speaks HTTP/2 at all: the first bytes that it sends must be a SETTINGS frame (RFC 9113 section
//! 3.4). No request is sent before that is known.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::dial::Link;

/// Length, type, flags and stream of a frame.
const FRAME_HEAD_BYTES: usize = 9;
const SETTINGS: u8 = 4;

/// A connection whose first bytes are looked at on their way.
pub(super) struct Prefaced {
    link: Link,
    head: Vec<u8>,
    /// `None` once the word is out.
    word: Option<oneshot::Sender<bool>>,
}

impl Prefaced {
    /// The connection, and word of whether it speaks HTTP/2; no word when it closes before that.
    pub(super) fn new(link: Link) -> (Self, oneshot::Receiver<bool>) {
        let (word, heard) = oneshot::channel();
        let prefaced = Self {
            link,
            head: Vec::with_capacity(FRAME_HEAD_BYTES),
            word: Some(word),
        };
        (prefaced, heard)
    }

    fn saw(&mut self, bytes: &[u8]) {
        if self.word.is_none() {
            return;
        }
        let missing = FRAME_HEAD_BYTES - self.head.len().min(FRAME_HEAD_BYTES);
        self.head.extend(bytes.iter().take(missing));
        if self.head.len() == FRAME_HEAD_BYTES
            && let Some(word) = self.word.take()
        {
            // Nobody listens any more if connecting took too long.
            let _late = word.send(is_settings(&self.head)).is_err();
        }
    }
}

/// Whether these nine bytes begin a SETTINGS frame on the connection itself that is no acknowledgement.
fn is_settings(head: &[u8]) -> bool {
    matches!(head, [_, _, _, SETTINGS, flags, 0, 0, 0, 0] if flags & 1 == 0)
}

impl AsyncRead for Prefaced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.link).poll_read(cx, into))?;
        let (_, new) = into.filled().split_at(before);
        if new.is_empty() {
            // Closed: whoever waits for the word hears that none will come.
            self.word = None;
        } else {
            self.saw(new);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prefaced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.link).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.link).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.link.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.link).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_settings_frame_begins_http2() {
        let check = |head: &[u8], expect| assert_eq!(is_settings(head), expect, "{head:?}");
        check(&[0, 0, 0, 4, 0, 0, 0, 0, 0], true);
        check(&[0, 0, 18, 4, 0, 0, 0, 0, 0], true);
        check(&[0, 0, 0, 4, 1, 0, 0, 0, 0], false);
        check(&[0, 0, 8, 7, 0, 0, 0, 0, 0], false);
        check(&[0, 0, 0, 4, 0, 0, 0, 0, 1], false);
        check(b"HTTP/1.1 ", false);
    }
}
