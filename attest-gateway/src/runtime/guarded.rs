//! A client's connection as the HTTP library may see it: requests that the guard let through, and at most one stand-in for one
//! that it did not. It owns the time that a head may take.
//!
//! No byte of a head is handed on before the guard judged it together with everything that was read behind it. Bodies are read
//! straight into the library's buffer; only the beginning of a head that is not whole yet is kept here, within its bound.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::exchange::Exchanges;
use super::head_refusal::STAND_IN;
use super::head_wait::HeadWait;
use crate::guard::{Guard, Limits, Next, Reason, Verdict};

/// A guarded stream.
#[derive(Debug)]
pub(super) struct Guarded<T> {
    stream: T,
    guard: Guard,
    exchanges: Exchanges,
    wait: HeadWait,
    stage: Stage,
    /// Requests handed on.
    heads: u64,
    /// What was read and not handed on.
    held: BytesMut,
    /// So much of it may be.
    judged: usize,
    head_bytes: usize,
    /// The client does not take what is written just now.
    blocked: bool,
}

#[derive(Debug)]
enum Stage {
    Guarding,
    /// The last request was handed on, or its stand-in. What still comes is dropped unread, up to a bound.
    Refused {
        dropped: usize,
        linger: Option<Pin<Box<Sleep>>>,
    },
    /// Not HTTP any more.
    Switched,
}

/// What is read at once behind a head that is not whole.
const PART_BYTES: usize = 4096;
/// A refused client that sends more than this is cut off without hearing why.
const DROPPED_BYTES: usize = 256 * 1024;
/// For so long a refused client is read from after the refusal was written: closing with bytes unread would tell the system
/// to reset the connection, and the refusal could be lost with it.
const LINGER: Duration = Duration::from_secs(1);

impl<T> Guarded<T> {
    /// Guards a connection that was accepted at `accepted`.
    pub(super) fn new(
        stream: T,
        limits: Limits,
        head_timeout: Duration,
        accepted: Instant,
        exchanges: Exchanges,
    ) -> Self {
        Self {
            stream,
            guard: Guard::new(limits),
            exchanges,
            wait: HeadWait::new(accepted, head_timeout),
            stage: Stage::Guarding,
            heads: 0,
            held: BytesMut::new(),
            judged: 0,
            head_bytes: limits.head_bytes,
            blocked: false,
        }
    }

    fn hand_on(&mut self, buf: &mut ReadBuf<'_>) {
        let count = self.judged.min(buf.remaining());
        buf.put_slice(self.held.get(..count).unwrap_or_default());
        self.held.advance(count);
        self.judged = self.judged.saturating_sub(count);
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }

    /// Judges what is held. An error breaks the body that is on its way.
    fn judge_held(&mut self) -> io::Result<()> {
        let verdict = self.guard.judge(&self.held);
        self.judged = verdict.safe;
        self.follow(verdict)
    }

    /// Does what the guard says about the bytes behind the safe ones, which are held.
    fn follow(&mut self, verdict: Verdict) -> io::Result<()> {
        if verdict.heads > 0 {
            self.heads = self
                .heads
                .saturating_add(u64::try_from(verdict.heads).unwrap_or(u64::MAX));
        }
        match verdict.next {
            Next::More | Next::Answer => Ok(()),
            Next::Refused(reason) => {
                self.refuse(reason);
                Ok(())
            }
            Next::Broken(reason) => {
                tracing::debug!(reason = reason.code(), "a request body was broken off");
                self.stop();
                Err(io::Error::new(io::ErrorKind::InvalidData, reason))
            }
        }
    }

    /// Puts the stand-in where the refused request was.
    fn refuse(&mut self, reason: Reason) {
        self.exchanges.refuse(self.heads, reason);
        self.held.truncate(self.judged);
        self.held.extend_from_slice(STAND_IN);
        self.judged = self.held.len();
        self.stage = Stage::Refused {
            dropped: 0,
            linger: None,
        };
    }

    fn stop(&mut self) {
        self.held.clear();
        self.judged = 0;
        self.stage = Stage::Refused {
            dropped: 0,
            linger: None,
        };
    }

    /// Follows the answer to a request that asked to leave HTTP/1.1. Returns whether anything changed.
    fn follow_answer(&mut self, cx: &Context<'_>) -> io::Result<bool> {
        self.exchanges.wake_with_answer(cx);
        if self.exchanges.has_switched() {
            self.stage = Stage::Switched;
            self.judged = self.held.len();
            return Ok(true);
        }
        if !self.exchanges.all_answered(self.heads) {
            return Ok(false);
        }
        self.guard.stays();
        self.judge_held()?;
        Ok(true)
    }
}

impl<T: AsyncRead + Unpin> Guarded<T> {
    /// Reads into the library's buffer and takes back what it may not have.
    fn poll_through(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<Read>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        if new.is_empty() {
            return Poll::Ready(Ok(Read::Nothing));
        }
        let verdict = self.guard.judge(new);
        if matches!(verdict.next, Next::More | Next::Answer) {
            let rest = new.get(verdict.safe..).unwrap_or_default();
            if !rest.is_empty() {
                self.held.extend_from_slice(rest);
            }
        }
        buf.set_filled(before.saturating_add(verdict.safe));
        self.follow(verdict)?;
        Poll::Ready(Ok(Read::Some))
    }

    /// Reads behind what is held.
    fn poll_behind(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        let start = self.held.len();
        if start >= self.head_bytes {
            // Only behind a request whose answer is awaited; it is polled again with the answer.
            return Poll::Pending;
        }
        self.held.resize(start.saturating_add(PART_BYTES), 0);
        let mut part = ReadBuf::new(self.held.get_mut(start..).unwrap_or_default());
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut part);
        let read = part.filled().len();
        self.held.truncate(start.saturating_add(read));
        ready!(polled)?;
        if read == 0 {
            return Poll::Ready(Ok(Read::Nothing));
        }
        if self.guard.awaits_head() {
            self.judge_held()?;
        }
        Poll::Ready(Ok(Read::Some))
    }

    /// Nothing more can be read now: waits, and gives up on a head that is late.
    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        // A client that still takes its answer is not late with its next request.
        let waited = self.guard.awaits_head() && !self.blocked && self.exchanges.all_answered(self.heads);
        if waited {
            self.wait.begin(self.exchanges.last_answer());
        }
        ready!(self.wait.poll_late(cx, waited));
        if self.held.is_empty() {
            return Poll::Ready(Late::Silent);
        }
        self.refuse(Reason::HeadTimeout);
        Poll::Ready(Late::Begun)
    }

    /// Drops what still comes. Ready when nothing does any more, or too much.
    fn poll_drop(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Stage::Refused { dropped, .. } = &mut self.stage else {
            return Poll::Ready(());
        };
        let mut part = [0; 2048];
        while *dropped < DROPPED_BYTES {
            let mut part = ReadBuf::new(&mut part);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part)) {
                Ok(()) if !part.filled().is_empty() => {
                    *dropped = dropped.saturating_add(part.filled().len());
                }
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(())
    }
}

/// The outcome of a read.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Some,
    /// The client sends no more.
    Nothing,
}

/// What a head was late with.
#[derive(Debug, PartialEq, Eq)]
enum Late {
    /// All of it: there is nobody to tell.
    Silent,
    Begun,
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            if this.judged > 0 {
                this.hand_on(buf);
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            match this.stage {
                Stage::Guarding => {}
                Stage::Refused { .. } => {
                    // Never the end: the library would take it for a client that left, and drop the answers it owes.
                    let _nothing = this.poll_drop(cx);
                    return Poll::Pending;
                }
                Stage::Switched => return Pin::new(&mut this.stream).poll_read(cx, buf),
            }
            if this.guard.awaits_answer() && this.follow_answer(cx)? {
                continue;
            }
            let read = if this.held.is_empty() && !this.guard.awaits_answer() {
                this.poll_through(cx, buf)
            } else {
                this.poll_behind(cx)
            };
            match read {
                Poll::Ready(Ok(Read::Some)) => {}
                Poll::Ready(Ok(Read::Nothing)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => match ready!(this.poll_wait(cx)) {
                    Late::Silent => return Poll::Ready(Ok(())),
                    Late::Begun => {}
                },
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> Guarded<T> {
    fn poll_out<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let outcome = write(Pin::new(&mut self.stream), cx);
        if self.blocked && outcome.is_ready() {
            self.wait.begin(Instant::now());
        }
        self.blocked = outcome.is_pending();
        outcome
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_out(cx, |stream, cx| stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_out(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Stage::Refused { linger: None, .. } = this.stage {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
        }
        let Stage::Refused { linger, .. } = &mut this.stage else {
            return Pin::new(&mut this.stream).poll_shutdown(cx);
        };
        let linger = linger.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + LINGER)));
        if linger.as_mut().poll(cx).is_ready() || this.poll_drop(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
