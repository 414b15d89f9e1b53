//! A request as a gateway puts it to its rules: route, app and token first, then the facts that follow from them.

use std::collections::BTreeMap;

use attest_core::{
    facts::{Answer, FactId, FactRef, FactSource, Observation, Value},
    policy::{
        App, CompiledGateway, CompiledRoute, Completed, Decided, GatewayPolicy, Require, Subject, TokenKind,
    },
};
use ring::hmac;

use super::facts::{Union, complete_findings, default};
use crate::source::{ExpectedDecision, TestRequest};

/// The policy with every roll-out complete that has begun.
pub(crate) fn for_everyone(policy: &GatewayPolicy) -> GatewayPolicy {
    let mut policy = policy.clone();
    for rule in &mut policy.rules {
        rule.rollout_percent = if rule.rollout_percent == 0 { 0 } else { 100 };
    }
    policy
}

/// What becomes of a request before any rule is asked.
pub(crate) enum Put<'a> {
    /// It is answered, for this reason.
    Answered(ExpectedDecision, &'static str),
    /// The rules of its route are asked.
    Asked(Asked<'a>),
}

/// A request before the rules of its route.
pub(crate) struct Asked<'a> {
    pub(crate) route: &'a CompiledRoute,
    completed: Completed<'a>,
    known: Union,
}

/// A request, in a gateway's order: route, app, token.
pub(crate) fn put<'a>(
    request: &'a TestRequest,
    app: &App,
    stated: BTreeMap<FactRef, Observation>,
    policy: &'a CompiledGateway,
) -> Put<'a> {
    use ExpectedDecision::{Allow, Deny};
    let Some(route) = policy.routes().find(&request.method, &request.path) else {
        return Put::Answered(Deny, "no route matches");
    };
    let written = route.route();
    if written.require == Require::None {
        return Put::Answered(Allow, "the route is public");
    }
    if !route.accepts_app(&app.id) {
        return Put::Answered(Deny, "the route does not accept this app");
    }
    let token = request.token.unwrap_or(written.token);
    if written.token == TokenKind::Proof && token == TokenKind::Session {
        return Put::Answered(Deny, "the route asks for a proof token");
    }
    let completed = Completed {
        proof: token == TokenKind::Proof,
        user: request.step_up.as_deref(),
    };
    let mut asked = Asked {
        route,
        completed,
        known: Union(stated),
    };
    asked.complete(request, app, token, policy);
    Put::Asked(asked)
}

impl Asked<'_> {
    /// What the gateway knows by itself, unless it is stated.
    fn complete(&mut self, request: &TestRequest, app: &App, token: TokenKind, policy: &CompiledGateway) {
        let done = [
            ("proof", self.completed.proof),
            ("user", self.completed.user.is_some()),
        ];
        let done = done.iter().filter(|(_, done)| *done);
        let done = done.map(|(kind, _)| (*kind).to_owned()).collect();
        let text = |value: &str| Value::Text(value.to_owned());
        let version = i64::try_from(policy.policy().version).unwrap_or(i64::MAX);
        for (fact, value) in [
            (FactId::REQUEST_METHOD, text(&request.method)),
            (FactId::REQUEST_PATH, text(&request.path)),
            (FactId::ROUTE_ID, text(&self.route.route().id)),
            (FactId::TOKEN_KIND, text(token.as_str())),
            (FactId::APP_ID, text(&app.id)),
            (FactId::APP_PLATFORM, text(app.platform.as_str())),
            (FactId::POLICY_VERSION, Value::Integer(version)),
            (FactId::STEP_UP_DONE, Value::List(done)),
        ] {
            default(&mut self.known.0, fact, value);
        }
        complete_findings(&mut self.known.0, policy);
    }

    /// What the rules decide, for a device of every roll-out that has begun.
    pub(crate) fn decide<'p>(&self, policy: &'p CompiledGateway) -> Decided<'p> {
        let rollout_key = hmac::Key::new(hmac::HMAC_SHA256, &[0; 32]);
        let subject = Subject {
            device: b"device under test",
            rollout_key: &rollout_key,
            completed: self.completed,
        };
        policy.decide(self.route, self, &subject)
    }
}

impl FactSource for Asked<'_> {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        self.known.answer(fact)
    }
}
