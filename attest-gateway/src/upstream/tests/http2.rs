//! HTTP/2 backends: one whose frames are written by hand, for what a library would not send, and one of a library.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::server;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::*;
use super::{LIMITS, on_a_core, proxy, talk};
use crate::config::UpstreamProtocol;

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;
/// `:status: 200` of HPACK's static table.
const STATUS_OK: u8 = 0x88;

/// What a backend does with one request's head.
#[derive(Clone, Copy)]
enum Act {
    Answer,
    Reset(h2::Reason),
    /// GOAWAY that names the stream, or the one before it, as the last; then it answers, or closes.
    GoAway {
        processed: bool,
        answers: bool,
    },
    Close,
    Hang,
}

/// A backend of hand-written frames, on the core of the test.
struct Frames {
    address: SocketAddr,
    connections: Rc<Cell<usize>>,
    heads: Rc<Cell<usize>>,
    resets: Rc<RefCell<Vec<u32>>>,
}

async fn frame(stream: &mut TcpStream, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    // The gateway may be gone.
    let _gone = stream.write_all(&bytes).await.is_err();
}

impl Frames {
    /// The n-th head, over all connections, meets the n-th act; the last repeats. `settings` are sent first.
    async fn start(acts: Vec<Act>, settings: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Self {
            address: listener.local_addr().unwrap(),
            connections: Rc::default(),
            heads: Rc::default(),
            resets: Rc::default(),
        };
        let (connections, heads, resets) = (
            Rc::clone(&backend.connections),
            Rc::clone(&backend.heads),
            Rc::clone(&backend.resets),
        );
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.set(connections.get() + 1);
                let (acts, settings) = (acts.clone(), settings.clone());
                let (heads, resets) = (Rc::clone(&heads), Rc::clone(&resets));
                tokio::task::spawn_local(async move { play(stream, acts, settings, &heads, &resets).await });
            }
        });
        backend
    }

    fn config(&self) -> config::Upstream {
        of(self.address)
    }
}

fn of(address: SocketAddr) -> config::Upstream {
    config::Upstream {
        name: "backend".to_owned(),
        url: format!("http://{address}"),
        protocol: UpstreamProtocol::Http2,
        ..config::Upstream::default()
    }
}

async fn play(
    mut stream: TcpStream,
    acts: Vec<Act>,
    settings: Vec<u8>,
    heads: &Cell<usize>,
    resets: &RefCell<Vec<u32>>,
) {
    let mut preface = [0; 24];
    if stream.read_exact(&mut preface).await.is_err() {
        return;
    }
    frame(&mut stream, SETTINGS, 0, 0, &settings).await;
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        match head[3] {
            SETTINGS if head[4] & 1 == 0 => frame(&mut stream, SETTINGS, 1, 0, &[]).await,
            PING if head[4] & 1 == 0 => frame(&mut stream, PING, 1, 0, &payload).await,
            RST_STREAM => resets.borrow_mut().push(id),
            HEADERS => {
                let act = acts.get(heads.get()).or(acts.last()).copied().unwrap();
                heads.set(heads.get() + 1);
                match act {
                    Act::Answer => frame(&mut stream, HEADERS, WHOLE, id, &[STATUS_OK]).await,
                    Act::Reset(reason) => {
                        frame(&mut stream, RST_STREAM, 0, id, &u32::from(reason).to_be_bytes()).await;
                    }
                    Act::GoAway { processed, answers } => {
                        let last = if processed { id } else { id - 1 };
                        let payload = [last.to_be_bytes(), [0; 4]].concat();
                        frame(&mut stream, GOAWAY, 0, 0, &payload).await;
                        if !answers {
                            return;
                        }
                        if processed {
                            frame(&mut stream, HEADERS, WHOLE, id, &[STATUS_OK]).await;
                        }
                    }
                    Act::Close => return,
                    Act::Hang => {}
                }
            }
            _ => {}
        }
    }
}

fn get() -> Request<RequestBody> {
    Request::builder()
        .uri("/v1?x=1")
        .header("host", "client.example")
        .body(RequestBody::Empty)
        .unwrap()
}

/// What becomes of one request, and how many heads on how many connections it took.
fn check(acts: Vec<Act>, expect: Result<u16, (&str, bool)>, heads: usize, connections: usize) {
    on_a_core(async {
        let backend = Frames::start(acts, Vec::new()).await;
        let upstream = Upstream::new(&backend.config()).unwrap();
        let outcome = upstream.send(get()).await;
        let outcome = outcome.map(|response| response.status().as_u16());
        assert_eq!(
            outcome.as_ref().map_err(|error| (error.code(), error.sent())),
            expect.as_ref().map_err(|e| *e)
        );
        assert_eq!(
            (backend.heads.get(), backend.connections.get()),
            (heads, connections)
        );
    });
}

#[test]
fn only_what_was_provably_not_processed_is_sent_again_and_only_once() {
    let unprocessed = Act::GoAway {
        processed: false,
        answers: true,
    };
    let refused = Act::Reset(h2::Reason::REFUSED_STREAM);
    check(vec![Act::Answer], Ok(200), 1, 1);
    check(vec![unprocessed, Act::Answer], Ok(200), 2, 2);
    check(vec![refused, Act::Answer], Ok(200), 2, 2);
    check(vec![refused], Err(("upstream-refused", false)), 2, 2);
    check(vec![unprocessed], Err(("upstream-refused", false)), 2, 2);
    let processed = |answers| Act::GoAway {
        processed: true,
        answers,
    };
    check(vec![processed(true)], Ok(200), 1, 1);
    check(vec![processed(false)], Err(("upstream-closed", true)), 1, 1);
    check(vec![Act::Close], Err(("upstream-closed", true)), 1, 1);
    check(
        vec![Act::Reset(h2::Reason::INTERNAL_ERROR)],
        Err(("upstream-closed", true)),
        1,
        1,
    );
    check(
        vec![Act::Reset(h2::Reason::CANCEL)],
        Err(("upstream-closed", true)),
        1,
        1,
    );
}

#[test]
fn after_a_goaway_the_next_request_goes_to_a_new_connection() {
    on_a_core(async {
        let goodbye = Act::GoAway {
            processed: true,
            answers: true,
        };
        let backend = Frames::start(vec![goodbye, Act::Answer], Vec::new()).await;
        let upstream = Upstream::new(&backend.config()).unwrap();
        for _ in 0..3 {
            assert_eq!(upstream.send(get()).await.unwrap().status(), 200);
        }
        assert_eq!((backend.heads.get(), backend.connections.get()), (3, 2));
    });
}

#[test]
fn what_does_not_speak_http2_is_an_error_before_anything_is_sent() {
    let check = |answer: &'static [u8], code: &str| {
        on_a_core(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let config = config::Upstream {
                connect_timeout_ms: 300,
                ..of(listener.local_addr().unwrap())
            };
            tokio::task::spawn_local(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(answer).await.unwrap();
                let _gone = stream.read_exact(&mut [0; 1 << 16]).await.is_err();
            });
            let error = Upstream::new(&config).unwrap().send(get()).await.unwrap_err();
            assert_eq!((error.code(), error.sent()), (code, false));
        });
    };
    check(b"HTTP/1.1 400 Bad Request\r\n\r\n", "upstream-protocol");
    check(b"220 mail.example ESMTP\r\n", "upstream-protocol");
    check(b"", "upstream-connect-timeout");
}

#[test]
fn no_more_streams_are_opened_than_both_sides_allow() {
    on_a_core(async {
        // SETTINGS_MAX_CONCURRENT_STREAMS = 2.
        let backend = Frames::start(vec![Act::Hang], vec![0, 3, 0, 0, 0, 2]).await;
        let config = config::Upstream {
            connections_per_core: 2,
            ..backend.config()
        };
        let upstream = Upstream::new(&config).unwrap();
        let mut waiting = Vec::new();
        for n in 1..=4 {
            let upstream = upstream.clone();
            waiting.push(tokio::task::spawn_local(
                async move { upstream.send(get()).await },
            ));
            while backend.heads.get() < n {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!((backend.connections.get(), upstream.open()), (2, 2));
        let error = upstream.send(get()).await.unwrap_err();
        assert_eq!((error.code(), error.sent()), ("upstream-saturated", false));
        // A request that is given up frees its place, and the backend hears of it.
        waiting.remove(0).abort();
        while backend.resets.borrow().is_empty() {
            tokio::task::yield_now().await;
        }
        let again = upstream.clone();
        let _fifth = tokio::task::spawn_local(async move { again.send(get()).await });
        while backend.heads.get() < 5 {
            tokio::task::yield_now().await;
        }
        assert_eq!(backend.connections.get(), 2);
    });
}

#[test]
fn many_requests_at_once_share_one_connection_which_closes_when_it_idles() {
    on_a_core(async {
        let backend = Frames::start(vec![Act::Answer], Vec::new()).await;
        let config = config::Upstream {
            idle_timeout_ms: 40,
            ..backend.config()
        };
        let upstream = Upstream::new(&config).unwrap();
        let sends = (0..50).map(|_| upstream.send(get()));
        for response in futures_util::future::join_all(sends).await {
            assert_eq!(response.unwrap().status(), 200);
        }
        assert_eq!(
            (backend.heads.get(), backend.connections.get(), upstream.open()),
            (50, 1, 1)
        );
        tokio::time::timeout(Duration::from_secs(20), async {
            while upstream.open() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
    });
}

#[test]
fn a_backend_that_vanishes_behind_an_open_connection_is_noticed() {
    on_a_core(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config::Upstream {
            ping_interval_ms: 50,
            ..of(listener.local_addr().unwrap())
        };
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            frame(&mut stream, SETTINGS, 0, 0, &[]).await;
            // Takes everything and never says another word.
            let _gone = stream.read_to_end(&mut Vec::new()).await.is_err();
        });
        let error = Upstream::new(&config).unwrap().send(get()).await.unwrap_err();
        assert_eq!((error.code(), error.sent()), ("upstream-closed", true));
    });
}

/// A backend of the library: tells each request's head, and answers as `answer` says.
fn library<F: Future<Output = ()> + 'static>(
    answer: impl Fn(Request<h2::RecvStream>, server::SendResponse<Bytes>) -> F + Send + Copy + 'static,
) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        on_a_core(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(async move {
                    let mut connection = server::handshake(stream).await.unwrap();
                    // Frames move only while the connection is polled.
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::task::spawn_local(answer(request, respond));
                    }
                });
            }
        });
    });
    address
}

#[test]
fn heads_arrive_in_the_form_of_http2_and_trailers_come_back() {
    let address = library(|request, mut respond| async move {
        let (head, _) = request.into_parts();
        let seen = format!(
            "{} {} {:?} {:?} {:?}",
            head.method,
            head.uri,
            head.headers.get("host"),
            head.headers.get("te").map(|te| te.to_str().unwrap().to_owned()),
            head.headers.get("x-a").map(|a| a.to_str().unwrap().to_owned()),
        );
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from(seen), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        trailers.insert("attest-app", "fake".parse().unwrap());
        body.send_trailers(trailers).unwrap();
    });
    on_a_core(async {
        let upstream = Upstream::new(&of(address)).unwrap();
        let mut request = get();
        request.headers_mut().insert("te", "trailers".parse().unwrap());
        request.headers_mut().insert("x-a", "b".parse().unwrap());
        let response = upstream.send(request).await.unwrap();
        let whole = response.into_body().collect().await.unwrap();
        let trailers = whole.trailers().unwrap().clone();
        assert_eq!(trailers.get("grpc-status").unwrap(), "0");
        assert_eq!(trailers.len(), 1);
        assert_eq!(
            whole.to_bytes(),
            format!("GET http://{address}/v1?x=1 None Some(\"trailers\") Some(\"b\")")
        );
        let preserving = config::Upstream {
            preserve_host: true,
            ..of(address)
        };
        let response = Upstream::new(&preserving).unwrap().send(get()).await.unwrap();
        let seen = response.into_body().collect().await.unwrap().to_bytes();
        assert!(seen.starts_with(b"GET http://client.example/v1?x=1 "), "{seen:?}");
    });
}

#[test]
fn a_response_may_begin_and_end_while_the_request_still_streams() {
    let address = library(|request, mut respond| async move {
        let mut incoming = request.into_body();
        let first = incoming.data().await.unwrap().unwrap();
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(first, false).unwrap();
        let second = incoming.data().await.unwrap().unwrap();
        body.send_data(second, true).unwrap();
    });
    let running = proxy(&of(address), LIMITS);
    let mut client = std::net::TcpStream::connect(running.address()).unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let answer = talk(&mut client, &format!("{head}5\r\nfirst\r\n"), "first\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        talk(&mut client, "6\r\nsecond\r\n", "0\r\n\r\n"),
        "6\r\nsecond\r\n0\r\n\r\n"
    );
}

#[test]
fn responses_that_nobody_reads_hold_up_no_other() {
    let address = library(|request, mut respond| async move {
        let size = if request.uri().path() == "/large" {
            256 << 10
        } else {
            5
        };
        let mut body = respond.send_response(Response::new(()), false).unwrap();
        body.send_data(Bytes::from(vec![b'x'; size]), true).unwrap();
        // Until all of it is taken, or given up.
        let _reset = std::future::poll_fn(|cx| body.poll_reset(cx)).await;
    });
    on_a_core(async {
        let upstream = Upstream::new(&of(address)).unwrap();
        let large = || {
            let mut request = get();
            *request.uri_mut() = "/large".parse().unwrap();
            request
        };
        let unread = futures_util::future::join_all((0..60).map(|_| upstream.send(large()))).await;
        assert!(unread.iter().all(Result::is_ok));
        let response = upstream.send(get()).await.unwrap();
        let body = tokio::time::timeout(Duration::from_secs(20), response.into_body().collect());
        assert_eq!(body.await.unwrap().unwrap().to_bytes(), "xxxxx");
        assert_eq!(upstream.open(), 1);
    });
}

#[test]
fn a_client_that_leaves_has_its_stream_reset() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let tell: &'static mpsc::UnboundedSender<Option<h2::Reason>> = Box::leak(Box::new(tell));
    let address = library(move |_, mut respond| async move {
        tell.send(None).unwrap();
        let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
        tell.send(reason.ok()).unwrap();
    });
    let running = proxy(&of(address), LIMITS);
    let mut client = std::net::TcpStream::connect(running.address()).unwrap();
    io::Write::write_all(&mut client, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(told.blocking_recv(), Some(None));
    drop(client);
    assert_eq!(told.blocking_recv(), Some(Some(h2::Reason::CANCEL)));
}

#[test]
fn a_request_body_that_fails_is_named() {
    let address = library(|request, _respond| async move {
        let mut incoming = request.into_body();
        while let Some(Ok(_)) = incoming.data().await {}
    });
    let hasty = BodyLimits {
        idle: Duration::from_millis(30),
        ..LIMITS
    };
    let running = proxy(&of(address), hasty);
    let mut client = std::net::TcpStream::connect(running.address()).unwrap();
    let sent = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nfi";
    let answer = talk(&mut client, sent, "body-idle");
    assert!(answer.ends_with("body-idle"), "{answer}");
}

#[test]
fn a_head_beyond_bounds_is_malformed() {
    let address = library(|_, mut respond| async move {
        let response = Response::builder()
            .header("x-long", "x".repeat(100 << 10))
            .body(())
            .unwrap();
        // The library may notice first that the other side has had enough.
        let _sent = respond.send_response(response, true).is_ok();
        let _reset = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
    });
    on_a_core(async {
        let upstream = Upstream::new(&of(address)).unwrap();
        let error = upstream.send(get()).await.unwrap_err();
        assert_eq!((error.code(), error.sent()), ("upstream-malformed", true));
    });
}
