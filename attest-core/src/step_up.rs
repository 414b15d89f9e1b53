//! Step-up: a second answer from the user before a request passes. The gateway hands out an identifier that it can verify
//! without having stored it; an issuer that the policy names signs an `Attest-Step-Up` JWS over it.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use crate::encoding::{base64url, from_base64url_array};
use crate::fleet::{FleetSecret, KeyUse, RandomError, random_array};
use crate::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use crate::jose::{Algorithm, Compact, JwkSet, JwsError, MacKey, Unsigned};

/// Header that carries a completed step-up.
pub const STEP_UP_HEADER: &str = "attest-step-up";
/// Media type of a completed step-up.
pub const TYP: &str = "attest-step-up+jwt";
/// Longest accepted `exp - iat` of a completion.
const LIFETIME_MAX_S: u64 = 300;

/// What an issuer signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUpClaims {
    /// The issuer, as the policy names it.
    pub iss: String,
    /// The relying party: the audience of the session.
    pub aud: String,
    /// The device's pseudonym, as the backend knows it from `Attest-Device`.
    pub sub: String,
    /// The identifier that the refusal carried.
    pub step_up: String,
    /// When it was completed, Unix seconds.
    pub iat: u64,
    /// When it ends, Unix seconds; at most 300 s after `iat`.
    pub exp: u64,
}

impl StepUpClaims {
    /// The completion, lacking the issuer's signature.
    ///
    /// # Errors
    /// [`JwsError::Json`] if it cannot be written.
    pub fn prepare(&self, kid: &str) -> Result<Unsigned, JwsError> {
        Unsigned::new(Algorithm::Es256, TYP, Some(kid), self)
    }
}

/// What a step-up is bound to.
#[derive(Debug, Clone, Copy)]
pub struct StepUpScope<'a> {
    /// The device's pseudonym for the app.
    pub device: &'a str,
    /// The route's id.
    pub route: &'a str,
    /// The issuer's name in policy.
    pub issuer: &'a str,
}

/// Why a completion is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepUpError {
    /// The JWS itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// The identifier was not handed out for this device, route and issuer.
    #[error("not handed out for this device, route and issuer")]
    Foreign,
    /// Issuer, audience or subject differ.
    #[error("issuer, audience or subject differ")]
    Mismatch,
    /// Ended, from the future, or living too long.
    #[error("ended, from the future, or living longer than 300 s")]
    Time,
}

impl StepUpError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Foreign => "step-up-foreign",
            Self::Mismatch => "step-up-mismatch",
            Self::Time => "step-up-time",
        }
    }
}

/// What a completion must match.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What the identifier is bound to.
    pub scope: StepUpScope<'a>,
    /// The issuer's `iss`.
    pub issuer_url: &'a str,
    /// The issuer's keys.
    pub keys: &'a JwkSet,
    /// The audience of the session.
    pub audience: &'a str,
    /// How long after completion the route accepts it, seconds.
    pub valid_s: u64,
    /// Accepted difference of clocks, seconds.
    pub skew_s: u64,
}

/// Hands out identifiers and verifies completions.
#[derive(Debug, Clone)]
pub struct StepUps(MacKey);

impl StepUps {
    /// From the fleet's step-up subkey.
    #[must_use]
    pub fn new(secret: &FleetSecret) -> Self {
        Self(MacKey::new(&secret.subkey(KeyUse::StepUp, 1)))
    }

    /// A new identifier for `scope`: random (12) ‖ MAC (20), 43 characters.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn issue(&self, scope: StepUpScope<'_>, rng: &dyn SecureRandom) -> Result<String, RandomError> {
        let random: [u8; 12] = random_array(rng)?;
        Ok(base64url(self.identifier(scope, random)))
    }

    /// Accepts a completion that `expected.issuer_url` signed for this device, route and audience.
    ///
    /// # Errors
    /// [`StepUpError`].
    pub fn verify(
        &self,
        token: &str,
        expected: &Expected<'_>,
        now_s: u64,
    ) -> Result<StepUpClaims, StepUpError> {
        let jws = Compact::parse(token, MAX_TOKEN_BYTES)?;
        jws.header().expect_typ(TYP)?;
        let kid = jws.header().kid.as_deref().ok_or(JwsError::UnknownKey)?;
        let key = expected.keys.find(kid).ok_or(JwsError::UnknownKey)?;
        let claims: StepUpClaims = read_claims(&jws.verify(&key)?)?;
        if claims.iss != expected.issuer_url
            || claims.aud != expected.audience
            || claims.sub != expected.scope.device
        {
            return Err(StepUpError::Mismatch);
        }
        let id: [u8; 32] = from_base64url_array(&claims.step_up).map_err(|_| StepUpError::Foreign)?;
        let (random, _) = id.split_first_chunk::<12>().ok_or(StepUpError::Foreign)?;
        if self.0.tag(&self.identifier(expected.scope, *random)) != self.0.tag(&id) {
            return Err(StepUpError::Foreign);
        }
        let ends = claims.exp.min(claims.iat.saturating_add(expected.valid_s));
        if claims.exp < claims.iat
            || claims.exp - claims.iat > LIFETIME_MAX_S
            || claims.iat > now_s.saturating_add(expected.skew_s)
            || ends.saturating_add(expected.skew_s) <= now_s
        {
            return Err(StepUpError::Time);
        }
        Ok(claims)
    }

    fn identifier(&self, scope: StepUpScope<'_>, random: [u8; 12]) -> [u8; 32] {
        let tag = self.0.tag_parts(&[
            b"attest/v1/step-up",
            &random,
            scope.device.as_bytes(),
            &[0],
            scope.route.as_bytes(),
            &[0],
            scope.issuer.as_bytes(),
        ]);
        let mut id = [0; 32];
        let (clear, mac) = id.split_at_mut(12);
        clear.copy_from_slice(&random);
        mac.copy_from_slice(tag.split_at(20).0);
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::{Jwk, SigningKey, jwk::thumbprint};
    use ring::rand::SystemRandom;

    const SCOPE: StepUpScope<'static> = StepUpScope {
        device: "pseudonym",
        route: "payments",
        issuer: "otp",
    };
    const NOW: u64 = 10_010;

    /// A completion in the moment of `NOW`, what it is compared with, and when: one is spoiled, `code` is the answer.
    fn check(spoil: impl FnOnce(&mut StepUpClaims, &mut Expected<'_>, &mut u64), code: Option<&str>) {
        let rng = SystemRandom::new();
        let step_ups = StepUps::new(&FleetSecret::new([1; 32]));
        let bank = SigningKey::generate(&rng).unwrap();
        let keys = JwkSet {
            keys: vec![Jwk::published(&bank.public_point())],
        };
        let mut claims = StepUpClaims {
            iss: "https://bank.example".to_owned(),
            aud: "https://api.bank.example".to_owned(),
            sub: SCOPE.device.to_owned(),
            step_up: step_ups.issue(SCOPE, &rng).unwrap(),
            iat: 10_000,
            exp: 10_300,
        };
        let mut expected = Expected {
            scope: SCOPE,
            issuer_url: "https://bank.example",
            keys: &keys,
            audience: "https://api.bank.example",
            valid_s: 300,
            skew_s: 60,
        };
        let mut now_s = NOW;
        spoil(&mut claims, &mut expected, &mut now_s);
        let unsigned = claims.prepare(&thumbprint(&bank.public_point())).unwrap();
        let signature = bank.sign(unsigned.signing_input(), &rng).unwrap();
        let outcome = step_ups.verify(&unsigned.attach(&signature), &expected, now_s);
        assert_eq!(outcome.err().map(StepUpError::code), code);
    }

    #[test]
    fn bound_to_device_route_issuer_and_audience() {
        let (foreign, mismatch) = (Some("step-up-foreign"), Some("step-up-mismatch"));
        check(|_, _, _| {}, None);
        check(|_, expected, _| expected.scope.route = "login", foreign);
        check(|_, expected, _| expected.scope.issuer = "desk", foreign);
        check(|_, expected, _| expected.scope.device = "other", mismatch);
        check(|claims, _, _| claims.sub = "other".to_owned(), mismatch);
        check(
            |claims, _, _| claims.aud = "https://other.example".to_owned(),
            mismatch,
        );
        check(
            |_, expected, _| expected.issuer_url = "https://evil.example",
            mismatch,
        );
        check(|claims, _, _| claims.step_up = "A".repeat(43), foreign);
        check(|claims, _, _| claims.step_up.clear(), foreign);
        // The parts of a scope have a place each: one cannot lend letters to its neighbour.
        check(
            |claims, expected, _| {
                expected.scope.device = "pseudonymp";
                expected.scope.route = "ayments";
                claims.sub = "pseudonymp".to_owned();
            },
            foreign,
        );
        check(
            |claims, expected, _| {
                let other = StepUps::new(&FleetSecret::new([2; 32]));
                claims.step_up = other.issue(expected.scope, &SystemRandom::new()).unwrap();
            },
            foreign,
        );
    }

    #[test]
    fn bound_to_time() {
        let time = Some("step-up-time");
        check(|_, _, now_s| *now_s = 9_940, None);
        check(|_, _, now_s| *now_s = 9_939, time);
        check(|_, _, now_s| *now_s = 10_359, None);
        check(|_, _, now_s| *now_s = 10_360, time);
        check(|claims, _, _| claims.exp = 10_301, time);
        check(|claims, _, _| claims.exp = 9_999, time);
        check(|claims, _, _| claims.iat = u64::MAX, time);
        check(|_, _, now_s| *now_s = u64::MAX, time);
        let brief = |now: u64| {
            move |_: &mut StepUpClaims, expected: &mut Expected<'_>, now_s: &mut u64| {
                expected.valid_s = 10;
                *now_s = now;
            }
        };
        check(brief(10_069), None);
        check(brief(10_070), time);
    }
}
