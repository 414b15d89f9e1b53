//! Whether upstreams can be reached from here, as the proxy reaches them.

use attest_gateway::config::Config;
use attest_gateway::upstream::{ReachError, reach};

use super::certificates::expiry;
use super::finding::{Findings, State};

pub(super) async fn look(config: &Config, findings: &mut Findings) {
    for upstream in &config.upstreams {
        let name = format!("{} ({})", upstream.name, upstream.url);
        match reach(upstream).await {
            Ok(reached) => {
                let how = match (reached.certificate_expires_s, reached.http2) {
                    (None, _) => "accepts connections",
                    (Some(_), false) => "accepts TLS, and its certificate verifies; requests go by HTTP/1.1",
                    (Some(_), true) => "accepts TLS, and its certificate verifies; requests go by HTTP/2",
                };
                findings.ok("upstream", format!("{name} {how}"));
                if let Some(expires_s) = reached.certificate_expires_s {
                    expiry(&format!("the certificate of {name}"), expires_s, findings);
                }
            }
            // Its files were looked at with the configuration.
            Err(error @ ReachError::Config(_)) => {
                findings.add(State::Fail, "upstream", error.to_string(), "")
            }
            Err(error @ (ReachError::Name { .. } | ReachError::Dial(_))) => {
                let mend = "requests to it are answered 502 or 503 until that is mended";
                findings.add(State::Fail, "upstream", format!("{name}: {error}"), mend);
            }
        }
    }
}
