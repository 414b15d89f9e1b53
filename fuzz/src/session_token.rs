//! A session token from the wire.

use attest_core::jose::MacKey;
use attest_core::token::{TimeBounds, binding::BindingClaims, session};

use crate::fixture::{NOW_S, SESSION_KEY, changed, claims, result, ticket, tickets};

/// A token that verifies speaks for what its ticket says and is in time; one of ours with a byte changed never verifies.
pub fn session_token(data: &[u8]) -> bool {
    let mut keys = tickets();
    let bounds = TimeBounds::default();
    let accepted = session::verify(crate::text(data), &mut keys, bounds, NOW_S);
    if let Ok(verified) = &accepted {
        assert!(verified.result().expires_at_s > NOW_S, "an ended session");
        assert_eq!(verified.claims().aud, verified.result().audience, "another audience");
        assert!(verified.claims().iat <= NOW_S + bounds.skew_s, "from the future");
    }
    let Ok(minted) = session::mint(ticket(), &MacKey::new(&SESSION_KEY), &claims(BindingClaims::default())) else { return false };
    let Some((received, same)) = changed(&minted, data) else { return accepted.is_ok() };
    let verified = session::verify(&received, &mut keys, bounds, NOW_S);
    assert_eq!(verified.is_ok(), same, "a changed token verified, or ours did not");
    assert!(verified.is_err() || verified.is_ok_and(|token| *token.result() == result()), "another session");
    accepted.is_ok()
}
