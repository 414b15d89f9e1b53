//! The only maker of [`Admitted`], and so the only way to the upstream: a verified, bound and decided token, an `observe` route, or
//! a public one. Adds what the backend is told; everything of that name was removed from the request before.

use std::net::IpAddr;
use std::rc::Rc;

use attest_core::problem::ProblemCode;
use attest_core::token::assertion::ASSERTION_HEADER;
use attest_core::token::binding::Bound;
use attest_core::token::single_use::SingleUseKey;
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER};
use http::header::{CONTENT_LENGTH, HOST};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::bind::PendingBody;
use super::decide::DecidedRequest;
use super::hygiene::{Credentials, OneOrMore, WebSocket};
use super::route::RouteHandle;
use super::spend::SpentRequest;
use super::step::Step;
use super::verify::Standing;
use super::{Core, PeerAddress};
use crate::assertion::{Signer, Vouched};
use crate::config::AssertionMode;
use crate::decisions::{Decision, Outcome, Party};
use crate::refusal::Refusal;
use crate::runtime::ConnectionFacts;
use crate::tally::Passed;
use crate::telemetry::notes::Notes;
use crate::upstream::{RequestBody, Upstream};

/// The device's pseudonym for this app.
pub const DEVICE_HEADER: HeaderName = HeaderName::from_static("attest-device");
/// The app's id.
pub const APP_HEADER: HeaderName = HeaderName::from_static("attest-app");
/// `allow`, or `none` where nothing vouches for the request.
pub const DECISION_HEADER: HeaderName = HeaderName::from_static("attest-decision");
/// Ids of detectors that hit, each with its source.
pub const FINDINGS_HEADER: HeaderName = HeaderName::from_static("attest-findings");
/// Rules in shadow that would have decided otherwise.
pub const SHADOW_HEADER: HeaderName = HeaderName::from_static("attest-shadow");

/// Witness: a request that may be forwarded. Its fields are private to this module.
#[derive(Debug)]
pub struct Admitted {
    request: Request<RequestBody>,
    route: RouteHandle,
    spent: Option<SingleUseKey>,
    upgrade: Option<WebSocket>,
    attested: bool,
}

impl Admitted {
    /// Whether a verified token vouches for it.
    #[must_use]
    pub const fn is_attested(&self) -> bool {
        self.attested
    }

    /// Takes it apart, for the upstream.
    #[must_use]
    pub fn into_parts(
        self,
    ) -> (
        Request<RequestBody>,
        RouteHandle,
        Option<SingleUseKey>,
        Option<WebSocket>,
    ) {
        (self.request, self.route, self.spent, self.upgrade)
    }
}

/// The layer.
#[derive(Debug, Clone)]
pub struct Admit {
    core: Rc<Core>,
}

impl Admit {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            core: Rc::clone(core),
        }
    }

    fn forwarded(&self, headers: &mut HeaderMap, peer: PeerAddress, encrypted: bool) {
        const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
        const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
        let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else {
            return;
        };
        let trusted = self.core.live().config.proxy.trusts(peer);
        let chain = trusted.then(|| joined(headers, &FOR)).flatten();
        let value = chain.map_or_else(|| peer.to_string(), |chain| format!("{chain}, {peer}"));
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(FOR, value);
        }
        if !trusted || !headers.contains_key(&PROTO) {
            let proto = if encrypted { "https" } else { "http" };
            headers.insert(PROTO, HeaderValue::from_static(proto));
        }
        if !trusted || !headers.contains_key(&FORWARDED_HOST) {
            headers.remove(&FORWARDED_HOST);
            if let Some(host) = headers.get(HOST).cloned() {
                headers.insert(FORWARDED_HOST, host);
            }
        }
        headers.remove("forwarded");
        headers.remove("x-real-ip");
    }

    /// The signed form of what a token vouches for, where the upstream wants one.
    fn assert(
        &self,
        parts: &mut Parts,
        token: &Bound,
        pseudonym: Option<&str>,
        shadows: &[(String, &'static str)],
        route: &RouteHandle,
    ) -> Result<(), Refusal> {
        let Some(upstream) = self.core.upstreams.named(&route.get()?.route().upstream) else {
            return Ok(());
        };
        if upstream.assertion() == AssertionMode::Off {
            return Ok(());
        }
        let gateway = &self.core.gateway;
        let vouched = Vouched {
            issuer: route.policy().audience(),
            audience: upstream.assertion_audience(),
            pseudonym: pseudonym.unwrap_or_default(),
            token: token.token(),
            shadows,
            policy_version: route.policy().version(),
            method: parts.method.as_str(),
            target: parts.uri.path_and_query().map_or("/", PathAndQuery::as_str),
        };
        let live = self.core.live();
        let signer = Signer {
            key: live.keys.assertion_signer(),
            rng: &gateway.rng,
            now_s: self.core.now_s(),
        };
        let value = live
            .assertions
            .borrow_mut()
            .value(upstream.assertion(), &vouched, signer)
            .map_err(|failed| route.refuse(ProblemCode::Unavailable, failed.code()))?;
        if let Some(value) = value {
            parts
                .headers
                .insert(HeaderName::from_static(ASSERTION_HEADER), value);
        }
        Ok(())
    }
}

impl Admit {
    /// Counts what passes, and remembers some of it for the operator.
    fn note(
        &self,
        passed: Passed,
        outcome: Outcome,
        route: &RouteHandle,
        standing: &Standing<Bound>,
        pseudonym: Option<String>,
        shadows: Vec<(String, &'static str)>,
    ) {
        self.core.metrics.tally.pass(passed);
        if let Some(metrics) = route.metrics() {
            metrics.admitted(passed);
        }
        self.core.decisions.note(
            outcome,
            || self.core.now_s(),
            |now_s| {
                let policy_version = route.policy().version();
                let (cause, party) = match standing {
                    Standing::Public => (None, None),
                    Standing::Unattested(refusal) => (
                        Some(refusal.cause(policy_version, now_s)),
                        refusal.party.as_deref().cloned(),
                    ),
                    Standing::Attested(token) => {
                        let app = token.token().result().app.clone();
                        (None, pseudonym.map(|pseudonym| Party { app, pseudonym }))
                    }
                };
                Decision {
                    at_s: now_s,
                    outcome,
                    cause,
                    route: route.route().map(|route| route.route().id.clone()),
                    party,
                    shadows,
                    support: None,
                    policy_version,
                }
            },
        );
    }
}

impl Step for Admit {
    type In = SpentRequest;
    type Out = Admitted;

    fn step(&self, request: SpentRequest) -> Result<Admitted, Refusal> {
        let SpentRequest {
            decided:
                DecidedRequest {
                    bound,
                    pseudonym,
                    shadows,
                },
            spent,
        } = request;
        let route = bound.route;
        let mut parts = bound.parts;
        if let Standing::Attested(token) = &bound.standing {
            self.assert(&mut parts, token, pseudonym.as_deref(), &shadows, &route)?;
        }
        Notes::note(&parts.extensions, |noted| match &bound.standing {
            Standing::Attested(_) => noted.decision = Some("allow"),
            Standing::Unattested(refusal) => {
                noted.decision = Some("none");
                noted.observed(refusal);
            }
            Standing::Public => noted.decision = Some("none"),
        });
        let encrypted = parts
            .extensions
            .get::<ConnectionFacts>()
            .is_some_and(ConnectionFacts::is_encrypted);
        let headers = &mut parts.headers;
        self.forwarded(headers, bound.peer, encrypted);
        let (passed, outcome) = match &bound.standing {
            Standing::Attested(token) => {
                vouch(headers, token, pseudonym.as_deref(), &shadows);
                (Passed::Allowed, Outcome::Allowed)
            }
            Standing::Unattested(refusal) => {
                if Notes::of(&parts.extensions).is_none() {
                    tracing::debug!(code = refusal.code.as_str(), reason = refusal.reason, "observed");
                }
                headers.insert(DECISION_HEADER, HeaderValue::from_static("none"));
                (Passed::Unattested, Outcome::Unattested(refusal.code))
            }
            Standing::Public => {
                headers.insert(DECISION_HEADER, HeaderValue::from_static("none"));
                (Passed::Public, Outcome::Public)
            }
        };
        self.note(passed, outcome, &route, &bound.standing, pseudonym, shadows);
        let upstream = route
            .route()
            .map(|route| route.route().upstream.as_str())
            .unwrap_or_default();
        let live = self.core.live();
        let upstream = self.core.upstreams.named(upstream);
        if upstream.is_some_and(Upstream::forwards_client_tokens) {
            give_back(headers, &bound.credentials);
        }
        let body = match bound.body {
            PendingBody::Buffered(whole) => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
                RequestBody::full(whole)
            }
            PendingBody::Streaming(body) => RequestBody::streaming(body, live.config.limits.streamed_body())
                .map_err(|_| route.refuse(ProblemCode::BodyTooLarge, "body-beyond-bound"))?,
        };
        Ok(Admitted {
            attested: matches!(bound.standing, Standing::Attested(_)),
            request: Request::from_parts(parts, body),
            route,
            spent,
            upgrade: bound.upgrade,
        })
    }
}

fn vouch(
    headers: &mut HeaderMap,
    token: &Bound,
    pseudonym: Option<&str>,
    shadows: &[(String, &'static str)],
) {
    let result = token.token().result();
    let text = |value: &str| HeaderValue::from_str(value).ok();
    headers.insert(DECISION_HEADER, HeaderValue::from_static("allow"));
    if let Some(app) = text(&result.app) {
        headers.insert(APP_HEADER, app);
    }
    if let Some(device) = pseudonym.and_then(text) {
        headers.insert(DEVICE_HEADER, device);
    }
    let united = attest_core::finding::United::new(&result.findings, &token.token().claims().findings);
    let findings: Vec<String> = united
        .hits()
        .map(|(id, source)| match source {
            attest_core::finding::FindingSource::Ticket => format!("{id};source=ticket"),
            attest_core::finding::FindingSource::Token => format!("{id};source=token"),
        })
        .collect();
    if let Some(findings) = text(&findings.join(", ")).filter(|_| !findings.is_empty()) {
        headers.insert(FINDINGS_HEADER, findings);
    }
    let shadows: Vec<String> = shadows
        .iter()
        .map(|(rule, decision)| format!("{rule};decision={decision}"))
        .collect();
    if let Some(shadows) = text(&shadows.join(", ")).filter(|_| !shadows.is_empty()) {
        headers.insert(SHADOW_HEADER, shadows);
    }
}

/// Puts the client's tokens back, for upstreams that are configured to see them.
fn give_back(headers: &mut HeaderMap, credentials: &Credentials) {
    for (name, presented) in [
        (SESSION_HEADER, &credentials.session),
        (ATTESTATION_HEADER, &credentials.attestation),
        (PROOF_HEADER, &credentials.proof),
    ] {
        if let Some(OneOrMore::One(value)) = presented.as_ref().map(|presented| presented.reveal())
            && let Ok(value) = HeaderValue::from_str(value)
        {
            headers.insert(name, value);
        }
    }
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// The client's address: the peer, or what trusted proxies say about it, nearest hop first.
pub(super) fn client_address(core: &Core, headers: &HeaderMap, peer: PeerAddress) -> Option<IpAddr> {
    let mut client = peer?.ip().to_canonical();
    let live = core.live();
    let proxy = &live.config.proxy;
    let chain = joined(headers, &HeaderName::from_static("x-forwarded-for")).unwrap_or_default();
    for hop in chain.rsplit(',').take(16) {
        if !proxy.trusts(client) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    Some(client)
}
