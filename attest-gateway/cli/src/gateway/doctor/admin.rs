//! The listener for operators, where it is enabled: whether it answers, and says that the gateway is ready.

use attest_gateway::config::Admin;
use attest_gateway::probe::Probe;
use attest_gateway::tls::Identity;

use super::finding::{Findings, State};

pub(super) async fn look(config: &Admin, identity: Option<&Identity>, findings: &mut Findings) {
    if !config.enabled {
        return;
    }
    if config.address.port() == 0 {
        let mend =
            "give admin.address a port to have it looked at, and for `attest gateway status` to find it";
        let seen = "it listens on a port of the system's choice";
        return findings.add(State::Warn, "admin", seen, mend);
    }
    let probe = match Probe::of_admin(config, identity) {
        Ok(probe) => probe,
        Err(error) => return findings.add(State::Fail, "admin", error.to_string(), ""),
    };
    let address = probe.address();
    for path in ["/health", "/ready"] {
        let (seen, mend) = match probe.ask("GET", path, "").await {
            Ok(reply) if reply.status() == 200 => continue,
            Ok(reply) if path == "/ready" && reply.status() == 503 => (
                format!("{address} says that the gateway is not ready"),
                "it drains, or its store does not answer: `attest gateway status` says which",
            ),
            Ok(reply) => (
                format!("{address}{path} answers with status {}", reply.status()),
                "another program may listen there, or [admin] was changed without a restart",
            ),
            Err(error) => (
                format!("{address}: {error}"),
                "[admin] is read at the start only: restart the gateway if it was changed; where `client_ca` is set, name \
                 --client-certificate and --client-key",
            ),
        };
        return findings.add(State::Fail, "admin", seen, mend);
    }
    let how = if probe.encrypts() { "by TLS" } else { "in clear" };
    findings.ok("admin", format!("it answers on {address} {how}, and is ready"));
}
