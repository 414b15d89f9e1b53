//! The gateway, if it runs: whether it answers, and whether it runs with the files that are on the disk.

use std::io;
use std::net::TcpListener;

use attest_core::challenge::Purpose;
use attest_core::jose::JwkSet;
use attest_core::policy::GatewayPolicy;
use attest_core::service::{ChallengeRequest, ChallengeResponse};
use attest_gateway::config::Config;
use attest_gateway::keys::Keys;
use attest_gateway::policy::configured_policy;
use attest_gateway::probe::{Answer, Probe, Unanswered};
use attest_gateway::tls::Identity;
use tokio::runtime::Runtime;

use super::finding::{Findings, State};

const RELOAD: &str = "tell the gateway to reload: systemctl reload attest, or SIGHUP";

/// Where the gateway answers, if it does. `offered` is the version that its signed repository has.
pub(super) fn look(
    config: &Config,
    identity: Option<&Identity>,
    keys: Option<&Keys>,
    offered: Option<u64>,
    runtime: &Runtime,
    findings: &mut Findings,
) -> Option<Probe> {
    let listen = config.listen.address;
    if listen.port() == 0 {
        let mend = "give listen.address a port to have the running gateway looked at";
        findings.add(
            State::Warn,
            "gateway",
            "it listens on a port of the system's choice",
            mend,
        );
        return None;
    }
    match TcpListener::bind(listen) {
        Ok(_) => {
            let seen = format!("{listen} can be listened on; no gateway runs there");
            findings.add(
                State::Warn,
                "gateway",
                seen,
                "start it and run the doctor again to have it looked at",
            );
            return None;
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
        Err(error) => {
            let mend = "choose an address of this machine, and a port that this user may listen on";
            findings.add(State::Fail, "gateway", format!("{listen}: {error}"), mend);
            return None;
        }
    }
    let probe = match Probe::of_gateway(config, identity) {
        Ok(probe) => probe,
        Err(error) => {
            findings.add(State::Fail, "gateway", error.to_string(), "");
            return None;
        }
    };
    let address = probe.address();
    let call = |method, path: &str, body: &str| runtime.block_on(probe.ask(method, path, body));
    let jwks = match call("GET", "/jwks.json", "") {
        Ok(reply) if reply.status() == 200 => reply,
        Ok(reply) => {
            let seen = format!("{address} answers, but with status {}", reply.status());
            let mend = "another program may listen there, or listen.base_path was changed without a restart";
            findings.add(State::Fail, "gateway", seen, mend);
            return None;
        }
        Err(error) => {
            findings.add(
                State::Fail,
                "gateway",
                format!("{address}: {error}"),
                mend(config),
            );
            return None;
        }
    };
    let how = if probe.encrypts() {
        " by TLS, with a certificate that is configured"
    } else {
        ""
    };
    findings.ok("gateway", format!("it answers on {address}{how}"));
    if let Some(keys) = keys {
        published(&jwks, "jwks.json", &keys.attestation_jwks(), findings);
        match call("GET", "/assertion-jwks.json", "") {
            Ok(reply) => published(&reply, "assertion-jwks.json", &keys.assertion_jwks(), findings),
            Err(error) => findings.add(
                State::Fail,
                "keys",
                format!("assertion-jwks.json: {error}"),
                RELOAD,
            ),
        }
    }
    if let Some(configured) = configured_policy(config) {
        // A gateway that was pushed to may be ahead of its source.
        let expect = offered.map_or(configured.version, |offered| offered.max(configured.version));
        policy(&jwks, expect, findings);
        challenge(&configured, &call, findings);
    }
    Some(probe)
}

const fn mend(config: &Config) -> &'static str {
    if config.tls.certificates.is_empty() {
        "something listens there and does not answer: look at its log, or restart it"
    } else {
        "look at its log; [tls] is read at the start only, so restart it if its certificates have other names now; where \
         `client_auth` is `required`, name --client-certificate and --client-key"
    }
}

/// Whether the gateway publishes exactly the keys on the disk.
fn published(reply: &Answer, name: &str, expect: &JwkSet, findings: &mut Findings) {
    let kids = |set: &JwkSet| {
        let mut kids: Vec<_> = set.keys.iter().filter_map(|key| key.kid.clone()).collect();
        kids.sort_unstable();
        kids
    };
    let served = serde_json::from_slice::<JwkSet>(reply.body()).map(|set| kids(&set));
    if served.as_ref().is_ok_and(|served| *served == kids(expect)) {
        findings.ok("keys", format!("{name} has the keys on the disk"));
    } else {
        let seen = format!("{name} has other keys than the disk");
        findings.add(State::Fail, "keys", seen, RELOAD);
    }
}

fn policy(reply: &Answer, expect: u64, findings: &mut Findings) {
    match reply
        .headers()
        .get("attest-policy")
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
    {
        Some(version) if version == expect => {
            findings.ok("policy", format!("version {version} is in force"));
        }
        version => {
            let version = version.map_or_else(|| "none".to_owned(), |version| version.to_string());
            let seen = format!("version {version} is in force, its source has {expect}");
            let mend =
                "look for `policy refused` in the gateway's log; a version that is not newer is not taken";
            findings.add(State::Fail, "policy", seen, mend);
        }
    }
}

/// Whether a phone could begin to enrol.
fn challenge(
    configured: &GatewayPolicy,
    call: &dyn Fn(&'static str, &str, &str) -> Result<Answer, Unanswered>,
    findings: &mut Findings,
) {
    let Some(app) = configured.apps.first() else {
        return;
    };
    let request = ChallengeRequest {
        purpose: Purpose::Enroll,
        app: app.id.clone(),
        device: None,
    };
    let body = serde_json::to_string(&request).unwrap_or_default();
    let answered = call("POST", "/challenge", &body);
    match answered {
        Ok(reply)
            if reply.status() == 200 && serde_json::from_slice::<ChallengeResponse>(reply.body()).is_ok() =>
        {
            findings.ok("service", format!("it gives challenges to {}", app.id));
        }
        Ok(reply) => {
            let seen = format!(
                "a challenge for {} is answered with status {}",
                app.id,
                reply.status()
            );
            let mend = "`attest explain CODE` opens the support code of such an answer";
            findings.add(State::Fail, "service", seen, mend);
        }
        Err(error) => findings.add(State::Fail, "service", format!("challenge: {error}"), ""),
    }
}
