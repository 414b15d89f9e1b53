//! Proof tokens: an attestation signed by the gateway and a proof of possession signed by the device key, as in
//! draft-ietf-oauth-attestation-based-client-auth-10. Exactly one of each header; the pair is one token.

use super::claims::TokenClaims;
use super::{TimeBounds, TokenError, Verified};
use crate::attestation::{self, Attestation};
use crate::device::TokenKind;
use crate::environment::Environment;
use crate::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use crate::jose::{Algorithm, Compact, JwkSet, JwsError, Unsigned, VerifyingKey};

/// Media type of the proof of possession.
pub const TYP: &str = "oauth-client-attestation-pop+jwt";

/// The proof of possession, lacking the device key's signature.
///
/// # Errors
/// [`JwsError::TooLarge`] if it would exceed the hard bound of a token.
pub fn prepare(claims: &TokenClaims) -> Result<Unsigned, JwsError> {
    let unsigned = Unsigned::new(Algorithm::Es256, TYP, None, claims)?;
    let signature_chars = 1 + 86;
    if unsigned.signing_input().len() + signature_chars > MAX_TOKEN_BYTES {
        return Err(JwsError::TooLarge);
    }
    Ok(unsigned)
}

/// Verifies both halves of a proof token.
///
/// # Errors
/// [`TokenError`]; `SessionExpired` means that the phone should renew its attestation.
///
/// # Security
/// As with session tokens the request is not compared yet: call [`Verified::bind`].
pub fn verify(
    attestation: &str,
    proof: &str,
    issuer_keys: &JwkSet,
    environment: Environment,
    bounds: TimeBounds,
    now_s: u64,
) -> Result<Verified, TokenError> {
    let attestation = attestation::verify(attestation, issuer_keys, environment, now_s)?;
    verify_with(&attestation, proof, bounds, now_s)
}

/// Verifies the proof of possession against an attestation that was verified before and has not expired since.
///
/// # Errors
/// [`TokenError`].
pub fn verify_with(
    attestation: &Attestation,
    proof: &str,
    bounds: TimeBounds,
    now_s: u64,
) -> Result<Verified, TokenError> {
    if attestation.result().expires_at_s <= now_s {
        return Err(TokenError::SessionExpired);
    }
    let jws = Compact::parse(proof, MAX_TOKEN_BYTES)?;
    jws.header().expect_typ(TYP)?;
    let payload = jws.verify(&VerifyingKey::P256(*attestation.device_key()))?;
    let claims: TokenClaims = read_claims(&payload)?;
    claims.accept(&attestation.result().audience, bounds, now_s)?;
    Ok(Verified {
        kind: TokenKind::Proof,
        result: attestation.result().clone(),
        claims,
    })
}
