//! Whether upstreams can be reached from here.

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use attest_gateway::config::{Config, Upstream};

use super::finding::{Findings, State};

pub(super) fn look(config: &Config, findings: &mut Findings) {
    for upstream in &config.upstreams {
        let name = format!("{} ({})", upstream.name, upstream.url);
        match connect(upstream) {
            Ok(()) => findings.ok("upstream", format!("{name} accepts connections")),
            Err(error) => {
                let mend = "requests to it are answered 502 or 503 until it accepts connections";
                findings.add(State::Fail, "upstream", format!("{name}: {error}"), mend);
            }
        }
    }
}

fn connect(upstream: &Upstream) -> io::Result<()> {
    let (scheme, rest) = upstream.url.split_once("://").unwrap_or(("http", &upstream.url));
    let authority = rest.trim_end_matches('/');
    let port = if scheme == "https" { 443 } else { 80 };
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let addresses: Vec<_> = if has_port {
        authority.to_socket_addrs()?.collect()
    } else {
        (authority.trim_matches(['[', ']']), port)
            .to_socket_addrs()?
            .collect()
    };
    let patience = Duration::from_millis(upstream.connect_timeout_ms);
    let mut last = io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}
