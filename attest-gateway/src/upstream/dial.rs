//! Connects to an upstream: TCP, TLS where its address says so, and the protocol that both sides agreed on. One time limit for
//! all of it; an upstream that does not speak what is configured is an error.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::UpstreamError;
use super::plan::{Plan, Tls};
use super::tls::ALPN_HTTP2;
use crate::config::UpstreamProtocol;

/// A connection on which no byte of HTTP was sent yet.
pub(super) enum Dialled {
    Http1(Link),
    Http2(Link),
}

/// A connection to an upstream.
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection in the protocol that the plan asks for.
///
/// # Errors
/// [`UpstreamError`]; nothing was sent that the upstream could act on.
pub(super) async fn dial(plan: &Plan) -> Result<Dialled, UpstreamError> {
    let (link, negotiated) = open(plan, |tls| &tls.connector).await?;
    match (plan.protocol, negotiated) {
        (UpstreamProtocol::Http2, None) if plan.tls.is_none() => Ok(Dialled::Http2(link)),
        (UpstreamProtocol::Http2 | UpstreamProtocol::Auto, Some(Negotiated::Http2)) => {
            Ok(Dialled::Http2(link))
        }
        (UpstreamProtocol::Http2, None | Some(Negotiated::Other)) => Err(UpstreamError::Protocol),
        (UpstreamProtocol::Http1 | UpstreamProtocol::Auto, None | Some(Negotiated::Other)) => {
            Ok(Dialled::Http1(link))
        }
        (UpstreamProtocol::Http1, Some(Negotiated::Http2)) => Err(UpstreamError::Protocol),
    }
}

/// A connection for HTTP/1.1, which alone can be upgraded.
///
/// # Errors
/// As [`dial`]; [`UpstreamError::Protocol`] where the plan allows HTTP/2 only.
pub(super) async fn dial_http1(plan: &Plan) -> Result<Link, UpstreamError> {
    if plan.protocol == UpstreamProtocol::Http2 {
        return Err(UpstreamError::Protocol);
    }
    let (link, negotiated) = open(plan, |tls| &tls.http1).await?;
    match negotiated {
        None | Some(Negotiated::Other) => Ok(link),
        Some(Negotiated::Http2) => Err(UpstreamError::Protocol),
    }
}

/// What ALPN yielded.
enum Negotiated {
    Http2,
    Other,
}

async fn open(
    plan: &Plan,
    connector: impl FnOnce(&Tls) -> &TlsConnector,
) -> Result<(Link, Option<Negotiated>), UpstreamError> {
    let connecting = async {
        let host = plan.authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, plan.port))
            .await
            .map_err(|error| UpstreamError::Connect { kind: error.kind() })?;
        // Requests are written whole; waiting to fill a segment only adds latency.
        let _unsupported = stream.set_nodelay(true).is_err();
        let Some(tls) = &plan.tls else {
            return Ok((Link::Plain(stream), None));
        };
        let stream = connector(tls)
            .connect(tls.server_name.clone(), stream)
            .await
            .map_err(|error| UpstreamError::handshake(&error))?;
        let negotiated = stream.get_ref().1.alpn_protocol().map(|name| {
            if name == ALPN_HTTP2 {
                Negotiated::Http2
            } else {
                Negotiated::Other
            }
        });
        Ok((Link::Tls(Box::new(stream)), negotiated))
    };
    timeout(plan.connect_timeout, connecting)
        .await
        .map_err(|_| UpstreamError::ConnectTimeout)?
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
