//! Minting: what a request needs by the device policy, and the token for it. With a session in memory this takes
//! microseconds and no network; a token never goes to an origin that the policy does not name.

use attest_core::device::TokenKind;
use attest_core::finding::Findings;
use attest_core::jose::{JwsError, Unsigned};
use attest_core::policy::Requirement;
use attest_core::problem::MissingStrength;
use attest_core::redacted::Redacted;
use attest_core::step_up::STEP_UP_HEADER;
use attest_core::token::binding::{Bind, BindingClaims};
use attest_core::token::claims::{TokenClaims, new_token_id};
use attest_core::token::{ATTESTATION_HEADER, PROOF_HEADER, SESSION_HEADER, proof, session};
use ring::rand::SecureRandom;

use super::backoff::Lane;
use super::exchange::LiveSession;
use super::{Machine, Now, Work};
use crate::failure::Failure;
use crate::http::Headers;
use crate::request::{AppRequest, Authorization, Minted, Target};

/// What a request asks for beyond the policy, after a refusal. Stating it again changes nothing.
#[derive(Debug, Clone, Default)]
pub struct Demand {
    /// At least this kind of token with these bindings.
    pub stronger: Option<MissingStrength>,
    /// A session that began after this one.
    pub session_after: Option<u64>,
    /// That session by enrolment.
    pub enrolment: bool,
    /// A policy fetch after this one.
    pub policy_after: Option<u64>,
    /// A completed step-up to send along.
    pub step_up: Option<Redacted<String>>,
}

/// How authorising a request goes on.
#[derive(Debug)]
pub enum Step {
    /// The request may be sent.
    Ready(Authorization),
    /// The device key has to sign first.
    Sign(Box<ToSign>),
    /// There is work to be done, or under way, for [`Machine::poll`].
    Work,
    /// The work failed and rests until then, on the monotonic clock.
    Rest {
        /// When it is tried again.
        until_ms: u64,
        /// Why it failed.
        failure: Failure,
    },
    /// This request can get no token.
    Failed(Failure),
}

/// A proof token that lacks its signature.
#[derive(Debug)]
pub struct ToSign {
    unsigned: Unsigned,
    authorization: Authorization,
}

impl ToSign {
    /// What the device key signs.
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.unsigned.signing_input()
    }

    /// The authorisation with the signature in it.
    #[must_use]
    pub fn attach(self, signature: &[u8; 64]) -> Authorization {
        let mut authorization = self.authorization;
        authorization
            .headers
            .push((PROOF_HEADER.to_owned(), self.unsigned.attach(signature)));
        authorization
    }
}

/// What a request needs.
struct Need {
    kind: TokenKind,
    bind: Vec<Bind>,
}

impl Machine {
    /// The next step towards sending `request`.
    pub fn authorize(
        &mut self,
        request: &AppRequest<'_>,
        demand: &Demand,
        now: Now,
        rng: &dyn SecureRandom,
    ) -> Step {
        let Ok(target) = Target::parse(request.url) else {
            return Step::Failed(Failure::Url);
        };
        if !self.settings.may_concern(&target.origin) {
            return Step::Ready(Authorization::default());
        }
        if !self.loaded {
            return self.wait_for(&self.loading, now);
        }
        if demand
            .policy_after
            .is_some_and(|fetches| self.policy_fetches <= fetches)
        {
            self.wants.policy = true;
            return self.wait_for(&self.fetching, now);
        }
        let Some(policy) = &self.policy else {
            return self.wait_for(&self.fetching, now);
        };
        let named = policy.names(&target.origin);
        let requirement = policy.requirement(request.method, &target);
        let Some(need) = self.need(named, requirement, demand) else {
            return Step::Ready(self.authorization(Headers::new(), None));
        };
        let wanted = |live: &&LiveSession| {
            self.is_usable(live, now) && demand.session_after.is_none_or(|serial| live.serial > serial)
        };
        if let Some(live) = self.session.as_ref().filter(wanted) {
            return self
                .mint(live, &need, request, &target, demand, now, rng)
                .unwrap_or_else(Step::Failed);
        }
        if demand.session_after.is_some() {
            self.wants.renewal = true;
            self.wants.enrolment |= demand.enrolment;
        }
        self.wait_for(&self.joining, now)
    }

    /// The next step towards a session.
    pub fn session_step(&mut self, now: Now) -> Step {
        if !self.loaded {
            return self.wait_for(&self.loading, now);
        }
        if self.policy.is_none() {
            return self.wait_for(&self.fetching, now);
        }
        match &self.session {
            Some(live) if self.is_usable(live, now) => Step::Ready(Authorization::default()),
            _ => self.wait_for(&self.joining, now),
        }
    }

    /// Whether a reply from this URL may be about a token at all.
    pub(crate) fn concerns(&self, url: &str) -> bool {
        let names = |target: &Target<'_>| {
            self.policy
                .as_ref()
                .is_some_and(|policy| policy.names(&target.origin))
        };
        Target::parse(url).is_ok_and(|target| self.settings.may_concern(&target.origin) && names(&target))
    }

    fn wait_for(&self, lane: &Lane, now: Now) -> Step {
        match lane.last() {
            Some(failure) if matches!(self.work, Work::Idle) && !lane.is_ready(now) => Step::Rest {
                until_ms: lane.until_ms(),
                failure: failure.clone(),
            },
            _ => Step::Work,
        }
    }

    /// The union of what policy and demand ask for: neither can weaken the other.
    fn need(&self, named: bool, requirement: Option<&Requirement>, demand: &Demand) -> Option<Need> {
        let by_default = self.settings.config.token_by_default || demand.session_after.is_some();
        if !named || (requirement.is_none() && demand.stronger.is_none() && !by_default) {
            return None;
        }
        let mut need = Need {
            kind: TokenKind::Session,
            bind: Vec::new(),
        };
        if let Some(requirement) = requirement {
            need.kind = requirement.token;
            need.bind.extend(&requirement.bind);
        }
        if let Some(stronger) = &demand.stronger {
            if stronger.token == TokenKind::Proof {
                need.kind = TokenKind::Proof;
            }
            need.bind.extend(&stronger.bind);
        }
        Some(need)
    }

    #[expect(clippy::too_many_arguments, reason = "each is a part of the one token")]
    fn mint(
        &self,
        live: &LiveSession,
        need: &Need,
        request: &AppRequest<'_>,
        target: &Target<'_>,
        demand: &Demand,
        now: Now,
        rng: &dyn SecureRandom,
    ) -> Result<Step, Failure> {
        let iat = self.clock.now_s(now);
        let lifetime_s = self
            .policy
            .as_ref()
            .map_or(0, |policy| policy.compiled.policy().limits.token_lifetime_max_s);
        let claims = TokenClaims {
            aud: live.session.audience.clone(),
            iat,
            exp: Some(iat.saturating_add(lifetime_s)),
            nbf: None,
            jti: new_token_id(rng).map_err(|_| Failure::Random)?,
            policy_version: self.judged.policy_version,
            findings: self.judged.findings.clone(),
            binding: BindingClaims::of(&target.outgoing(request), &need.bind)?,
        };
        let mut headers: Headers = demand
            .step_up
            .iter()
            .map(|completed| (STEP_UP_HEADER.to_owned(), completed.reveal().clone()))
            .collect();
        let minted = Some(Minted {
            kind: need.kind,
            session: live.serial,
        });
        match need.kind {
            TokenKind::Session => {
                let ticket = live.session.ticket.reveal();
                let token = fitting(claims, &live.sealed, |claims| {
                    session::mint(ticket, &live.session.key, claims)
                })?;
                headers.push((SESSION_HEADER.to_owned(), token));
                Ok(Step::Ready(self.authorization(headers, minted)))
            }
            TokenKind::Proof => {
                let unsigned = fitting(claims, &live.sealed, proof::prepare)?;
                headers.push((
                    ATTESTATION_HEADER.to_owned(),
                    live.session.attestation.reveal().clone(),
                ));
                let authorization = self.authorization(headers, minted);
                Ok(Step::Sign(Box::new(ToSign {
                    unsigned,
                    authorization,
                })))
            }
        }
    }

    const fn authorization(&self, headers: Headers, minted: Option<Minted>) -> Authorization {
        Authorization {
            headers,
            minted,
            policy_fetches: self.policy_fetches,
        }
    }
}

/// Makes a token; one that is too large is made again without the findings that the ticket already holds.
fn fitting<T>(
    mut claims: TokenClaims,
    sealed: &Findings,
    make: impl Fn(&TokenClaims) -> Result<T, JwsError>,
) -> Result<T, JwsError> {
    match make(&claims) {
        Err(JwsError::TooLarge) => {
            claims.findings.hit.retain(|id| !sealed.hit.contains(id));
            claims
                .findings
                .inconclusive
                .retain(|id| !sealed.inconclusive.contains(id));
            make(&claims)
        }
        made => made,
    }
}
