//! The TCP sockets, `/proc/net/tcp` and `/proc/net/tcp6`, from which the loopback ports that somebody listens on are found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::super::{Parsed, lines};

/// Sockets that are read.
pub const MAX_ROWS: usize = 1 << 14;
/// Bytes of a line.
pub const MAX_LINE_BYTES: usize = 512;

/// The state of a socket that waits for connections.
pub const LISTEN: u8 = 0x0a;

/// One socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Socket {
    /// The own address.
    pub local: SocketAddr,
    /// The other side's address.
    pub remote: SocketAddr,
    /// The state, as the kernel numbers it.
    pub state: u8,
    /// Who made it.
    pub uid: u32,
    /// Its inode.
    pub ino: u64,
}

impl Socket {
    /// The port if it waits for connections that a loopback address can make.
    #[must_use]
    pub fn loopback_port(&self) -> Option<u16> {
        let ip = self.local.ip().to_canonical();
        (self.state == LISTEN && (ip.is_loopback() || ip.is_unspecified())).then_some(self.local.port())
    }
}

/// The sockets of either table, on a machine that counts from the little end as every phone does.
#[must_use]
pub fn sockets(text: &[u8]) -> Parsed<Vec<Socket>> {
    let bounds = lines::Bounds {
        lines: MAX_ROWS,
        line_bytes: MAX_LINE_BYTES,
    };
    let mut first = true;
    let read = lines::rows(text, bounds, |line| {
        if std::mem::take(&mut first) {
            return (lines::words(line).next()? == b"sl").then_some(None);
        }
        socket(line).map(Some)
    });
    Parsed {
        truncated: read.truncated,
        value: read.value.into_iter().flatten().collect(),
    }
}

fn socket(line: &[u8]) -> Option<Socket> {
    let mut words = lines::words(line);
    lines::decimal::<u64>(words.next()?.strip_suffix(b":")?)?;
    let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
    let state = u8::try_from(lines::hexadecimal(words.next()?)?).ok()?;
    // Queues, timer and retransmissions are between.
    let uid = lines::decimal(words.nth(3)?)?;
    let ino = lines::decimal(words.nth(1)?)?;
    Some(Socket {
        local,
        remote,
        state,
        uid,
        ino,
    })
}

/// Each 32 bits of an address are printed as a number, so their bytes are turned round.
fn address(word: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = lines::field(word, b':')?;
    let port = u16::try_from(lines::hexadecimal(port)?).ok()?;
    let (groups, []) = ip.as_chunks::<8>() else {
        return None;
    };
    let group = |digits: &[u8; 8]| {
        let number = u32::try_from(lines::hexadecimal(digits)?).ok()?;
        Some(number.to_le_bytes())
    };
    let ip = match groups {
        [one] => IpAddr::from(Ipv4Addr::from(group(one)?)),
        [a, b, c, d] => {
            let mut octets = [0; 16];
            let (chunks, _) = octets.as_chunks_mut::<4>();
            for (chunk, digits) in chunks.iter_mut().zip([a, b, c, d]) {
                *chunk = group(digits)?;
            }
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}
