//! `POST enroll`: a new key, vouched for by the platform, becomes a registration, or takes the place of an earlier key of one.

use std::net::IpAddr;
use std::sync::Arc;

use attest_core::challenge::Purpose;
use attest_core::device::{DeviceId, EvidenceClass};
use attest_core::evidence::Evidence;
use attest_core::problem::ProblemCode;

use super::appraise::Appraised;
use super::evidence::{Verified, admitted, present, store_down, verify};
use super::issue::Registration;
use super::registration::{certificate_devices, challenge_end, issue, private, refuse_banned};
use super::{Answer, Call};
use crate::faults::Fault;
use crate::gateway::Gateway;
use crate::policy::ActivePolicy;
use crate::refusal::{Hint, Refusal};
use crate::store::{AppAttestRecord, DeviceRecord, EnrollCommit, EnrollOutcome, Event, ProofRecord};
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

/// Registers the key, linking it to its earlier registration if it has one, and answers with a session.
async fn register(gateway: &Arc<Gateway>, verified: &Verified) -> Answer {
    if gateway.faults.has(Fault::RefuseEnrolment) {
        return Err(Refusal::new(ProblemCode::EvidenceRefused, "fault"));
    }
    let Some(appraised) = &verified.appraised else {
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
        let mut registration = registration(gateway, evidence, appraised, earlier.as_ref())?;
        refuse_banned(gateway, &registration)?;
        let proof = proof(gateway, verified, appraised);
        let counted_before = earlier.and_then(|record| record.proof);
        registration.claims.certificate_devices =
            certificate_devices(gateway, proof.as_ref(), counted_before.as_ref()).await?;
        let response = issue(gateway, verified, registration.clone()).await?;
        let commit = enroll_commit(
            gateway,
            evidence,
            &registration,
            proof,
            &response,
            &verified.policy,
        );
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

fn registration(
    gateway: &Gateway,
    evidence: &Evidence,
    appraised: &Appraised,
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
        claims: appraised.claims.clone(),
    })
}

/// What the store keeps of the platform's proof; nothing of software evidence.
fn proof(gateway: &Gateway, verified: &Verified, appraised: &Appraised) -> Option<ProofRecord> {
    if appraised.class == EvidenceClass::Software {
        return None;
    }
    let limits = verified.policy.compiled().policy().limits;
    let hash = |serial: &String| gateway.revocations.hash(serial);
    Some(ProofRecord {
        certificates: appraised.certificates.iter().map(hash).collect(),
        // Past that age the evidence counts for nothing, and a session made just before has ended.
        certificates_until_s: gateway
            .clock
            .now_s()
            .saturating_add(limits.evidence_max_age_s)
            .saturating_add(limits.session_lifetime_s),
        claims: appraised.claims.clone(),
        app_attest: appraised.app_attest.map(|key| AppAttestRecord {
            public_key: key.to_vec(),
            counter: 0,
        }),
    })
}

fn enroll_commit(
    gateway: &Gateway,
    evidence: &Evidence,
    registration: &Registration,
    proof: Option<ProofRecord>,
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
            proof,
        },
        response: response.to_vec(),
        response_expires_s: now_s.saturating_add(gateway.live().config.attestation.response_ttl_s),
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
