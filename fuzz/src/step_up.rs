//! A completed step-up from the wire.

use attest_core::step_up::{Expected, StepUpClaims, StepUpScope, StepUps};
use ring::rand::SystemRandom;

use crate::fixture::{NOW_S, ORIGIN, changed, fleet, signer};

const SCOPE: StepUpScope<'static> = StepUpScope {
    device: "pseudonym",
    route: "payments",
    issuer: "otp",
};

/// A completion verifies exactly if no byte was changed and its times hold. The first three bytes say which byte is
/// changed and to what, the next two how many seconds after the refusal it is presented.
pub fn step_up(data: &[u8]) -> bool {
    let Some((change, rest)) = data.split_first_chunk::<3>() else { return false };
    let late_s = rest.first_chunk().map_or(0, |late| u64::from(u16::from_be_bytes(*late)));
    let step_ups = StepUps::new(&fleet());
    let Ok(step_up) = step_ups.issue(SCOPE, &SystemRandom::new()) else { return false };
    let claims = StepUpClaims {
        iss: ORIGIN.to_owned(),
        aud: ORIGIN.to_owned(),
        sub: SCOPE.device.to_owned(),
        step_up,
        iat: NOW_S,
        exp: NOW_S + 300,
    };
    let Some(token) = claims.prepare(signer().kid()).ok().and_then(|unsigned| signer().sign(unsigned)) else {
        return false;
    };
    let Some((received, same)) = changed(&token, change) else { return false };
    let expected = Expected {
        scope: SCOPE,
        issuer_url: ORIGIN,
        keys: signer().keys(),
        audience: ORIGIN,
        valid_s: 300,
        skew_s: 60,
    };
    let verified = step_ups.verify(&received, &expected, NOW_S + late_s);
    assert_eq!(verified.is_ok(), same && late_s < 360, "changed or late, and accepted; or neither, and refused");
    assert!(verified.is_err() || verified.is_ok_and(|verified| verified == claims), "other claims");
    same && late_s < 360
}
