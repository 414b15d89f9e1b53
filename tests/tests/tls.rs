//! TLS towards clients, with real handshakes: whose certificate, which protocol, who may connect, and what changes at run time.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_tests::frames::PREFACE;
use attest_tests::scene::Scene;
use attest_tests::tls::{Authority, ClientOptions};
use attest_tests::wire::until;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

const GET: &[u8] =
    b"GET /health HTTP/1.1\r\nhost: localhost\r\nx-forwarded-proto: http\r\nconnection: close\r\n\r\n";

type Versions = &'static [&'static rustls::SupportedProtocolVersion];
const TLS12: Versions = &[&rustls::version::TLS12];
const TLS13: Versions = &[&rustls::version::TLS13];

/// A gateway with a certificate for `localhost`, and more lines of configuration after its table `[tls]` was opened.
async fn scene(authority: &Authority, more: &str) -> (Scene, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let own = authority.certify(&["localhost"]).write(folder.path(), "own");
    let config = format!("[tls]\ncertificates = [{own}]\n{more}");
    (Scene::with(&config, |_| ()).await, folder)
}

/// Sends bytes and reads to the end.
async fn exchange(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> String {
    // Whoever is refused may not be able to send, and hears no goodbye.
    let _refused = stream.write_all(bytes).await.is_err();
    let mut answer = Vec::new();
    let _cut = stream.read_to_end(&mut answer).await.is_err();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_request_passes_and_the_backend_hears_that_it_was_encrypted() {
    let authority = Authority::new();
    let (scene, _folder) = scene(&authority, "").await;
    for versions in [TLS12, TLS13, rustls::ALL_VERSIONS] {
        for alpn in [&[][..], &["http/1.1"]] {
            let options = ClientOptions {
                versions,
                alpn,
                ..ClientOptions::default()
            };
            let mut stream = authority.connect(scene.authority(), options).await.unwrap();
            let answer = exchange(&mut stream, GET).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
            assert_eq!(scene.backend.only().all("x-forwarded-proto"), ["https"]);
        }
    }
}

#[tokio::test]
async fn http2_is_spoken_where_it_was_negotiated() {
    let authority = Authority::new();
    let (scene, _folder) = scene(&authority, "").await;
    let options = ClientOptions {
        alpn: &["h2", "http/1.1"],
        ..ClientOptions::default()
    };
    let stream = authority.connect(scene.authority(), options).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let request = http::Request::get("https://localhost/health")
            .body(Empty::<&[u8]>::new())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.version()),
            (200, http::Version::HTTP_2)
        );
        assert_eq!(scene.backend.only().all("x-forwarded-proto"), ["https"]);
    }
}

#[tokio::test]
async fn bytes_that_were_not_negotiated_are_closed() {
    let authority = Authority::new();
    let (scene, _folder) = scene(&authority, "").await;
    let hello = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    for (alpn, bytes) in [
        (&["h2"][..], GET),
        (&["h2"], b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
        (&["http/1.1"], &hello),
        (&[], &hello),
    ] {
        let options = ClientOptions {
            alpn,
            ..ClientOptions::default()
        };
        let mut stream = authority.connect(scene.authority(), options).await.unwrap();
        let answer = exchange(&mut stream, bytes).await;
        // What it speaks instead of an answer is the protocol that was negotiated.
        let refused = answer.starts_with("HTTP/1.1 400 ") && answer.contains("connection: close");
        assert_eq!(refused, alpn != ["h2"], "{alpn:?}: {answer}");
        assert!(!answer.contains("200"), "{alpn:?}: {answer}");
        assert!(scene.backend.take().is_empty());
    }
    let options = ClientOptions {
        alpn: &["spdy/3"],
        ..ClientOptions::default()
    };
    let refused = authority.connect(scene.authority(), options).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn each_name_gets_its_certificate() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let identities = [
        authority.certify(&["localhost"]),
        authority.certify(&["api.bank.example"]),
        authority.certify(&["*.bank.example"]),
    ];
    let members: Vec<_> = ["a", "b", "c"]
        .iter()
        .zip(&identities)
        .map(|(stem, identity)| identity.write(folder.path(), stem))
        .collect();
    let config = format!("[tls]\ncertificates = [{}]\n", members.join(", "));
    let scene = Scene::with(&config, |_| ()).await;
    for name in ["localhost", "api.bank.example", "www.bank.example"] {
        let options = ClientOptions {
            name,
            ..ClientOptions::default()
        };
        // The client verifies the name.
        authority.connect(scene.authority(), options).await.unwrap();
    }
    let options = ClientOptions {
        name: "other.example",
        ..ClientOptions::default()
    };
    assert!(authority.connect(scene.authority(), options).await.is_err());
}

#[tokio::test]
async fn clients_show_certificates_where_they_must() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("clients.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let (known, unknown) = (authority.certify(&["phone"]), stranger.certify(&["phone"]));
    for (auth, without, with_unknown) in [("required", false, false), ("optional", true, false)] {
        let more = format!("client_auth = '{auth}'\nclient_ca = '{}'\n", ca.display());
        let (scene, _folder) = scene(&authority, &more).await;
        for (identity, expect) in [
            (None, without),
            (Some(&known), true),
            (Some(&unknown), with_unknown),
        ] {
            let options = ClientOptions {
                identity,
                ..ClientOptions::default()
            };
            // In TLS 1.3 a client hears of its refusal only when it reads.
            let answered = match authority.connect(scene.authority(), options).await {
                Ok(mut stream) => exchange(&mut stream, GET).await.starts_with("HTTP/1.1 200"),
                Err(_) => false,
            };
            assert_eq!(answered, expect, "{auth}, shown {}", identity.is_some());
            assert_eq!(scene.backend.take().len(), usize::from(expect));
        }
    }
}

#[tokio::test]
async fn changed_certificates_are_taken_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let (scene, folder) = scene(&old, "").await;
    let mut kept = old
        .connect(scene.authority(), ClientOptions::default())
        .await
        .unwrap();
    std::fs::write(folder.path().join("own.key"), "no key").unwrap();
    let _same_files = new.certify(&["localhost"]).write(folder.path(), "own");
    // The chores look at the files every 50 ms here.
    while new
        .connect(scene.authority(), ClientOptions::default())
        .await
        .is_err()
    {
        tokio::task::yield_now().await;
    }
    assert!(
        old.connect(scene.authority(), ClientOptions::default())
            .await
            .is_err()
    );
    let answer = exchange(&mut kept, GET).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");

    std::fs::write(folder.path().join("own.pem"), "no certificate").unwrap();
    let tls = scene.gateway().tls().unwrap();
    let problem = tls.reload(attest_tests::scene::START_S).unwrap_err();
    assert_eq!(problem.code(), "tls-certificate-malformed");
    new.connect(scene.authority(), ClientOptions::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn handshakes_that_fail_or_drip_end_and_are_counted() {
    let authority = Authority::new();
    let (scene, _folder) = scene(&authority, "[limits]\nhead_timeout_ms = 200\n").await;
    let tls = scene.gateway().tls().unwrap();
    // Cleartext, a silent client, and one that begins a handshake and stops.
    for (count, bytes) in [GET, b"", &[22, 3, 1, 2, 0, 1, 0][..]].into_iter().enumerate() {
        let mut stream = TcpStream::connect(scene.authority()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer).await.is_err();
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
        let expect = u64::try_from(count).unwrap() + 1;
        until("it is counted", || tls.handshakes_failed() == expect).await;
    }
    assert!(scene.backend.take().is_empty());
}
