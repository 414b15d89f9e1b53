//! `POST renew`: a registered key asks for its next session. Never limited by source: shared addresses must not lock people out.

use std::sync::Arc;

use attest_core::challenge::Purpose;
use attest_core::device::EvidenceClass;
use attest_core::policy::EvidenceKind;
use attest_core::problem::ProblemCode;

use super::appraise::{assertion, verify_renewal};
use super::evidence::{Verified, admitted, overflow, present, refused, store_down, verify};
use super::issue::Registration;
use super::registration::{certificate_devices, challenge_end, issue, private, refuse_banned};
use super::{Answer, Call, known_app};
use crate::appraisal_pool::Lane;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::store::{DeviceRecord, RenewCommit, RenewOutcome};
use crate::tally::Passed;
use crate::verifier::VerdictCode;

/// Renews a session with the enrolled key. Never limited by source.
pub(super) async fn renew(gateway: &Arc<Gateway>, call: Call) -> Answer {
    let request = present(gateway, call).await?;
    let admitted = admitted(gateway, request, Purpose::Renew)?;
    let verified = verify(gateway, admitted, Purpose::Renew).await?;
    extend(gateway, &verified).await
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
    let mut registration = Registration::of(&record).ok_or_else(|| unknown("device-record"))?;
    refuse_banned(gateway, &registration)?;
    still_holds(gateway, verified, &record)?;
    let counter = renewal_counter(gateway, verified, &record).await?;
    let proof = record.proof.as_ref();
    registration.claims.certificate_devices = certificate_devices(gateway, proof, proof).await?;
    let response = issue(gateway, verified, registration.clone()).await?;
    let commit = RenewCommit {
        challenge: *evidence.challenge().as_bytes(),
        challenge_expires_s: challenge_end(gateway, evidence),
        evidence_hash: *evidence.digest(),
        device_id: record.id,
        thumbprint: record.thumbprint,
        renewed_at_s: now_s,
        policy_version: verified.policy.version(),
        counter,
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

/// Whether what was appraised at the enrolment would still be accepted: certificates may have been revoked, and policy may ask for
/// more, since.
fn still_holds(gateway: &Gateway, verified: &Verified, record: &DeviceRecord) -> Result<(), Refusal> {
    let app = known_app(&verified.policy, &record.app)?;
    let listed = |kind: &EvidenceKind| kind.as_str() == record.evidence_class;
    if !app.evidence.iter().any(listed) {
        return Err(Refusal::new(ProblemCode::EvidenceExpired, "evidence-floor"));
    }
    let Some(proof) = &record.proof else { return Ok(()) };
    let listed = gateway.revocations.active();
    if listed.is_some_and(|listed| listed.names_any(&proof.certificates)) {
        return Err(Refusal::new(
            ProblemCode::EvidenceRefused,
            VerdictCode::Revoked.as_str(),
        ));
    }
    if app.patch_min.accepts(&proof.claims) && app.accepts_version_code(proof.claims.app_version_code) {
        return Ok(());
    }
    // The phone may have been updated: new evidence will tell.
    Err(Refusal::new(ProblemCode::EvidenceExpired, "evidence-floor"))
}

/// The counter of the assertion that a renewal with App Attest needs; `None` on other platforms.
async fn renewal_counter(
    gateway: &Arc<Gateway>,
    verified: &Verified,
    record: &DeviceRecord,
) -> Result<Option<u32>, Refusal> {
    if record.evidence_class != EvidenceClass::AppAttest.as_str() {
        return Ok(None);
    }
    let kept = record.proof.as_ref().and_then(|proof| proof.app_attest.as_ref());
    let key: Option<[u8; 65]> = kept.and_then(|kept| kept.public_key.as_slice().try_into().ok());
    let key = key.ok_or_else(|| Refusal::new(ProblemCode::DeviceUnknown, "device-record"))?;
    let object = assertion(verified.platform.as_ref()).map_err(refused)?;
    let (evidence, policy) = (verified.evidence.clone(), Arc::clone(&verified.policy));
    let work = move || {
        let app = known_app(&policy, &evidence.claims().app)?;
        verify_renewal(&evidence, &object, &key, app).map_err(refused)
    };
    let counter = gateway.pool.run(Lane::Known, work).await.map_err(overflow)??;
    Ok(Some(counter))
}
