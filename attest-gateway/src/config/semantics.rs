//! What a well-formed configuration must also make sense of: bounds, names, addresses, files, and no accidental exposure.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use attest_core::environment::Environment;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::problems::Report;
use super::{AssertionMode, ClientAuth, Config, PolicyOrigin, Upstream, bounds};
use crate::upstream::tls_files;

/// An address range in CIDR notation; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub struct IpRange {
    network: IpAddr,
    prefix_len: u8,
}

impl IpRange {
    /// Whether `address` is in the range. An IPv4-mapped IPv6 address counts as the IPv4 one.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.network.is_ipv4() && masked(address, self.prefix_len) == Some(self.network)
    }
}

/// `address` with only its first `prefix_len` bits; `None` if it has fewer.
fn masked(address: IpAddr, prefix_len: u8) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(v4) => {
            let host_bits = 32_u8.checked_sub(prefix_len)?;
            let mask = u32::MAX.checked_shl(host_bits.into()).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let host_bits = 128_u8.checked_sub(prefix_len)?;
            let mask = u128::MAX.checked_shl(host_bits.into()).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    })
}

/// Why a text is no [`IpRange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IpRangeError {
    /// Not an address, or not a number of bits that it has.
    #[error("expected an address or a range such as `10.0.0.0/8` or `2001:db8::/32`")]
    Malformed,
    /// Bits are set beyond the prefix: which range was meant is a guess.
    #[error("the range has bits beyond its prefix; did you mean `{0}`?")]
    HostBits(IpRange),
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix_len)
    }
}

impl FromStr for IpRange {
    type Err = IpRangeError;

    fn from_str(text: &str) -> Result<Self, IpRangeError> {
        let (address, prefix_len) = match text.split_once('/') {
            Some((address, bits)) => (
                address,
                Some(bits.parse::<u8>().map_err(|_| IpRangeError::Malformed)?),
            ),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| IpRangeError::Malformed)?;
        let prefix_len = prefix_len.unwrap_or(if address.is_ipv4() { 32 } else { 128 });
        let network = masked(address, prefix_len).ok_or(IpRangeError::Malformed)?;
        let range = Self { network, prefix_len };
        if network == address {
            Ok(range)
        } else {
            Err(IpRangeError::HostBits(range))
        }
    }
}

impl<'de> Deserialize<'de> for IpRange {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for IpRange {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        into.collect_str(self)
    }
}

/// Everything about `config` that needs no file system.
pub(super) fn all(config: &Config, report: &mut Report<'_>) {
    for (key, value, range) in bounds::all(config) {
        if !range.contains(&value) {
            let message = format!("{value} is not between {} and {}", range.start(), range.end());
            report.at(&key, "out-of-bounds", &message);
        }
    }
    if !report.has("environment") {
        report.at(
            "environment",
            "missing",
            "say `environment = \"development\"` or `\"production\"`",
        );
    }
    exposure(config, report);
    if !is_base_path(&config.listen.base_path) {
        let message = "expected a path such as `/.attest/v1`: segments of letters, digits, `-`, `.`, `_`, no `/` at the end";
        report.at("listen.base_path", "wrong-value", message);
    }
    policy(config, report);
    upstreams(config, report);
    super::admin::sense(&config.admin, report);
    otlp(config, report);
    if config.listen.protocols.is_empty() {
        let message = "name at least one of `h2` and `http/1.1`";
        report.at("listen.protocols", "wrong-value", message);
    }
    tls(config, report);
}

/// One source of policy, and with a signed one what it is trusted by.
fn policy(config: &Config, report: &mut Report<'_>) {
    let policy = &config.policy;
    let sources = ["policy.file", "policy.repository", "policy.url"];
    let named: Vec<_> = sources.into_iter().filter(|key| report.has(key)).collect();
    if let [_, second, ..] = named.as_slice() {
        let message = "policy has one source: name one of `file`, `repository` and `url`";
        report.at(second, "contradiction", message);
    }
    let signed = policy.repository.is_some() || policy.url.is_some();
    if signed && policy.root.is_none() {
        let message = "name the file of the root metadata that the repository is trusted by";
        report.at("policy.root", "missing", message);
    }
    if !signed && policy.root.is_some() {
        let message = "this has a meaning only with `repository` or `url`";
        report.at("policy.root", "unsupported", message);
    }
    if policy.ca_file.is_some() && policy.url.is_none() {
        report.at(
            "policy.ca_file",
            "unsupported",
            "this has a meaning only with `url`",
        );
    }
    let Some(url) = &policy.url else { return };
    let uri = url.parse::<http::Uri>().ok();
    let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    if !matches!(scheme, Some("http" | "https")) || host.is_empty() || url.contains(['@', '?', '#']) {
        let message = "expected `https://host/path`, without credentials or query";
        report.at("policy.url", "wrong-value", message);
    } else if scheme == Some("http") && !is_loopback(host) {
        let message = "gateway rules would travel in clear: use `https://`, or a server on this machine";
        report.at("policy.url", "unsafe", message);
    }
}

fn tls(config: &Config, report: &mut Report<'_>) {
    let tls = &config.tls;
    for (index, files) in tls.certificates.iter().enumerate() {
        for (key, path) in [("certificate", &files.certificate), ("key", &files.key)] {
            if path.as_os_str().is_empty() {
                let key = format!("tls.certificates[{index}].{key}");
                report.at(
                    &key,
                    "missing",
                    "every certificate needs two PEM files: `certificate` and `key`",
                );
            }
        }
    }
    if tls.certificates.is_empty() && (tls.client_auth != ClientAuth::Off || tls.client_ca.is_some()) {
        let message = "clients show certificates under TLS only; say which ones the gateway shows";
        report.at("tls.certificates", "missing", message);
    }
    match (tls.client_auth, &tls.client_ca) {
        (ClientAuth::Optional | ClientAuth::Required, None) => {
            report.at(
                "tls.client_ca",
                "missing",
                "name the PEM file of the authorities that sign clients' certificates",
            );
        }
        (ClientAuth::Off, Some(_)) => {
            let message =
                "clients are not asked for a certificate; say `client_auth = \"optional\"` or `\"required\"`";
            report.at("tls.client_auth", "missing", message);
        }
        (ClientAuth::Off, None) | (ClientAuth::Optional | ClientAuth::Required, Some(_)) => {}
    }
}

/// What must exist before the gateway starts. The store's file is made by the gateway, its folder is not.
pub(super) fn files(config: &Config, report: &mut Report<'_>) {
    let mut expect = |key: &str, path: &Path, exists: bool, what: &str| {
        if !exists {
            report.at(
                key,
                "no-such-file",
                &format!("there is no {what} {}", path.display()),
            );
        }
    };
    expect(
        "keys.directory",
        &config.keys.directory,
        config.keys.directory.is_dir(),
        "folder",
    );
    if let PolicyOrigin::File(file) = config.policy.origin() {
        expect("policy.file", file, file.is_file(), "file");
    }
    for (index, files) in config.tls.certificates.iter().enumerate() {
        for (key, path) in [("certificate", &files.certificate), ("key", &files.key)] {
            expect(
                &format!("tls.certificates[{index}].{key}"),
                path,
                path.is_file(),
                "file",
            );
        }
    }
    if let Some(path) = &config.tls.client_ca {
        expect("tls.client_ca", path, path.is_file(), "file");
    }
    if let Some(folder) = config
        .store
        .path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        expect("store.path", folder, folder.is_dir(), "folder");
    }
    for (key, path) in config.admin.files() {
        expect(&key, path, path.is_file(), "file");
    }
    for (key, path) in [
        ("policy.root", &config.policy.root),
        ("policy.ca_file", &config.policy.ca_file),
        ("otlp.headers_file", &config.otlp.headers_file),
        ("otlp.ca_file", &config.otlp.ca_file),
    ] {
        if let Some(path) = path {
            expect(key, path, path.is_file(), "file");
        }
    }
    config.decision_log.files(report);
    for (index, upstream) in config.upstreams.iter().enumerate() {
        if let Err(error) = tls_files(upstream) {
            let key = format!("upstreams[{index}].{}", error.key());
            report.at(&key, error.code(), &error.to_string());
        }
    }
}

fn otlp(config: &Config, report: &mut Report<'_>) {
    let Some(endpoint) = &config.otlp.endpoint else {
        return;
    };
    let uri = endpoint.parse::<http::Uri>().ok();
    let scheme = uri.as_ref().and_then(http::Uri::scheme_str);
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    if !matches!(scheme, Some("http" | "https")) || host.is_empty() || endpoint.contains(['@', '?', '#']) {
        let message = "expected `http://host:port` or `https://host`, without credentials or query";
        report.at("otlp.endpoint", "wrong-value", message);
    } else if scheme == Some("http") && config.otlp.headers_file.is_some() && !is_loopback(host) {
        let message = "`headers_file` would travel in clear: use `https://`, or a collector on this machine";
        report.at("otlp.endpoint", "unsafe", message);
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

fn exposure(config: &Config, report: &mut Report<'_>) {
    let public = !config.listen.address.ip().to_canonical().is_loopback();
    match config.environment {
        Environment::Development if public && !config.allow_public_development => {
            let message = "a development gateway accepts software evidence from whoever reaches it: listen on loopback, or \
                           set `allow_public_development = true`";
            report.at("listen.address", "unsafe", message);
        }
        Environment::Production if config.allow_public_development => {
            report.at(
                "allow_public_development",
                "unsafe",
                "this has no place in production",
            );
        }
        Environment::Development | Environment::Production => {}
    }
}

fn upstreams(config: &Config, report: &mut Report<'_>) {
    let mut names = HashSet::new();
    for (index, upstream) in config.upstreams.iter().enumerate() {
        let key = |key: &str| format!("upstreams[{index}].{key}");
        let name_key = key("name");
        if !report.has(&name_key) {
            report.at(
                &name_key,
                "missing",
                "every upstream needs a name that routes can use",
            );
        } else if !is_name(&upstream.name) {
            report.at(
                &name_key,
                "wrong-value",
                "expected letters, digits, `-` and `_`, at most 64",
            );
        } else if !names.insert(upstream.name.as_str()) {
            let message = format!("another upstream is called `{}`", upstream.name);
            report.at(&name_key, "duplicate", &message);
        }
        let url_key = key("url");
        if !report.has(&url_key) {
            report.at(
                &url_key,
                "missing",
                "every upstream needs an address such as `http://127.0.0.1:9000`",
            );
        } else if !is_origin(&upstream.url) {
            let message =
                "expected `http://host:port` or `https://host:port`, without path, query or credentials";
            report.at(&url_key, "wrong-value", message);
        }
        for (name, code, message) in contradictions(upstream) {
            report.at(&key(name), code, message);
        }
    }
}

/// Keys of one upstream that make no sense together.
fn contradictions(upstream: &Upstream) -> Vec<(&'static str, &'static str, &'static str)> {
    let Upstream {
        ca_file,
        server_name,
        client_certificate,
        client_key,
        ..
    } = upstream;
    let mut found = Vec::new();
    if upstream.url.starts_with("http://") {
        let under_tls = [
            ("ca_file", ca_file.is_some()),
            ("server_name", server_name.is_some()),
            ("client_certificate", client_certificate.is_some()),
            ("client_key", client_key.is_some()),
        ];
        let set = under_tls.into_iter().filter(|(_, set)| *set);
        found.extend(set.map(|(name, _)| {
            (
                name,
                "unsupported",
                "this has a meaning only where `url` begins with `https://`",
            )
        }));
    } else if client_certificate.is_some() != client_key.is_some() {
        let (name, message) = if client_key.is_some() {
            ("client_key", "a key needs its `client_certificate`")
        } else {
            ("client_certificate", "a certificate needs its `client_key`")
        };
        found.push((name, "missing", message));
    }
    if let Some(audience) = &upstream.assertion_audience {
        if upstream.assertion == AssertionMode::Off {
            let message = "this has a meaning only where `assertion` is not `off`";
            found.push(("assertion_audience", "unsupported", message));
        } else if !(1..=256).contains(&audience.len())
            || !audience.bytes().all(|byte| byte.is_ascii_graphic())
        {
            let message = "expected 1 to 256 visible ASCII characters";
            found.push(("assertion_audience", "wrong-value", message));
        }
    }
    found
}

pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_origin(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let spelled = |end: &str| {
        url.strip_prefix("http://")
            .or_else(|| url.strip_prefix("https://"))
            .is_some_and(|rest| rest == format!("{authority}{end}"))
    };
    !authority.host().is_empty()
        && !authority.as_str().contains('@')
        && (authority.as_str() == authority.host() || authority.port_u16().is_some_and(|port| port > 0))
        && (spelled("") || spelled("/"))
}

fn is_base_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let segment = |segment: &str| {
        !segment.is_empty() && segment.bytes().all(allowed) && segment.bytes().any(|byte| byte != b'.')
    };
    path.strip_prefix('/')
        .is_some_and(|rest| path.len() <= 128 && rest.split('/').all(segment))
}
