//! Removes what a client must not say and what must not travel on: our own headers in any spelling, hop-by-hop fields, method
//! overrides. Takes the credentials out, so that nothing after this layer can forward them by accident.

use std::net::SocketAddr;
use std::rc::Rc;

use attest_core::problem::ProblemCode;
use attest_core::step_up::STEP_UP_HEADER;
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER};
use http::header::{CONNECTION, HeaderName, HeaderValue, TE};
use http::request::Parts;
use http::{HeaderMap, Method, Version};
use hyper::body::{Body as _, Incoming};

use super::Core;
use super::step::Step;
use crate::faults::{Fault, Faults};
use crate::refusal::Refusal;
use crate::upstream::is_websocket;

/// A request as hyper read it.
#[derive(Debug)]
pub struct Inbound {
    /// Head.
    pub parts: Parts,
    /// Body, unread.
    pub body: Incoming,
    /// The peer of the connection.
    pub peer: Option<SocketAddr>,
}

/// A request without anything that the gateway alone may say.
#[derive(Debug)]
pub struct Clean {
    /// Head.
    pub parts: Parts,
    /// Body, unread.
    pub body: Incoming,
    /// The peer of the connection.
    pub peer: Option<SocketAddr>,
    /// What the client presented.
    pub credentials: Credentials,
    /// The upgrade that it asks for, which was taken out of the head.
    pub upgrade: Option<WebSocket>,
}

/// A well-formed wish to become a WebSocket connection: the only upgrade there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocket;

/// The credentials of a request, as presented.
#[derive(Debug, Default)]
pub struct Credentials {
    /// `Attest-Token`.
    pub session: Option<Presented>,
    /// `OAuth-Client-Attestation`.
    pub attestation: Option<Presented>,
    /// `OAuth-Client-Attestation-PoP`.
    pub proof: Option<Presented>,
    /// `Attest-Step-Up`.
    pub step_up: Option<Presented>,
}

/// One credential header; `Debug` does not show it.
pub type Presented = attest_core::redacted::Redacted<OneOrMore>;

/// A header that must be single, or the fact that it was not.
#[derive(Debug, Clone)]
pub enum OneOrMore {
    /// The only value.
    One(String),
    /// More than one, or not visible ASCII.
    Ambiguous,
}

/// Fields that concern one connection only (RFC 9110 section 7.6.1, and what old clients send), and those that ask a backend to
/// take another method for the one that was matched.
const REMOVED: [&str; 14] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "expect",
];

/// The layer.
#[derive(Debug, Clone)]
pub struct Hygiene {
    faults: Faults,
}

impl Hygiene {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            faults: core.gateway.faults,
        }
    }
}

impl Step for Hygiene {
    type In = Inbound;
    type Out = Clean;

    fn step(&self, request: Inbound) -> Result<Clean, Refusal> {
        let Inbound {
            mut parts,
            body,
            peer,
        } = request;
        if matches!(parts.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::new(ProblemCode::RequestMalformed, "method-refused"));
        }
        let ambiguous = |reason| Refusal::new(ProblemCode::HeaderAmbiguous, reason);
        if parts.headers.keys().any(|name| name.as_str().contains('_')) {
            return Err(ambiguous("header-underscore"));
        }
        let headers = &mut parts.headers;
        let credentials = Credentials {
            session: take(headers, SESSION_HEADER),
            attestation: take(headers, ATTESTATION_HEADER),
            proof: take(headers, PROOF_HEADER),
            step_up: take(headers, STEP_UP_HEADER),
        };
        let trailers = wants_trailers(headers);
        let upgrade = asks_upgrade(&parts.method, parts.version, headers, &body);
        remove_nominated(headers).map_err(ambiguous)?;
        for name in REMOVED {
            headers.remove(name);
        }
        if trailers {
            headers.insert(TE, HeaderValue::from_static(TRAILERS));
        }
        if !self.faults.has(Fault::KeepForgedHeaders) {
            remove_ours(headers);
        }
        Ok(Clean {
            parts,
            body,
            peer,
            credentials,
            upgrade,
        })
    }
}

/// The one value of `TE` that is passed on, and only where the next hop can keep it: gRPC servers ask for it.
const TRAILERS: &str = "trailers";

fn wants_trailers(headers: &HeaderMap) -> bool {
    lists(headers, &TE, TRAILERS)
}

/// RFC 6455 section 4.1: a GET by HTTP/1.1 without a body. Whatever else is in `Upgrade` is removed like any field of this hop.
fn asks_upgrade(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
    body: &Incoming,
) -> Option<WebSocket> {
    let asks = method == Method::GET
        && version == Version::HTTP_11
        && lists(headers, &CONNECTION, "upgrade")
        && is_websocket(headers)
        && body.is_end_stream();
    asks.then_some(WebSocket)
}

/// Whether `word` is an item of this comma-separated field.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers.get_all(name).iter().any(|value| {
        value.to_str().is_ok_and(|items| {
            items
                .split(',')
                .any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(word))
        })
    })
}

fn take(headers: &mut HeaderMap, name: &'static str) -> Option<Presented> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let value = match (first.to_str(), values.next()) {
        (Ok(value), None) => OneOrMore::One(value.to_owned()),
        _ => OneOrMore::Ambiguous,
    };
    headers.remove(name);
    Some(Presented::new(value))
}

/// Removes the fields that `Connection` nominates, as RFC 9110 section 7.6.1 asks; a nominated end-to-end field that
/// security depends on is refused instead of dropped.
fn remove_nominated(headers: &mut HeaderMap) -> Result<(), &'static str> {
    let mut nominated: Vec<HeaderName> = Vec::new();
    for value in headers.get_all(CONNECTION) {
        let value = value.to_str().map_err(|_| "connection-not-ascii")?;
        for name in value
            .split(',')
            .map(|name| name.trim_matches([' ', '\t']))
            .filter(|name| !name.is_empty())
        {
            nominated.push(HeaderName::from_bytes(name.as_bytes()).map_err(|_| "connection-not-a-name")?);
        }
    }
    for name in nominated {
        if matches!(
            name.as_str(),
            "host" | "content-length" | "content-type" | "authorization" | "cookie"
        ) {
            return Err("connection-nominates-end-to-end");
        }
        headers.remove(name);
    }
    Ok(())
}

/// Removes every field whose name starts with `attest-`. Names are lower case here and contain no `_` any more.
pub(super) fn remove_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_ours(name.as_str()))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

/// Whether a field name is one that only the gateway may send: `attest-…`, with `_` for `-` in any place.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    let mut letters = name
        .bytes()
        .map(|b| if b == b'_' { b'-' } else { b.to_ascii_lowercase() });
    b"attest-"
        .iter()
        .all(|expected| letters.next() == Some(*expected))
}

/// Removes what concerns one connection only, from a response.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // A backend that nominates nonsense only loses what it named.
    let _named = remove_nominated(headers);
    for name in REMOVED {
        headers.remove(name);
    }
}
