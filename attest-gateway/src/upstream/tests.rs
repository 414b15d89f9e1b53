//! The pool and the bodies against backends that misbehave in every way a backend can.

mod http2;
mod misbehaving;
mod tls;

use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::*;
use crate::runtime::{self, Running, ServerOptions};

/// What a backend does once it has read a request's head and the body that the head announces.
#[derive(Clone)]
enum Act {
    Reply(&'static str),
    ReplyAndClose(&'static str),
    /// Replies, and closes when it is told to.
    ReplyAndWait(&'static str, Arc<Mutex<Receiver<()>>>),
    Close,
    /// Says so, then keeps silent until the other side is gone.
    Hang,
    /// Replies with a first part, then with each further part when it is told to.
    Parts(&'static str, Arc<Mutex<Receiver<&'static str>>>),
}

struct Backend {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Heads and bodies, in order.
    requests: Receiver<String>,
    /// A word for each connection that the backend closed.
    closed: Receiver<()>,
}

impl Backend {
    /// A backend whose n-th request, over all connections, meets the n-th act; the last act repeats.
    fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (seen, requests) = channel();
        let (close, closed) = channel();
        let counted = Arc::clone(&connections);
        std::thread::spawn(move || {
            let next = Arc::new(AtomicUsize::new(0));
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let (acts, next, seen, close) =
                    (acts.clone(), Arc::clone(&next), seen.clone(), close.clone());
                std::thread::spawn(move || {
                    serve(stream.unwrap(), &acts, &next, &seen);
                    close.send(()).ok();
                });
            }
        });
        Self {
            address,
            connections,
            requests,
            closed,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn config(&self) -> config::Upstream {
        config::Upstream {
            name: "backend".to_owned(),
            url: format!("http://{}", self.address),
            ..config::Upstream::default()
        }
    }
}

fn serve(mut stream: TcpStream, acts: &[Act], next: &AtomicUsize, seen: &Sender<String>) {
    while let Some(request) = read_request(&mut stream) {
        seen.send(request).ok();
        let act = acts
            .get(next.fetch_add(1, Ordering::SeqCst))
            .or(acts.last())
            .cloned()
            .unwrap();
        match act {
            Act::Reply(reply) => stream.write_all(reply.as_bytes()).unwrap(),
            Act::ReplyAndClose(reply) => return stream.write_all(reply.as_bytes()).unwrap(),
            Act::ReplyAndWait(reply, close) => {
                stream.write_all(reply.as_bytes()).unwrap();
                let _told = close.lock().unwrap().recv().is_ok();
                return;
            }
            Act::Close => return,
            Act::Hang => {
                let _gone = stream.read(&mut [0]).is_err();
                return;
            }
            Act::Parts(first, rest) => {
                stream.write_all(first.as_bytes()).unwrap();
                while let Ok(part) = rest.lock().unwrap().recv() {
                    stream.write_all(part.as_bytes()).unwrap();
                }
            }
        }
    }
}

/// A head, and as much body as it announces, by length or in chunks; `None` at the end of the stream.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    let mut byte = [0];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let complete = match length {
                Some(length) => body.len() >= length.parse().unwrap(),
                None if head.contains("transfer-encoding: chunked") => {
                    body == "0\r\n\r\n" || body.contains("\r\n0\r\n") && body.ends_with("\r\n\r\n")
                }
                None => true,
            };
            if complete {
                return Some(text);
            }
        }
        match stream.read(&mut byte) {
            Ok(1) => text.push(char::from(byte[0])),
            Ok(_) | Err(_) => return None,
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn on_a_core<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap()
        .block_on(future)
}

fn request(body: &'static str) -> Request<RequestBody> {
    let request = Request::builder()
        .method("POST")
        .uri("/pay?x=1")
        .header("host", "client.example");
    request
        .body(RequestBody::full(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

async fn send(upstream: &Upstream) -> Result<String, UpstreamError> {
    let response = upstream.send(request("body")).await?;
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    // Lets the connection's own task notice that the exchange is over.
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[test]
fn connections_are_reused_and_requests_arrive_as_they_are() {
    let backend = Backend::start(vec![Act::Reply(OK)]);
    on_a_core(async {
        let upstream = Upstream::new(&backend.config()).unwrap();
        for _ in 0..10 {
            assert_eq!(send(&upstream).await.unwrap(), "ok");
        }
        assert_eq!(
            (upstream.open(), upstream.idle(), backend.connections()),
            (1, 1, 1)
        );
    });
    let seen = backend.requests.recv().unwrap();
    let host = backend.address;
    assert_eq!(
        seen,
        format!("POST /pay?x=1 HTTP/1.1\r\nhost: {host}\r\ncontent-length: 4\r\n\r\nbody")
    );
    assert_eq!(backend.requests.iter().take(9).count(), 9);
}

#[test]
fn a_client_s_host_is_preserved_on_request() {
    let backend = Backend::start(vec![Act::Reply(OK)]);
    let config = config::Upstream {
        preserve_host: true,
        ..backend.config()
    };
    on_a_core(async { send(&Upstream::new(&config).unwrap()).await.unwrap() });
    assert!(
        backend
            .requests
            .recv()
            .unwrap()
            .contains("host: client.example\r\n")
    );
}

#[test]
fn nothing_is_sent_twice_once_it_may_have_been_seen() {
    let backend = Backend::start(vec![Act::Reply(OK), Act::Close]);
    on_a_core(async {
        let upstream = Upstream::new(&backend.config()).unwrap();
        send(&upstream).await.unwrap();
        let error = send(&upstream).await.unwrap_err();
        assert!(matches!(error, UpstreamError::Closed { sent: true }), "{error:?}");
        assert_eq!(upstream.open(), 0);
    });
    assert_eq!(backend.connections(), 1);
    assert_eq!(backend.requests.try_iter().count(), 2);
}

#[test]
fn an_idle_connection_that_the_backend_closed_costs_nothing() {
    let (close, told) = channel();
    let acts = vec![Act::ReplyAndWait(OK, Arc::new(Mutex::new(told))), Act::Reply(OK)];
    let backend = Backend::start(acts);
    on_a_core(async {
        let upstream = Upstream::new(&backend.config()).unwrap();
        send(&upstream).await.unwrap();
        assert_eq!(upstream.idle(), 1);
        close.send(()).unwrap();
        // Blocks the whole core until the backend has closed, then lets the system's word of it reach the runtime. This
        // future runs again before the connection's own task, so the request goes to a dead connection first, comes back
        // unsent, and goes to a new one.
        backend.closed.recv().unwrap();
        tokio::task::yield_now().await;
        assert_eq!(send(&upstream).await.unwrap(), "ok");
    });
    assert_eq!(backend.connections(), 2);
    assert_eq!(backend.requests.try_iter().count(), 2);
}

#[test]
fn each_failure_has_its_name_and_says_whether_anything_was_sent() {
    let check = |acts: Vec<Act>, change: fn(&mut config::Upstream), code: &str, sent: bool| {
        let backend = Backend::start(acts);
        let mut config = backend.config();
        change(&mut config);
        let error = on_a_core(async { send(&Upstream::new(&config).unwrap()).await.unwrap_err() });
        assert_eq!((error.code(), error.sent()), (code, sent));
        if sent {
            // The backend may still be reading it.
            backend.requests.recv().unwrap();
        }
        assert_eq!(backend.requests.try_iter().count(), 0);
    };
    let unchanged: fn(&mut config::Upstream) = |_| ();
    check(vec![Act::Close], unchanged, "upstream-closed", true);
    check(
        vec![Act::Reply("not http at all\r\n\r\n")],
        unchanged,
        "upstream-malformed",
        true,
    );
    check(
        vec![Act::ReplyAndClose("HTTP/1.1 200")],
        unchanged,
        "upstream-closed",
        true,
    );
    check(
        vec![Act::Hang],
        |config| config.response_header_timeout_ms = 30,
        "upstream-timeout",
        true,
    );
    check(
        vec![Act::Hang],
        |config| config.connections_per_core = 0,
        "upstream-saturated",
        false,
    );
    let refused: fn(&mut config::Upstream) = |config| {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        config.url = format!("http://{}", nobody.local_addr().unwrap());
    };
    check(vec![Act::Hang], refused, "upstream-unreachable", false);
}

#[test]
fn the_last_quarter_of_connections_is_kept_from_those_whom_nothing_vouches_for() {
    let backend = Backend::start(vec![Act::Hang]);
    on_a_core(async {
        let config = config::Upstream {
            connections_per_core: 4,
            ..backend.config()
        };
        let upstream = Upstream::new(&config).unwrap();
        let mut waiting = Vec::new();
        for taken in 0..4 {
            assert_eq!(upstream.is_crowded(), taken >= 3, "{taken} of 4 in use");
            let another = upstream.clone();
            waiting.push(tokio::task::spawn_local(async move {
                another.send(request("")).await
            }));
            while upstream.open() <= taken {
                tokio::task::yield_now().await;
            }
        }
        let beyond = upstream.send(request("")).await.unwrap_err();
        assert_eq!(beyond.code(), "upstream-saturated");
    });
}

#[test]
fn a_response_that_stalls_or_breaks_off_is_an_error_and_its_connection_is_closed() {
    let check = |act: Act, code: &str| {
        let backend = Backend::start(vec![act]);
        let config = config::Upstream {
            body_idle_timeout_ms: 30,
            ..backend.config()
        };
        on_a_core(async {
            let upstream = Upstream::new(&config).unwrap();
            let response = upstream.send(request("")).await.unwrap();
            let error = response.into_body().collect().await.unwrap_err();
            assert_eq!(error.code(), code);
            while upstream.open() > 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(upstream.idle(), 0);
        });
    };
    let (keep_open, parts) = channel();
    let stalls = Act::Parts(
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        Arc::new(Mutex::new(parts)),
    );
    check(stalls, "body-idle");
    drop(keep_open);
    check(
        Act::ReplyAndClose("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"),
        "body-broken",
    );
}

#[test]
fn idle_connections_are_bounded_and_do_not_outlive_their_time() {
    let backend = Backend::start(vec![Act::Reply(OK)]);
    let config = config::Upstream {
        idle_per_core: 2,
        idle_timeout_ms: 40,
        ..backend.config()
    };
    on_a_core(async {
        let upstream = Upstream::new(&config).unwrap();
        let sends: Vec<_> = (0..5).map(|_| send(&upstream)).collect();
        for sent in futures_util::future::join_all(sends).await {
            sent.unwrap();
        }
        assert_eq!((upstream.idle(), backend.connections()), (2, 5));
        tokio::time::timeout(Duration::from_secs(20), async {
            while upstream.open() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap();
        assert_eq!(upstream.idle(), 0);
        send(&upstream).await.unwrap();
    });
    assert_eq!(backend.connections(), 6);
}

/// A gateway without judgement: forwards everything to one upstream and answers failures with their code.
fn proxy(config: &config::Upstream, limits: BodyLimits) -> Running {
    let options = ServerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        cores: 1,
        head_bytes: 8192,
        head_fields: 100,
        head_timeout: Duration::from_secs(30),
        write_idle_timeout: Duration::from_secs(30),
        connections_max: 10,
        ..ServerOptions::from(&config::Config::default())
    };
    let config = config.clone();
    let factory = move |_| {
        let upstream = Upstream::new(&config).unwrap();
        tower::service_fn(move |request: Request<Incoming>| {
            let upstream = upstream.clone();
            async move { Ok::<_, Infallible>(forward(&upstream, request, limits).await) }
        })
    };
    runtime::start(&options, factory).unwrap()
}

async fn forward(
    upstream: &Upstream,
    request: Request<Incoming>,
    limits: BodyLimits,
) -> Response<ResponseBody> {
    let refuse = |status, code: &'static str| {
        Response::builder()
            .status(status)
            .body(ResponseBody::full(code))
            .unwrap()
    };
    let (mut head, body) = request.into_parts();
    head.headers.remove("transfer-encoding");
    let body = match RequestBody::streaming(body, limits) {
        Ok(body) => body,
        Err(error) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, error.code()),
    };
    match upstream.send(Request::from_parts(head, body)).await {
        Ok(response) => response,
        Err(error) => refuse(StatusCode::BAD_GATEWAY, error.code()),
    }
}

const LIMITS: BodyLimits = BodyLimits {
    max_bytes: 1000,
    idle: Duration::from_secs(30),
    total: Duration::from_secs(30),
    rate_min: 1,
};

/// Writes `sent` and reads until `until` was seen or the stream ends.
fn talk(stream: &mut TcpStream, sent: &str, until: &str) -> String {
    stream.write_all(sent.as_bytes()).unwrap();
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with(until) {
        match stream.read(&mut byte) {
            Ok(1) => text.push(char::from(byte[0])),
            Ok(_) | Err(_) => break,
        }
    }
    text
}

#[test]
fn both_bodies_stream() {
    let (tell, parts) = channel();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n";
    let backend = Backend::start(vec![Act::Parts(head, Arc::new(Mutex::new(parts)))]);
    let running = proxy(&backend.config(), LIMITS);
    let mut client = TcpStream::connect(running.address()).unwrap();
    let sent = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    // The first part arrives although the response has not ended.
    talk(&mut client, sent, "first\r\n");
    tell.send("6\r\nsecond\r\n0\r\n\r\n").unwrap();
    assert_eq!(talk(&mut client, "", "0\r\n\r\n"), "6\r\nsecond\r\n0\r\n\r\n");
    assert!(
        backend
            .requests
            .recv()
            .unwrap()
            .ends_with("3\r\nabc\r\n0\r\n\r\n")
    );
}

#[test]
fn request_bodies_are_bounded_in_size_and_pace() {
    let check = |limits: BodyLimits, sent: &str, expect: &str| {
        let backend = Backend::start(vec![Act::Reply(OK)]);
        let running = proxy(&backend.config(), limits);
        let mut client = TcpStream::connect(running.address()).unwrap();
        let answer = talk(&mut client, sent, expect);
        assert!(answer.ends_with(expect), "{answer:?} does not end with {expect}");
        assert_eq!(backend.requests.try_iter().count(), usize::from(expect == "ok"));
    };
    let small = BodyLimits {
        max_bytes: 4,
        ..LIMITS
    };
    let post = "POST / HTTP/1.1\r\nhost: x\r\n";
    check(small, &format!("{post}content-length: 4\r\n\r\nfour"), "ok");
    check(
        small,
        &format!("{post}content-length: 5\r\n\r\nfive!"),
        "body-too-large",
    );
    check(
        small,
        &format!("{post}transfer-encoding: chunked\r\n\r\n5\r\nfive!\r\n0\r\n\r\n"),
        "body-too-large",
    );
    let hasty = BodyLimits {
        idle: Duration::from_millis(30),
        ..LIMITS
    };
    check(hasty, &format!("{post}content-length: 5\r\n\r\nfi"), "body-idle");
    let brief = BodyLimits {
        total: Duration::from_millis(30),
        ..LIMITS
    };
    check(brief, &format!("{post}content-length: 5\r\n\r\nfi"), "body-slow");
}

#[test]
fn trailers_in_our_name_pass_in_neither_direction() {
    let reply = "HTTP/1.1 200 OK\r\ntrailer: x-sum, attest-app\r\ntransfer-encoding: chunked\r\n\r\n\
                 2\r\nok\r\n0\r\nx-sum: 1\r\nattest-app: fake\r\n\r\n";
    let backend = Backend::start(vec![Act::Reply(reply)]);
    let running = proxy(&backend.config(), LIMITS);
    let mut client = TcpStream::connect(running.address()).unwrap();
    let sent = "POST / HTTP/1.1\r\nhost: x\r\nte: trailers\r\ntrailer: x-sum, attest-device, Attest_App\r\n\
                transfer-encoding: chunked\r\n\r\n\
                1\r\na\r\n0\r\nx-sum: 1\r\nattest-device: fake\r\nAttest_App: fake\r\n\r\n";
    let answer = talk(&mut client, sent, "x-sum: 1\r\n\r\n");
    assert!(answer.ends_with("2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n"), "{answer}");
    let seen = backend.requests.recv().unwrap();
    assert!(seen.ends_with("1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"), "{seen}");
}

#[test]
fn a_client_that_leaves_takes_its_upstream_connection_along() {
    let backend = Backend::start(vec![Act::Hang]);
    let running = proxy(&backend.config(), LIMITS);
    let mut client = TcpStream::connect(running.address()).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    backend.requests.recv().unwrap();
    drop(client);
    backend.closed.recv().unwrap();
}

#[test]
fn only_fields_in_our_name_are_removed() {
    let mut fields = HeaderMap::new();
    for name in ["attest-app", "x-attest-app", "attest_token", "date"] {
        fields.append(name, "1".parse().unwrap());
        fields.append(name, "2".parse().unwrap());
    }
    body::remove_reserved(&mut fields);
    let mut left: Vec<_> = fields.keys().map(http::HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["date", "x-attest-app"]);
    assert_eq!(fields.len(), 4);
}
