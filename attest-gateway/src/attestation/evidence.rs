//! Evidence, from a call's body to what it vouches for. The order of work is size, shape, challenge, app, signature, platform proof:
//! cheap refusals come first, and everything that costs milliseconds runs on the pool.

use std::sync::Arc;

use attest_core::challenge::{ChallengeScope, Purpose};
use attest_core::evidence::{Evidence, PresentedEvidence};
use attest_core::policy::App;
use attest_core::problem::ProblemCode;
use attest_core::service::{EvidenceRequest, PlatformEvidence};

use super::appraise::{AppraisalError, Appraised, Basis, RevocationState, appraise};
use super::{Call, known_app, read};
use crate::appraisal_pool::{Lane, PoolError};
use crate::faults::Fault;
use crate::gateway::Gateway;
use crate::policy::ActivePolicy;
use crate::refusal::Refusal;
use crate::store::StoreError;
use crate::verifier::revocation::Revocations;

pub(super) async fn present(gateway: &Gateway, call: Call) -> Result<EvidenceRequest, Refusal> {
    let max_bytes = u64::try_from(gateway.live().config.attestation.evidence_max_bytes).unwrap_or(u64::MAX);
    read(gateway, call.body, max_bytes).await
}

/// Evidence that its key signed, and what came beside it, under one policy.
pub(super) struct Verified {
    pub(super) evidence: Evidence,
    pub(super) policy: Arc<ActivePolicy>,
    /// At enrolment.
    pub(super) appraised: Option<Appraised>,
    /// At renewal, unread yet.
    pub(super) platform: Option<PlatformEvidence>,
}

/// Evidence for a challenge of ours, worth the pool's time.
pub(super) struct Worthy {
    request: EvidenceRequest,
    policy: Arc<ActivePolicy>,
}

/// Shape, challenge and app: what is refused here costs microseconds, and counts against nobody.
pub(super) fn admitted(
    gateway: &Gateway,
    request: EvidenceRequest,
    purpose: Purpose,
) -> Result<Worthy, Refusal> {
    let malformed = |code| Refusal::new(ProblemCode::EvidenceMalformed, code);
    let policy = Arc::clone(&gateway.policies.active());
    {
        let presented =
            PresentedEvidence::parse(&request.evidence).map_err(|error| malformed(error.code()))?;
        cheap_refusals(gateway, &policy, &presented, purpose)?;
    }
    Ok(Worthy { request, policy })
}

/// The signature and the platform proof, on the pool.
pub(super) async fn verify(
    gateway: &Arc<Gateway>,
    worthy: Worthy,
    purpose: Purpose,
) -> Result<Verified, Refusal> {
    let malformed = |code| Refusal::new(ProblemCode::EvidenceMalformed, code);
    let Worthy { request, policy } = worthy;
    let lane = match purpose {
        Purpose::Enroll => Lane::Stranger,
        Purpose::Renew => Lane::Known,
    };
    let work = {
        let (gateway, policy) = (Arc::clone(gateway), Arc::clone(&policy));
        move || {
            let presented =
                PresentedEvidence::parse(&request.evidence).map_err(|error| malformed(error.code()))?;
            let evidence = presented.verify().map_err(|error| malformed(error.code()))?;
            let appraised = match (purpose, &request.platform) {
                (Purpose::Enroll, Some(platform)) => {
                    let play = request.play_integrity.as_deref();
                    Some(appraised(&gateway, &policy, &evidence, platform, play)?)
                }
                (Purpose::Enroll, None) => return Err(malformed("platform-evidence-missing")),
                (Purpose::Renew, _) => None,
            };
            Ok((evidence, appraised, request.platform))
        }
    };
    let (evidence, appraised, platform) = gateway.pool.run(lane, work).await.map_err(overflow)??;
    Ok(Verified {
        evidence,
        policy,
        appraised,
        platform,
    })
}

fn cheap_refusals(
    gateway: &Gateway,
    policy: &ActivePolicy,
    presented: &PresentedEvidence<'_>,
    purpose: Purpose,
) -> Result<(), Refusal> {
    let claims = presented.claims();
    if claims.purpose != purpose {
        return Err(Refusal::new(ProblemCode::EvidenceMalformed, "purpose"));
    }
    if claims.environment != gateway.live().config.environment {
        return Err(Refusal::new(
            ProblemCode::EnvironmentMismatch,
            "evidence-environment",
        ));
    }
    let app = known_app(policy, &claims.app)?;
    let scope = ChallengeScope {
        purpose,
        app: &claims.app,
        environment: gateway.live().config.environment,
        device: claims.device.as_ref(),
    };
    gateway
        .challenges
        .verify(
            presented.challenge(),
            scope,
            gateway.live().config.attestation.challenge_ttl_s,
            gateway.clock.now_s(),
        )
        .map_err(|error| Refusal::new(ProblemCode::ChallengeRefused, error.code()))?;
    acceptable_app(app, presented)
}

fn acceptable_app(app: &App, presented: &PresentedEvidence<'_>) -> Result<(), Refusal> {
    let claims = presented.claims();
    if claims.platform != app.platform {
        return Err(Refusal::new(ProblemCode::EvidenceRefused, "app-platform"));
    }
    if !app.accepts_version(&claims.app_version) {
        return Err(Refusal::new(ProblemCode::EvidenceRefused, "app-version"));
    }
    Ok(())
}

fn appraised(
    gateway: &Gateway,
    policy: &ActivePolicy,
    evidence: &Evidence,
    platform: &PlatformEvidence,
    play: Option<&str>,
) -> Result<Appraised, Refusal> {
    let live = gateway.live();
    let app = known_app(policy, &evidence.claims().app)?;
    let listed = gateway.revocations.active();
    let revocations = match (&policy.compiled().policy().revocation, &listed) {
        (None, _) => RevocationState::NotAsked,
        (Some(_), None) => RevocationState::Missing,
        (Some(asked), Some(listed)) => RevocationState::Listed(Revocations {
            list: &listed.list,
            fetched_at_s: listed.as_of_s,
            age_max_s: Some(asked.max_age_s),
        }),
    };
    let basis = Basis {
        app,
        environment: live.config.environment,
        anchors: policy.anchors(),
        revocations,
        play_keys: live.keys.play.get(&app.id),
        now_s: gateway.clock.now_s(),
    };
    let believed = match appraise(evidence, platform, play, &basis) {
        Err(_) if gateway.faults.has(Fault::BelieveEvidence) => {
            appraise(evidence, &PlatformEvidence::Software {}, None, &basis)
        }
        appraised => appraised,
    };
    believed.map_err(refused)
}

pub(super) fn refused(error: AppraisalError) -> Refusal {
    Refusal::new(error.problem(), error.code())
}

pub(super) fn overflow(error: PoolError) -> Refusal {
    match error {
        PoolError::Full => Refusal::new(ProblemCode::Overloaded, "appraisal-queue-full"),
        PoolError::Stopped => Refusal::new(ProblemCode::Unavailable, "appraisal-stopped"),
    }
}

pub(super) fn store_down(error: StoreError) -> Refusal {
    match error {
        StoreError::Busy => Refusal::new(ProblemCode::Overloaded, error.code()),
        StoreError::Unavailable | StoreError::Corrupt { .. } => {
            Refusal::new(ProblemCode::Unavailable, error.code())
        }
    }
}
