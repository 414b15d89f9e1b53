//! `POST challenge`: stateless to issue, bound to purpose, app, environment and device.

use attest_core::challenge::{ChallengeScope, Purpose};
use attest_core::problem::ProblemCode;
use attest_core::service::{ChallengeRequest, ChallengeResponse};

use super::{Answer, Call, known_app, private_json, read};
use crate::gateway::Gateway;
use crate::refusal::{Hint, Refusal};

/// No challenge request is larger.
const MAX_BODY_BYTES: u64 = 1024;

pub(super) async fn answer(gateway: &Gateway, call: Call) -> Answer {
    let request: ChallengeRequest = read(gateway, call.body, MAX_BODY_BYTES).await?;
    if (request.purpose == Purpose::Renew) != request.device.is_some() {
        return Err(Refusal::new(
            ProblemCode::CallMalformed,
            "device-belongs-to-renewal",
        ));
    }
    known_app(&gateway.policies.active(), &request.app)?;
    // Renewal is never limited by source: thousands of genuine phones share a carrier's address.
    if let (Purpose::Enroll, Some(source)) = (request.purpose, call.source) {
        let key = gateway.rates.source_key("challenge", source);
        let limit = gateway.live().config.attestation.challenges_per_source_per_minute;
        gateway
            .rates
            .allow(key, limit, gateway.clock.monotonic_ms())
            .map_err(|retry| {
                let seconds = u32::try_from(retry.as_secs_up()).unwrap_or(u32::MAX);
                Refusal::new(ProblemCode::RateLimited, "challenges-per-source")
                    .with_hint(Hint::RetryAfter(seconds))
            })?;
    }
    let scope = ChallengeScope {
        purpose: request.purpose,
        app: &request.app,
        environment: gateway.live().config.environment,
        device: request.device.as_ref(),
    };
    let challenge = gateway
        .challenges
        .issue(scope, gateway.clock.now_s(), &gateway.rng)
        .map_err(|_| Refusal::new(ProblemCode::Unavailable, "random"))?;
    private_json(&ChallengeResponse {
        challenge: challenge.to_text(),
        expires_in_s: gateway.live().config.attestation.challenge_ttl_s,
    })
}
