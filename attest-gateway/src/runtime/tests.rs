//! The server on real sockets: who may listen, who serves, and how it ends.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

fn options() -> ServerOptions {
    ServerOptions {
        address: "127.0.0.1:0".parse().unwrap(),
        cores: 2,
        head_bytes: 8192,
        head_fields: 100,
        head_timeout: Duration::from_secs(30),
        write_idle_timeout: Duration::from_secs(30),
        connections_max: 100,
        one_acceptor: false,
        ..ServerOptions::from(&Config::default())
    }
}

/// Answers with the number of its core and the address it saw.
fn echo(context: CoreContext) -> impl CoreService {
    tower::service_fn(move |request: Request<Incoming>| {
        let peer = request.extensions().get::<ConnectionFacts>().unwrap().peer();
        std::future::ready(Ok::<_, Infallible>(Response::new(ResponseBody::full(format!(
            "core {} peer {peer}",
            context.core
        )))))
    })
}

fn get(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    response(stream)
}

/// One whole response with a `content-length`, or whatever came before the end of the stream.
fn response(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut byte) {
            Ok(1) => text.push(char::from(byte[0])),
            Ok(_) | Err(_) => return text,
        }
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn requests_are_served_with_their_peer_and_kept_alive() {
    let running = start(&options(), echo).unwrap();
    let mut stream = TcpStream::connect(running.address()).unwrap();
    let me = stream.local_addr().unwrap();
    for _ in 0..3 {
        let answer = get(&mut stream);
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.ends_with(&format!("peer {me}")),
            "{answer}"
        );
        assert_eq!(answer.matches("date: ").count(), 1);
    }
    assert_eq!(running.connections(), 1);
}

#[test]
fn a_second_server_on_the_port_is_told_so() {
    let first = start(&options(), echo).unwrap();
    let second = start(
        &ServerOptions {
            address: first.address(),
            ..options()
        },
        echo,
    );
    assert_eq!(second.err().map(|error| error.code()), Some("address-in-use"));
    let mut stream = TcpStream::connect(first.address()).unwrap();
    assert!(get(&mut stream).contains("200 OK"));
}

#[test]
fn one_acceptor_spreads_connections_over_all_cores() {
    let running = start(
        &ServerOptions {
            cores: 4,
            one_acceptor: true,
            ..options()
        },
        echo,
    )
    .unwrap();
    let mut streams = Vec::new();
    let mut served: HashMap<String, usize> = HashMap::new();
    for _ in 0..12 {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        let answer = get(&mut stream);
        let core = answer.rsplit_once("core ").unwrap().1.split(' ').next().unwrap();
        *served.entry(core.to_owned()).or_default() += 1;
        streams.push(stream);
    }
    let expect = (0..4).map(|core| (core.to_string(), 3)).collect();
    assert_eq!(served, expect);
}

#[test]
fn connections_over_the_cap_make_the_oldest_unproven_one_go_and_no_proven_one() {
    // As if every request carried an authentic token but those for `/stranger`.
    let service = |_| {
        tower::service_fn(|request: Request<Incoming>| {
            if request.uri().path() != "/stranger" {
                request.extensions().get::<ConnectionFacts>().unwrap().prove();
            }
            std::future::ready(Ok::<_, Infallible>(Response::new(ResponseBody::Empty)))
        })
    };
    let running = start(
        &ServerOptions {
            cores: 1,
            connections_max: 2,
            ..options()
        },
        service,
    )
    .unwrap();
    let connect = || TcpStream::connect(running.address()).unwrap();
    let mut proven = connect();
    assert!(get(&mut proven).contains("200 OK"));
    let mut strangers: Vec<_> = (0..3)
        .map(|_| {
            let mut stranger = connect();
            stranger
                .write_all(b"GET /stranger HTTP/1.1\r\nhost: test\r\n\r\n")
                .unwrap();
            assert!(response(&mut stranger).contains("200 OK"));
            stranger
        })
        .collect();
    assert_eq!(response(&mut strangers[0]), "");
    assert_eq!(response(&mut strangers[1]), "");
    assert_eq!(
        (running.connections_evicted(), running.connections_refused()),
        (2, 0)
    );
    assert!(
        get(&mut strangers[2]).contains("200 OK"),
        "and now it has shown a token"
    );
    assert!(get(&mut proven).contains("200 OK"));
    let mut over = connect();
    assert_eq!(
        response(&mut over),
        "",
        "there is no room, and nobody to make any"
    );
    assert_eq!(
        (running.connections_evicted(), running.connections_refused()),
        (2, 1)
    );
    assert_eq!(running.connections(), 2);
}

#[test]
fn a_slow_head_is_given_up_and_a_large_one_refused() {
    let running = start(
        &ServerOptions {
            head_timeout: Duration::from_millis(50),
            ..options()
        },
        echo,
    )
    .unwrap();
    let mut slow = TcpStream::connect(running.address()).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: te").unwrap();
    assert!(response(&mut slow).starts_with("HTTP/1.1 408"));
    let mut silent = TcpStream::connect(running.address()).unwrap();
    assert_eq!(response(&mut silent), "");

    let running = start(&options(), echo).unwrap();
    let check = |fields: String, expect: &str| {
        let mut stream = TcpStream::connect(running.address()).unwrap();
        stream
            .write_all(format!("GET / HTTP/1.1\r\nhost: test\r\n{fields}\r\n").as_bytes())
            .unwrap();
        let answer = response(&mut stream);
        assert!(answer.starts_with(&format!("HTTP/1.1 {expect}")), "{answer}");
    };
    check(format!("x: {}\r\n", "y".repeat(7000)), "200");
    check(format!("x: {}\r\n", "y".repeat(9000)), "431");
    check("x: y\r\n".repeat(90), "200");
    check("x: y\r\n".repeat(110), "431");
}

/// A service that says when it was called and answers when it is told to; the sender of words, dropped, is an answer too.
fn gated() -> (
    impl Fn(CoreContext) -> Gated + Clone + Send + 'static,
    Receiver<oneshot::Sender<()>>,
) {
    let (called, calls) = channel();
    (
        move |_| Gated {
            called: called.clone(),
        },
        calls,
    )
}

#[derive(Clone)]
struct Gated {
    called: Sender<oneshot::Sender<()>>,
}

impl Service<Request<Incoming>> for Gated {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>>>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Incoming>) -> Self::Future {
        let (go, told) = oneshot::channel();
        self.called.send(go).unwrap();
        Box::pin(async move {
            let _dropped = told.await.is_err();
            Ok(Response::new(ResponseBody::full("finished")))
        })
    }
}

#[test]
fn a_drain_finishes_requests_in_flight_closes_idle_connections_and_accepts_no_more() {
    let (service, calls) = gated();
    let running = start(&options(), service).unwrap();
    let address = running.address();
    let mut idle = TcpStream::connect(address).unwrap();
    let mut busy = TcpStream::connect(address).unwrap();
    busy.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let go = calls.recv().unwrap();
    while running.connections() < 2 {
        std::thread::yield_now();
    }
    let draining = std::thread::spawn(move || block_on(running.drain(Duration::from_secs(60))));
    assert_eq!(
        response(&mut idle),
        "",
        "an idle connection is closed, whoever else is busy"
    );
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    let answer = response(&mut busy);
    assert!(
        answer.contains("connection: close") && answer.ends_with("finished"),
        "{answer}"
    );
    let report = draining.join().unwrap();
    assert_eq!(report.aborted, 0);
    assert!(report.finished >= 1);
    start(&ServerOptions { address, ..options() }, echo).unwrap();
}

#[test]
fn a_drain_ends_at_its_deadline() {
    let (service, calls) = gated();
    let running = start(&options(), service).unwrap();
    let mut stuck = TcpStream::connect(running.address()).unwrap();
    stuck.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let _go = calls.recv().unwrap();
    let report = block_on(running.drain(Duration::from_millis(20)));
    assert_eq!(
        report,
        DrainReport {
            finished: 0,
            aborted: 1
        }
    );
    assert_eq!(response(&mut stuck), "");
}

#[test]
fn a_core_that_cannot_build_its_service_stops_the_start() {
    let broken = |context: CoreContext| {
        assert!(context.core == 0, "this core's service cannot be built");
        echo(context)
    };
    let error = start(&options(), broken).err().map(|error| error.code());
    assert_eq!(error, Some("cannot-start-core"));
}

#[test]
fn a_panicking_request_costs_its_connection_only() {
    let service = |_| {
        tower::service_fn(|request: Request<Incoming>| {
            assert!(request.uri().path() != "/panic", "a defect");
            std::future::ready(Ok::<_, Infallible>(Response::new(ResponseBody::Empty)))
        })
    };
    let running = start(
        &ServerOptions {
            cores: 1,
            ..options()
        },
        service,
    )
    .unwrap();
    let mut stream = TcpStream::connect(running.address()).unwrap();
    stream
        .write_all(b"GET /panic HTTP/1.1\r\nhost: test\r\n\r\n")
        .unwrap();
    assert_eq!(response(&mut stream), "");
    let mut stream = TcpStream::connect(running.address()).unwrap();
    assert!(get(&mut stream).contains("200 OK"));
}
