//! Traces of a real gateway, as a real collector receives them: whole, with the right parents, without anything worth stealing;
//! and a collector that is away costs nobody anything.

#![expect(
    clippy::panic,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_mobile::Headers;
use attest_tests::collector::{Collector, attribute, is_server};
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::Wire;
use opentelemetry_proto::tonic::trace::v1::Span;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// What the span of an accepted login says.
const LOGIN: [(&str, &str); 9] = [
    ("http.request.method", "POST"),
    ("http.route", "/v1/login"),
    ("http.response.status_code", "200"),
    ("http.response.body.size", "2"),
    ("network.protocol.version", "1.1"),
    ("attest.route", "login"),
    ("attest.app", "bank-android"),
    ("attest.decision", "allow"),
    ("attest.policy.version", "1"),
];
/// And that of its way to the backend.
const LOGIN_UPSTREAM: [(&str, &str); 3] = [
    ("server.address", "127.0.0.1"),
    ("attest.upstream", "shown"),
    ("http.response.status_code", "200"),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn traceparent(flags: &str) -> (String, String) {
    header("traceparent", &format!("00-{TRACE}-{CALLER}-{flags}"))
}

async fn traced(collector: &Collector, more: &str) -> Scene {
    let port = collector.port();
    let config = format!(
        "[otlp]\nendpoint = \"http://127.0.0.1:{port}\"\nexport_interval_ms = 5\ntimeout_ms = 2000\n{more}\n"
    );
    Scene::with(&config, |policy| policy.cloner_rule = "enforce").await
}

fn named<'s>(spans: &'s [Span], trace: &str, name: &str) -> &'s Span {
    let mut found = spans
        .iter()
        .filter(|span| hex(&span.trace_id) == trace && span.name == name);
    let only = found
        .next()
        .unwrap_or_else(|| panic!("no span {name} in {spans:#?}"));
    assert!(found.next().is_none(), "two spans {name}");
    only
}

fn shows(span: &Span, expect: &[(&str, &str)]) {
    for (name, expect) in expect {
        assert_eq!(attribute(span, name).as_deref(), Some(*expect), "{name}");
    }
}

#[tokio::test]
async fn a_request_is_a_trace_with_its_steps_and_goes_on_upstream() {
    let mut collector = Collector::open().await;
    let scene = traced(
        &collector,
        "sample_ratio = 1\nservice_name = \"edge\"\nattributes = { \"deployment.environment.name\" = \"test\" }",
    )
    .await;
    let (attacker, client) = (scene.attacker(), scene.client());
    let session = attacker.session(None).await;
    collector.requests(2).await;
    let mut login = Request::login();
    login.target = "/v1/login?secret=query-8472".to_owned();
    login.headers.push(traceparent("01"));
    login.headers.push(header("tracestate", "vendor=opaque"));
    let claims = attacker.claims(&login, START_S);
    let token = attacker.session_token(&session, &claims);
    assert_eq!(login.send(&client, &token).await.status, 200);
    let arrived = scene.backend.only();
    let export = collector.next().await;
    let text = format!("{export:?}");
    let attributes = &export
        .content
        .resource_spans
        .first()
        .unwrap()
        .resource
        .as_ref()
        .unwrap()
        .attributes;
    let names: Vec<&str> = attributes
        .iter()
        .map(|attribute| attribute.key.as_str())
        .collect();
    assert!(
        names.contains(&"service.name") && names.contains(&"deployment.environment.name"),
        "{names:?}"
    );
    assert!(text.contains("\"edge\""), "{text}");
    let spans = export.spans();
    let server = named(&spans, TRACE, "POST /v1/login");
    assert!(is_server(server));
    assert_eq!(hex(&server.parent_span_id), CALLER);
    shows(server, &LOGIN);
    for step in ["verify", "decide"] {
        assert_eq!(
            named(&spans, TRACE, step).parent_span_id,
            server.span_id,
            "{step}"
        );
    }
    let upstream = named(&spans, TRACE, "POST");
    assert_eq!((upstream.kind, &upstream.parent_span_id), (3, &server.span_id));
    shows(upstream, &LOGIN_UPSTREAM);
    // The backend hears of the span that its own is a child of.
    let expect = format!("00-{TRACE}-{}-01", hex(&upstream.span_id));
    assert_eq!(arrived.all("traceparent"), [expect.as_str()]);
    assert_eq!(arrived.all("tracestate"), ["vendor=opaque"]);
    let secrets = [
        "query-8472",
        "customer-1",
        claims.jti.as_str(),
        session.ticket.reveal(),
        &session.device.to_text(),
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_refusal_says_why_and_a_failing_backend_is_an_error() {
    let mut collector = Collector::open().await;
    let mut scene = traced(&collector, "sample_ratio = 1").await;
    let client = scene.client();
    assert_eq!(Request::login().send(&client, &Headers::new()).await.status, 401);
    let spans = collector.requests(1).await;
    let server = spans.iter().find(|span| is_server(span)).unwrap();
    assert_eq!(attribute(server, "attest.code").as_deref(), Some("token-missing"));
    assert_eq!(
        attribute(server, "attest.reason").as_deref(),
        Some("token-missing")
    );
    assert!(attribute(server, "attest.support_code").is_some_and(|code| !code.is_empty()));
    assert!(server.parent_span_id.is_empty(), "a root");
    assert_eq!(
        server.status.as_ref().unwrap().code,
        0,
        "the client's fault is no error of ours"
    );
    scene.backend.goes_down().await;
    let health = Request::new("GET", "/health", "", &[]);
    assert_eq!(
        health
            .send(&client, &vec![header("traceparent", "00-nonsense")])
            .await
            .status,
        502
    );
    let spans = collector.requests(1).await;
    let server = spans.iter().find(|span| is_server(span)).unwrap();
    assert_eq!(server.status.as_ref().unwrap().code, 2);
    assert_eq!(
        attribute(server, "error.type").as_deref(),
        Some("upstream-unavailable")
    );
    let upstream = spans.iter().find(|span| span.kind == 3).unwrap();
    assert_eq!(
        attribute(upstream, "error.type").as_deref(),
        Some("upstream-unreachable")
    );
    // A method is a client's own text unless it is a known one, and so is the name of a call.
    for (method, target) in [("SECRET8472", "/health"), ("POST", "/.attest/v1/secret-8472")] {
        client.app(method, target, &Headers::new(), b"").await.unwrap();
        let text = format!("{:?}", collector.next().await);
        assert!(!text.to_lowercase().contains("8472"), "{text}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_told_of_too() {
    let mut collector = Collector::open().await;
    let scene = traced(&collector, "sample_ratio = 1").await;
    scene.backend.falls_silent();
    let mut wire = Wire::open(scene.authority()).await;
    let head = format!("GET /health HTTP/1.1\r\nhost: {}\r\n\r\n", scene.authority());
    assert!(wire.send(head).await);
    while scene.backend.take().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(wire);
    let spans = collector.requests(1).await;
    let server = spans.iter().find(|span| is_server(span)).unwrap();
    assert_eq!(
        attribute(server, "http.response.status_code").as_deref(),
        Some("499")
    );
    let upstream = spans.iter().find(|span| span.kind == 3).unwrap();
    assert_eq!(attribute(upstream, "error.type").as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn nobody_outside_has_everything_traced() {
    let collector = Collector::open().await;
    let scene = traced(&collector, "sample_ratio = 0").await;
    let health = Request::new("GET", "/health", "", &[]);
    for _ in 0..20 {
        health.send(&scene.client(), &vec![traceparent("01")]).await;
    }
    let told: Vec<String> = scene
        .backend
        .take()
        .iter()
        .flat_map(|arrived| {
            arrived
                .all("traceparent")
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(
        told,
        vec![format!("00-{TRACE}-{CALLER}-00"); 20],
        "nor can the backend be made to"
    );
    let telemetry = scene.gateway().telemetry();
    assert_eq!((telemetry.traces_exported(), telemetry.traces_dropped()), (0, 0));
    // The operator's own proxy decides for itself.
    let mut collector = Collector::open().await;
    let config = "sample_ratio = 0\n[proxy]\ntrusted_proxies = [\"127.0.0.1\"]";
    let scene = traced(&collector, config).await;
    health.send(&scene.client(), &vec![traceparent("01")]).await;
    assert_eq!(
        collector
            .requests(1)
            .await
            .iter()
            .filter(|span| is_server(span))
            .count(),
        1
    );
}

#[tokio::test]
async fn a_collector_that_is_away_costs_traces_and_nothing_else() {
    for silent in [true, false] {
        let collector = Collector::silent().await;
        let scene = traced(&collector, "sample_ratio = 1\nqueue_len = 16").await;
        if !silent {
            drop(collector);
        }
        let (client, health) = (scene.client(), Request::new("GET", "/health", "", &[]));
        for _ in 0..600 {
            assert_eq!(health.send(&client, &Headers::new()).await.status, 200);
        }
        // What waits is bounded: the queue, and the batch that is on its way.
        let telemetry = scene.gateway().telemetry();
        assert_eq!(telemetry.traces_exported(), 0);
        assert!(
            telemetry.traces_dropped() >= 600 - 16 - 256,
            "{}",
            telemetry.traces_dropped()
        );
        scene.world.stop().await;
    }
}

#[tokio::test]
async fn the_collectors_key_travels_over_tls() {
    let mut collector = Collector::secured().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let authority = write("ca.pem", collector.certificate.as_ref().unwrap());
    let headers = write("headers", "# the collector's\n\nx-api-key: secret-8472\n");
    let port = collector.port();
    let config = format!(
        "[otlp]\nendpoint = \"https://localhost:{port}/base/\"\nexport_interval_ms = 5\nsample_ratio = 1\n\
         ca_file = \"{authority}\"\nheaders_file = \"{headers}\"\n"
    );
    let scene = Scene::with(&config, |_| ()).await;
    let health = Request::new("GET", "/health", "", &[]);
    assert_eq!(health.send(&scene.client(), &Headers::new()).await.status, 200);
    let export = collector.next().await;
    assert!(
        export.head.starts_with("POST /base/v1/traces HTTP/1.1\r\n"),
        "{}",
        export.head
    );
    assert!(
        export.head.to_lowercase().contains("x-api-key: secret-8472"),
        "{}",
        export.head
    );
    assert_eq!(export.spans().iter().filter(|span| is_server(span)).count(), 1);
}
