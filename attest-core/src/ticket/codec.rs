//! The plain content of a ticket as bytes: fixed order, big-endian integers, one-byte lengths. Reading never panics and
//! accepts exactly what writing makes.

use super::{TicketBody, TicketError};
use crate::appraisal::AppraisalResult;
use crate::device::{DeviceId, EvidenceClass, KeyLevel, Platform};
use crate::environment::Environment;
use crate::finding::Findings;
use crate::redacted::Redacted;

/// Writes `body`.
pub(super) fn write(body: &TicketBody) -> Result<Vec<u8>, TicketError> {
    let result = &body.result;
    let mut out = Writer(Vec::with_capacity(320));
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
    Ok(out.0)
}

/// Reads what [`write`] made.
pub(super) fn read(bytes: &[u8]) -> Result<TicketBody, TicketError> {
    let mut input = Reader(bytes);
    let session_key = Redacted::new(input.array()?);
    let device = DeviceId::from_bytes(input.array()?);
    let generation = u32::from_be_bytes(input.array()?);
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
            inconclusive_more: u32::from_be_bytes(input.array()?),
        },
    };
    if input.0.is_empty() {
        Ok(TicketBody { result, session_key })
    } else {
        Err(TicketError::Malformed)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) -> Result<(), TicketError> {
        self.0
            .push(u8::try_from(text.len()).map_err(|_| TicketError::TooLarge)?);
        self.bytes(text.as_bytes());
        Ok(())
    }

    fn texts(&mut self, texts: &[String]) -> Result<(), TicketError> {
        self.0
            .push(u8::try_from(texts.len()).map_err(|_| TicketError::TooLarge)?);
        texts.iter().try_for_each(|text| self.text(text))
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], TicketError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(TicketError::Malformed)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u64(&mut self) -> Result<u64, TicketError> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self) -> Result<String, TicketError> {
        let [len] = self.array()?;
        let (head, rest) = self
            .0
            .split_at_checked(usize::from(len))
            .ok_or(TicketError::Malformed)?;
        self.0 = rest;
        std::str::from_utf8(head)
            .map(str::to_owned)
            .map_err(|_| TicketError::Malformed)
    }

    fn texts(&mut self) -> Result<Vec<String>, TicketError> {
        let [count] = self.array()?;
        (0..count).map(|_| self.text()).collect()
    }
}
