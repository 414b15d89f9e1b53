//! The app's own requests, as far as a token has to know them, and what a request gets to carry.

use std::fmt;

use attest_core::device::TokenKind;
use attest_core::token::binding::{OutgoingRequest, normal_origin};

use crate::http::Headers;

/// A request that the app is about to send. Borrowed: nothing of it is kept.
#[derive(Clone, Copy)]
pub struct AppRequest<'a> {
    /// HTTP method in the spelling that is sent.
    pub method: &'a str,
    /// Absolute URL exactly as it is sent.
    pub url: &'a str,
    /// The whole body; empty if there is none.
    pub body: &'a [u8],
    /// The value of `Authorization`, if the request carries one.
    pub authorization: Option<&'a str>,
}

impl fmt::Debug for AppRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppRequest")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// A URL that is not an absolute http or https URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an absolute http or https URL")]
pub struct UrlError;

/// A URL in the parts that policy and bindings look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    pub(crate) origin: String,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// Splits `url`; a fragment is dropped, as clients do.
    pub(crate) fn parse(url: &'a str) -> Result<Self, UrlError> {
        let url = url.split_once('#').map_or(url, |(sent, _)| sent);
        let authority_at = url.find("://").ok_or(UrlError)? + 3;
        let rest = url.get(authority_at..).ok_or(UrlError)?;
        let authority_bytes = rest.find(['/', '?']).unwrap_or(rest.len());
        let (origin, rest) = url
            .split_at_checked(authority_at + authority_bytes)
            .ok_or(UrlError)?;
        let (path, query) = rest
            .split_once('?')
            .map_or((rest, None), |(path, query)| (path, Some(query)));
        let origin = normal_origin(origin).ok_or(UrlError)?;
        Ok(Self {
            origin,
            path: if path.is_empty() { "/" } else { path },
            query,
        })
    }

    pub(crate) fn outgoing<'r>(&'r self, request: &AppRequest<'r>) -> OutgoingRequest<'r> {
        OutgoingRequest {
            method: request.method,
            origin: &self.origin,
            path: self.path,
            query: self.query,
            body: request.body,
            authorization: request.authorization,
        }
    }
}

/// What was minted for a request, without the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minted {
    /// Which kind of token.
    pub kind: TokenKind,
    /// Which session it belongs to: grows with every session of this process.
    pub session: u64,
}

/// The headers that a request gets to carry: none where the policy asks for no token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Authorization {
    /// Names in lower case, and values.
    pub headers: Headers,
    /// What was minted.
    pub minted: Option<Minted>,
    /// How many policy fetches had succeeded by then.
    pub(crate) policy_fetches: u64,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Authorization")
            .field("headers", &names)
            .field("minted", &self.minted)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_split_or_are_refused() {
        let check = |url: &str, expect: Option<(&str, &str, Option<&str>)>| {
            let target = Target::parse(url).ok();
            let parts = target.as_ref().map(|t| (t.origin.as_str(), t.path, t.query));
            assert_eq!(parts, expect, "{url}");
        };
        check(
            "https://A.example:443/v1/x?a=1&b=/?#f",
            Some(("https://a.example", "/v1/x", Some("a=1&b=/?"))),
        );
        check(
            "http://127.0.0.1:8080",
            Some(("http://127.0.0.1:8080", "/", None)),
        );
        check("https://a.example?q", Some(("https://a.example", "/", Some("q"))));
        check("https://a.example/#x?y", Some(("https://a.example", "/", None)));
        check("https://user@a.example/", None);
        check("ftp://a.example/", None);
        check("/v1/x", None);
        check("https://", None);
        check("", None);
    }
}
