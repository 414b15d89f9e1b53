//! Uses a token up where its route accepts each token once: atomically for all cores, after every other refusal and before
//! anything is forwarded.

use std::rc::Rc;

use attest_core::encoding::sha256;
use attest_core::jose::Compact;
use attest_core::jose::jws::MAX_TOKEN_BYTES;
use attest_core::problem::ProblemCode;
use attest_core::token::TimeBounds;
use attest_core::token::single_use::SingleUseKey;

use super::Core;
use super::decide::DecidedRequest;
use super::hygiene::{Credentials, OneOrMore};
use super::step::Step;
use super::verify::Standing;
use crate::clock::Moment;
use crate::decisions::Party;
use crate::faults::Fault;
use crate::refusal::Refusal;
use crate::single_use::SingleUseOutcome;

/// A request whose token is used up, where its route asks for that.
#[derive(Debug)]
pub struct SpentRequest {
    /// The request.
    pub decided: DecidedRequest,
    /// What was remembered of the token; given back if nothing reaches the upstream.
    pub spent: Option<SingleUseKey>,
}

/// The layer.
#[derive(Debug, Clone)]
pub struct Spend {
    core: Rc<Core>,
}

impl Spend {
    pub(super) fn new(core: &Rc<Core>) -> Self {
        Self {
            core: Rc::clone(core),
        }
    }
}

impl Step for Spend {
    type In = DecidedRequest;
    type Out = SpentRequest;

    fn step(&self, decided: DecidedRequest) -> Result<SpentRequest, Refusal> {
        let gateway = &self.core.gateway;
        let handle = &decided.bound.route;
        let token = match &decided.bound.standing {
            Standing::Attested(token) if handle.get()?.route().single_use => token,
            Standing::Attested(_) | Standing::Public | Standing::Unattested(_) => {
                return Ok(SpentRequest { decided, spent: None });
            }
        };
        if gateway.faults.has(Fault::SkipSingleUse) {
            return Ok(SpentRequest { decided, spent: None });
        }
        let limits = handle.policy().compiled().policy().limits;
        let bounds = TimeBounds {
            skew_s: limits.clock_skew_s,
            lifetime_max_s: limits.token_lifetime_max_s,
        };
        let refuse = |code, reason| {
            let refusal = handle.refuse(code, reason);
            match &decided.pseudonym {
                Some(pseudonym) => refusal.about(Party {
                    app: token.token().result().app.clone(),
                    pseudonym: pseudonym.clone(),
                }),
                None => refusal,
            }
        };
        let claims = token.token().claims();
        let now = Moment::of(&*gateway.clock);
        let known = gateway.single_use.remembers(claims.iat, bounds.skew_s, now)
            || session_digest(&decided.bound.credentials)
                .is_some_and(|session| gateway.single_use.is_recent(&session));
        if !known {
            // A new session mints tokens that cannot have been spent; the SDK gets one and repeats by itself.
            return Err(refuse(ProblemCode::TicketUnknown, "session-older-than-memory"));
        }
        let until_s = claims.ends_at_s(bounds).saturating_add(bounds.skew_s);
        let key = SingleUseKey::of(token);
        match gateway.single_use.insert(*key.as_bytes(), until_s, now) {
            SingleUseOutcome::Fresh => Ok(SpentRequest {
                decided,
                spent: Some(key),
            }),
            SingleUseOutcome::Seen => Err(refuse(ProblemCode::TokenReplayed, "single-use")),
            SingleUseOutcome::Full => Err(refuse(ProblemCode::Unavailable, "single-use-full")),
        }
    }
}

/// The digest of what only one session's tokens show: its ticket, or its attestation.
fn session_digest(credentials: &Credentials) -> Option<[u8; 32]> {
    if let Some(attestation) = &credentials.attestation {
        let OneOrMore::One(attestation) = attestation.reveal() else {
            return None;
        };
        return Some(sha256(&[attestation.as_bytes()]));
    }
    let OneOrMore::One(token) = credentials.session.as_ref()?.reveal() else {
        return None;
    };
    let token = Compact::parse(token, MAX_TOKEN_BYTES).ok()?;
    Some(sha256(&[token.header().kid.as_deref()?.as_bytes()]))
}
