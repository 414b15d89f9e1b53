//! What ties a token to its request: method and target always; raw query, body and authorization where a route asks.
//!
//! `htu` follows DPoP (RFC 9449 section 4.3): scheme, authority and path after normalisation, without query and fragment. It is
//! compared with the route's configured public origins, never with `Host` or forwarded headers.

use serde::{Deserialize, Serialize};

use super::Verified;
use crate::encoding::sha256_base64url;

/// Optional bindings that a route may require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Bind {
    /// SHA-256 of the raw query.
    Query,
    /// SHA-256 of the body.
    Body,
    /// SHA-256 of the credentials in `Authorization`.
    Authorization,
}

impl Bind {
    /// The word used in policy and refusals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Body => "body",
            Self::Authorization => "authorization",
        }
    }
}

/// The binding members of a token. Digests are base64url of SHA-256; an absent query, body or authorization is the empty
/// string.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BindingClaims {
    /// HTTP method.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub htm: String,
    /// Normalised target without query and fragment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub htu: String,
    /// Digest of the raw query.
    #[serde(rename = "qh", default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Digest of the body.
    #[serde(rename = "bh", default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Digest of the authorization credentials.
    #[serde(rename = "ath", default, skip_serializing_if = "Option::is_none")]
    pub authorization: Option<String>,
}

/// A request as the phone is about to send it.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingRequest<'a> {
    /// HTTP method, as sent.
    pub method: &'a str,
    /// Public origin: scheme, host and, unless default, port.
    pub origin: &'a str,
    /// Path as sent, beginning with `/`.
    pub path: &'a str,
    /// Raw query without `?`.
    pub query: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
    /// Value of `Authorization`.
    pub authorization: Option<&'a str>,
}

impl BindingClaims {
    /// Binds `request` as far as `bind` asks.
    ///
    /// # Errors
    /// [`BindingError::Target`] if origin and path do not make an http or https target.
    pub fn of(request: &OutgoingRequest<'_>, bind: &[Bind]) -> Result<Self, BindingError> {
        let asked = |kind| bind.contains(&kind);
        Ok(Self {
            htm: request.method.to_owned(),
            htu: normal_target(request.origin, request.path).ok_or(BindingError::Target)?,
            query: asked(Bind::Query).then(|| sha256_base64url(request.query.unwrap_or_default().as_bytes())),
            body: asked(Bind::Body).then(|| sha256_base64url(request.body)),
            authorization: asked(Bind::Authorization)
                .then(|| sha256_base64url(credentials(request.authorization.unwrap_or_default()).as_bytes())),
        })
    }
}

/// A request as the gateway received it, with what its route requires.
#[derive(Debug, Clone, Copy)]
pub struct RequestToBind<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// The route's public origins, normalised by [`normal_origin`].
    pub origins: &'a [String],
    /// The path that was matched and will be forwarded.
    pub path: &'a str,
    /// Raw query without `?`.
    pub query: Option<&'a str>,
    /// Digest of the whole body, base64url; `None` where the body was not read.
    pub body_digest: Option<&'a str>,
    /// Value of the only `Authorization` header.
    pub authorization: Option<&'a str>,
    /// What the route requires beyond method and target.
    pub required: &'a [Bind],
}

/// Which binding is missing or differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindingError {
    /// `htm` is another method.
    #[error("bound to another method")]
    Method,
    /// `htu` is another target, or not a target.
    #[error("bound to another target")]
    Target,
    /// The query digest differs.
    #[error("bound to another query")]
    Query,
    /// The body digest differs.
    #[error("bound to another body")]
    Body,
    /// The authorization digest differs.
    #[error("bound to another authorization")]
    Authorization,
    /// The route requires a binding that the token does not carry.
    #[error("the route requires a binding that the token lacks")]
    Missing(Bind),
}

impl BindingError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Method => "binding-method",
            Self::Target => "binding-target",
            Self::Query => "binding-query",
            Self::Body => "binding-body",
            Self::Authorization => "binding-authorization",
            Self::Missing(_) => "binding-missing",
        }
    }
}

/// Witness: a verified token that belongs to the request it came with. Only [`Verified::bind`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound(Verified);

impl Bound {
    /// The verified token.
    #[must_use]
    pub const fn token(&self) -> &Verified {
        &self.0
    }
}

pub(super) fn bind(token: Verified, request: &RequestToBind<'_>) -> Result<Bound, BindingError> {
    let claims = &token.claims().binding;
    if claims.htm != request.method {
        return Err(BindingError::Method);
    }
    let same_target = |origin: &String| is_target(&claims.htu, origin, request.path);
    if !request.origins.iter().any(same_target) {
        return Err(BindingError::Target);
    }
    // A binding that the token carries is compared even where the route does not ask for it.
    let compare = |claim: &Option<String>, actual: &dyn Fn() -> Option<String>, kind, error| match claim {
        None if request.required.contains(&kind) => Err(BindingError::Missing(kind)),
        None => Ok(()),
        Some(claim) => match actual() {
            Some(actual) if actual == *claim => Ok(()),
            Some(_) => Err(error),
            // Unread bodies are those of routes that do not bind them.
            None => Ok(()),
        },
    };
    compare(
        &claims.query,
        &|| Some(sha256_base64url(request.query.unwrap_or_default().as_bytes())),
        Bind::Query,
        BindingError::Query,
    )?;
    compare(
        &claims.body,
        &|| request.body_digest.map(str::to_owned),
        Bind::Body,
        BindingError::Body,
    )?;
    if request.required.contains(&Bind::Body) && request.body_digest.is_none() {
        return Err(BindingError::Body);
    }
    compare(
        &claims.authorization,
        &|| {
            Some(sha256_base64url(
                credentials(request.authorization.unwrap_or_default()).as_bytes(),
            ))
        },
        Bind::Authorization,
        BindingError::Authorization,
    )?;
    Ok(Bound(token))
}

/// The credentials of an `Authorization` value: what follows the scheme, or the whole value if there is no scheme.
fn credentials(value: &str) -> &str {
    let value = value.trim_matches([' ', '\t']);
    value
        .split_once(' ')
        .map_or(value, |(_, credentials)| credentials.trim_start_matches(' '))
}

/// Whether `htu` is `origin` ‖ `path` after normalisation, without allocating in the usual case.
fn is_target(htu: &str, origin: &str, path: &str) -> bool {
    if htu.strip_prefix(origin).is_some_and(|rest| rest == path) && !path.contains('%') {
        return true;
    }
    normal_target(origin, path).is_some_and(|expected| {
        expected == htu
            || split_target(htu)
                .and_then(|(o, p)| normal_target(o, p))
                .is_some_and(|htu| htu == expected)
    })
}

fn split_target(htu: &str) -> Option<(&str, &str)> {
    let authority_at = htu.find("://")? + 3;
    let path_at = htu
        .get(authority_at..)?
        .find('/')
        .map_or(htu.len(), |at| authority_at + at);
    htu.split_at_checked(path_at)
}

/// A public origin in its one spelling: lower-case scheme and host, no default port, no path. `None` if it is not an http or
/// https origin.
#[must_use]
pub fn normal_origin(origin: &str) -> Option<String> {
    let (scheme, rest) = origin.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (authority.as_str(), None),
    };
    let is_host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        }
    };
    match port.filter(|port| *port != default_port) {
        _ if !is_host => None,
        Some(port) => Some(format!("{scheme}://{host}:{port}")),
        None => Some(format!("{scheme}://{host}")),
    }
}

/// RFC 3986 section 6.2.2: escapes of unreserved characters decoded, other escapes in upper case, an empty path is `/`.
fn normal_target(origin: &str, path: &str) -> Option<String> {
    let mut target = normal_origin(origin)?;
    if path.is_empty() {
        target.push('/');
    } else if !path.starts_with('/') || path.contains(['?', '#']) {
        return None;
    }
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        let (plain, escape) = rest.split_at_checked(at)?;
        target.push_str(plain);
        let value = u8::from_str_radix(escape.get(1..3)?, 16).ok()?;
        if value.is_ascii_alphanumeric() || matches!(value, b'-' | b'.' | b'_' | b'~') {
            target.push(char::from(value));
        } else {
            target.push('%');
            target.push_str(&escape.get(1..3)?.to_ascii_uppercase());
        }
        rest = escape.get(3..)?;
    }
    target.push_str(rest);
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_normalise() {
        for (origin, path, expect) in [
            (
                "https://API.bank.example:443",
                "/v1/x",
                Some("https://api.bank.example/v1/x"),
            ),
            (
                "http://127.0.0.1:8080/",
                "/a%2db%e2",
                Some("http://127.0.0.1:8080/a-b%E2"),
            ),
            ("http://[::1]:80", "", Some("http://[::1]/")),
            ("ftp://x", "/", None),
            ("https://", "/", None),
            ("https://a b", "/", None),
            ("https://x:99999", "/", None),
            ("https://x", "v1", None),
            ("https://x", "/a?b", None),
            ("https://x", "/%4", None),
        ] {
            assert_eq!(normal_target(origin, path).as_deref(), expect, "{origin} {path}");
        }
    }

    #[test]
    fn htu_is_compared_after_normalisation() {
        for (htu, path, expect) in [
            ("https://x.example/v1/a", "/v1/a", true),
            ("HTTPS://X.example:443/v1/a", "/v1/a", true),
            ("https://x.example/v1/%61", "/v1/a", true),
            ("https://x.example/v1/a", "/v1/b", false),
            ("http://x.example/v1/a", "/v1/a", false),
            ("https://x.example.evil/v1/a", "/v1/a", false),
            ("https://x.example/v1/a?q=1", "/v1/a", false),
            ("/v1/a", "/v1/a", false),
        ] {
            assert_eq!(is_target(htu, "https://x.example", path), expect, "{htu}");
        }
    }

    #[test]
    fn credentials_are_what_follows_the_scheme() {
        for (value, expect) in [
            ("Bearer  abc", "abc"),
            ("DPoP abc", "abc"),
            ("abc", "abc"),
            ("", ""),
        ] {
            assert_eq!(credentials(value), expect);
        }
    }
}
