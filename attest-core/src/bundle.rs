//! Device policy under a development root: one JWS by a root key that the app was configured with. No device policy is ever
//! taken from the network unsigned.

use crate::jose::jws::Unsigned;
use crate::jose::{Algorithm, Compact, JwkSet, JwsError, scan_object};
use crate::policy::{DevicePolicy, MAX_POLICY_BYTES};

/// Media type of a development bundle.
pub const TYP: &str = "attest-development-policy+jwt";
/// A bundle beyond this is refused unread: the largest policy in base64, with room for header and signature.
pub const MAX_BUNDLE_BYTES: usize = MAX_POLICY_BYTES.div_ceil(3) * 4 + 1024;

/// The bundle, lacking the root's signature.
///
/// # Errors
/// [`JwsError::Json`] if the policy cannot be written.
pub fn prepare(policy: &DevicePolicy, root_kid: &str) -> Result<Unsigned, JwsError> {
    Unsigned::new(Algorithm::Es256, TYP, Some(root_kid), policy)
}

/// The JSON of the device policy, if one of `roots` signed it.
///
/// # Errors
/// [`JwsError`].
///
/// # Security
/// Authentic, not fresh: the caller compares the version with the one that it holds and the environment with its own.
pub fn open(bundle: &str, roots: &JwkSet) -> Result<Vec<u8>, JwsError> {
    let jws = Compact::parse(bundle, MAX_BUNDLE_BYTES)?;
    jws.header().expect_typ(TYP)?;
    let kid = jws.header().kid.as_deref().ok_or(JwsError::UnknownKey)?;
    let payload = jws.verify(&roots.find(kid).ok_or(JwsError::UnknownKey)?)?;
    scan_object(&payload)?;
    Ok(payload)
}

/// The device policy, if one of `roots` signed it and this engine can read it.
///
/// # Errors
/// As [`open`]; [`JwsError::Json`] if it is not a device policy of this engine. To tell a newer engine's policy apart,
/// [`open`] it and read it with [`DevicePolicy::from_json`].
pub fn verify(bundle: &str, roots: &JwkSet) -> Result<DevicePolicy, JwsError> {
    DevicePolicy::from_json(&open(bundle, roots)?).map_err(|_| JwsError::Json)
}
