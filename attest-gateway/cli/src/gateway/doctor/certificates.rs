//! When certificates expire: those of the listeners, and those that are shown to upstreams.

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::Config;
use attest_gateway::tls::{TlsError, certificate_expires_s};

use super::finding::{Findings, State};
use crate::when;

/// Renewals of thirty days before the end have failed for a while.
const SOON_S: u64 = 14 * 86_400;

pub(super) fn look(config: &Config, findings: &mut Findings) {
    let own = config.tls.certificates.iter().map(|pair| &pair.certificate);
    let admin = config.admin.tls.iter().filter(|_| config.admin.enabled);
    let shown = config
        .upstreams
        .iter()
        .filter_map(|upstream| upstream.client_certificate.as_ref());
    let files = own.chain(admin.map(|tls| &tls.certificate)).chain(shown);
    for file in files {
        match certificate_expires_s(file) {
            Ok(expires_s) => expiry(&file.display().to_string(), expires_s, findings),
            // What is no certificate was found with the files.
            Err(TlsError::Unreadable { .. } | TlsError::Certificate { .. }) => {}
            Err(error) => findings.add(State::Fail, "expiry", error.to_string(), ""),
        }
    }
}

/// How long a certificate is still good.
pub(super) fn expiry(whose: &str, expires_s: u64, findings: &mut Findings) {
    let now_s = SystemClock::new().now_s();
    let state = if expires_s < now_s {
        State::Fail
    } else if expires_s < now_s.saturating_add(SOON_S) {
        State::Warn
    } else {
        State::Ok
    };
    let word = if state == State::Fail {
        "expired"
    } else {
        "expires"
    };
    let seen = format!("{whose} {word} {}", when::rfc3339(expires_s));
    let mend = if state == State::Ok {
        ""
    } else {
        "renew it; the gateway takes new files of its listener for clients by itself, others at a restart"
    };
    findings.add(state, "expiry", seen, mend);
}
