//! From an accepted socket to a connection whose protocol is known: TLS, if the gateway ends it, and then what ALPN says; in
//! cleartext what the first bytes say. Nothing falls back to anything: whoever does not speak what was negotiated is refused by
//! who reads it, the guard or the HTTP/2 library.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::server::TlsStream;

use crate::config::Protocol;
use crate::guard::{PREFACE, Preface, preface};
use crate::tls::ServerTls;

/// Of a whole preface.
const PREFACE_BYTES: usize = PREFACE.len();

/// Why a connection ended before its first request.
#[derive(Debug, thiserror::Error)]
pub(super) enum EstablishError {
    /// The TLS handshake failed.
    #[error("TLS handshake: {0}")]
    Handshake(#[source] io::Error),
    /// The socket failed, or the client left.
    #[error("before the first request: {0}")]
    Io(#[from] io::Error),
    /// The client speaks something that is not spoken here.
    #[error("the client's protocol is not spoken here")]
    Protocol,
}

/// A client's bytes in clear.
#[derive(Debug)]
pub(super) enum Transport<T> {
    Plain(T),
    Tls(Box<TlsStream<T>>),
}

/// A connection that is ready to be served.
#[derive(Debug)]
pub(super) struct Established<T> {
    pub(super) stream: Prefixed<Transport<T>>,
    pub(super) protocol: Protocol,
    pub(super) encrypted: bool,
}

/// Shakes hands and finds the protocol out, before the deadline of the first head.
pub(super) async fn establish<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    tls: Option<&ServerTls>,
    spoken: &[Protocol],
    deadline: Instant,
) -> Result<Established<T>, EstablishError> {
    let (stream, protocol, prefix, encrypted) = match tls {
        Some(tls) => {
            let shaken = timeout_at(deadline, tls.acceptor().accept(stream)).await;
            let stream = shaken
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(EstablishError::Handshake)?;
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::H2,
                // Whoever negotiates nothing speaks HTTP/1.1.
                _ => Protocol::Http1,
            };
            (
                Transport::Tls(Box::new(stream)),
                protocol,
                Prefix::default(),
                true,
            )
        }
        None => {
            let mut stream = Transport::Plain(stream);
            let mut prefix = Prefix::default();
            let protocol = if spoken.contains(&Protocol::H2) {
                first_bytes(&mut stream, &mut prefix, deadline).await?
            } else {
                Protocol::Http1
            };
            (stream, protocol, prefix, false)
        }
    };
    if !spoken.contains(&protocol) {
        return Err(EstablishError::Protocol);
    }
    Ok(Established {
        stream: Prefixed { prefix, stream },
        protocol,
        encrypted,
    })
}

/// Reads no more than it takes to tell the protocols apart. What is no whole preface is HTTP/1's to refuse, with words.
async fn first_bytes<T: AsyncRead + Unpin>(
    stream: &mut T,
    prefix: &mut Prefix,
    deadline: Instant,
) -> Result<Protocol, EstablishError> {
    loop {
        let room = prefix.bytes.get_mut(prefix.end..).unwrap_or_default();
        match timeout_at(deadline, stream.read(room)).await {
            Ok(Ok(read)) if read > 0 => prefix.end += read,
            Ok(Err(error)) => return Err(error.into()),
            Ok(Ok(_)) | Err(_) if prefix.end > 0 => return Ok(Protocol::Http1),
            Ok(Ok(_)) => return Err(EstablishError::Io(io::ErrorKind::UnexpectedEof.into())),
            Err(_) => return Err(EstablishError::Io(io::ErrorKind::TimedOut.into())),
        }
        match preface(prefix.rest()) {
            Preface::Http2 => return Ok(Protocol::H2),
            Preface::Http1 | Preface::Broken => return Ok(Protocol::Http1),
            Preface::Undecided => {}
        }
    }
}

/// The first bytes of a connection, to be read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Prefix {
    bytes: [u8; PREFACE_BYTES],
    start: usize,
    end: usize,
}

impl Prefix {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// A stream whose first bytes were read already.
#[derive(Debug)]
pub(super) struct Prefixed<T> {
    prefix: Prefix,
    stream: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for Prefixed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let rest = this.prefix.rest();
        if rest.is_empty() || buf.remaining() == 0 {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let length = rest.len().min(buf.remaining());
        buf.put_slice(rest.get(..length).unwrap_or_default());
        this.prefix.start += length;
        // What came with them belongs to the same head; if nothing did, what there is must be shown.
        if buf.remaining() > 0 && this.prefix.rest().is_empty() {
            match Pin::new(&mut this.stream).poll_read(cx, buf) {
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
        }
        Poll::Ready(Ok(()))
    }
}

macro_rules! both {
    ($self:ident, $stream:ident => $call:expr) => {
        match &mut *$self {
            Transport::Plain($stream) => $call,
            Transport::Tls($stream) => $call,
        }
    };
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Transport<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        both!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        both!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        both!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        both!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        both!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Prefixed<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    const BOTH: &[Protocol] = &[Protocol::H2, Protocol::Http1];

    /// The protocol of a client that sends these parts and closes, if everything it sent can be read again.
    async fn told(parts: &[&[u8]], spoken: &[Protocol]) -> Option<Protocol> {
        let (mut client, server) = tokio::io::duplex(256);
        let sending = async {
            for part in parts {
                // Whoever is refused cannot send the rest.
                let _refused = client.write_all(part).await.is_err();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let reading = async {
            let deadline = Instant::now() + std::time::Duration::from_secs(10);
            let mut established = establish(server, None, spoken, deadline).await.ok()?;
            let mut all = Vec::new();
            established.stream.read_to_end(&mut all).await.unwrap();
            assert_eq!(all, parts.concat());
            Some(established.protocol)
        };
        tokio::join!(sending, reading).1
    }

    #[tokio::test]
    async fn the_first_bytes_tell_and_are_read_again() {
        const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
        let check = async |parts: &[&[u8]], expect| {
            assert_eq!(told(parts, BOTH).await, expect, "{parts:?}");
            let single: Vec<Vec<u8>> = parts.concat().iter().map(|byte| vec![*byte]).collect();
            let single: Vec<&[u8]> = single.iter().map(Vec::as_slice).collect();
            assert_eq!(told(&single, BOTH).await, expect, "byte by byte: {parts:?}");
        };
        check(&[GET], Some(Protocol::Http1)).await;
        check(&[PREFACE], Some(Protocol::H2)).await;
        check(&[PREFACE, b"and more"], Some(Protocol::H2)).await;
        check(&[b"POST / HTTP/1.1\r\n\r\n"], Some(Protocol::Http1)).await;
        check(&[b"PROPFIND / HTTP/1.1\r\n\r\n"], Some(Protocol::Http1)).await;
        check(&[b"PRIX / HTTP/1.1\r\n\r\n"], Some(Protocol::Http1)).await;
        // The guard refuses these.
        check(&[b"PRI * HTTP/1.1\r\n\r\n"], Some(Protocol::Http1)).await;
        check(&[b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"], Some(Protocol::Http1)).await;
        check(&[&PREFACE[..23]], Some(Protocol::Http1)).await;
        check(&[b""], None).await;
    }

    #[tokio::test]
    async fn what_is_not_spoken_is_closed() {
        let http1 = Some(Protocol::Http1);
        assert_eq!(
            told(&[PREFACE], &[Protocol::Http1]).await,
            http1,
            "and is refused there"
        );
        assert_eq!(told(&[b"GET / HTTP/1.1\r\n\r\n"], &[Protocol::H2]).await, None);
    }
}
