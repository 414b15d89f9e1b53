//! A device policy on its way from the development root to a phone.

use attest_core::bundle;
use attest_core::jose::{Algorithm, Unsigned};
use attest_core::policy::DevicePolicy;

use crate::fixture::{changed, signer};

/// A payload that a root signed is a policy exactly if the phone's own reader says so, and one with a byte changed is
/// none. The last three bytes say which byte of the bundle is changed and to what.
pub fn bundle(data: &[u8]) -> bool {
    let Ok(payload) = serde_json::from_str::<&serde_json::value::RawValue>(crate::text(data)) else { return false };
    let root = signer();
    let Ok(unsigned) = Unsigned::new(Algorithm::Es256, bundle::TYP, Some(root.kid()), &payload) else { return false };
    let Some(text) = root.sign(unsigned) else { return false };
    let verified = bundle::verify(&text, root.keys());
    if let Ok(policy) = &verified {
        assert_eq!(DevicePolicy::from_json(payload.get().as_bytes()).ok().as_ref(), Some(policy), "another policy");
    }
    let change = data.split_last_chunk::<3>().map_or([0; 3], |(_, change)| *change);
    if let Some((received, false)) = changed(&text, &change) {
        assert!(bundle::verify(&received, root.keys()).is_err(), "a changed bundle verified");
    }
    verified.is_ok()
}
