//! Asks the rules. What they decide is final: allow goes on, deny and step-up are refusals that carry rule, clause and fact for the
//! operator. On `observe` routes rules are asked too, and change nothing.

use std::rc::Rc;

use attest_core::device::TokenKind;
use attest_core::policy::{Cause, Completed, Decided, Decision, Require, Subject};
use attest_core::problem::{ProblemCode, StepUpKind, StepUpRequest};
use attest_core::step_up::{self, StepUpScope};
use attest_core::support_code::NameHash;
use attest_core::token::binding::Bound;

use super::Core;
use super::bind::BoundRequest;
use super::facts::{LazyText, Lists, PlatformFacts, RequestFacts};
use super::hygiene::OneOrMore;
use super::route::RouteHandle;
use super::step::Step;
use super::verify::Standing;
use crate::decision_log::Attested;
use crate::decisions::Party;
use crate::faults::Fault;
use crate::refusal::{Hint, Refusal, RuleCause};
use crate::tally::Passed;
use crate::telemetry::notes::{Notes, Phase};

/// A request that the rules let pass, or that no rule concerns.
#[derive(Debug)]
pub struct DecidedRequest {
    /// The request, bound to its token.
    pub bound: BoundRequest,
    /// The device's pseudonym for the app, where a token vouches for it.
    pub pseudonym: Option<String>,
    /// Rules in shadow that would have decided otherwise, with their decision.
    pub shadows: Vec<(String, &'static str)>,
}

/// The layer.
#[derive(Debug, Clone)]
pub struct Decide {
    core: Rc<Core>,
}

impl Decide {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            core: Rc::clone(core),
        }
    }

    fn decide(
        &self,
        bound: &BoundRequest,
        token: &Bound,
        pseudonym: &str,
    ) -> Result<Vec<(String, &'static str)>, Refusal> {
        let gateway = &self.core.gateway;
        let (handle, result) = (&bound.route, token.token().result());
        let device = LazyText::new(&result.device);
        let requests_last_minute = self.count(handle, token, &device)?;
        let user = self.completed_by_user(bound, token, pseudonym);
        let proof = token.token().kind() == TokenKind::Proof;
        let mut step_ups = Vec::new();
        let now_s = self.core.now_s();
        step_ups.extend(proof.then_some("proof"));
        step_ups.extend(user.is_some().then_some("user"));
        let facts = RequestFacts {
            token,
            policy: handle.policy().compiled(),
            route: handle,
            method: bound.parts.method.as_str(),
            path: bound.parts.uri.path(),
            device: &device,
            now_s,
            platform: PlatformFacts::new(&result.platform_claims, now_s),
            revocations: &gateway.revocations,
            requests_last_minute,
            step_ups,
            lists: Lists::default(),
        };
        let subject = Subject {
            device: result.device.as_bytes(),
            rollout_key: &gateway.rollout_key,
            completed: Completed { proof, user },
        };
        let decided = handle.policy().compiled().decide(handle.get()?, &facts, &subject);
        if let Some(log) = &self.core.decision_log {
            log.attested(&Attested {
                route: handle,
                method: facts.method,
                token,
                facts: &facts,
                user,
                decided: &decided,
            });
        }
        let shadows: Vec<(String, &'static str)> = decided
            .shadows
            .iter()
            .map(|shadow| (shadow.rule.to_owned(), shadow.decision.as_str()))
            .collect();
        if !shadows.is_empty() {
            self.core.metrics.tally.pass(Passed::Shadow);
        }
        if gateway.faults.has(Fault::EnforceShadow) && !shadows.is_empty() {
            return Err(handle.refuse(ProblemCode::Denied, "fault"));
        }
        if gateway.faults.has(Fault::IgnoreRules) {
            return Ok(shadows);
        }
        self.conclude(&decided, bound, pseudonym).map(|()| shadows)
    }

    /// Turns what the rules decided into a refusal, unless it is `allow`.
    fn conclude(&self, decided: &Decided<'_>, bound: &BoundRequest, pseudonym: &str) -> Result<(), Refusal> {
        let handle = &bound.route;
        let refusal = match decided.decision {
            Decision::Allow => return Ok(()),
            Decision::Deny => handle.refuse(ProblemCode::Denied, "rule"),
            Decision::StepUp { kind, issuer } => {
                let code = if bound.credentials.step_up.is_some() && kind == StepUpKind::User {
                    ProblemCode::StepUpInvalid
                } else {
                    ProblemCode::StepUpRequired
                };
                handle
                    .refuse(code, "rule")
                    .with_hint(Hint::StepUp(Box::new(self.ask(handle, kind, issuer, pseudonym)?)))
            }
        };
        Notes::note(&bound.parts.extensions, |noted| {
            noted.decision = Some(decided.decision.as_str());
            noted.rule = decided.cause.as_ref().map(|cause| cause.rule.to_owned());
        });
        Err(Refusal {
            rule: decided.cause.as_ref().map(|cause| Box::new(rule_cause(cause))),
            ..refusal
        })
    }

    /// Counts the request against the route's limit for one device.
    fn count(&self, handle: &RouteHandle, token: &Bound, device: &LazyText<'_>) -> Result<u32, Refusal> {
        let gateway = &self.core.gateway;
        let route = handle.get()?.route();
        let now_ms = gateway.clock.monotonic_ms();
        if let Some(limit) = route.limits.per_device_per_minute {
            let key = gateway.rates.named_key(&route.id, device.get());
            gateway.rates.allow(key, limit, now_ms).map_err(|retry| {
                let seconds = u32::try_from(retry.as_secs_up()).unwrap_or(u32::MAX);
                handle
                    .refuse(ProblemCode::RateLimited, "per-device-per-minute")
                    .with_hint(Hint::RetryAfter(seconds))
            })?;
        }
        Ok(gateway
            .counters
            .count(token.token().result().device.as_bytes(), now_ms))
    }

    /// The name of the issuer whose step-up this request carries for this device and route.
    fn completed_by_user<'p>(
        &self,
        bound: &'p BoundRequest,
        token: &Bound,
        pseudonym: &str,
    ) -> Option<&'p str> {
        let OneOrMore::One(completion) = bound.credentials.step_up.as_ref()?.reveal() else {
            return None;
        };
        if self.core.gateway.faults.has(Fault::IgnoreStepUp) {
            return None;
        }
        let policy = bound.route.policy();
        let route = bound.route.route()?.route();
        let audience = &token.token().result().audience;
        let verifies = |name: &str, issuer: &crate::policy::StepUpKeys| {
            let expected = step_up::Expected {
                scope: StepUpScope {
                    device: pseudonym,
                    route: &route.id,
                    issuer: name,
                },
                issuer_url: &issuer.issuer,
                keys: &issuer.keys,
                audience,
                valid_s: route.step_up_valid_s,
                skew_s: policy.compiled().policy().limits.clock_skew_s,
            };
            self.core
                .gateway
                .step_ups
                .verify(completion, &expected, self.core.now_s())
                .is_ok()
        };
        policy
            .issuers()
            .find(|(name, issuer)| verifies(name, issuer))
            .map(|(name, _)| name)
    }

    fn ask(
        &self,
        handle: &RouteHandle,
        kind: StepUpKind,
        issuer: Option<&str>,
        pseudonym: &str,
    ) -> Result<StepUpRequest, Refusal> {
        // A rule that names no issuer leaves the choice to the policy's first one.
        let name = issuer
            .or_else(|| handle.policy().issuers().next().map(|(name, _)| name))
            .unwrap_or_default();
        let route = &handle.get()?.route().id;
        let scope = StepUpScope {
            device: pseudonym,
            route,
            issuer: name,
        };
        let id = self
            .core
            .gateway
            .step_ups
            .issue(scope, &self.core.gateway.rng)
            .map_err(|_| handle.refuse(ProblemCode::Unavailable, "random"))?;
        let issuer = handle.policy().issuer(name).map(|issuer| issuer.issuer.clone());
        Ok(StepUpRequest {
            id,
            kind,
            issuer: issuer.filter(|_| kind == StepUpKind::User),
        })
    }
}

impl Step for Decide {
    type In = BoundRequest;
    type Out = DecidedRequest;

    fn step(&self, bound: BoundRequest) -> Result<DecidedRequest, Refusal> {
        let Standing::Attested(token) = &bound.standing else {
            if let Some(log) = &self.core.decision_log {
                let code = match &bound.standing {
                    Standing::Unattested(refusal) => Some(refusal.code),
                    Standing::Public | Standing::Attested(_) => None,
                };
                log.undecided(&bound.route, bound.parts.method.as_str(), code);
            }
            return Ok(DecidedRequest {
                bound,
                pseudonym: None,
                shadows: Vec::new(),
            });
        };
        let _timing = Notes::time(&bound.parts.extensions, Phase::Decide, &*self.core.gateway.clock);
        let result = token.token().result();
        let pseudonym = self.core.gateway.pseudonyms.of(&result.app, &result.device);
        let shadows = match self.decide(&bound, token, &pseudonym) {
            Ok(shadows) => shadows,
            Err(refusal) if bound.route.get()?.route().require == Require::Observe => {
                vec![("observe".to_owned(), refusal.code.as_str())]
            }
            Err(refusal) => {
                let app = result.app.clone();
                return Err(refusal.about(Party { app, pseudonym }));
            }
        };
        Ok(DecidedRequest {
            bound,
            pseudonym: Some(pseudonym),
            shadows,
        })
    }
}

fn rule_cause(cause: &Cause<'_>) -> RuleCause {
    RuleCause {
        rule: NameHash::of(cause.rule),
        clause: cause.clause.ordinal,
        fact: NameHash::of(cause.clause.fact.as_deref().unwrap_or_default()),
        value: NameHash::of(&cause.clause.value),
    }
}
