//! One small HTTP/1.1 exchange over a plain connection, for looking at a gateway from outside. Bounded in size and time.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// For connecting and for each read and write: a machine that is slower is not healthy.
const PATIENCE: Duration = Duration::from_secs(5);
/// The device policy is the largest thing that is asked for.
const ANSWER_MAX_BYTES: usize = 4 << 20;

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The value of a field, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Where a listener of this address answers on this machine.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Sends a request on a new connection and reads the whole answer.
///
/// # Errors
/// The system's, and `InvalidData` for what is no HTTP answer.
pub(super) fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let content = if body.is_empty() {
        String::new()
    } else {
        format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: attest\r\nConnection: close\r\n{content}\r\n{body}"
    )?;
    let mut answer = Vec::new();
    let limit = u64::try_from(ANSWER_MAX_BYTES).unwrap_or(u64::MAX);
    stream.take(limit).read_to_end(&mut answer)?;
    read(answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "this is no HTTP/1.1 answer"))
}

fn read(answer: Vec<u8>) -> Option<Reply> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end)?;
    let head = std::str::from_utf8(head).ok()?.to_owned();
    let mut words = head.lines().next()?.split(' ');
    if !words.next()?.starts_with("HTTP/1.") {
        return None;
    }
    Some(Reply {
        status: words.next()?.parse().ok()?,
        body: body.get(4..)?.to_vec(),
        head,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_or_refused() {
        let reply = read(b"HTTP/1.1 200 OK\r\nAttest-Policy: 7\r\n\r\nbody".to_vec()).unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"body".as_slice()));
        assert_eq!(reply.header("attest-policy"), Some("7"));
        for bad in [
            "",
            "\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 x\r\n\r\n",
        ] {
            assert!(read(bad.as_bytes().to_vec()).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_wildcard_answers_on_loopback() {
        for (listen, expect) in [
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expect);
        }
    }
}
