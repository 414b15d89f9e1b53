//! A gateway policy, compiled and asked.

use attest_core::facts::{Answer, FactRef, FactSource, NOT_OBSERVED};
use attest_core::policy::{Completed, Decision, GatewayPolicy, MAX_POLICY_BYTES, Subject};

/// A source that knows nothing.
struct Nothing;

impl FactSource for Nothing {
    fn answer(&self, _: &FactRef) -> Answer<'_> {
        Answer::Error(NOT_OBSERVED)
    }
}

/// Whatever is read reads the same once written in its canonical form, and is written the same again; whatever compiles
/// decides on every route; a decision other than to
/// allow names its rule.
pub fn gateway_policy(data: &[u8]) -> bool {
    let Ok(policy) = GatewayPolicy::from_json(data) else { return false };
    let written = crate::canonical(&policy);
    let again = GatewayPolicy::from_json(written.as_bytes());
    let grown = written.len() > MAX_POLICY_BYTES;
    let same = |again: GatewayPolicy| again == policy && crate::canonical(&again) == written;
    assert!(grown || again.is_ok_and(same), "another policy after writing");
    let Ok(compiled) = policy.compile() else { return false };
    let rollout_key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[3; 32]);
    let subject = Subject { device: &[7; 16], rollout_key: &rollout_key, completed: Completed::default() };
    for route in compiled.routes().iter() {
        let decided = compiled.decide(route, &Nothing, &subject);
        assert!(decided.decision == Decision::Allow || decided.cause.is_some(), "a refusal without a rule");
    }
    true
}
