//! Attestations: what the verifier concluded, signed with ES256 so that any backend verifies it by JWKS. They are also the
//! first half of a proof token.

use serde::{Deserialize, Serialize};

use crate::appraisal::AppraisalResult;
use crate::environment::Environment;
use crate::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use crate::jose::{Algorithm, Compact, Jwk, JwkSet, JwsError, Unsigned};
use crate::token::TokenError;
use crate::token::claims::ClaimsError;

/// Media type of an attestation.
pub const TYP: &str = "oauth-client-attestation+jwt";

#[derive(Serialize, Deserialize)]
struct Confirmation {
    jwk: Jwk,
}

#[derive(Serialize, Deserialize)]
struct AttestationClaims {
    iss: String,
    sub: String,
    iat: u64,
    exp: u64,
    cnf: Confirmation,
    attest: AppraisalResult,
}

/// Witness: an attestation that one of the issuer's keys signed, in this environment, and that had not expired.
#[derive(Debug, Clone)]
pub struct Attestation {
    device_key: [u8; 65],
    result: AppraisalResult,
}

impl Attestation {
    /// The attested device key.
    #[must_use]
    pub const fn device_key(&self) -> &[u8; 65] {
        &self.device_key
    }

    /// What the verifier concluded.
    #[must_use]
    pub const fn result(&self) -> &AppraisalResult {
        &self.result
    }
}

/// An attestation that lacks the issuer's signature.
///
/// # Errors
/// [`JwsError::Json`] if it cannot be written.
pub fn prepare(
    issuer: &str,
    issuer_kid: &str,
    device_key: &[u8; 65],
    result: &AppraisalResult,
) -> Result<Unsigned, JwsError> {
    let claims = AttestationClaims {
        iss: issuer.to_owned(),
        sub: result.app.clone(),
        iat: result.issued_at_s,
        exp: result.expires_at_s,
        cnf: Confirmation {
            jwk: Jwk::p256(device_key),
        },
        attest: result.clone(),
    };
    Unsigned::new(Algorithm::Es256, TYP, Some(issuer_kid), &claims)
}

/// Verifies an attestation by the issuer's JWKS.
///
/// # Errors
/// [`TokenError`]: `Environment` before anything in it is used, `NotYetValid` more than a minute before it was issued,
/// `SessionExpired` once it has ended.
pub fn verify(
    token: &str,
    issuer_keys: &JwkSet,
    environment: Environment,
    now_s: u64,
) -> Result<Attestation, TokenError> {
    let jws = Compact::parse(token, MAX_TOKEN_BYTES)?;
    jws.header().expect_typ(TYP)?;
    let kid = jws.header().kid.as_deref().ok_or(JwsError::UnknownKey)?;
    let key = issuer_keys.find(kid).ok_or(JwsError::UnknownKey)?;
    let claims: AttestationClaims = read_claims(&jws.verify(&key)?)?;
    let result = claims.attest;
    if result.environment != environment {
        return Err(TokenError::Environment);
    }
    if claims.iat != result.issued_at_s || claims.exp != result.expires_at_s || claims.sub != result.app {
        return Err(JwsError::Json.into());
    }
    if result.issued_at_s > now_s.saturating_add(CLOCK_STEP_S) {
        return Err(ClaimsError::NotYetValid.into());
    }
    if result.expires_at_s <= now_s {
        return Err(TokenError::SessionExpired);
    }
    let device_key = claims.cnf.jwk.verifying_point().map_err(|_| JwsError::Json)?;
    Ok(Attestation { device_key, result })
}

/// Gateways of a fleet may disagree about the time by this much.
const CLOCK_STEP_S: u64 = 60;
