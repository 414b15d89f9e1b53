//! What travels between client and backend, both ways: nothing that concerns one connection, nothing in the gateway's name that
//! the gateway did not say, and the client's address only as far as the operator believes it.

use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};
use attest_tests::wire::Message;

/// Fields of one connection, as a client or backend may send them.
const HOP_BY_HOP: [&str; 8] = [
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
    "x-nominated",
];

#[tokio::test]
async fn fields_of_one_connection_do_not_travel_on() {
    let scene = Scene::open().await;
    let fields: String = HOP_BY_HOP
        .iter()
        .map(|name| format!("{name}: here-only\r\n"))
        .collect();
    let raw = format!(
        "GET /health HTTP/1.1\r\nhost: {{host}}\r\n{fields}connection: x-nominated, keep-alive\r\nx-end: kept\r\n\r\n"
    );
    assert_eq!(scene.raw(&raw).await.unwrap().status, 200);
    let arrived = scene.backend.only();
    assert!(!format!("{arrived:?}").contains("here-only"), "{arrived:?}");
    assert_eq!(
        (arrived.all("x-end"), arrived.all("connection")),
        (vec!["kept"], vec![])
    );

    scene.backend.answers(format!(
        "HTTP/1.1 200 OK\r\n{fields}connection: x-nominated\r\nx-end: kept\r\ncontent-length: 2\r\n\r\n{{}}"
    ));
    let reply = scene
        .raw("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")
        .await
        .unwrap();
    assert!(
        !reply.headers.iter().any(|(_, value)| value == "here-only"),
        "{:?}",
        reply.headers
    );
    assert_eq!(
        (reply.status, reply.header("x-end"), reply.body.as_slice()),
        (200, Some("kept"), &b"{}"[..])
    );
}

#[tokio::test]
async fn a_backend_cannot_speak_in_the_gateways_name_either() {
    let scene = Scene::open().await;
    let fields = "Attest-Policy: 999\r\nattest-decision: allow\r\nATTEST_DEVICE: x\r\nAttest-Anything: x\r\n";
    for answer in [
        format!("HTTP/1.1 200 OK\r\n{fields}content-length: 2\r\n\r\n{{}}"),
        format!("HTTP/1.1 503 Down\r\n{fields}content-length: 2\r\n\r\n{{}}"),
        format!(
            "HTTP/1.1 200 OK\r\n{fields}trailer: attest-policy\r\ntransfer-encoding: chunked\r\n\r\n\
             2\r\n{{}}\r\n0\r\nattest-policy: 999\r\nattest_device: x\r\n\r\n"
        ),
    ] {
        scene.backend.answers(answer.clone());
        let mut wire = attest_tests::wire::Wire::open(scene.authority()).await;
        wire.send(format!(
            "GET /health HTTP/1.1\r\nhost: {}\r\nte: trailers\r\n\r\n",
            scene.authority()
        ))
        .await;
        let reply = wire.message().await.unwrap();
        let ours = |message: &Message| -> Vec<String> {
            let all = message.headers.iter().chain(&message.trailers);
            let ours =
                all.filter(|(name, _)| name.to_ascii_lowercase().replace('_', "-").starts_with("attest-"));
            ours.map(|(name, value)| format!("{name}: {value}")).collect()
        };
        assert_eq!(ours(&reply), ["attest-policy: 1"], "{answer}");
        assert_eq!(reply.body, b"{}");
    }
}

#[tokio::test]
async fn tokens_stay_at_the_gateway_unless_the_upstream_is_configured_to_see_them() {
    for (config, sees) in [("", false), ("forward_client_tokens = true\n", true)] {
        let scene = Scene::with(config, |_| ()).await;
        let attacker = scene.attacker();
        let session = attacker.session(None).await;
        for request in [Request::login(), Request::payment()] {
            let claims = attacker.claims(&request, START_S);
            let token = match request.path() {
                "/v1/payments" => attacker.proof_token(&session, &claims),
                _ => attacker.session_token(&session, &claims),
            };
            assert_eq!(request.send(&scene.client(), &token).await.status, 200);
            let arrived = scene.backend.only();
            for (name, value) in &token {
                let expect = if sees { vec![value.as_str()] } else { vec![] };
                assert_eq!(arrived.all(name), expect, "{name}");
            }
            assert_eq!(
                arrived.all("authorization"),
                ["Bearer customer-1"],
                "the customer's own stays"
            );
            assert_eq!(arrived.all("attest-decision"), ["allow"]);
        }
    }
}

#[tokio::test]
async fn the_clients_address_is_believed_from_trusted_proxies_only() {
    let told = vec![
        header("x-forwarded-for", "203.0.113.7, 198.51.100.2"),
        header("x-forwarded-proto", "https"),
        header("x-forwarded-host", "api.bank.example"),
        header("forwarded", "for=203.0.113.7"),
        header("x-real-ip", "203.0.113.7"),
    ];
    for (config, chain, proto, host) in [
        ("", "127.0.0.1", "http", None),
        (
            "[proxy]\ntrusted_proxies = [\"10.0.0.0/8\"]\n",
            "127.0.0.1",
            "http",
            None,
        ),
        (
            "[proxy]\ntrusted_proxies = [\"127.0.0.0/8\"]\n",
            "203.0.113.7, 198.51.100.2, 127.0.0.1",
            "https",
            Some("api.bank.example"),
        ),
    ] {
        let scene = Scene::with(config, |_| ()).await;
        let request = Request::new("GET", "/health", "", &[]);
        assert_eq!(request.send(&scene.client(), &told).await.status, 200);
        let arrived = scene.backend.only();
        assert_eq!(arrived.all("x-forwarded-for"), [chain], "{config}");
        assert_eq!(arrived.all("x-forwarded-proto"), [proto], "{config}");
        assert_eq!(
            arrived.all("x-forwarded-host"),
            [host.unwrap_or(scene.authority())],
            "{config}"
        );
        assert_eq!(
            (arrived.all("forwarded").len(), arrived.all("x-real-ip").len()),
            (0, 0),
            "{config}"
        );
    }
}

#[tokio::test]
async fn the_backend_is_called_by_its_own_name_unless_it_wants_the_clients() {
    for (config, clients) in [("", false), ("preserve_host = true\n", true)] {
        let scene = Scene::with(config, |_| ()).await;
        assert_eq!(
            scene
                .raw("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")
                .await
                .unwrap()
                .status,
            200
        );
        let url = scene.backend.url();
        let expect = if clients {
            scene.authority()
        } else {
            url.trim_start_matches("http://")
        };
        assert_eq!(scene.backend.only().all("host"), [expect]);
    }
}
