//! What to do about a refusal of the app's own request, by its retry class: at most one automatic repeat, and at most one
//! more once the user completed a step-up. A request that may have reached the backend is never repeated by itself.

use attest_core::device::TokenKind;
use attest_core::problem::{MissingStrength, Problem, ProblemCode, RetryClass, StepUpKind, StepUpRequest};
use attest_core::redacted::Redacted;

use super::{Demand, reply};
use crate::http::HttpReply;
use crate::request::Authorization;

/// Where one request of the app stands.
#[derive(Debug, Clone, Default)]
pub struct Attempt {
    /// What its next token must be.
    pub demand: Demand,
    repeated: bool,
    stepped_up: bool,
}

/// How it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The reply stands.
    Stand,
    /// Authorise by [`Attempt::demand`] and send once more.
    Repeat,
    /// The same after this many milliseconds.
    RepeatAfter(u64),
    /// Let the user complete this, then [`Attempt::complete`].
    AskUser(StepUpRequest),
}

impl Attempt {
    /// Whether it was repeated without the user.
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// What to do about `reply` to a request that was sent with `sent`. A wait beyond `patience_ms` is the app's to decide.
    pub fn follow(
        &mut self,
        method: &str,
        sent: &Authorization,
        reply: &HttpReply,
        patience_ms: u64,
    ) -> (Next, Option<Problem>) {
        let Some(problem) = reply::problem(reply) else {
            return (Next::Stand, None);
        };
        let next = self.next(method, sent, &problem, reply, patience_ms);
        (next, Some(problem))
    }

    /// The user completed the step-up: the request is to be sent with this JWS.
    pub fn complete(&mut self, completed: String) {
        self.stepped_up = true;
        self.demand.step_up = Some(Redacted::new(completed));
    }

    fn next(
        &mut self,
        method: &str,
        sent: &Authorization,
        problem: &Problem,
        reply: &HttpReply,
        patience_ms: u64,
    ) -> Next {
        if let (RetryClass::StepUp, Some(step_up)) = (problem.retry, &problem.step_up)
            && step_up.kind == StepUpKind::User
        {
            return if self.stepped_up {
                Next::Stand
            } else {
                Next::AskUser(step_up.clone())
            };
        }
        if self.repeated {
            return Next::Stand;
        }
        // Whoever was refused with one session waits for the next, however many were refused with it.
        let next_session = Some(sent.minted.map_or(0, |minted| minted.session));
        let mut wait_ms = 0;
        match problem.retry {
            RetryClass::None => return Next::Stand,
            RetryClass::FreshToken => match (problem.code(), sent.minted) {
                // A token that the service dates otherwise: its time is learnt with a new session.
                (Some(ProblemCode::TokenTime), _) | (_, None) => self.demand.session_after = next_session,
                (_, Some(_)) => {}
            },
            RetryClass::StrongerToken => match &problem.missing {
                Some(missing) => self.strengthen(missing),
                None => return Next::Stand,
            },
            RetryClass::Renew => self.demand.session_after = next_session,
            RetryClass::Enroll => {
                self.demand.session_after = next_session;
                self.demand.enrolment = true;
            }
            RetryClass::RefreshPolicy => {
                self.demand.policy_after = Some(sent.policy_fetches);
                self.demand.session_after = next_session;
            }
            RetryClass::StepUp => match (&problem.step_up, sent.minted) {
                (Some(_), Some(minted)) if minted.kind != TokenKind::Proof => {
                    self.strengthen(&MissingStrength {
                        token: TokenKind::Proof,
                        bind: Vec::new(),
                    });
                }
                _ => return Next::Stand,
            },
            RetryClass::Later => {
                wait_ms = wait_asked_ms(problem, reply);
                if wait_ms > patience_ms || !is_repeatable(method, problem.code()) {
                    return Next::Stand;
                }
            }
        }
        self.repeated = true;
        if wait_ms == 0 {
            Next::Repeat
        } else {
            Next::RepeatAfter(wait_ms)
        }
    }

    fn strengthen(&mut self, missing: &MissingStrength) {
        let stronger = self.demand.stronger.get_or_insert(MissingStrength {
            token: TokenKind::Session,
            bind: Vec::new(),
        });
        if missing.token == TokenKind::Proof {
            stronger.token = TokenKind::Proof;
        }
        for bind in &missing.bind {
            if !stronger.bind.contains(bind) {
                stronger.bind.push(*bind);
            }
        }
    }
}

/// What the service asked for, or a second.
fn wait_asked_ms(problem: &Problem, reply: &HttpReply) -> u64 {
    let header_s = || reply.header("retry-after")?.trim().parse::<u32>().ok();
    u64::from(problem.retry_after_s.or_else(header_s).unwrap_or(1)).saturating_mul(1000)
}

/// Whether nothing can happen twice: the gateway itself refused, or the method is safe.
fn is_repeatable(method: &str, code: Option<ProblemCode>) -> bool {
    let refused_before_forwarding = matches!(
        code,
        Some(
            ProblemCode::RateLimited
                | ProblemCode::Unavailable
                | ProblemCode::Overloaded
                | ProblemCode::BodyTimeout
                | ProblemCode::HeadTimeout
        )
    );
    refused_before_forwarding || matches!(method, "GET" | "HEAD" | "OPTIONS")
}
