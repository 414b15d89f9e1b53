//! Verifies the token of a request: authenticity, times, audience, app, bans and policy version. It reads no body and changes no
//! state. On an `observe` route whatever is missing or bad is noted and goes on.

use std::rc::Rc;

use attest_core::device::TokenKind;
use attest_core::jose::JwsError;
use attest_core::policy::{CompiledRoute, Require};
use attest_core::problem::{MissingStrength, ProblemCode};
use attest_core::ticket::TicketError;
use attest_core::token::claims::ClaimsError;
use attest_core::token::{TimeBounds, TokenError, Verified, proof, session};

use super::Core;
use super::admit::client_address;
use super::hygiene::{Clean, OneOrMore, Presented};
use super::route::{RouteHandle, Routed};
use super::step::Step;
use super::suspects::{Culprit, Suspects};
use crate::decisions::Party;
use crate::faults::Fault;
use crate::refusal::{Hint, Refusal};
use crate::runtime::ConnectionFacts;
use crate::store::BanKind;
use crate::telemetry::notes::{Notes, Phase};

/// A request whose token, if its route takes one, was verified.
#[derive(Debug)]
pub struct VerifiedRequest {
    /// The request.
    pub request: Clean,
    /// Its route.
    pub route: RouteHandle,
    /// What its token is worth.
    pub standing: Standing<Verified>,
}

/// What vouches for a request so far.
#[derive(Debug, Clone)]
pub enum Standing<T> {
    /// Nothing needs to: the route is public.
    Public,
    /// Nothing does, and the route only observes; why the token was not good.
    Unattested(Box<Refusal>),
    /// A token that passed every layer until here.
    Attested(Box<T>),
}

impl<T> Standing<T> {
    /// The same standing after another layer looked at the token. On `observe` routes its refusal is noted instead.
    pub(super) fn advance<U>(
        self,
        require: Require,
        layer: impl FnOnce(T) -> Result<U, Refusal>,
    ) -> Result<Standing<U>, Refusal> {
        match self {
            Self::Public => Ok(Standing::Public),
            Self::Unattested(refusal) => Ok(Standing::Unattested(refusal)),
            Self::Attested(token) => match layer(*token) {
                Ok(next) => Ok(Standing::Attested(Box::new(next))),
                Err(refusal) if require == Require::Observe => Ok(Standing::Unattested(Box::new(refusal))),
                Err(refusal) => Err(refusal),
            },
        }
    }
}

/// The layer.
#[derive(Debug, Clone)]
pub struct Verify {
    core: Rc<Core>,
}

impl Verify {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            core: Rc::clone(core),
        }
    }

    fn verified(&self, request: &Clean, handle: &RouteHandle) -> Result<Verified, Refusal> {
        let credentials = &request.credentials;
        let route = handle.get()?;
        let now_s = self.core.now_s();
        let limits = handle.policy().compiled().policy().limits;
        let bounds = TimeBounds {
            skew_s: limits.clock_skew_s,
            lifetime_max_s: limits.token_lifetime_max_s,
        };
        let refuse = |error: TokenError| handle.refuse(problem_code(error), error.code());
        let token = match (&credentials.session, &credentials.attestation, &credentials.proof) {
            (None, None, None) => return Err(missing(handle, route)),
            (Some(token), None, None) => {
                let token = single(token, handle)?;
                let live = self.core.live();
                session::verify(token, &mut live.tickets.borrow_mut(), bounds, now_s).map_err(refuse)?
            }
            (None, Some(attestation), Some(proof_of_possession)) => {
                let (attestation, proof_of_possession) =
                    (single(attestation, handle)?, single(proof_of_possession, handle)?);
                self.proven(request, (attestation, proof_of_possession), bounds, handle)?
            }
            (None, Some(_), None) | (None, None, Some(_)) => {
                return Err(handle.refuse(ProblemCode::TokenMalformed, "proof-token-half"));
            }
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                return Err(handle.refuse(ProblemCode::TokenDuplicate, "two-token-kinds"));
            }
        };
        match self.standing(&token, handle, route, now_s) {
            Ok(()) => Ok(token),
            Err(refusal) => {
                let result = token.result();
                Err(refusal.about(Party {
                    app: result.app.clone(),
                    pseudonym: self.core.gateway.pseudonyms.of(&result.app, &result.device),
                }))
            }
        }
    }

    /// Verifies a proof token: the only asymmetric work of this layer, so whoever fails at it often does so on a budget.
    fn proven(
        &self,
        request: &Clean,
        (attestation, proof_of_possession): (&str, &str),
        bounds: TimeBounds,
        handle: &RouteHandle,
    ) -> Result<Verified, Refusal> {
        let core = &self.core;
        let now_s = core.now_s();
        let live = core.live();
        let mut attestations = live.attestations.borrow_mut();
        let culprit = attestations.device(attestation).map_or_else(
            || Culprit::Source(client_address(core, &request.parts.headers, request.peer)),
            Culprit::Device,
        );
        if !core.suspects.may_verify(core, culprit) {
            return Err(handle
                .refuse(ProblemCode::Overloaded, "verification-budget")
                .with_hint(Hint::RetryAfter(1)));
        }
        attestations
            .verified(attestation, now_s)
            .and_then(|attestation| proof::verify_with(attestation, proof_of_possession, bounds, now_s))
            .map_err(|error| {
                Suspects::failed(core, culprit, error);
                handle.refuse(problem_code(error), error.code())
            })
    }

    /// What an authentic token must also satisfy on this route.
    fn standing(
        &self,
        token: &Verified,
        handle: &RouteHandle,
        route: &CompiledRoute,
        now_s: u64,
    ) -> Result<(), Refusal> {
        let result = token.result();
        if !handle.policy().has_audience(&result.audience) {
            return Err(handle.refuse(ProblemCode::TokenAudience, "session-audience"));
        }
        if !route.accepts_app(&result.app) {
            return Err(handle.refuse(ProblemCode::AppNotAllowed, "app-not-on-route"));
        }
        if route.route().token == TokenKind::Proof && token.kind() == TokenKind::Session {
            return Err(too_weak(handle, route, "session-where-proof"));
        }
        if !self.core.gateway.faults.has(Fault::IgnoreBans) {
            let hit = self.core.gateway.bans.current().refusal(
                || result.device.to_text(),
                &result.app,
                result.issued_at_s,
                now_s,
            );
            match hit.map(|hit| hit.kind) {
                None => {}
                Some(BanKind::Banned) => return Err(handle.refuse(ProblemCode::Banned, "banned")),
                Some(BanKind::SessionsNotBefore(_)) => {
                    return Err(handle.refuse(ProblemCode::SessionCut, "sessions-not-before"));
                }
            }
        }
        if self.core.gateway.faults.has(Fault::EndSessions)
            && result.policy_version < handle.policy().version()
        {
            return Err(handle.refuse(ProblemCode::SessionOutdated, "fault"));
        }
        match route.route().min_policy {
            Some(min) if token.claims().policy_version < min && result.policy_version < min => {
                Err(handle.refuse(ProblemCode::PolicyOutdated, "min-policy-phone"))
            }
            Some(min) if result.policy_version < min => {
                Err(handle.refuse(ProblemCode::SessionOutdated, "min-policy-session"))
            }
            _ => Ok(()),
        }
    }
}

impl Step for Verify {
    type In = Routed;
    type Out = VerifiedRequest;

    fn step(&self, routed: Routed) -> Result<VerifiedRequest, Refusal> {
        let Routed { request, route } = routed;
        let timing = Notes::time(
            &request.parts.extensions,
            Phase::Verify,
            &*self.core.gateway.clock,
        );
        let require = route.get()?.route().require;
        let standing = match require {
            Require::None => Standing::Public,
            Require::Observe | Require::Enforce => match self.verified(&request, &route) {
                Ok(token) => {
                    if let Some(connection) = request.parts.extensions.get::<ConnectionFacts>() {
                        connection.prove();
                    }
                    Standing::Attested(Box::new(token))
                }
                Err(refusal)
                    if require == Require::Observe
                        && !self.core.gateway.faults.has(Fault::EnforceObserve) =>
                {
                    Standing::Unattested(Box::new(refusal))
                }
                Err(_) if self.core.gateway.faults.has(Fault::ForwardRefused) => Standing::Public,
                Err(refusal) => return Err(refusal),
            },
        };
        if let Some(timing) = &timing {
            timing.notes().write(|noted| match &standing {
                Standing::Public => {}
                Standing::Unattested(refusal) => noted.observed(refusal),
                Standing::Attested(token) => noted.app = Some(token.result().app.clone()),
            });
        }
        Ok(VerifiedRequest {
            request,
            route,
            standing,
        })
    }
}

fn single<'a>(presented: &'a Presented, handle: &RouteHandle) -> Result<&'a str, Refusal> {
    match presented.reveal() {
        OneOrMore::One(value) => Ok(value),
        OneOrMore::Ambiguous => Err(handle.refuse(ProblemCode::TokenDuplicate, "token-header-not-single")),
    }
}

fn strength(route: &CompiledRoute) -> MissingStrength {
    MissingStrength {
        token: route.route().token,
        bind: route.route().bind.clone(),
    }
}

fn missing(handle: &RouteHandle, route: &CompiledRoute) -> Refusal {
    let needs_more = route.route().token == TokenKind::Proof || !route.route().bind.is_empty();
    let refusal = handle.refuse(ProblemCode::TokenMissing, "token-missing");
    if needs_more {
        refusal.with_hint(Hint::Missing(Box::new(strength(route))))
    } else {
        refusal
    }
}

/// The refusal of a token that the route wants stronger, naming what it lacks.
pub(super) fn too_weak(handle: &RouteHandle, route: &CompiledRoute, reason: &'static str) -> Refusal {
    handle
        .refuse(ProblemCode::TokenTooWeak, reason)
        .with_hint(Hint::Missing(Box::new(strength(route))))
}

/// The public code of a token's error.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a kind of error that is new here can only refuse"
)]
fn problem_code(error: TokenError) -> ProblemCode {
    match error {
        TokenError::Jws(JwsError::Signature) => ProblemCode::TokenSignature,
        TokenError::Jws(JwsError::UnknownKey)
        | TokenError::Ticket(
            TicketError::Version | TicketError::UnknownKey | TicketError::UnknownEpoch | TicketError::Sealed,
        ) => ProblemCode::TicketUnknown,
        TokenError::Claims(
            ClaimsError::Expired | ClaimsError::NotYetValid | ClaimsError::Lifetime | ClaimsError::TokenId,
        ) => ProblemCode::TokenTime,
        TokenError::Claims(ClaimsError::Audience) => ProblemCode::TokenAudience,
        TokenError::SessionExpired => ProblemCode::SessionExpired,
        TokenError::Environment => ProblemCode::EnvironmentMismatch,
        // Everything else is a token that this system's SDK does not make.
        _ => ProblemCode::TokenMalformed,
    }
}
