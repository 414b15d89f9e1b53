//! Reads along on an HTTP/2 connection, frame heads only, for what neither hyper nor h2 tells or bounds: how many frames carry no
//! request, how many streams are cancelled, which requests have no whole answer yet, and whether a head is being dripped.
//!
//! It changes no byte. Beyond a bound it makes the connection fail.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Of the client's connection preface; frames follow.
const PREFACE_BYTES: usize = 24;
/// Of a frame's head (RFC 9113 section 4.1).
const HEAD_BYTES: usize = 9;
/// A bucket holds so many seconds' worth.
const BURST_S: u64 = 10;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// A frame's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Frame {
    fn read(head: [u8; HEAD_BYTES]) -> Self {
        let [a, b, c, kind, flags, s, t, u, v] = head;
        Self {
            length: usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX),
            kind,
            flags,
            stream: u32::from_be_bytes([s & 0x7f, t, u, v]),
        }
    }

    const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Finds frames in bytes that come in any parts.
#[derive(Debug)]
struct Frames {
    skip: usize,
    head: [u8; HEAD_BYTES],
    have: usize,
    current: Option<Frame>,
}

/// What [`Frames`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Begin(Frame),
    End(Frame),
}

impl Frames {
    const fn after(skip: usize) -> Self {
        Self {
            skip,
            head: [0; HEAD_BYTES],
            have: 0,
            current: None,
        }
    }

    /// Whether it ended within a frame's head, or within a frame that is no data.
    fn is_inside_head(&self) -> bool {
        self.have > 0 || self.current.is_some_and(|frame| frame.kind != DATA)
    }

    fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen)) {
        loop {
            if self.skip > 0 {
                let length = self.skip.min(bytes.len());
                bytes = bytes.get(length..).unwrap_or_default();
                self.skip -= length;
                if self.skip > 0 {
                    return;
                }
            }
            if let Some(whole) = self.current.take() {
                seen(Seen::End(whole));
            }
            if bytes.is_empty() {
                return;
            }
            let missing = (HEAD_BYTES - self.have).min(bytes.len());
            let (part, rest) = bytes.split_at(missing);
            if let Some(room) = self.head.get_mut(self.have..self.have + missing) {
                room.copy_from_slice(part);
            }
            self.have += missing;
            bytes = rest;
            if self.have < HEAD_BYTES {
                return;
            }
            self.have = 0;
            let frame = Frame::read(self.head);
            seen(Seen::Begin(frame));
            self.skip = frame.length;
            self.current = Some(frame);
        }
    }
}

/// So many per second, and ten times as many at once.
#[derive(Debug)]
struct Bucket {
    per_s: u64,
    /// Thousandths of what may still come.
    level: Cell<u64>,
    filled: Cell<Instant>,
}

impl Bucket {
    fn new(per_s: u64) -> Self {
        Self {
            per_s,
            level: Cell::new(per_s.saturating_mul(BURST_S * 1000)),
            filled: Cell::new(Instant::now()),
        }
    }

    fn add(&self, thousandths: u64) {
        let full = self.per_s.saturating_mul(BURST_S * 1000);
        self.level
            .set(self.level.get().saturating_add(thousandths).min(full));
    }

    /// Takes one; whether there was one.
    fn take(&self) -> bool {
        let now = Instant::now();
        let elapsed = now.duration_since(self.filled.get()).as_millis();
        if elapsed > 0 {
            self.filled.set(now);
            self.add(
                u64::try_from(elapsed)
                    .unwrap_or(u64::MAX)
                    .saturating_mul(self.per_s),
            );
        }
        let left = self.level.get().checked_sub(1000);
        self.level.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// Bounds of what is read along.
#[derive(Debug, Clone, Copy)]
pub(super) struct WatchLimits {
    pub(super) control_frames_per_s: u64,
    pub(super) resets_per_s: u64,
    /// Streams that may be open; somewhat more may be seen, because refusals take a moment.
    pub(super) streams_max: u32,
}

/// What was seen on one connection so far.
#[derive(Debug)]
pub(super) struct Wire {
    limits: WatchLimits,
    control: Bucket,
    resets: Bucket,
    /// Requests whose response is not wholly written.
    unanswered: RefCell<Vec<u32>>,
    newest: Cell<u32>,
    going_away: Cell<bool>,
    headers_open: Cell<bool>,
    /// Since when a request's head, or a frame that is no data, is not complete.
    head_since: Cell<Option<Instant>>,
    written: Cell<usize>,
    flooded: Cell<Option<&'static str>>,
}

impl Wire {
    pub(super) fn new(limits: WatchLimits) -> Rc<Self> {
        Rc::new(Self {
            control: Bucket::new(limits.control_frames_per_s),
            resets: Bucket::new(limits.resets_per_s),
            limits,
            unanswered: RefCell::default(),
            newest: Cell::new(0),
            going_away: Cell::new(false),
            headers_open: Cell::new(false),
            head_since: Cell::new(None),
            written: Cell::new(0),
            flooded: Cell::new(None),
        })
    }

    /// Requests whose response is not wholly written.
    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.borrow().len()
    }

    /// Whether no request ever came.
    pub(super) const fn is_fresh(&self) -> bool {
        self.newest.get() == 0
    }

    /// Since when the client drips a head.
    pub(super) const fn head_since(&self) -> Option<Instant> {
        self.head_since.get()
    }

    /// Bytes written since this was asked last.
    pub(super) const fn take_written(&self) -> usize {
        self.written.replace(0)
    }

    /// What there was too much of, a stable word.
    pub(super) const fn flooded(&self) -> Option<&'static str> {
        self.flooded.get()
    }

    fn flood(&self, what: &'static str) {
        self.flooded.set(self.flooded.get().or(Some(what)));
    }

    fn received(&self, seen: Seen) {
        match seen {
            Seen::Begin(frame) => {
                match frame.kind {
                    DATA if frame.length > 0 || frame.has(END_STREAM) => {}
                    HEADERS => self.opened(frame.stream),
                    CONTINUATION if frame.length > 0 => {}
                    RST_STREAM => {
                        self.closed(frame.stream);
                        if !self.resets.take() {
                            self.flood("http2-resets");
                        }
                    }
                    _ => {
                        if !self.control.take() {
                            self.flood("http2-control-frames");
                        }
                    }
                }
                if frame.kind == HEADERS {
                    self.headers_open.set(true);
                }
            }
            Seen::End(frame) => {
                if matches!(frame.kind, HEADERS | CONTINUATION) && frame.has(END_HEADERS) {
                    self.headers_open.set(false);
                }
            }
        }
    }

    /// Notes whether the client is in the midst of a head.
    fn paused(&self, in_frame: bool) {
        if !in_frame && !self.headers_open.get() {
            self.head_since.set(None);
        } else if self.head_since.get().is_none() {
            self.head_since.set(Some(Instant::now()));
        }
    }

    fn sent(&self, seen: Seen) {
        let Seen::Begin(frame) = seen else { return };
        match frame.kind {
            DATA | HEADERS => {
                // What it takes it acknowledges, with up to two frames for each of ours.
                self.control.add(2000);
                if frame.has(END_STREAM) {
                    self.closed(frame.stream);
                }
            }
            RST_STREAM => self.closed(frame.stream),
            GOAWAY => self.going_away.set(true),
            _ => {}
        }
    }

    fn opened(&self, stream: u32) {
        // Later headers of a known stream are trailers; streams after a GOAWAY are ignored.
        if stream <= self.newest.get() || self.going_away.get() {
            return;
        }
        self.newest.set(stream);
        let mut unanswered = self.unanswered.borrow_mut();
        unanswered.push(stream);
        let most = usize::try_from(self.limits.streams_max).unwrap_or(usize::MAX);
        if unanswered.len() > most.saturating_mul(2).saturating_add(64) {
            self.flood("http2-streams");
        }
    }

    fn closed(&self, stream: u32) {
        let mut unanswered = self.unanswered.borrow_mut();
        if let Some(at) = unanswered.iter().position(|open| *open == stream) {
            unanswered.swap_remove(at);
        }
    }
}

/// A stream that is read along on.
#[derive(Debug)]
pub(super) struct Watched<T> {
    stream: T,
    wire: Rc<Wire>,
    received: Frames,
    sent: Frames,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, wire: Rc<Wire>) -> Self {
        Self {
            stream,
            wire,
            received: Frames::after(PREFACE_BYTES),
            sent: Frames::after(0),
        }
    }

    fn passed(&mut self, bytes: &[u8]) {
        let wire = &self.wire;
        wire.written.set(wire.written.get().saturating_add(bytes.len()));
        self.sent.feed(bytes, |seen| wire.sent(seen));
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let read = buf.filled().get(before..).unwrap_or_default();
        let wire = &this.wire;
        this.received.feed(read, |seen| wire.received(seen));
        wire.paused(this.received.is_inside_head());
        match wire.flooded.get() {
            Some(what) => Poll::Ready(Err(io::Error::other(what))),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buf))?;
        self.passed(buf.get(..written).unwrap_or_default());
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bufs))?;
        let mut left = written;
        for buf in bufs {
            let part = left.min(buf.len());
            self.passed(buf.get(..part).unwrap_or_default());
            left -= part;
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }

    const LIMITS: WatchLimits = WatchLimits {
        control_frames_per_s: 2,
        resets_per_s: 1,
        streams_max: 4,
    };

    /// What is known after the client sent `received` in parts of `part` bytes, and the server `sent`.
    async fn wire(received: &[u8], sent: &[u8], part: usize) -> Rc<Wire> {
        let wire = Wire::new(LIMITS);
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut watched = Watched::new(server, Rc::clone(&wire));
        client.write_all(&[0; PREFACE_BYTES]).await.unwrap();
        client.write_all(received).await.unwrap();
        let mut left = PREFACE_BYTES + received.len();
        while left > 0 {
            let mut room = vec![0; part.min(left)];
            let Ok(read) = watched.read(&mut room).await else {
                break;
            };
            left -= read;
        }
        watched.write_all(sent).await.unwrap();
        wire
    }

    #[tokio::test]
    async fn requests_are_unanswered_until_their_response_ends() {
        let request = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, b"abc");
        let received = [
            request(1),
            request(3),
            request(5),
            frame(RST_STREAM, 0, 5, &[0; 4]),
        ]
        .concat();
        let sent = [
            frame(4, 0, 0, &[]),
            frame(HEADERS, END_HEADERS, 1, b"d"),
            frame(DATA, 0, 1, b"e"),
            frame(HEADERS, END_HEADERS | END_STREAM, 3, b"f"),
        ]
        .concat();
        for part in [1, 2, 7, 1000] {
            let wire = wire(&received, &sent, part).await;
            assert_eq!(
                (wire.unanswered(), wire.is_fresh()),
                (1, false),
                "parts of {part}"
            );
            assert_eq!(wire.take_written(), sent.len());
            assert_eq!((wire.head_since(), wire.flooded()), (None, None));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_is_not_complete_is_seen() {
        let whole = frame(HEADERS, END_HEADERS, 1, b"abc");
        let open = frame(HEADERS, 0, 1, b"abc");
        let body = frame(DATA, 0, 1, b"abc");
        let check = async |received: &[u8], expect: bool| {
            assert_eq!(
                wire(received, b"", 1000).await.head_since().is_some(),
                expect,
                "{received:?}"
            );
        };
        check(&whole, false).await;
        check(&whole[..5], true).await;
        check(&whole[..10], true).await;
        check(&open, true).await;
        check(&[&open[..], &frame(CONTINUATION, 0, 1, b"d")].concat(), true).await;
        check(
            &[&open[..], &frame(CONTINUATION, END_HEADERS, 1, b"d")].concat(),
            false,
        )
        .await;
        check(&[&whole[..], &body[..10]].concat(), false).await;
    }

    #[tokio::test(start_paused = true)]
    async fn floods_are_seen_and_what_is_usual_is_not() {
        const PING: u8 = 6;
        let check = async |frames: Vec<u8>, expect: Option<&str>| {
            assert_eq!(wire(&frames, b"", 1000).await.flooded(), expect);
        };
        let times = |count, frame: Vec<u8>| frame.repeat(count);
        check(times(20, frame(PING, 0, 0, &[0; 8])), None).await;
        check(
            times(21, frame(PING, 0, 0, &[0; 8])),
            Some("http2-control-frames"),
        )
        .await;
        check(times(21, frame(DATA, 0, 1, &[])), Some("http2-control-frames")).await;
        check(
            times(21, frame(CONTINUATION, 0, 1, &[])),
            Some("http2-control-frames"),
        )
        .await;
        check(times(21, frame(77, 0, 1, &[1])), Some("http2-control-frames")).await;
        check(times(100, frame(DATA, 0, 1, &[1])), None).await;
        check(times(10, frame(RST_STREAM, 0, 1, &[0; 4])), None).await;
        check(times(11, frame(RST_STREAM, 0, 1, &[0; 4])), Some("http2-resets")).await;
        let streams = |count: u8| {
            (0..count)
                .flat_map(|n| frame(HEADERS, END_HEADERS, 2 * n + 1, b"a"))
                .collect()
        };
        check(streams(72), None).await;
        check(streams(73), Some("http2-streams")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_fills_again() {
        let bucket = Bucket::new(2);
        let taken = || (0..100).take_while(|_| bucket.take()).count();
        assert_eq!(taken(), 20);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(taken(), 6);
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(taken(), 20);
    }
}
