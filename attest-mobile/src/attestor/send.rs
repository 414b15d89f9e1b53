//! Sending a request of the app: authorise, send by the app's own client, and follow a refusal.

use attest_core::jose::jws::MAX_TOKEN_BYTES;
use attest_core::problem::Problem;

use super::Attestor;
use crate::error::{AttestError, SendError};
use crate::failure::Failure;
use crate::foreign::StepUpOutcome;
use crate::http::HttpReply;
use crate::machine::{Attempt, Next};
use crate::request::{AppRequest, Authorization};

/// Header in which every reply names the service's device policy version.
const POLICY_HEADER: &str = "attest-policy";

/// The reply that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The reply.
    pub reply: HttpReply,
    /// The refusal in it, if it is one.
    pub refusal: Option<Problem>,
    /// How often the request was sent.
    pub sends: u32,
}

impl Attestor {
    /// Sends `request` by `send`, which adds the headers of the authorisation it is given and returns the whole reply. A
    /// refusal is followed by its retry class: the request is repeated at most once by itself, and at most once more when
    /// the user completed a step-up. A request that may have reached the backend is repeated only if its method is safe.
    ///
    /// # Errors
    /// [`SendError::Send`] is the app's own; [`SendError::Attest`] if there is no authorisation for the request.
    pub async fn send_with<E, F>(
        &self,
        request: &AppRequest<'_>,
        mut send: impl FnMut(Authorization) -> F,
    ) -> Result<Sent, SendError<E>>
    where
        F: Future<Output = Result<HttpReply, E>>,
    {
        let mut attempt = Attempt::default();
        let mut sends = 0;
        loop {
            let authorization = self
                .authorize_with(request, &attempt.demand)
                .await
                .map_err(SendError::Attest)?;
            sends += 1;
            let reply = send(authorization.clone()).await.map_err(SendError::Send)?;
            let (again, refusal) = self
                .follow(&mut attempt, request, &authorization, &reply)
                .await
                .map_err(SendError::Attest)?;
            if !again {
                return Ok(Sent {
                    reply,
                    refusal,
                    sends,
                });
            }
        }
    }

    /// Looks at the reply to a request of the app that was sent with `sent`, for apps that send by themselves. Returns
    /// whether to authorise by `attempt` and send once more, and the refusal.
    ///
    /// # Errors
    /// [`AttestError::StepUpDeclined`], and [`AttestError::Misconfigured`] if what the step-up prompt returned cannot be a
    /// completion.
    pub async fn follow(
        &self,
        attempt: &mut Attempt,
        request: &AppRequest<'_>,
        sent: &Authorization,
        reply: &HttpReply,
    ) -> Result<(bool, Option<Problem>), AttestError> {
        if !self.inner.machine().concerns(request.url) {
            return Ok((false, None));
        }
        self.hear_policy_version(reply);
        let (next, refusal) = attempt.follow(
            request.method,
            sent,
            reply,
            self.inner.settings.config.ride_out_ms,
        );
        match next {
            Next::Stand => return Ok((false, refusal)),
            Next::Repeat => {}
            Next::RepeatAfter(wait_ms) => {
                let until_ms = self.inner.now().after_ms(wait_ms);
                self.inner.host.timer.sleep_until(until_ms).await;
            }
            Next::AskUser(step_up) => match self.inner.host.step_up.complete(step_up).await {
                StepUpOutcome::Completed(completed) if is_compact(&completed) => attempt.complete(completed),
                StepUpOutcome::Completed(_) => return Err(Failure::StepUpMalformed.to_public(0)),
                StepUpOutcome::Declined => return Err(AttestError::StepUpDeclined),
            },
        }
        Ok((true, refusal))
    }

    /// Authorises a request again after [`Self::follow`] asked for it.
    ///
    /// # Errors
    /// [`AttestError`].
    pub async fn authorize_again(
        &self,
        attempt: &Attempt,
        request: &AppRequest<'_>,
    ) -> Result<Authorization, AttestError> {
        self.authorize_with(request, &attempt.demand).await
    }

    fn hear_policy_version(&self, reply: &HttpReply) {
        let Some(version) = reply
            .header(POLICY_HEADER)
            .and_then(|text| text.trim().parse().ok())
        else {
            return;
        };
        let now = self.inner.now();
        let announced = {
            let mut machine = self.inner.machine();
            let before = machine.wake_at(now);
            machine.policy_announced(version, now, self.inner.rng());
            machine.wake_at(now) != before
        };
        if announced {
            self.inner.changed.change();
        }
    }
}

/// What goes into a header is a compact JWS and nothing else.
fn is_compact(text: &str) -> bool {
    let is_jose = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    text.len() <= MAX_TOKEN_BYTES && text.split('.').count() == 3 && text.bytes().all(is_jose)
}
