//! Assertions: what the gateway says about a request to one backend, signed with ES256, so that the backend needs neither trust in
//! the network between them nor a list of what may not be sent from elsewhere.
//!
//! An assertion is made for one audience and lives for a minute at most. One that names no request can be repeated to that
//! audience until it ends; one that names a request fits that request alone.

use serde::{Deserialize, Serialize};

use crate::device::{EvidenceClass, KeyLevel};
use crate::jose::jws::read_claims;
use crate::jose::{Algorithm, Compact, JwkSet, JwsError, Unsigned};

/// Header that carries an assertion to a backend.
pub const ASSERTION_HEADER: &str = "attest-assertion";
/// Media type of an assertion.
pub const TYP: &str = "attest-assertion+jwt";
/// Longest life of an assertion, seconds.
pub const LIFETIME_MAX_S: u64 = 60;
/// Largest assertion: request targets and findings have bounds of their own.
pub const MAX_ASSERTION_BYTES: usize = 64 * 1024;

/// What the gateway asserts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionClaims {
    /// The gateway: the first public origin of its policy.
    pub iss: String,
    /// The backend.
    pub aud: String,
    /// The device's pseudonym for the app, as in `Attest-Device`.
    pub sub: String,
    /// When it was made, Unix seconds.
    pub iat: u64,
    /// When it ends, Unix seconds.
    pub exp: u64,
    /// 128 random bits, base64url.
    pub jti: String,
    /// The app's id in policy.
    pub app: String,
    /// What was decided.
    pub decision: AssertedDecision,
    /// Detectors that hit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<AssertedFinding>,
    /// Rules that would have decided otherwise, were they enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow: Vec<AssertedShadow>,
    /// How well the device key is kept.
    #[serde(rename = "lvl")]
    pub key_level: KeyLevel,
    /// What vouched for it.
    #[serde(rename = "evc")]
    pub evidence_class: EvidenceClass,
    /// Version of the policy that decided.
    #[serde(rename = "pol")]
    pub policy_version: u64,
    /// The one request that it is for.
    #[serde(rename = "req", default, skip_serializing_if = "Option::is_none")]
    pub request: Option<AssertedRequest>,
}

/// What was decided: nothing else is asserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AssertedDecision {
    /// The request may pass.
    Allow,
}

/// A detector that hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertedFinding {
    /// Its id.
    pub id: String,
    /// `ticket`: signed by the device key; `token`: claimed in the request's own token.
    #[serde(rename = "src")]
    pub source: String,
}

/// A rule that would have decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertedShadow {
    /// Its id.
    pub rule: String,
    /// What it would have decided.
    pub decision: String,
}

/// The request that an assertion is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertedRequest {
    /// Its method.
    #[serde(rename = "htm")]
    pub method: String,
    /// Path and query, exactly as the backend gets them.
    pub target: String,
    /// `jti` of the token that it carried.
    pub jti: String,
}

/// Why an assertion is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// The JWS itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// Made by another gateway, or for another backend.
    #[error("made by another gateway or for another backend")]
    Mismatch,
    /// Ended, from the future, or living too long.
    #[error("ended, from the future, or living longer than {LIFETIME_MAX_S} s")]
    Time,
    /// Made for another request, or for none where one must be named.
    #[error("made for another request, or for none")]
    Request,
}

impl AssertionError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Mismatch => "assertion-mismatch",
            Self::Time => "assertion-time",
            Self::Request => "assertion-request",
        }
    }
}

/// What an assertion must match, as the backend knows it.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The gateway's `iss`.
    pub issuer: &'a str,
    /// The backend's own audience.
    pub audience: &'a str,
    /// Method of the request that carries it.
    pub method: &'a str,
    /// Path and query of that request, as received.
    pub target: &'a str,
    /// Whether it must name the request. One that it names is compared in any case.
    pub per_request: bool,
    /// Accepted difference of clocks, seconds.
    pub skew_s: u64,
}

impl AssertionClaims {
    /// The assertion, lacking the gateway's signature.
    ///
    /// # Errors
    /// [`JwsError::Json`] if it cannot be written.
    pub fn prepare(&self, kid: &str) -> Result<Unsigned, JwsError> {
        Unsigned::new(Algorithm::Es256, TYP, Some(kid), self)
    }
}

/// What an assertion says, once the gateway's signature, audience, times and request were verified.
///
/// # Errors
/// [`AssertionError`].
///
/// # Security
/// A repeated assertion verifies until it ends. Where that matters ask for one per request and remember its `jti` for
/// [`LIFETIME_MAX_S`] and twice the skew.
pub fn verify(
    assertion: &str,
    gateway_keys: &JwkSet,
    expected: &Expected<'_>,
    now_s: u64,
) -> Result<AssertionClaims, AssertionError> {
    let jws = Compact::parse(assertion, MAX_ASSERTION_BYTES)?;
    jws.header().expect_typ(TYP)?;
    let kid = jws.header().kid.as_deref().ok_or(JwsError::UnknownKey)?;
    let key = gateway_keys.find(kid).ok_or(JwsError::UnknownKey)?;
    let claims: AssertionClaims = read_claims(&jws.verify(&key)?)?;
    if claims.iss != expected.issuer || claims.aud != expected.audience {
        return Err(AssertionError::Mismatch);
    }
    let lives_s = claims.exp.checked_sub(claims.iat);
    if lives_s.is_none_or(|lives_s| lives_s > LIFETIME_MAX_S)
        || claims.iat > now_s.saturating_add(expected.skew_s)
        || claims.exp.saturating_add(expected.skew_s) <= now_s
    {
        return Err(AssertionError::Time);
    }
    match &claims.request {
        Some(request) if request.method == expected.method && request.target == expected.target => Ok(claims),
        None if !expected.per_request => Ok(claims),
        Some(_) | None => Err(AssertionError::Request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Jwk, SigningKey, jwk::thumbprint};
    use ring::rand::SystemRandom;

    const NOW: u64 = 1_800_000_000;

    fn claims() -> AssertionClaims {
        AssertionClaims {
            iss: "https://api.bank.example".to_owned(),
            aud: "payments".to_owned(),
            sub: "pseudonym".to_owned(),
            iat: NOW,
            exp: NOW + 60,
            jti: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            app: "bank-android".to_owned(),
            decision: AssertedDecision::Allow,
            findings: Vec::new(),
            shadow: Vec::new(),
            key_level: KeyLevel::Hardware,
            evidence_class: EvidenceClass::AndroidKey,
            policy_version: 7,
            request: Some(AssertedRequest {
                method: "POST".to_owned(),
                target: "/v1/payments?reference=7".to_owned(),
                jti: "BBBBBBBBBBBBBBBBBBBBBB".to_owned(),
            }),
        }
    }

    const EXPECTED: Expected<'static> = Expected {
        issuer: "https://api.bank.example",
        audience: "payments",
        method: "POST",
        target: "/v1/payments?reference=7",
        per_request: true,
        skew_s: 5,
    };

    /// An assertion and what it must match: one is spoiled, `code` is the answer.
    fn check(spoil: impl FnOnce(&mut AssertionClaims, &mut Expected<'_>, &mut u64), code: Option<&str>) {
        let rng = SystemRandom::new();
        let key = SigningKey::generate(&rng).unwrap();
        let keys = JwkSet {
            keys: vec![Jwk::published(&key.public_point())],
        };
        let (mut claims, mut expected, mut now_s) = (claims(), EXPECTED, NOW);
        spoil(&mut claims, &mut expected, &mut now_s);
        let unsigned = claims.prepare(&thumbprint(&key.public_point())).unwrap();
        let signature = key.sign(unsigned.signing_input(), &rng).unwrap();
        let verified = verify(&unsigned.attach(&signature), &keys, &expected, now_s);
        assert_eq!(verified.as_ref().err().map(|error| error.code()), code);
        if code.is_none() {
            assert_eq!(verified, Ok(claims));
        }
    }

    #[test]
    fn one_audience_one_minute_and_the_request_that_it_names() {
        check(|_, _, _| (), None);
        check(|claims, _, _| claims.iss.push('x'), Some("assertion-mismatch"));
        check(
            |_, expected, _| expected.audience = "accounts",
            Some("assertion-mismatch"),
        );
        check(|_, _, now_s| *now_s += 64, None);
        check(|_, _, now_s| *now_s += 65, Some("assertion-time"));
        check(|_, _, now_s| *now_s -= 5, None);
        check(|_, _, now_s| *now_s -= 6, Some("assertion-time"));
        check(|claims, _, _| claims.exp += 1, Some("assertion-time"));
        check(|claims, _, _| claims.exp = claims.iat - 1, Some("assertion-time"));
        check(
            |_, expected, _| expected.method = "PUT",
            Some("assertion-request"),
        );
        check(
            |_, expected, _| expected.target = "/v1/payments?reference=8",
            Some("assertion-request"),
        );
        check(|claims, _, _| claims.request = None, Some("assertion-request"));
        check(
            |claims, expected, _| {
                claims.request = None;
                expected.per_request = false;
            },
            None,
        );
        check(
            |_, expected, _| {
                expected.per_request = false;
                expected.target = "/v1/balance";
            },
            Some("assertion-request"),
        );
    }
}
