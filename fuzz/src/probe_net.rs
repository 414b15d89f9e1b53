//! Sockets and interfaces.

use attest_mobile::probes::parse::net::{interfaces, tcp, unix};

/// A port that loopback reaches is one that somebody listens on; interfaces have names.
pub fn probe_net(data: &[u8]) -> bool {
    let sockets = tcp::sockets(data);
    for socket in &sockets.value {
        let reachable = socket.loopback_port();
        assert!(reachable.is_none_or(|port| socket.state == tcp::LISTEN && port == socket.local.port()), "a port that nobody listens on");
    }
    let named = unix::sockets(data);
    let names = interfaces::interfaces(data);
    assert!(names.value.iter().all(|name| !name.is_empty()), "an interface without a name");
    let bounds = sockets.value.len() <= tcp::MAX_ROWS && named.value.len() <= unix::MAX_ROWS;
    assert!(bounds && names.value.len() <= interfaces::MAX_LINES, "more rows than the bounds");
    !sockets.truncated || !named.truncated || !names.truncated
}
