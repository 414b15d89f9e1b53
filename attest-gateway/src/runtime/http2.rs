//! Serves one client connection by HTTP/2, on its core and without `Send`.
//!
//! h2 bounds streams, heads, continuations and pending resets; `h2_watch` counts what it does not. Here are the times: a
//! connection without a request, a dripped head, an idle connection, and a response that its client does not take all end, the
//! last one alone if hyper still holds it.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::ServerOptions;
use super::core::LocalDrain;
use super::h2_watch::{WatchLimits, Watched, Wire};
use super::idle::IdleTimer;
use super::served::{Served, Slot};

/// Memory that a response may take ahead of its client, for each stream: hyper's own default is six times as much.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// Connection window, in windows of a stream.
const CONNECTION_WINDOWS: u32 = 4;
/// Looks at a connection within its shortest limit.
const TICKS: u32 = 4;
/// More often would cost more than it is worth.
const TICK_MIN: Duration = Duration::from_millis(10);
/// Less often would let a limit be passed by too much.
const TICK_MAX: Duration = Duration::from_millis(2500);

/// Runs each stream of one connection on its core, and gives up on a stream whose client makes no room for its response.
#[derive(Debug, Clone)]
pub(super) struct Streams(Rc<StreamsShared>);

#[derive(Debug)]
struct StreamsShared {
    /// Of the request that the service was called for last. hyper hands its future over right after.
    next: RefCell<Option<Rc<Slot>>>,
    live: Cell<usize>,
    write_idle: Duration,
    write_rate_min: u64,
}

impl Streams {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self(Rc::new(StreamsShared {
            next: RefCell::default(),
            live: Cell::new(0),
            write_idle: options.write_idle_timeout,
            write_rate_min: options.write_rate_min,
        }))
    }

    /// The slot of the request that is being handed to the service.
    pub(super) fn slot(&self) -> Rc<Slot> {
        let slot = Rc::<Slot>::default();
        self.0.next.replace(Some(Rc::clone(&slot)));
        slot
    }

    /// Streams that hyper still holds.
    fn live(&self) -> usize {
        self.0.live.get()
    }
}

/// Counts a stream for as long as hyper holds it.
struct Live(Rc<StreamsShared>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.live.set(self.0.live.get().saturating_sub(1));
    }
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let slot = self.0.next.take().unwrap_or_default();
        self.0.live.set(self.0.live.get().saturating_add(1));
        let live = Live(Rc::clone(&self.0));
        let mut timer = IdleTimer::new(self.0.write_idle, None).with_rate(self.0.write_rate_min);
        tokio::task::spawn_local(async move {
            let _live = live;
            let mut stream = pin!(stream);
            poll_fn(|cx| {
                if stream.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                match slot.take_bytes() {
                    0 => {}
                    bytes => timer.moved_by(bytes),
                }
                if !slot.waits_for_client() {
                    timer.moved();
                    return Poll::Pending;
                }
                // Dropped, the stream is reset.
                timer.poll_stalled(cx).map(|_| {
                    tracing::debug!(code = "http2-response-not-taken", "a stream was reset");
                })
            })
            .await;
        });
    }
}

/// What is to be done about a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Keep,
    /// Say goodbye, finish what is open.
    Retire(&'static str),
    Close(&'static str),
}

/// Judges a connection by what was seen on it.
#[derive(Debug)]
struct Judge {
    wire: Rc<Wire>,
    accepted: Instant,
    head_timeout: Duration,
    idle_timeout: Duration,
    write_idle: Duration,
    write_rate_min: u64,
    looked: Instant,
    idle_since: Option<Instant>,
    retired: Option<Instant>,
    /// Time lost on a client that does not take what hyper has let go.
    debt: Duration,
}

impl Judge {
    fn new(wire: Rc<Wire>, accepted: Instant, options: &ServerOptions) -> Self {
        Self {
            wire,
            accepted,
            head_timeout: options.head_timeout,
            idle_timeout: options.http2.idle_timeout,
            write_idle: options.write_idle_timeout,
            write_rate_min: options.write_rate_min.max(1),
            looked: accepted,
            idle_since: None,
            retired: None,
            debt: Duration::ZERO,
        }
    }

    fn look(&mut self, now: Instant, live: usize) -> Judgement {
        let passed = now.duration_since(self.looked);
        self.looked = now;
        let beyond =
            |since: Option<Instant>, limit| since.is_some_and(|since| now.duration_since(since) >= limit);
        if self.wire.is_fresh() && beyond(Some(self.accepted), self.head_timeout) {
            return Judgement::Close("http2-no-request");
        }
        if beyond(self.wire.head_since(), self.head_timeout) {
            return Judgement::Close("http2-head-late");
        }
        let unanswered = self.wire.unanswered();
        let written = u64::try_from(self.wire.take_written()).unwrap_or(u64::MAX);
        if unanswered > live {
            let paid = Duration::from_millis(written.saturating_mul(1000) / self.write_rate_min);
            self.debt = (self.debt + passed).saturating_sub(paid);
        } else {
            self.debt = Duration::ZERO;
        }
        if self.debt >= self.write_idle {
            return Judgement::Close("http2-response-not-taken");
        }
        if unanswered > 0 || live > 0 {
            self.idle_since = None;
        } else {
            self.idle_since = self.idle_since.or(Some(now));
        }
        if beyond(self.retired, self.head_timeout) && self.idle_since.is_some() {
            return Judgement::Close("http2-goodbye-unanswered");
        }
        if self.retired.is_none() && beyond(self.idle_since, self.idle_timeout) {
            return Judgement::Retire("http2-idle");
        }
        Judgement::Keep
    }

    /// The connection was told to end.
    fn retire(&mut self, now: Instant) {
        self.retired = self.retired.or(Some(now));
    }

    fn tick(&self) -> Duration {
        let shortest = self.head_timeout.min(self.idle_timeout).min(self.write_idle);
        (shortest / TICKS).clamp(TICK_MIN, TICK_MAX)
    }
}

/// Serves until either side ends it, or until a drain has let its streams finish.
///
/// # Errors
/// Why it was closed, when nobody asked for that. Floods are counted in `flooding`.
pub(super) async fn serve<T, S>(
    stream: T,
    service: S,
    streams: Streams,
    options: &ServerOptions,
    accepted: Instant,
    drain: &LocalDrain,
    flooding: &AtomicU64,
) -> Result<(), io::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: hyper::service::Service<
            hyper::Request<hyper::body::Incoming>,
            Response = hyper::Response<Served>,
            Error = Infallible,
        >,
    S::Future: 'static,
{
    let wire = Wire::new(WatchLimits {
        control_frames_per_s: options.http2.control_frames_per_s,
        resets_per_s: options.http2.resets_per_s,
        streams_max: options.http2.streams_max,
    });
    let mut judge = Judge::new(Rc::clone(&wire), accepted, options);
    let mut ticks = interval(judge.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let io = TokioIo::new(Watched::new(stream, Rc::clone(&wire)));
    let mut connection = pin!(builder(options, streams.clone()).serve_connection(io, service));
    let mut draining = false;
    loop {
        tokio::select! {
            biased;
            () = drain.begun(), if !draining => {
                draining = true;
                judge.retire(Instant::now());
                connection.as_mut().graceful_shutdown();
            }
            outcome = connection.as_mut() => {
                let flooded = wire.flooded();
                if flooded.is_some() || outcome.as_ref().is_err_and(is_flood) {
                    flooding.fetch_add(1, Relaxed);
                }
                return match flooded {
                    Some(what) => Err(io::Error::other(what)),
                    None => outcome.map_err(io::Error::other),
                };
            }
            _ = ticks.tick() => {
                let now = Instant::now();
                match judge.look(now, streams.live()) {
                    Judgement::Keep => {}
                    Judgement::Retire(code) => {
                        tracing::trace!(code, "a client connection ends");
                        judge.retire(now);
                        connection.as_mut().graceful_shutdown();
                    }
                    Judgement::Close(code) => return Err(io::Error::other(code)),
                }
            }
        }
    }
}

/// Whether h2 itself had enough, of continuations for instance.
fn is_flood(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_library() && cause.reason() == Some(h2::Reason::ENHANCE_YOUR_CALM))
}

fn builder(options: &ServerOptions, streams: Streams) -> Builder<Streams> {
    let limits = &options.http2;
    let mut builder = Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .auto_date_header(true)
        .max_header_list_size(u32::try_from(options.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams_max)
        .initial_stream_window_size(limits.window_bytes)
        .initial_connection_window_size(limits.window_bytes.saturating_mul(CONNECTION_WINDOWS))
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(options.head_timeout);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const SECOND: Duration = Duration::from_secs(1);
    const PREFACE: [u8; 24] = [0; 24];
    /// A whole request on stream 1, as far as frame heads tell.
    const REQUEST: [u8; 9] = [0, 0, 0, 1, 5, 0, 0, 0, 1];
    /// The end of its response.
    const END: [u8; 9] = [0, 0, 0, 0, 1, 0, 0, 0, 1];

    /// A judge of a connection on which this came and went.
    async fn judge(received: &[u8], sent: &[u8]) -> Judge {
        let wire = Wire::new(WatchLimits {
            control_frames_per_s: 1,
            resets_per_s: 1,
            streams_max: 1,
        });
        let (mut client, server) = tokio::io::duplex(1024);
        let mut watched = Watched::new(server, Rc::clone(&wire));
        client.write_all(&PREFACE).await.unwrap();
        client.write_all(received).await.unwrap();
        let mut read = vec![0; PREFACE.len() + received.len()];
        watched.read_exact(&mut read).await.unwrap();
        watched.write_all(sent).await.unwrap();
        let _before = wire.take_written();
        Judge::new(wire, Instant::now(), &ServerOptions::from(&Config::default()))
    }

    /// What is said first about a connection on which nothing happens any more, and after how many seconds.
    async fn verdict(received: &[u8], sent: &[u8], live: usize) -> Option<(u64, Judgement)> {
        let mut judge = judge(received, sent).await;
        for second in 1..=100 {
            tokio::time::advance(SECOND).await;
            let judgement = judge.look(Instant::now(), live);
            if judgement != Judgement::Keep {
                return Some((second, judgement));
            }
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn each_way_to_hold_a_connection_ends_in_its_time() {
        let check = async |received: &[u8], sent: &[u8], live, expect| {
            assert_eq!(
                verdict(received, sent, live).await,
                expect,
                "{received:?} {sent:?} {live}"
            );
        };
        check(b"", b"", 0, Some((10, Judgement::Close("http2-no-request")))).await;
        check(
            &REQUEST[..4],
            b"",
            0,
            Some((10, Judgement::Close("http2-no-request"))),
        )
        .await;
        let begun = [&REQUEST[..], &[0, 0, 9, 1, 1]].concat();
        check(&begun, &END, 0, Some((10, Judgement::Close("http2-head-late")))).await;
        // Idle from the first look on.
        check(&REQUEST, &END, 0, Some((46, Judgement::Retire("http2-idle")))).await;
        // hyper is done with the response, and its client does not take it.
        check(
            &REQUEST,
            b"",
            0,
            Some((10, Judgement::Close("http2-response-not-taken"))),
        )
        .await;
        // The service still works on it: others watch that.
        check(&REQUEST, b"", 1, None).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_goodbye_that_nobody_answers_ends_too() {
        let mut judge = judge(&REQUEST, &END).await;
        judge.look(Instant::now(), 0);
        judge.retire(Instant::now());
        tokio::time::advance(9 * SECOND).await;
        assert_eq!(judge.look(Instant::now(), 0), Judgement::Keep);
        tokio::time::advance(SECOND).await;
        assert_eq!(
            judge.look(Instant::now(), 0),
            Judgement::Close("http2-goodbye-unanswered")
        );
    }
}
