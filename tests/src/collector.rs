//! An OpenTelemetry collector of the tests' own: takes exports over real sockets, decodes them and hands them out.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// No export takes longer, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// One export as it arrived.
#[derive(Debug)]
pub struct Export {
    /// The request's head.
    pub head: String,
    /// What it carried.
    pub content: ExportTraceServiceRequest,
}

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    arrived: UnboundedReceiver<Export>,
    serving: JoinHandle<()>,
    /// The certificate that its clients must trust.
    pub certificate: Option<String>,
}

impl Collector {
    /// Takes every export.
    pub async fn open() -> Self {
        Self::start(true, None).await
    }

    /// Accepts connections and answers nothing.
    pub async fn silent() -> Self {
        Self::start(false, None).await
    }

    /// Takes every export over TLS, as `localhost`.
    pub async fn secured() -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let mut collector = Self::start(true, Some(TlsAcceptor::from(Arc::new(config)))).await;
        collector.certificate = Some(own.cert.pem());
        collector
    }

    async fn start(answers: bool, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (arrives, arrived) = unbounded_channel();
        let serving = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                match (&tls, answers) {
                    (_, false) => kept.push(stream),
                    (None, true) => drop(tokio::spawn(serve(stream, arrives.clone()))),
                    (Some(tls), true) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            drop(tokio::spawn(serve(stream, arrives.clone())));
                        }
                    }
                }
            }
        });
        Self {
            address,
            arrived,
            serving,
            certificate: None,
        }
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The next export.
    pub async fn next(&mut self) -> Export {
        let arrived = tokio::time::timeout(PATIENCE, self.arrived.recv()).await;
        arrived.expect("no export came in time").unwrap()
    }

    /// The spans of at least `count` requests: each has one of kind server.
    pub async fn requests(&mut self, count: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        while spans.iter().filter(|span| is_server(span)).count() < count {
            spans.extend(self.next().await.spans());
        }
        spans
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Export {
    /// All spans.
    #[must_use]
    pub fn spans(self) -> Vec<Span> {
        let resources = self.content.resource_spans.into_iter();
        resources
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

/// Whether a span is a request's own.
#[must_use]
pub const fn is_server(span: &Span) -> bool {
    span.kind == 2
}

/// An attribute as text.
#[must_use]
pub fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    let value = found.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value {
        return Some(text.clone());
    }
    let Value::IntValue(number) = value else {
        panic!("{name}: {value:?}");
    };
    Some(number.to_string())
}

async fn serve<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, arrives: UnboundedSender<Export>) {
    let mut bytes = Vec::new();
    let mut end = None;
    loop {
        if end.is_none() {
            end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        }
        let head = end.and_then(|end| bytes.split_at_checked(end + 4));
        if let Some((head, body)) = head {
            let head = String::from_utf8_lossy(head).into_owned();
            let length = head.lines().find_map(|line| {
                line.to_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            });
            if body.len() >= length.unwrap() {
                let content = ExportTraceServiceRequest::decode(body).unwrap();
                let _over = arrives.send(Export { head, content }).is_err();
                let answer =
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
                let _gone = stream.write_all(answer).await.is_err();
                return;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
}
