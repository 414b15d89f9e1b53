//! `POST enroll` and `POST renew`: from evidence to a session.

use std::net::IpAddr;
use std::sync::Arc;

use attest_core::challenge::{ChallengeScope, Purpose};
use attest_core::device::{DeviceId, EvidenceClass, KeyLevel};
use attest_core::evidence::{Evidence, PresentedEvidence};
use attest_core::policy::App;
use attest_core::problem::ProblemCode;
use attest_core::service::{EvidenceRequest, PlatformEvidence};
use bytes::Bytes;
use http::HeaderValue;

use super::appraise::{Appraised, appraise};
use super::issue::{self, Registration};
use super::{Answer, Call, json, known_app, read};
use crate::appraisal_pool::{Lane, PoolError};
use crate::faults::Fault;
use crate::gateway::Gateway;
use crate::policy::ActivePolicy;
use crate::refusal::{Hint, Refusal};
use crate::store::{
    BanKind, DeviceRecord, EnrollCommit, EnrollOutcome, Event, RenewCommit, RenewOutcome, StoreError,
};
use crate::tally::Passed;

/// Enrols a device key.
pub(super) async fn enroll(gateway: &Arc<Gateway>, call: Call) -> Answer {
    let source = call.source;
    let request = present(gateway, call).await?;
    let admitted = admitted(gateway, request, Purpose::Enroll)?;
    if let Some(retry_after_s) = failures(gateway, source) {
        return Err(
            Refusal::new(ProblemCode::RateLimited, "enroll-failures-per-source")
                .with_hint(Hint::RetryAfter(retry_after_s)),
        );
    }
    let answer = match verify(gateway, admitted, Purpose::Enroll).await {
        Ok(verified) => register(gateway, &verified).await,
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = &answer {
        note_failure(gateway, source, refusal);
    }
    answer
}

/// Renews a session with the enrolled key. Never limited by source.
pub(super) async fn renew(gateway: &Arc<Gateway>, call: Call) -> Answer {
    let request = present(gateway, call).await?;
    let admitted = admitted(gateway, request, Purpose::Renew)?;
    let verified = verify(gateway, admitted, Purpose::Renew).await?;
    extend(gateway, &verified).await
}

async fn present(gateway: &Gateway, call: Call) -> Result<EvidenceRequest, Refusal> {
    let max_bytes = u64::try_from(gateway.live().config.attestation.evidence_max_bytes).unwrap_or(u64::MAX);
    read(gateway, call.body, max_bytes).await
}

/// Evidence that was verified and appraised under one policy.
struct Verified {
    evidence: Evidence,
    policy: Arc<ActivePolicy>,
    appraised: Option<Appraised>,
}

/// Evidence for a challenge of ours, worth the pool's time.
struct Worthy {
    request: EvidenceRequest,
    policy: Arc<ActivePolicy>,
}

/// Shape, challenge and app: what is refused here costs microseconds, and counts against nobody.
fn admitted(gateway: &Gateway, request: EvidenceRequest, purpose: Purpose) -> Result<Worthy, Refusal> {
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
async fn verify(gateway: &Arc<Gateway>, worthy: Worthy, purpose: Purpose) -> Result<Verified, Refusal> {
    let malformed = |code| Refusal::new(ProblemCode::EvidenceMalformed, code);
    let Worthy { request, policy } = worthy;
    let lane = match purpose {
        Purpose::Enroll => Lane::Stranger,
        Purpose::Renew => Lane::Known,
    };
    let environment = gateway.live().config.environment;
    let work = {
        let policy = Arc::clone(&policy);
        move || {
            let presented =
                PresentedEvidence::parse(&request.evidence).map_err(|error| malformed(error.code()))?;
            let evidence = presented.verify().map_err(|error| malformed(error.code()))?;
            let app = known_app(&policy, &evidence.claims().app)?;
            let appraised = match (purpose, &request.platform) {
                (Purpose::Enroll, Some(platform)) => Some(appraised(&evidence, platform, app, environment)?),
                (Purpose::Enroll, None) => return Err(malformed("platform-evidence-missing")),
                (Purpose::Renew, _) => None,
            };
            Ok((evidence, appraised))
        }
    };
    let (evidence, appraised) = gateway.pool.run(lane, work).await.map_err(overflow)??;
    Ok(Verified {
        evidence,
        policy,
        appraised,
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
    evidence: &Evidence,
    platform: &PlatformEvidence,
    app: &App,
    environment: attest_core::environment::Environment,
) -> Result<Appraised, Refusal> {
    appraise(evidence, platform, app, environment)
        .map_err(|error| Refusal::new(error.problem(), error.code()))
}

/// Registers the key, linking it to its earlier registration if it has one, and answers with a session.
async fn register(gateway: &Arc<Gateway>, verified: &Verified) -> Answer {
    if gateway.faults.has(Fault::RefuseEnrolment) {
        return Err(Refusal::new(ProblemCode::EvidenceRefused, "fault"));
    }
    let Some(appraised) = verified.appraised else {
        return Err(Refusal::new(
            ProblemCode::EvidenceMalformed,
            "platform-evidence-missing",
        ));
    };
    let evidence = &verified.evidence;
    // A second look-up follows only when another enrolment of the same key won a race.
    for _ in 0..2 {
        let earlier = gateway
            .store
            .device_by_thumbprint(evidence.thumbprint())
            .await
            .map_err(store_down)?;
        let registration = registration(gateway, evidence, appraised, earlier.as_ref())?;
        refuse_banned(gateway, &registration)?;
        let response = issue(gateway, verified, registration.clone()).await?;
        let commit = enroll_commit(gateway, evidence, &registration, &response, &verified.policy);
        match gateway.store.enroll(commit).await.map_err(store_down)? {
            EnrollOutcome::Committed => {
                gateway.tally.pass(Passed::Enrolled);
                note(gateway, "enrolled", &registration, "ok");
                return Ok(private(response));
            }
            EnrollOutcome::Replayed(response) => return Ok(private(response)),
            EnrollOutcome::ChallengeUsed => {
                return Err(Refusal::new(ProblemCode::ChallengeRefused, "challenge-used"));
            }
            EnrollOutcome::KeyTaken(_) => {}
        }
    }
    Err(Refusal::new(ProblemCode::Unavailable, "enrolment-race"))
}

/// Answers a known device with a new session.
async fn extend(gateway: &Arc<Gateway>, verified: &Verified) -> Answer {
    let evidence = &verified.evidence;
    let unknown = |reason| Refusal::new(ProblemCode::DeviceUnknown, reason);
    let id = evidence
        .claims()
        .device
        .ok_or_else(|| unknown("device-missing"))?;
    let record = gateway.store.device(&id.to_text()).await.map_err(store_down)?;
    let record = record.ok_or_else(|| unknown("device-unknown"))?;
    if record.thumbprint != evidence.thumbprint() || record.app != evidence.claims().app {
        return Err(unknown("device-key"));
    }
    let now_s = gateway.clock.now_s();
    let limits = verified.policy.compiled().policy().limits;
    if now_s > record.evidence_at_s.saturating_add(limits.evidence_max_age_s) {
        return Err(Refusal::new(ProblemCode::EvidenceExpired, "evidence-age"));
    }
    let registration = Registration::of(&record).ok_or_else(|| unknown("device-record"))?;
    refuse_banned(gateway, &registration)?;
    let response = issue(gateway, verified, registration.clone()).await?;
    let commit = RenewCommit {
        challenge: *evidence.challenge().as_bytes(),
        challenge_expires_s: challenge_end(gateway, evidence),
        evidence_hash: *evidence.digest(),
        device_id: record.id,
        thumbprint: record.thumbprint,
        renewed_at_s: now_s,
        policy_version: verified.policy.version(),
        counter: None,
        response: response.clone(),
        response_expires_s: now_s.saturating_add(gateway.live().config.attestation.response_ttl_s),
    };
    match gateway.store.renew(commit).await.map_err(store_down)? {
        RenewOutcome::Committed => {
            gateway.tally.pass(Passed::Renewed);
            Ok(private(response))
        }
        RenewOutcome::Replayed(response) => Ok(private(response)),
        RenewOutcome::ChallengeUsed => Err(Refusal::new(ProblemCode::ChallengeRefused, "challenge-used")),
        RenewOutcome::DeviceUnknown => Err(unknown("device-gone")),
        RenewOutcome::CounterUsed => Err(Refusal::new(ProblemCode::EvidenceRefused, "counter")),
    }
}

fn registration(
    gateway: &Gateway,
    evidence: &Evidence,
    appraised: Appraised,
    earlier: Option<&DeviceRecord>,
) -> Result<Registration, Refusal> {
    let now_s = gateway.clock.now_s();
    let earlier = earlier
        .filter(|record| record.app == evidence.claims().app)
        .and_then(|record| Some((DeviceId::parse(&record.id).ok()?, record)));
    let (device, generation, enrolled_at_s) = match earlier {
        Some((device, record)) => (device, record.generation.saturating_add(1), record.enrolled_at_s),
        None => {
            let device = DeviceId::generate(&gateway.rng)
                .map_err(|_| Refusal::new(ProblemCode::Unavailable, "random"))?;
            (device, 1, now_s)
        }
    };
    Ok(Registration {
        device,
        app: evidence.claims().app.clone(),
        generation,
        enrolled_at_s,
        evidence_at_s: now_s,
        key_level: appraised.key_level,
        evidence_class: appraised.class,
    })
}

/// Refuses devices and apps that are banned; a cut session is no reason, because this call makes a new one.
fn refuse_banned(gateway: &Gateway, registration: &Registration) -> Result<(), Refusal> {
    let now_s = gateway.clock.now_s();
    let device = || registration.device.to_text();
    let hit = gateway
        .bans
        .current()
        .refusal(device, &registration.app, now_s, now_s);
    match hit.map(|hit| hit.kind) {
        Some(BanKind::Banned) if !gateway.faults.has(Fault::IgnoreBans) => {
            Err(Refusal::new(ProblemCode::Banned, "banned"))
        }
        _ => Ok(()),
    }
}

/// Makes session and response on the pool: a key agreement and two signatures.
async fn issue(
    gateway: &Arc<Gateway>,
    verified: &Verified,
    registration: Registration,
) -> Result<Vec<u8>, Refusal> {
    let (gateway_there, policy, evidence) = (
        Arc::clone(gateway),
        Arc::clone(&verified.policy),
        verified.evidence.clone(),
    );
    gateway
        .pool
        .run(Lane::Known, move || {
            issue::session(&gateway_there, &policy, &evidence, &registration)
        })
        .await
        .map_err(overflow)?
}

fn enroll_commit(
    gateway: &Gateway,
    evidence: &Evidence,
    registration: &Registration,
    response: &[u8],
    policy: &ActivePolicy,
) -> EnrollCommit {
    let now_s = gateway.clock.now_s();
    EnrollCommit {
        challenge: *evidence.challenge().as_bytes(),
        challenge_expires_s: challenge_end(gateway, evidence),
        evidence_hash: *evidence.digest(),
        device: DeviceRecord {
            id: registration.device.to_text(),
            app: registration.app.clone(),
            thumbprint: evidence.thumbprint().to_owned(),
            public_key: evidence.device_key().to_vec(),
            key_level: registration.key_level.as_str().to_owned(),
            evidence_class: registration.evidence_class.as_str().to_owned(),
            enrolled_at_s: registration.enrolled_at_s,
            evidence_at_s: registration.evidence_at_s,
            generation: registration.generation,
            last_renewed_at_s: now_s,
            policy_version: policy.version(),
            proof: None,
        },
        response: response.to_vec(),
        response_expires_s: now_s.saturating_add(gateway.live().config.attestation.response_ttl_s),
    }
}

/// A challenge is remembered as used for as long as any gateway might accept it.
fn challenge_end(gateway: &Gateway, evidence: &Evidence) -> u64 {
    let lifetime_s = gateway
        .live()
        .config
        .attestation
        .challenge_ttl_s
        .saturating_add(120);
    evidence.challenge().issued_at_s().saturating_add(lifetime_s)
}

fn private(response: Vec<u8>) -> http::Response<crate::upstream::ResponseBody> {
    json(Bytes::from(response), HeaderValue::from_static("no-store"))
}

fn overflow(error: PoolError) -> Refusal {
    match error {
        PoolError::Full => Refusal::new(ProblemCode::Overloaded, "appraisal-queue-full"),
        PoolError::Stopped => Refusal::new(ProblemCode::Unavailable, "appraisal-stopped"),
    }
}

fn store_down(error: StoreError) -> Refusal {
    match error {
        StoreError::Busy => Refusal::new(ProblemCode::Overloaded, error.code()),
        StoreError::Unavailable | StoreError::Corrupt { .. } => {
            Refusal::new(ProblemCode::Unavailable, error.code())
        }
    }
}

/// Seconds to wait if this source failed too often, before anything costly is done for it.
fn failures(gateway: &Gateway, source: Option<IpAddr>) -> Option<u32> {
    let key = gateway.rates.source_key("enroll-failure", source?);
    let limit = gateway
        .live()
        .config
        .attestation
        .enroll_failures_per_source_per_minute;
    let retry = gateway
        .rates
        .peek(key, limit, gateway.clock.monotonic_ms())
        .err()?;
    Some(u32::try_from(retry.as_secs_up()).unwrap_or(u32::MAX))
}

/// Counts a failed enrolment against its source, unless the service itself was at fault.
fn note_failure(gateway: &Gateway, source: Option<IpAddr>, refusal: &Refusal) {
    if matches!(refusal.code, ProblemCode::Unavailable | ProblemCode::Overloaded) {
        return;
    }
    if let Some(source) = source {
        let key = gateway.rates.source_key("enroll-failure", source);
        let limit = gateway
            .live()
            .config
            .attestation
            .enroll_failures_per_source_per_minute;
        // Only the count matters here; whether it is exceeded is asked at the next call.
        let _counted = gateway.rates.allow(key, limit, gateway.clock.monotonic_ms());
    }
    gateway.store.record(Event {
        at_s: gateway.clock.now_s(),
        kind: "enroll-refused".to_owned(),
        device: None,
        app: None,
        code: refusal.reason.to_owned(),
        detail: String::new(),
        by: None,
        from: None,
    });
}

fn note(gateway: &Gateway, kind: &str, registration: &Registration, code: &str) {
    gateway.store.record(Event {
        at_s: gateway.clock.now_s(),
        kind: kind.to_owned(),
        device: Some(registration.device.to_text()),
        app: Some(registration.app.clone()),
        code: code.to_owned(),
        detail: String::new(),
        by: None,
        from: None,
    });
}

impl Registration {
    /// The registration of a stored record; `None` if its words are not of this version.
    fn of(record: &DeviceRecord) -> Option<Self> {
        Some(Self {
            device: DeviceId::parse(&record.id).ok()?,
            app: record.app.clone(),
            generation: record.generation,
            enrolled_at_s: record.enrolled_at_s,
            evidence_at_s: record.evidence_at_s,
            key_level: KeyLevel::parse(&record.key_level)?,
            evidence_class: EvidenceClass::parse(&record.evidence_class)?,
        })
    }
}
