//! GET over HTTP/1.1, bounded in bytes and time: a server that drips or never ends is left. No redirect is followed: whoever answers may
//! not send the client elsewhere, least of all into the network that it stands in.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsConnector;

use crate::Failure;

/// For one file, from connecting to its last byte.
const WHOLE: Duration = Duration::from_secs(60);

/// What a server has.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    Bytes(Vec<u8>),
    /// It says that there is no such file.
    Missing,
}

/// Fetches files, one after the other.
pub(crate) struct Fetcher {
    runtime: Runtime,
}

impl Fetcher {
    pub(crate) fn new() -> Result<Self, Failure> {
        Builder::new_current_thread()
            .enable_all()
            .build()
            .map(|runtime| Self { runtime })
            .map_err(Failure::Runtime)
    }

    /// The file at `url`, at most `max_bytes` of it: one that is larger comes with one byte more, to be refused by who knows why.
    pub(crate) fn fetch(&self, url: &str, max_bytes: u64) -> Result<Fetched, Failure> {
        self.runtime
            .block_on(in_time(url, max_bytes))
            .map_err(|error| Failure::Fetch {
                url: url.to_owned(),
                reason: error.to_string(),
            })
    }
}

async fn in_time(url: &str, max_bytes: u64) -> Result<Fetched, AnyError> {
    tokio::time::timeout(WHOLE, fetch(url, max_bytes))
        .await
        .map_err(|_| format!("not complete after {} s", WHOLE.as_secs()))?
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn fetch(url: &str, max_bytes: u64) -> Result<Fetched, AnyError> {
    let uri: Uri = escaped(url).parse()?;
    let host = uri.host().ok_or("no host")?.trim_matches(['[', ']']).to_owned();
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err("not an http or https address".into()),
    };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    if tls {
        let name = ServerName::try_from(host)?;
        exchange(trusting()?.connect(name, stream).await?, &uri, max_bytes).await
    } else {
        exchange(stream, &uri, max_bytes).await
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    uri: &Uri,
    max_bytes: u64,
) -> Result<Fetched, AnyError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(
            header::HOST,
            uri.authority().map_or("", |authority| authority.as_str()),
        )
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let fetched = match response.status() {
        StatusCode::OK => {
            let most = usize::try_from(max_bytes).unwrap_or(usize::MAX).saturating_add(1);
            let mut body = response.into_body();
            let mut bytes = Vec::new();
            while bytes.len() < most
                && let Some(frame) = body.frame().await
            {
                bytes.extend(frame?.into_data().unwrap_or_default());
            }
            bytes.truncate(most);
            Fetched::Bytes(bytes)
        }
        StatusCode::NOT_FOUND => Fetched::Missing,
        status => return Err(format!("status {status}").into()),
    };
    driver.abort();
    Ok(fetched)
}

/// The machine's own certificate authorities.
fn trusting() -> Result<TlsConnector, AnyError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        return Err("this machine has no certificate authorities".into());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// What no address may hold is percent-encoded; what is there already stays.
fn escaped(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}#?".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const MAX_BYTES: u64 = 8;

    /// What is fetched from a server that answers with these parts, with so long a pause after each.
    async fn check(parts: Vec<&'static str>, pause: Duration, expect: Result<Fetched, &str>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/x.json", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 1024];
            let _read = stream.read(&mut head).await.unwrap();
            for part in &parts {
                if stream.write_all(part.as_bytes()).await.is_err() {
                    return;
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        });
        let fetched = in_time(&url, MAX_BYTES).await.map_err(|error| error.to_string());
        match (fetched, expect) {
            (Ok(fetched), Ok(expect)) => assert_eq!(fetched, expect),
            (Err(reason), Err(expect)) => assert!(reason.contains(expect), "{reason}"),
            (fetched, expect) => panic!("{fetched:?}, not {expect:?}"),
        }
        server.abort();
    }

    #[tokio::test]
    async fn an_answer_is_whole_and_in_time_or_none() {
        let now = Duration::ZERO;
        let bytes = |text: &str| Ok(Fetched::Bytes(text.as_bytes().to_vec()));
        check(
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", "{ }\n"],
            now,
            bytes("{ }\n"),
        )
        .await;
        check(vec!["HTTP/1.0 200 OK\r\n\r\n", "{ }\n"], now, bytes("{ }\n")).await;
        check(
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n", "123456789"],
            now,
            bytes("123456789"),
        )
        .await;
        check(
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", "1234567890AB"],
            now,
            bytes("123456789"),
        )
        .await;
        check(
            vec!["HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"],
            now,
            Ok(Fetched::Missing),
        )
        .await;
        check(
            vec!["HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"],
            now,
            Err("403"),
        )
        .await;
        check(
            vec!["HTTP/1.1 302 Found\r\nlocation: /y.json\r\ncontent-length: 0\r\n\r\n"],
            now,
            Err("302"),
        )
        .await;
        check(
            vec!["HTTP/1.1 206 Partial Content\r\ncontent-length: 1\r\n\r\n{"],
            now,
            Err("206"),
        )
        .await;
        check(
            vec!["HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n{ }"],
            now,
            Err(""),
        )
        .await;
        check(vec!["no HTTP at all\r\n\r\n"], now, Err("")).await;
        check(vec![], now, Err("")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_drips_is_left() {
        let drip = Duration::from_secs(20);
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";
        check(
            vec![head, "1", "2", "3", "4", "5", "6", "7", "8"],
            drip,
            Err("not complete"),
        )
        .await;
        check(
            vec!["HTTP/1.1 ", "200 ", "OK\r\n", "a: b\r\n", "c: d\r\n"],
            drip,
            Err("not complete"),
        )
        .await;
        check(vec![""], Duration::from_secs(600), Err("not complete")).await;
    }

    #[tokio::test]
    async fn other_schemes_are_none() {
        for url in ["file:///etc/passwd", "ftp://127.0.0.1/x", "x", "http://"] {
            assert!(in_time(url, MAX_BYTES).await.is_err(), "{url}");
        }
    }
}
