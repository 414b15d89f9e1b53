//! Makes a session: seals the ticket, delivers the session key to the phone's share, signs attestation and response. CPU work
//! only; it runs on the appraisal pool.

use attest_core::appraisal::{AppraisalResult, PlatformClaims};
use attest_core::attestation;
use attest_core::delivery::deliver;
use attest_core::device::{DeviceId, EvidenceClass, KeyLevel};
use attest_core::encoding::{base64url, sha256, sha256_base64url};
use attest_core::evidence::Evidence;
use attest_core::fleet::random_array;
use attest_core::jose::Unsigned;
use attest_core::problem::ProblemCode;
use attest_core::redacted::Redacted;
use attest_core::response::{ResponseClaims, delivery_members};
use attest_core::service::EvidenceResponse;
use attest_core::ticket::{TicketBody, TicketError};

use crate::clock::Moment;
use crate::gateway::Gateway;
use crate::keys::NamedKey;
use crate::policy::ActivePolicy;
use crate::refusal::Refusal;

/// Renew when two thirds of a session are over: a third is left for bad networks.
const RENEW_AFTER_THIRDS: u64 = 2;

/// A device as it is, or is about to be, registered.
#[derive(Debug, Clone)]
pub(super) struct Registration {
    pub(super) device: DeviceId,
    pub(super) app: String,
    pub(super) generation: u32,
    pub(super) enrolled_at_s: u64,
    pub(super) evidence_at_s: u64,
    pub(super) key_level: KeyLevel,
    pub(super) evidence_class: EvidenceClass,
    pub(super) claims: PlatformClaims,
}

/// The body of a signed answer that carries a new session.
pub(super) fn session(
    gateway: &Gateway,
    policy: &ActivePolicy,
    evidence: &Evidence,
    registration: &Registration,
) -> Result<Vec<u8>, Refusal> {
    let unavailable = |reason| Refusal::new(ProblemCode::Unavailable, reason);
    let now_s = gateway.clock.now_s();
    // One view for all of it: ticket and signatures belong together.
    let live = gateway.live.load_full();
    let limits = policy.compiled().policy().limits;
    let claims = evidence.claims();
    let result = AppraisalResult {
        environment: live.config.environment,
        audience: policy.audience().to_owned(),
        app: registration.app.clone(),
        app_version: claims.app_version.clone(),
        platform: claims.platform,
        device: registration.device,
        generation: registration.generation,
        key_level: registration.key_level,
        evidence_class: registration.evidence_class,
        platform_claims: registration.claims.clone(),
        evidence_at_s: registration.evidence_at_s,
        enrolled_at_s: registration.enrolled_at_s,
        policy_version: claims.policy_version,
        findings: claims.findings.clone().compact(),
        issued_at_s: begins_s(gateway, registration, now_s),
        expires_at_s: now_s.saturating_add(limits.session_lifetime_s),
    };
    let session_key = Redacted::new(random_array::<32>(&gateway.rng).map_err(|_| unavailable("random"))?);
    let mut body = TicketBody { result, session_key };
    let mut sealed = live.sealer.seal(&body, now_s, &gateway.rng);
    if sealed == Err(TicketError::TooLarge) {
        // Much was found and more was not: what was not found out still counts, nameless.
        body.result.findings = body.result.findings.counted();
        sealed = live.sealer.seal(&body, now_s, &gateway.rng);
    }
    let ticket = sealed.map_err(|error| {
        if error == TicketError::TooLarge {
            Refusal::new(ProblemCode::EvidenceRefused, "findings-too-many")
        } else {
            unavailable(error.code())
        }
    })?;
    let TicketBody { result, session_key } = body;
    let delivered = deliver(
        evidence.share(),
        evidence.challenge(),
        evidence.thumbprint(),
        &session_key,
        &gateway.rng,
    )
    .map_err(|_| Refusal::new(ProblemCode::EvidenceMalformed, "delivery-share"))?;
    let signing = &live.keys.attestation.current;
    let attestation = attestation::prepare(policy.audience(), &signing.kid, evidence.device_key(), &result)
        .map_err(|_| unavailable("json"))?;
    let attestation = sign(gateway, signing, attestation)?;
    let digests = [sha256(&[ticket.as_bytes()]), sha256(&[attestation.as_bytes()])];
    gateway
        .single_use
        .began(&digests, limits.clock_skew_s, Moment::of(&*gateway.clock));
    let (share, sealed) = delivery_members(&delivered);
    let response = ResponseClaims {
        evidence_digest: base64url(evidence.digest()),
        device_thumbprint: evidence.thumbprint().to_owned(),
        ticket_digest: sha256_base64url(ticket.as_bytes()),
        iat: now_s,
        exp: result.expires_at_s,
        renew_after_s: limits.session_lifetime_s.saturating_mul(RENEW_AFTER_THIRDS) / 3,
        enroll_after_s: registration
            .evidence_at_s
            .saturating_add(limits.evidence_max_age_s)
            .saturating_sub(now_s),
        device: registration.device,
        audience: policy.audience().to_owned(),
        policy_version: policy.version(),
        ticket,
        share,
        sealed,
        attestation,
    };
    let response = response.prepare(&signing.kid).map_err(|_| unavailable("json"))?;
    let response = EvidenceResponse {
        response: sign(gateway, signing, response)?,
    };
    serde_json::to_vec(&response).map_err(|_| unavailable("json"))
}

fn begins_s(gateway: &Gateway, registration: &Registration, now_s: u64) -> u64 {
    let device = || registration.device.to_text();
    gateway
        .bans
        .current()
        .session_begins_s(device, &registration.app, now_s)
}

fn sign(gateway: &Gateway, signing: &NamedKey, unsigned: Unsigned) -> Result<String, Refusal> {
    let signature = signing
        .key
        .sign(unsigned.signing_input(), &gateway.rng)
        .map_err(|_| Refusal::new(ProblemCode::Unavailable, "random"))?;
    Ok(unsigned.attach(&signature))
}
