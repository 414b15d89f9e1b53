//! Bounds what forged proof tokens cost. Verifying one is the dearest thing that a stranger can ask of a request core, about as
//! dear as proxying three requests, so whoever failed at it often of late shares a small budget with all others who did.
//!
//! Nobody is locked out: whoever has not failed is not concerned, a source that shares its address with an attacker is asked to
//! repeat in a second, and a device whose attestation was verified on this core answers for itself alone. Session tokens, whose
//! MAC is cheap, are never asked.

use std::cell::Cell;
use std::net::IpAddr;

use attest_core::device::DeviceId;
use attest_core::jose::JwsError;
use attest_core::token::TokenError;

use super::Core;

/// Failures a minute before a source or device is suspect: more than clock trouble and rotations cause behind one address.
const FAILURES_PER_MINUTE: u32 = 20;

/// Who answers for a proof token.
#[derive(Debug, Clone, Copy)]
pub(super) enum Culprit {
    /// The device of an attestation that was verified before.
    Device(DeviceId),
    /// Where an unknown attestation comes from.
    Source(Option<IpAddr>),
}

/// Verifications that suspects of one core may still cause.
#[derive(Debug)]
pub(super) struct Suspects {
    per_second: u32,
    /// In thousandths.
    left: Cell<u64>,
    refilled_ms: Cell<u64>,
}

impl Suspects {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            left: Cell::new(u64::from(per_second) * 1000),
            refilled_ms: Cell::new(0),
        }
    }

    /// Whether a signature may be verified for this one now.
    pub(super) fn may_verify(&self, core: &Core, culprit: Culprit) -> bool {
        let gateway = &core.gateway;
        let now_ms = gateway.clock.monotonic_ms();
        let key = key(core, culprit);
        gateway.rates.peek(key, FAILURES_PER_MINUTE, now_ms).is_ok() || self.take(now_ms)
    }

    /// Notes that a verification was for nothing.
    pub(super) fn failed(core: &Core, culprit: Culprit, error: TokenError) {
        if costs_a_verification(error) {
            let now_ms = core.gateway.clock.monotonic_ms();
            let _suspect = core
                .gateway
                .rates
                .allow(key(core, culprit), FAILURES_PER_MINUTE, now_ms);
        }
    }

    fn take(&self, now_ms: u64) -> bool {
        let passed_ms = now_ms.saturating_sub(self.refilled_ms.replace(now_ms));
        let earned = passed_ms.saturating_mul(u64::from(self.per_second));
        let full = u64::from(self.per_second) * 1000;
        let left = self.left.get().saturating_add(earned).min(full);
        let rest = left.checked_sub(1000);
        self.left.set(rest.unwrap_or(left));
        rest.is_some()
    }
}

fn key(core: &Core, culprit: Culprit) -> u64 {
    match culprit {
        Culprit::Device(device) => core.gateway.rates.key("proof-device", device.as_bytes()),
        Culprit::Source(Some(source)) => core.gateway.rates.source_key("proof-source", source),
        Culprit::Source(None) => core.gateway.rates.key("proof-source", b""),
    }
}

/// Errors that are found before any signature is looked at cost next to nothing.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a kind of error that is new here is taken for a dear one"
)]
const fn costs_a_verification(error: TokenError) -> bool {
    match error {
        TokenError::Jws(error) => matches!(error, JwsError::Signature | JwsError::Json | JwsError::Ambiguous),
        TokenError::Ticket(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_regained_evenly_and_never_saved_beyond_a_second() {
        let suspects = Suspects::new(3);
        let check = |now_ms, expect| assert_eq!(suspects.take(now_ms), expect, "at {now_ms}");
        check(0, true);
        check(0, true);
        check(0, true);
        check(0, false);
        check(333, false);
        check(334, true);
        check(334, false);
        check(60_000, true);
        check(60_000, true);
        check(60_000, true);
        check(60_000, false);
    }
}
