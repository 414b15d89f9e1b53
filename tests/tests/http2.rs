//! HTTP/2 in cleartext, by a real client and by frames that no real client sends.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_tests::frames::{END_HEADERS, END_STREAM, Frames, fields, frame, kind};
use attest_tests::request::Request;
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::{Wire, until};
use h2::client::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

/// A connection of a real client.
async fn connect(scene: &Scene) -> SendRequest<&'static [u8]> {
    let stream = TcpStream::connect(scene.authority()).await.unwrap();
    let (sender, connection) = h2::client::Builder::new().handshake(stream).await.unwrap();
    tokio::spawn(async move {
        // How it ends is seen by its requests.
        let _ended = connection.await.is_err();
    });
    sender
}

fn request(scene: &Scene, method: &str, target: &str) -> http::request::Builder {
    http::Request::builder()
        .method(method)
        .uri(format!("http://{}{target}", scene.authority()))
}

#[tokio::test]
async fn attested_requests_share_a_connection_and_arrive_as_over_http1() {
    let scene = Scene::open().await;
    let attacker = scene.attacker();
    let session = attacker.session(None).await;
    let balance = Request::balance();
    let stream = TcpStream::connect(scene.authority()).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for _ in 0..20 {
        let token = attacker.session_token(&session, &attacker.claims(&balance, START_S));
        let mut builder = request(&scene, balance.method, &balance.target);
        for (name, value) in balance.headers.iter().chain(&token) {
            builder = builder.header(name, value);
        }
        let request = builder.body(http_body_util::Empty::<&[u8]>::new()).unwrap();
        let mut sender = sender.clone();
        answers.push(tokio::spawn(async move { sender.send_request(request).await }));
    }
    for answer in answers {
        let response = answer.await.unwrap().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, http::Version::HTTP_2)
        );
        assert!(response.headers().contains_key("attest-policy"));
    }
    let arrived = scene.backend.take();
    assert_eq!(arrived.len(), 20);
    for message in &arrived {
        assert_eq!(message.start, "GET /v1/balance?currency=EUR HTTP/1.1");
        assert_eq!(message.all("attest-decision"), ["allow"]);
        assert_eq!(message.all("x-forwarded-host"), [scene.authority()]);
        assert_eq!(message.all("x-forwarded-proto"), ["http"]);
        assert_eq!(message.all("host").len(), 1);
    }
}

#[tokio::test]
async fn an_upgrade_to_h2c_is_not_honoured() {
    let scene = Scene::open().await;
    let reply = scene
        .raw("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(reply.status, 200);
    let arrived = scene.backend.only();
    assert!(arrived.all("upgrade").is_empty() && arrived.all("http2-settings").is_empty());
}

const OPEN: &str = "- {id: open, methods: [GET, POST], path: /open, upstream: streams, require: none}";

/// A scene with a second upstream, which the test plays itself, and lines of `[limits]`.
async fn streaming(limits: &str) -> (Scene, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = format!(
        "[[upstreams]]\nname = \"streams\"\nurl = \"http://{}\"\n[limits]\n{limits}",
        listener.local_addr().unwrap()
    );
    (
        Scene::with(&config, |policy| policy.more_routes = OPEN).await,
        listener,
    )
}

#[tokio::test]
async fn both_bodies_stream_at_once_and_trailers_come_back() {
    // Impatient with bodies: what moves in the other direction keeps this one alive.
    let limits = "body_idle_timeout_ms = 200\nbody_total_timeout_ms = 400\n";
    let (scene, listener) = streaming(limits).await;
    let mut client = connect(&scene).await;
    let request = request(&scene, "POST", "/open").body(()).unwrap();
    let (response, mut upload) = client.send_request(request, false).unwrap();
    upload.send_data(b"first", false).unwrap();
    let mut backend = Wire::over(listener.accept().await.unwrap().0);
    assert!(backend.head().await.unwrap().start.starts_with("POST /open "));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n\r\n";
    assert!(backend.send(head).await);
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    let mut download = response.into_body();
    // Five times as long as a request body alone might pause, the server speaks and the client is silent.
    for _ in 0..20 {
        assert!(backend.send("3\r\nabc\r\n").await);
        assert_eq!(download.data().await.unwrap().unwrap(), &b"abc"[..]);
        // The pace of a slow server, nothing to wait for.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    upload.send_data(b"last", true).unwrap();
    while !String::from_utf8_lossy(backend.unread()).contains("last") {
        assert!(backend.more().await);
    }
    assert!(
        backend
            .send("0\r\ngrpc-status: 0\r\nattest-decision: allow\r\n\r\n")
            .await
    );
    assert!(download.data().await.is_none());
    let trailers = download.trailers().await.unwrap().unwrap();
    assert_eq!(trailers.get("grpc-status").unwrap(), "0");
    assert!(!trailers.contains_key("attest-decision"));
}

#[tokio::test]
async fn a_response_without_end_ends_unless_the_client_keeps_sending() {
    let (scene, listener) = streaming("response_total_timeout_ms = 100\nbody_idle_timeout_ms = 150\n").await;
    for sends in [true, false] {
        let mut client = connect(&scene).await;
        let request = request(&scene, "POST", "/open").body(()).unwrap();
        let (response, mut upload) = client.send_request(request, false).unwrap();
        let mut backend = Wire::over(listener.accept().await.unwrap().0);
        backend.head().await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(backend.send(head).await);
        let mut download = response.await.unwrap().into_body();
        if !sends {
            // The end of the request is the last that moves.
            upload.send_data(b"", true).unwrap();
            while !backend.unread().ends_with(b"0\r\n\r\n") {
                assert!(backend.more().await);
            }
        }
        let start = tokio::time::Instant::now();
        let mut broken = false;
        // One is cut before long, the other one is not in more than four times the limit.
        while !broken && start.elapsed().as_millis() < if sends { 450 } else { 15_000 } {
            if sends {
                upload.send_data(b"x", false).unwrap();
            }
            assert!(backend.send("1\r\na\r\n").await || !sends);
            broken = !matches!(download.data().await, Some(Ok(_)));
            tokio::task::yield_now().await;
        }
        assert_eq!(broken, !sends);
    }
}

#[tokio::test]
async fn floods_end_their_connection_and_nothing_else() {
    let scene = Scene::with(
        "[limits]\nhttp2_control_frames_per_s = 10\nhttp2_resets_per_s = 2\n",
        |_| (),
    )
    .await;
    let get = fields("GET", "/health", scene.authority(), &[]);
    let request = |stream: u32| frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, &get);
    let streams = || (0_u32..2000).map(|n| 2 * n + 1);
    let rapid_reset = streams()
        .flat_map(|stream| {
            [
                request(stream),
                frame(kind::RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
            ]
            .concat()
        })
        .collect::<Vec<u8>>();
    let open = frame(
        kind::HEADERS,
        END_HEADERS,
        1,
        &fields("POST", "/v1/login", scene.authority(), &[]),
    );
    let begun = frame(kind::HEADERS, END_STREAM, 1, &get);
    let floods = [
        ("PING", frame(kind::PING, 0, 0, &[0; 8]).repeat(2000)),
        ("SETTINGS", frame(kind::SETTINGS, 0, 0, &[]).repeat(2000)),
        ("unknown", frame(0xbe, 0, 0, &[1]).repeat(2000)),
        (
            "WINDOW_UPDATE",
            frame(kind::WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()).repeat(2000),
        ),
        (
            "empty DATA",
            [open, frame(kind::DATA, 0, 1, &[]).repeat(2000)].concat(),
        ),
        ("rapid reset", rapid_reset),
        (
            "CONTINUATION",
            [
                begun,
                frame(kind::CONTINUATION, 0, 1, b"\x00\x01a\x01b").repeat(2000),
            ]
            .concat(),
        ),
        (
            "streams without end",
            streams()
                .flat_map(|stream| frame(kind::HEADERS, END_HEADERS, stream, &get))
                .collect(),
        ),
    ];
    let view = scene.world.server().running().view();
    for (what, bytes) in floods {
        let counted = view.connections_flooding();
        let mut attacker = Frames::open(scene.authority(), &[]).await;
        // It may be closed before all of it was taken.
        let _taken = attacker.send(bytes).await;
        let mut frames = 0;
        while let Some(frame) = attacker.next().await {
            frames += 1;
            assert!(frame.kind != kind::GOAWAY || frames < 5000, "{what}");
        }
        assert!(frames < 4000, "{what}: {frames} frames in answer");
        // Streams may be refused as fast as they come, and then are none too many; the HTTP library may end an endless head first.
        let counted = view.connections_flooding() - counted;
        assert!(
            counted == 1 || (counted == 0 && ["streams without end", "CONTINUATION"].contains(&what)),
            "{what}: counted {counted} times"
        );
        let reached = scene.backend.take().len();
        assert!(reached < 200, "{what}: {reached} requests reached the backend");
        let mut honest = connect(&scene).await;
        let request = self::request(&scene, "GET", "/health").body(()).unwrap();
        let (response, _) = honest.send_request(request, true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200, "after {what}");
        scene.backend.only();
    }
}

/// What a client that makes no room gets, until the gateway gives it up.
#[tokio::test]
async fn responses_that_find_no_window_end() {
    let scene = Scene::with("[limits]\nwrite_idle_timeout_ms = 200\n", |_| ()).await;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    for length in [10, 1 << 20] {
        let body = "x".repeat(length);
        scene.backend.answers(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        let mut client = Frames::open(scene.authority(), &[(INITIAL_WINDOW_SIZE, 0)]).await;
        for n in 0..5 {
            assert!(client.get(2 * n + 1, "/health").await);
        }
        let mut reset = 0;
        while reset < 5 {
            match client.next().await {
                Some(frame) if frame.kind == kind::RST_STREAM => reset += 1,
                Some(frame) => assert!(frame.kind != kind::DATA || frame.payload.is_empty()),
                None => break,
            }
        }
        let running = scene.world.server().running();
        drop(client);
        until("the connection is gone", || running.connections() == 0).await;
    }
}

#[tokio::test]
async fn connections_without_requests_end() {
    let limits = "[limits]\nhead_timeout_ms = 200\nhttp2_idle_timeout_ms = 200\n";
    let scene = Scene::with(limits, |_| ()).await;
    let get = fields("GET", "/health", scene.authority(), &[]);
    let (first, rest) = get.split_at(4);
    let begun = frame(kind::HEADERS, END_STREAM, 1, first);
    let cut = frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, &get);
    for (what, bytes) in [
        ("silent", &[][..]),
        ("a head without end", &begun),
        ("half a frame", &cut[..12]),
        ("half a frame's head", &cut[..5]),
    ] {
        let mut client = Frames::open(scene.authority(), &[]).await;
        assert!(client.send(bytes).await);
        assert_eq!(
            client.find(|frame| frame.kind == kind::HEADERS).await,
            None,
            "{what}"
        );
    }
    assert!(scene.backend.take().is_empty());
    let mut idle = Frames::open(scene.authority(), &[]).await;
    let end = frame(kind::CONTINUATION, END_HEADERS, 1, rest);
    assert!(idle.send([begun, end].concat()).await);
    assert!(idle.find(|frame| frame.kind == kind::HEADERS).await.is_some());
    let goodbye = idle.find(|frame| frame.kind == kind::GOAWAY).await.unwrap();
    assert_eq!(goodbye.payload[4..8], [0; 4], "no error");
    assert_eq!(idle.find(|frame| frame.kind == kind::HEADERS).await, None);
}

#[tokio::test]
async fn a_drain_says_goodbye_and_finishes_what_is_open() {
    let (scene, listener) = streaming("").await;
    let mut client = Frames::open(scene.authority(), &[]).await;
    assert!(client.get(1, "/open").await);
    let mut backend = Wire::over(listener.accept().await.unwrap().0);
    backend.head().await.unwrap();
    let draining = tokio::spawn(scene.world.stop());
    let goodbye = client.find(|frame| frame.kind == kind::GOAWAY).await.unwrap();
    assert_eq!(goodbye.payload[4..8], [0; 4], "no error");
    assert!(
        backend
            .send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .await
    );
    let data = client.find(|frame| frame.kind == kind::DATA).await.unwrap();
    assert_eq!((data.stream, &data.payload[..]), (1, &b"ok"[..]));
    // It pings to learn when its goodbye was heard; without an answer the drain's time ends it.
    assert_eq!(draining.await.unwrap().aborted, 0);
}

#[tokio::test]
async fn heads_beyond_the_bound_are_refused_and_streams_beyond_it_wait() {
    let scene = Scene::with("[limits]\nhttp2_streams_max = 3\n", |_| ()).await;
    let mut client = Frames::open(scene.authority(), &[]).await;
    let long = "x".repeat(120);
    let many: Vec<_> = (0..150).map(|_| ("x-padding", long.as_str())).collect();
    let block = fields("GET", "/health", scene.authority(), &many);
    let (first, rest) = block.split_at(16_000);
    let request = [
        frame(kind::HEADERS, END_STREAM, 1, first),
        frame(kind::CONTINUATION, END_HEADERS, 1, rest),
    ];
    assert!(client.send(request.concat()).await);
    let answer = client.find(|frame| frame.stream == 1).await.unwrap();
    assert!(
        matches!(answer.kind, kind::HEADERS | kind::RST_STREAM),
        "{answer:?}"
    );
    assert!(scene.backend.take().is_empty());

    scene.backend.falls_silent();
    for stream in [3, 5, 7, 9] {
        assert!(client.get(stream, "/health").await);
    }
    let refused = client
        .find(|frame| frame.kind == kind::RST_STREAM && frame.stream == 9)
        .await
        .unwrap();
    assert_eq!(refused.payload, 7_u32.to_be_bytes(), "REFUSED_STREAM");
    let mut reached = 0;
    until("the others reached the backend", || {
        reached += scene.backend.take().len();
        reached == 3
    })
    .await;
}
