//! What is allowed but probably not meant, and what only the whole source can tell.

mod kill_switch;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use attest_core::{
    environment::Environment,
    jose::{Jwk, VerifyingKey},
    policy::{BootRequire, EvidenceKind, Mode, PathPattern, Require, Route},
};
use serde_json::Value as Json;

use crate::{report::Report, source::PolicySource};

pub(crate) fn lint(source: &PolicySource, report: &mut Report) {
    keys(source, report);
    environment(source, report);
    evidence_in_production(source, report);
    unreachable_routes(&source.routes, report);
    unused(source, report);
    untested(source, report);
    names::names(source, report);
    kill_switch::kill_switch(source, report);
}

/// Every key is a public key that this product can use.
fn keys(source: &PolicySource, report: &mut Report) {
    let mut verify = |path: String, key: &Json| {
        let usable = serde_json::to_vec(key)
            .map_err(|error| error.to_string())
            .and_then(|text| Jwk::parse(&text).map_err(|error| error.to_string()))
            .and_then(|jwk| jwk.verifying_key().map_err(|error| error.to_string()));
        let fault = match usable {
            Err(message) => format!("not a public ES256 key: {message}"),
            Ok(VerifyingKey::Mac(_)) => {
                "not a public ES256 key: a shared secret does not belong here".to_owned()
            }
            Ok(VerifyingKey::P256(_)) if key.get("d").is_some() => {
                "a private key does not belong here".to_owned()
            }
            Ok(VerifyingKey::P256(_)) => return,
        };
        report.error(path, "jwk", fault);
    };
    for (index, key) in source.response_keys.iter().enumerate() {
        verify(format!("response_keys[{index}]"), key);
    }
    for (name, issuer) in &source.step_up_issuers {
        for (index, key) in issuer.jwks.keys.iter().enumerate() {
            verify(format!("step_up_issuers.{name}.jwks.keys[{index}]"), key);
        }
    }
}

/// A production policy is never reached over loopback.
fn environment(source: &PolicySource, report: &mut Report) {
    if source.environment != Environment::Production {
        return;
    }
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
fn evidence_in_production(source: &PolicySource, report: &mut Report) {
    if source.environment != Environment::Production {
        return;
    }
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

fn unreachable_routes(routes: &[Route], report: &mut Report) {
    let mut taken: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (index, route) in routes.iter().enumerate() {
        let Ok(pattern) = route.path.parse::<PathPattern>() else {
            continue;
        };
        for (at, method) in route.methods.iter().enumerate() {
            match taken.get(&(method.as_str(), pattern.to_string())) {
                Some(first) => report.warning(
                    format_args!("routes[{index}].methods[{at}]"),
                    "route-shadowed",
                    format_args!(
                        "`{method} {pattern}` already goes to route `{first}`, this one is never reached"
                    ),
                ),
                None => {
                    taken.insert((method, pattern.to_string()), &route.id);
                }
            }
        }
    }
}

fn unused(source: &PolicySource, report: &mut Report) {
    for name in source.lists.keys() {
        let mut conditions = source
            .detectors
            .iter()
            .map(|one| &one.when)
            .chain(source.rules.iter().map(|one| &one.when));
        if !conditions.any(|condition| condition.names_list(name)) {
            report.warning(
                format_args!("lists.{name}"),
                "list-unused",
                format_args!("no clause names list `{name}`"),
            );
        }
    }
    for (index, app) in source.apps.iter().enumerate() {
        if !source.routes.iter().any(|route| route.apps.contains(&app.id)) {
            let message = format!("no route accepts app `{}`", app.id);
            report.warning(format_args!("apps[{index}].id"), "app-unused", message);
        }
    }
    for (index, rule) in source.rules.iter().enumerate() {
        let reaches = |route: &Route| {
            let meant = match &rule.routes {
                Some(routes) => routes.contains(&route.id),
                None => route.require == Require::Enforce,
            };
            meant && route.rules.as_ref().is_none_or(|rules| rules.contains(&rule.id))
        };
        if !source.routes.iter().any(reaches) {
            let message = format!("rule `{}` is evaluated on no route", rule.id);
            report.warning(format_args!("rules[{index}].id"), "rule-unused", message);
        }
    }
}

fn untested(source: &PolicySource, report: &mut Report) {
    let detectors: BTreeSet<&str> = source
        .tests
        .iter()
        .filter_map(|test| test.detector.as_ref())
        .map(|test| test.id.as_str())
        .collect();
    let mut rules = BTreeSet::new();
    for test in source.tests.iter().filter_map(|test| test.decision.as_ref()) {
        rules.extend(test.expect.rule.as_deref());
        rules.extend(test.expect.shadow.iter().flatten().map(String::as_str));
    }
    for (index, detector) in source.detectors.iter().enumerate() {
        if detector.mode != Mode::Off && !detectors.contains(detector.id.as_str()) {
            let message = format!("detector `{}` has no test", detector.id);
            report.warning(
                format_args!("detectors[{index}].id"),
                "detector-untested",
                message,
            );
        }
    }
    for (index, rule) in source.rules.iter().enumerate() {
        if rule.mode != Mode::Off && !rules.contains(rule.id.as_str()) {
            let message = format!("rule `{}` has no test", rule.id);
            report.warning(format_args!("rules[{index}].id"), "rule-untested", message);
        }
    }
}
