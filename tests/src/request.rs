//! Requests of the sample bank's app, to be spoiled in one place.

use attest_core::token::binding::{Bind, BindingClaims, OutgoingRequest};
use attest_mobile::{Headers, HttpReply};
use attest_testkit::client::HttpClient;

/// A request, and what a token for it is bound to.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// Fields beside the tokens.
    pub headers: Headers,
    /// Body.
    pub body: String,
    /// Bindings of its route.
    pub bind: &'static [Bind],
}

/// One header.
#[must_use]
pub fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &'static str, target: &str, body: &str, bind: &'static [Bind]) -> Self {
        Self {
            method,
            target: target.to_owned(),
            headers: vec![header("authorization", "Bearer customer-1")],
            body: body.to_owned(),
            bind,
        }
    }

    /// Takes a session token, bound to the body.
    #[must_use]
    pub fn login() -> Self {
        Self::new("POST", "/v1/login", r#"{"user":"a"}"#, &[Bind::Body])
    }

    /// Takes a session token, bound to query and authorization.
    #[must_use]
    pub fn balance() -> Self {
        Self::new(
            "GET",
            "/v1/balance?currency=EUR",
            "",
            &[Bind::Query, Bind::Authorization],
        )
    }

    /// Takes a session token once, bound to query and body.
    #[must_use]
    pub fn onboarding() -> Self {
        Self::new(
            "POST",
            "/v1/onboarding?step=1",
            r#"{"name":"A"}"#,
            &[Bind::Query, Bind::Body],
        )
    }

    /// Takes a proof token once, bound to everything.
    #[must_use]
    pub fn payment() -> Self {
        const ALL: &[Bind] = &[Bind::Query, Bind::Body, Bind::Authorization];
        Self::new("POST", "/v1/payments?to=DE02", r#"{"amount":"1.00"}"#, ALL)
    }

    /// Path without query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    /// What an honest phone binds a token for it to.
    #[must_use]
    pub fn binding(&self, origin: &str) -> BindingClaims {
        let authorization = self.headers.iter().find(|(name, _)| name == "authorization");
        let outgoing = OutgoingRequest {
            method: self.method,
            origin,
            path: self.path(),
            query: self.target.split_once('?').map(|(_, query)| query),
            body: self.body.as_bytes(),
            authorization: authorization.map(|(_, value)| value.as_str()),
        };
        BindingClaims::of(&outgoing, self.bind).unwrap()
    }

    /// Sends it with these headers added.
    pub async fn send(&self, client: &HttpClient, more: &Headers) -> HttpReply {
        let headers: Headers = self.headers.iter().chain(more).cloned().collect();
        client
            .app(self.method, &self.target, &headers, self.body.as_bytes())
            .await
            .unwrap()
    }
}
