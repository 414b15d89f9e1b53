//! The plain content of a ticket as bytes: fixed order, big-endian integers, one-byte lengths. Reading never panics and
//! accepts exactly what writing makes.

use super::bytes::{Reader, Writer};
use super::{TicketBody, TicketError, platform};
use crate::appraisal::AppraisalResult;
use crate::device::{DeviceId, EvidenceClass, KeyLevel, Platform};
use crate::environment::Environment;
use crate::finding::Findings;
use crate::redacted::Redacted;

/// Writes `body`.
pub(super) fn write(body: &TicketBody) -> Result<Vec<u8>, TicketError> {
    let result = &body.result;
    let mut out = Writer(Vec::with_capacity(384));
    out.bytes(body.session_key.reveal());
    out.bytes(result.device.as_bytes());
    out.bytes(&result.generation.to_be_bytes());
    out.bytes(&[
        result.environment.to_byte(),
        result.platform.to_byte(),
        result.key_level.to_byte(),
        result.evidence_class.to_byte(),
    ]);
    for time_or_version in [
        result.evidence_at_s,
        result.enrolled_at_s,
        result.policy_version,
        result.issued_at_s,
        result.expires_at_s,
    ] {
        out.bytes(&time_or_version.to_be_bytes());
    }
    out.text(&result.audience)?;
    out.text(&result.app)?;
    out.text(&result.app_version)?;
    out.text(&result.findings.evaluated)?;
    out.texts(&result.findings.hit)?;
    out.texts(&result.findings.inconclusive)?;
    out.bytes(&result.findings.inconclusive_more.to_be_bytes());
    platform::write(&result.platform_claims, &mut out)?;
    Ok(out.0)
}

/// Reads what [`write`] made.
pub(super) fn read(bytes: &[u8]) -> Result<TicketBody, TicketError> {
    let mut input = Reader(bytes);
    let session_key = Redacted::new(input.array()?);
    let device = DeviceId::from_bytes(input.array()?);
    let generation = input.u32()?;
    let [environment, platform, key_level, evidence_class] = input.array()?;
    let environment = Environment::from_byte(environment).ok_or(TicketError::Malformed)?;
    let platform = Platform::from_byte(platform).ok_or(TicketError::Malformed)?;
    let key_level = KeyLevel::from_byte(key_level).ok_or(TicketError::Malformed)?;
    let evidence_class = EvidenceClass::from_byte(evidence_class).ok_or(TicketError::Malformed)?;
    let result = AppraisalResult {
        environment,
        platform,
        key_level,
        evidence_class,
        device,
        generation,
        evidence_at_s: input.u64()?,
        enrolled_at_s: input.u64()?,
        policy_version: input.u64()?,
        issued_at_s: input.u64()?,
        expires_at_s: input.u64()?,
        audience: input.text()?,
        app: input.text()?,
        app_version: input.text()?,
        findings: Findings {
            evaluated: input.text()?,
            hit: input.texts()?,
            inconclusive: input.texts()?,
            inconclusive_more: input.u32()?,
        },
        platform_claims: platform::read(&mut input)?,
    };
    if input.0.is_empty() {
        Ok(TicketBody { result, session_key })
    } else {
        Err(TicketError::Malformed)
    }
}
