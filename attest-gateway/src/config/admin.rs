//! `[admin]`: the listener for operators. It is off by default, on loopback where it is on, and never in clear beyond loopback.
//!
//! Tokens stand here as hashes only. They are at least 256 random bits, so nobody finds one by trying and a plain SHA-256 is
//! enough; a slow password hash would only be a way to keep the gateway busy.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::problems::Report;
use super::semantics::is_name;

/// `[admin]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Whether it listens. Off: a port that nobody asked for is one that nobody watches.
    pub enabled: bool,
    /// Address and port. Beyond loopback `[admin.tls]` is required; port 0 takes a free one.
    pub address: SocketAddr,
    /// Answers `metrics` without a token, to loopback peers only. Off: metrics tell what the service is used for.
    #[schemars(extend("x-live" = true))]
    pub metrics_without_token: bool,
    /// Open connections; beyond, the oldest one that showed no token makes room. A few operators and a scraper need ten.
    #[schemars(extend("x-live" = true))]
    pub connections_max: usize,
    /// Time for one call. The slowest one, finding a device by pseudonym among a million, takes seconds.
    #[schemars(extend("x-live" = true))]
    pub request_timeout_ms: u64,
    /// Largest request body. The largest call is a ban with its reason.
    #[schemars(extend("x-live" = true))]
    pub body_max_bytes: usize,
    /// Calls with a bad token per source and minute that are answered 401 rather than 429. A good token is never counted.
    #[schemars(extend("x-live" = true))]
    pub failures_per_source_per_minute: u32,
    /// Calls per token and minute: a dashboard that asks for everything each second stays below.
    #[schemars(extend("x-live" = true))]
    pub requests_per_token_per_minute: u32,
    /// Decisions that each core remembers for each outcome, about 400 bytes each: 5 MiB for two cores at worst.
    pub decisions_per_outcome: usize,
    /// TLS; required beyond loopback.
    pub tls: Option<AdminTls>,
    /// Who may call.
    #[schemars(extend("x-live" = true))]
    pub tokens: Vec<AdminToken>,
}

/// `[admin.tls]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTls {
    /// PEM of the certificate chain, the listener's own first.
    pub certificate: PathBuf,
    /// PEM of its private key.
    pub key: PathBuf,
    /// PEM of the authorities whose client certificates are required. Tokens are needed all the same.
    pub client_ca: Option<PathBuf>,
}

/// `[[admin.tokens]]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminToken {
    /// Who holds it; stands in the audit events.
    pub name: String,
    /// What it allows. Each scope is given by itself: `operate` does not include `read`.
    pub scopes: Vec<Scope>,
    /// SHA-256 of the token's text, 64 hexadecimal digits.
    pub sha256: Option<String>,
    /// A file that holds the same digits, where configuration is made by one tool and secrets by another.
    pub hash_file: Option<PathBuf>,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Reading everything but secrets.
    Read,
    /// Bans, and looking at the policy file at once.
    Operate,
    /// Publishing policy.
    Publish,
}

impl Scope {
    /// The word in configuration and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Publish => "publish",
        }
    }
}

impl Admin {
    pub(super) fn resolve(&mut self, folder: &Path) {
        let tls = self.tls.iter_mut();
        let of_tls = tls.flat_map(|tls| {
            [
                Some(&mut tls.certificate),
                Some(&mut tls.key),
                tls.client_ca.as_mut(),
            ]
        });
        let of_tokens = self.tokens.iter_mut().map(|token| token.hash_file.as_mut());
        for path in of_tls.chain(of_tokens).flatten() {
            *path = folder.join(&*path);
        }
    }

    /// The files it names, each with its key.
    pub(super) fn files(&self) -> Vec<(String, &Path)> {
        let mut files = Vec::new();
        if let Some(tls) = &self.tls {
            files.push(("admin.tls.certificate".to_owned(), tls.certificate.as_path()));
            files.push(("admin.tls.key".to_owned(), tls.key.as_path()));
            files.extend(
                tls.client_ca
                    .as_deref()
                    .map(|path| ("admin.tls.client_ca".to_owned(), path)),
            );
        }
        for (index, token) in self.tokens.iter().enumerate() {
            let key = format!("admin.tokens[{index}].hash_file");
            files.extend(token.hash_file.as_deref().map(|path| (key, path)));
        }
        files
    }
}

/// The 32 bytes that 64 hexadecimal digits spell.
pub(crate) fn from_hex(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(
            std::str::from_utf8(pair)
                .ok()
                .filter(|pair| !pair.starts_with('+'))?,
            16,
        )
        .ok()?;
    }
    Some(bytes)
}

pub(super) fn sense(admin: &Admin, report: &mut Report<'_>) {
    if admin.tls.is_none() && !admin.address.ip().to_canonical().is_loopback() {
        let message =
            "beyond loopback the admin listener needs `[admin.tls]`: its tokens would travel in clear";
        report.at("admin.address", "unsafe", message);
    }
    let mut names = HashSet::new();
    for (index, token) in admin.tokens.iter().enumerate() {
        let key = |key: &str| format!("admin.tokens[{index}].{key}");
        if !is_name(&token.name) {
            let message = "every token needs a name for the audit: letters, digits, `-` and `_`, at most 64";
            report.at(&key("name"), "wrong-value", message);
        } else if !names.insert(token.name.as_str()) {
            let message = format!("another token is called `{}`", token.name);
            report.at(&key("name"), "duplicate", &message);
        }
        if token.scopes.is_empty() {
            let message = "say what it allows: any of `read`, `operate`, `publish`";
            report.at(&key("scopes"), "missing", message);
        }
        match (&token.sha256, &token.hash_file) {
            (Some(digits), None) if from_hex(digits).is_none() => {
                let message = "expected 64 hexadecimal digits: the SHA-256 of the token's text";
                report.at(&key("sha256"), "wrong-value", message);
            }
            (None, None) => report.at(&key("sha256"), "missing", "give `sha256` or `hash_file`"),
            (Some(_), Some(_)) => report.at(
                &key("hash_file"),
                "wrong-value",
                "give `sha256` or `hash_file`, not both",
            ),
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found = Config::parse(&format!("environment = 'production'\n{text}"))
            .err()
            .unwrap_or_default();
        let found: Vec<_> = found.iter().map(|p| format!("{} {}", p.key, p.code)).collect();
        assert_eq!(found, expect, "in:\n{text}");
    }

    #[test]
    fn beyond_loopback_it_is_encrypted_and_its_tokens_make_sense() {
        check("admin.address = '127.0.0.2:1'", &[]);
        check("admin.address = '0.0.0.0:1'", &["admin.address unsafe"]);
        check("admin.address = '[::]:1'", &["admin.address unsafe"]);
        check(
            "admin.address = '0.0.0.0:1'\nadmin.tls = { certificate = 'c', key = 'k' }",
            &[],
        );
        check("admin.tls = { certificate = 'c' }", &["admin.tls wrong-value"]);
        let digits = "0f".repeat(32);
        let token = |keys: &str| format!("[[admin.tokens]]\n{keys}\n");
        let good = format!("name = 'ops'\nscopes = ['read', 'operate', 'publish']\nsha256 = '{digits}'");
        check(&token(&good), &[]);
        check(&token(&good).repeat(2), &["admin.tokens[1].name duplicate"]);
        check(&token("name = 'a'\nscopes = ['read']\nhash_file = 'f'"), &[]);
        check(
            &token("name = 'a b'\nscopes = []\nsha256 = '00'"),
            &[
                "admin.tokens[0].name wrong-value",
                "admin.tokens[0].scopes missing",
                "admin.tokens[0].sha256 wrong-value",
            ],
        );
        check(
            &token(&format!(
                "name = 'a'\nscopes = ['read']\nsha256 = '{digits}'\nhash_file = 'f'"
            )),
            &["admin.tokens[0].hash_file wrong-value"],
        );
        check(
            &token("name = 'a'\nscopes = ['root']\nhash_file = 'f'"),
            &["admin.tokens[0].scopes wrong-value"],
        );
    }

    #[test]
    fn hexadecimal_digits_are_read_strictly() {
        assert_eq!(from_hex(&"fF".repeat(32)), Some([255; 32]));
        for bad in [
            "",
            "ff",
            &"f".repeat(63),
            &"+f".repeat(32),
            &"é".repeat(32),
            &"0x".repeat(32),
        ] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
