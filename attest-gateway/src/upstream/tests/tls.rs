//! Real handshakes with certificates made on the spot.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::*;
use super::on_a_core;
use crate::config::UpstreamProtocol;

/// An authority and what it signs, with a folder for its files.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).unwrap();
        Self {
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A certificate for `name`, and its key; also as files called after it.
    fn signs(&self, name: &str) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}-key.pem")), key.serialize_pem()).unwrap();
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        (certificate.der().clone(), PrivateKeyDer::from(der))
    }

    /// A server with a certificate for `name` that offers these protocols and may ask for a certificate of this authority.
    fn server(&self, name: &str, alpn: &[&str], asks: bool) -> ServerConfig {
        let (certificate, key) = self.signs(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// Answers with the protocol of each request, whichever was agreed on.
async fn backend(config: ServerConfig) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::task::spawn_local(async move {
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let service = service_fn(|request: Request<Incoming>| async move {
                    let seen = format!("{:?}", request.version());
                    Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(seen))))
                });
                let io = TokioIo::new(stream);
                let _gone = if http2 {
                    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    serving.serve_connection(io, service).await.is_err()
                } else {
                    let serving = hyper::server::conn::http1::Builder::new();
                    serving.serve_connection(io, service).await.is_err()
                };
            });
        }
    });
    address
}

async fn send(config: &config::Upstream) -> Result<String, UpstreamError> {
    let request = Request::builder()
        .uri("/")
        .header("host", "client.example")
        .body(RequestBody::Empty)
        .unwrap();
    let response = Upstream::new(config).unwrap().send(request).await?;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// What one request to a server with these properties yields; `change` spoils what the gateway is told.
fn check(
    name: &str,
    alpn: &'static [&'static str],
    asks: bool,
    change: impl FnOnce(&Authority, &mut config::Upstream),
    expect: Result<&str, (&str, bool)>,
) {
    let authority = Authority::new();
    on_a_core(async {
        let address = backend(authority.server(name, alpn, asks)).await;
        let mut config = config::Upstream {
            name: "backend".to_owned(),
            url: format!("https://localhost:{}", address.port()),
            ca_file: Some(authority.path("ca.pem")),
            ..config::Upstream::default()
        };
        change(&authority, &mut config);
        let outcome = send(&config).await;
        let outcome = outcome.as_ref().map(String::as_str);
        assert_eq!(outcome.map_err(|error| (error.code(), error.sent())), expect);
    });
}

const BOTH: &[&str] = &["h2", "http/1.1"];

#[test]
fn what_is_spoken_is_agreed_on_and_never_silently_something_else() {
    let protocol = |protocol| move |_: &Authority, config: &mut config::Upstream| config.protocol = protocol;
    let (auto, http1, http2) = (
        protocol(UpstreamProtocol::Auto),
        protocol(UpstreamProtocol::Http1),
        protocol(UpstreamProtocol::Http2),
    );
    check("localhost", BOTH, false, auto, Ok("HTTP/2.0"));
    check("localhost", BOTH, false, http1, Ok("HTTP/1.1"));
    check("localhost", BOTH, false, http2, Ok("HTTP/2.0"));
    check("localhost", &["http/1.1"], false, auto, Ok("HTTP/1.1"));
    check("localhost", &[], false, auto, Ok("HTTP/1.1"));
    check("localhost", &[], false, http1, Ok("HTTP/1.1"));
    let refused = Err(("upstream-protocol", false));
    check("localhost", &["http/1.1"], false, http2, refused);
    check("localhost", &[], false, http2, refused);
    check("localhost", &["h2"], false, http1, refused);
}

#[test]
fn a_certificate_is_always_verified() {
    let refused = Err(("upstream-tls", false));
    check("localhost", BOTH, false, |_, _| (), Ok("HTTP/2.0"));
    check("elsewhere.example", BOTH, false, |_, _| (), refused);
    check(
        "elsewhere.example",
        BOTH,
        false,
        |_, config| config.server_name = Some("elsewhere.example".to_owned()),
        Ok("HTTP/2.0"),
    );
    check(
        "localhost",
        BOTH,
        false,
        |_, config| config.server_name = Some("elsewhere.example".to_owned()),
        refused,
    );
    // Signed by somebody else, and by nobody that this system knows.
    let other = Authority::new();
    let path = other.path("ca.pem");
    check(
        "localhost",
        BOTH,
        false,
        |_, config| config.ca_file = Some(path),
        refused,
    );
}

#[test]
fn the_gateway_shows_its_own_certificate_where_it_has_one() {
    let with = |authority: &Authority, config: &mut config::Upstream| {
        authority.signs("gateway");
        config.client_certificate = Some(authority.path("gateway.pem"));
        config.client_key = Some(authority.path("gateway-key.pem"));
    };
    check("localhost", BOTH, true, with, Ok("HTTP/2.0"));
    check(
        "localhost",
        &["http/1.1"],
        true,
        |authority, config| {
            with(authority, config);
            config.protocol = UpstreamProtocol::Http1;
        },
        Ok("HTTP/1.1"),
    );
    // Under TLS 1.3 the server's refusal comes after the handshake, when the request may have left.
    check(
        "localhost",
        &["http/1.1"],
        true,
        |_, config| config.protocol = UpstreamProtocol::Http1,
        Err(("upstream-tls", true)),
    );
}

#[test]
fn a_server_in_clear_is_no_tls_server() {
    on_a_core(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, answer)
                .await
                .unwrap();
        });
        let config = config::Upstream {
            url,
            ca_file: Some(Authority::new().path("ca.pem")),
            ..config::Upstream::default()
        };
        // The folder of that authority is gone: it is read when the gateway starts, and that fails first.
        assert!(matches!(
            Upstream::new(&config),
            Err(UpstreamConfigError::Tls { .. })
        ));
        let authority = Authority::new();
        let config = config::Upstream {
            ca_file: Some(authority.path("ca.pem")),
            ..config
        };
        let error = send(&config).await.unwrap_err();
        assert_eq!((error.code(), error.sent()), ("upstream-tls", false));
    });
}

#[test]
fn each_file_that_does_not_fit_is_found_before_the_gateway_starts() {
    let authority = Authority::new();
    authority.signs("gateway");
    authority.signs("other");
    std::fs::write(authority.path("broken.pem"), "-----BEGIN CERTIFICATE-----\n!\n").unwrap();
    std::fs::write(authority.path("empty.pem"), "").unwrap();
    let path = |name: &str| Some(authority.path(name));
    let check = |change: &dyn Fn(&mut config::Upstream), expect: &[(&str, &str)]| {
        let mut config = config::Upstream {
            url: "https://localhost:1".to_owned(),
            ca_file: Some(authority.path("ca.pem")),
            client_certificate: Some(authority.path("gateway.pem")),
            client_key: Some(authority.path("gateway-key.pem")),
            ..config::Upstream::default()
        };
        change(&mut config);
        let found = tls_files(&config).err();
        let found: Vec<_> = found.iter().map(|error| (error.key(), error.code())).collect();
        assert_eq!(found, expect);
    };
    check(&|_| (), &[]);
    check(
        &|config| config.ca_file = path("absent.pem"),
        &[("ca_file", "no-such-file")],
    );
    check(
        &|config| config.ca_file = path("broken.pem"),
        &[("ca_file", "unreadable")],
    );
    check(
        &|config| config.ca_file = path("empty.pem"),
        &[("ca_file", "unreadable")],
    );
    check(
        &|config| config.client_certificate = path("empty.pem"),
        &[("client_certificate", "unreadable")],
    );
    check(
        &|config| config.client_key = path("gateway.pem"),
        &[("client_key", "unreadable")],
    );
    check(
        &|config| config.client_key = path("other-key.pem"),
        &[("client_certificate", "unreadable")],
    );
    check(
        &|config| config.server_name = Some("not a name".to_owned()),
        &[("server_name", "wrong-value")],
    );
}
