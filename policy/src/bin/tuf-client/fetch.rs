//! GET over HTTP/1.1, bounded in bytes and time: a server that drips or never ends is left.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
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
        let failed = |reason: String| Failure::Fetch {
            url: url.to_owned(),
            reason,
        };
        self.runtime.block_on(async {
            tokio::time::timeout(WHOLE, fetch(url, max_bytes))
                .await
                .map_err(|_| failed(format!("not complete after {} s", WHOLE.as_secs())))?
                .map_err(|error| failed(error.to_string()))
        })
    }
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
            let mut body = Limited::new(response.into_body(), most);
            let mut bytes = Vec::new();
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => bytes.extend(frame.into_data().unwrap_or_default()),
                    Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                        bytes.resize(most, 0);
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
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
