//! Binds the gateway's port: once exclusively, then once more for each further core.
//!
//! The first socket is bound and listens without `SO_REUSEPORT`, so a port that anyone else listens on is an error, even if
//! they are a gateway too. Only then does it begin to share with the others of this process.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections the kernel holds for a core that is busy: a burst of reconnecting phones.
const BACKLOG: i32 = 1024;

/// One listening socket for each of `cores`, all on the same address. Off Linux one socket, whose core hands over.
pub(super) fn listen(address: SocketAddr, cores: usize) -> io::Result<Vec<TcpListener>> {
    let first = bind(address, false)?;
    let chosen = first.local_addr()?;
    let mut listeners = vec![first];
    if shares_ports() && cores > 1 {
        if let Some(first) = listeners.first() {
            share(first)?;
        }
        for _ in 1..cores {
            listeners.push(bind(chosen, true)?);
        }
    }
    Ok(listeners)
}

/// Whether connections are spread over the sockets that share a port. Elsewhere they all go to the newest.
const fn shares_ports() -> bool {
    cfg!(target_os = "linux")
}

fn bind(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restarted gateway must not wait for the old one's connections to leave TIME_WAIT. On Windows this option would
    // mean something else: stealing the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if shared {
        set_shared(&socket)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn share(listener: &TcpListener) -> io::Result<()> {
    set_shared(&Socket::from(listener.try_clone()?))
}

#[cfg(target_os = "linux")]
fn set_shared(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_os = "linux"))]
fn set_shared(_: &Socket) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[test]
    fn every_core_listens_on_the_port_that_was_chosen() {
        let listeners = listen(loopback(), 4).unwrap();
        assert_eq!(listeners.len(), if shares_ports() { 4 } else { 1 });
        let ports: std::collections::HashSet<_> = listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        assert_eq!(ports.len(), 1);
        assert_ne!(ports.iter().next().unwrap().port(), 0);
    }

    #[test]
    fn a_port_in_use_is_refused_whoever_uses_it() {
        for cores in [1, 4] {
            let gateway = listen(loopback(), cores).unwrap();
            let taken = gateway[0].local_addr().unwrap();
            for again in [1, 4] {
                assert_eq!(listen(taken, again).unwrap_err().kind(), io::ErrorKind::AddrInUse);
            }
            drop(gateway);
            listen(taken, cores).unwrap();
        }
        let stranger = TcpListener::bind(loopback()).unwrap();
        let taken = stranger.local_addr().unwrap();
        assert_eq!(listen(taken, 4).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
