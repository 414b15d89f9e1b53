//! What enrolment and renewal have in common once the evidence is good: a registration, whether it is banned, and its new session.

use std::sync::Arc;

use attest_core::device::{DeviceId, EvidenceClass, KeyLevel};
use attest_core::evidence::Evidence;
use attest_core::problem::ProblemCode;
use bytes::Bytes;
use http::HeaderValue;

use super::evidence::{Verified, overflow, store_down};
use super::issue::{self, Registration};
use super::json;
use crate::appraisal_pool::Lane;
use crate::faults::Fault;
use crate::gateway::Gateway;
use crate::refusal::Refusal;
use crate::store::{BanKind, DeviceRecord, ProofRecord};

impl Registration {
    /// The registration of a stored record; `None` if its words are not of this version.
    pub(super) fn of(record: &DeviceRecord) -> Option<Self> {
        Some(Self {
            device: DeviceId::parse(&record.id).ok()?,
            app: record.app.clone(),
            generation: record.generation,
            enrolled_at_s: record.enrolled_at_s,
            evidence_at_s: record.evidence_at_s,
            key_level: KeyLevel::parse(&record.key_level)?,
            evidence_class: EvidenceClass::parse(&record.evidence_class)?,
            claims: record
                .proof
                .as_ref()
                .map(|proof| proof.claims.clone())
                .unwrap_or_default(),
        })
    }
}

/// Refuses devices and apps that are banned; a cut session is no reason, because this call makes a new one.
pub(super) fn refuse_banned(gateway: &Gateway, registration: &Registration) -> Result<(), Refusal> {
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
pub(super) async fn issue(
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

/// How many devices the certificate that vouches for this one vouches for, this one included. `before` is what the device was
/// registered with until now.
pub(super) async fn certificate_devices(
    gateway: &Gateway,
    proof: Option<&ProofRecord>,
    before: Option<&ProofRecord>,
) -> Result<Option<u32>, Refusal> {
    let Some(certificate) = proof.and_then(|proof| proof.certificates.first()) else {
        return Ok(None);
    };
    let known = gateway
        .store
        .certificate_devices(*certificate)
        .await
        .map_err(store_down)?;
    let is_counted = before.is_some_and(|before| before.certificates.contains(certificate));
    let devices = known.saturating_add(u64::from(!is_counted));
    Ok(Some(u32::try_from(devices).unwrap_or(u32::MAX)))
}

/// A challenge is remembered as used for as long as any gateway might accept it.
pub(super) fn challenge_end(gateway: &Gateway, evidence: &Evidence) -> u64 {
    let lifetime_s = gateway
        .live()
        .config
        .attestation
        .challenge_ttl_s
        .saturating_add(120);
    evidence.challenge().issued_at_s().saturating_add(lifetime_s)
}

pub(super) fn private(response: Vec<u8>) -> http::Response<crate::upstream::ResponseBody> {
    json(Bytes::from(response), HeaderValue::from_static("no-store"))
}
