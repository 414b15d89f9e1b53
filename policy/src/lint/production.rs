//! What a production policy may not say, or says and probably does not mean.

use attest_core::{
    environment::Environment,
    policy::{BootRequire, EvidenceKind},
};

use crate::{report::Report, source::PolicySource};

pub(super) fn production(source: &PolicySource, report: &mut Report) {
    if source.environment == Environment::Production {
        loopback(source, report);
        evidence(source, report);
    }
}

/// A production policy is never reached over loopback.
fn loopback(source: &PolicySource, report: &mut Report) {
    let own = source
        .origins
        .iter()
        .enumerate()
        .map(|(index, origin)| (format!("origins[{index}]"), origin));
    let of_routes = source.routes.iter().enumerate().flat_map(|(route, written)| {
        let path = move |index| format!("routes[{route}].origins[{index}]");
        written
            .origins
            .iter()
            .enumerate()
            .map(move |(index, origin)| (path(index), origin))
    });
    for (path, origin) in own.chain(of_routes) {
        let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
        if ["localhost", "127.", "[::1]", "0.0.0.0"]
            .iter()
            .any(|local| host.starts_with(local))
        {
            report.error(
                path,
                "loopback-in-production",
                "a production policy has no loopback origin",
            );
        }
    }
}

/// What a production policy may say and probably does not mean, because an attacker would choose it.
fn evidence(source: &PolicySource, report: &mut Report) {
    for (index, app) in source.apps.iter().enumerate() {
        let attested = app
            .evidence
            .iter()
            .position(|kind| *kind == EvidenceKind::AndroidKey);
        if let Some(at) = attested
            && source.revocation.is_none()
        {
            report.warning(
                format_args!("apps[{index}].evidence[{at}]"),
                "revocation-missing",
                "without `revocation`, keys that leaked from phones and were revoked are still accepted",
            );
        }
        if app.boot.require == BootRequire::Any {
            report.warning(
                format_args!("apps[{index}].boot.require"),
                "boot-any-in-production",
                "a phone without verified boot may claim to run any app: refuse or limit it by a rule on `boot.state`",
            );
        }
    }
    for index in 0..source.anchors.len() {
        report.warning(
            format_args!("anchors[{index}].name"),
            "anchor-in-production",
            "whoever holds this anchor's key can enrol any key as if a phone had made it",
        );
    }
}
