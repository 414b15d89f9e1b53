//! The claims of both token kinds, and their bounds in time.

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize};

use super::TimeBounds;
use super::binding::BindingClaims;
use crate::encoding::base64url;
use crate::finding::Findings;
use crate::fleet::{RandomError, random_array};

/// What a token says. `exp` is optional because foreign proof-of-possession tokens have none; ours always carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Wire")]
pub struct TokenClaims {
    /// The relying party.
    pub aud: String,
    /// When it was minted, Unix seconds.
    pub iat: u64,
    /// When it ends, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// Not before, Unix seconds; never set by us, honoured when present.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<u64>,
    /// At least 96 random bits, base64url.
    pub jti: String,
    /// Version of the device policy that the phone evaluated last.
    #[serde(rename = "pol")]
    pub policy_version: u64,
    /// Findings since the last renewal.
    #[serde(rename = "fnd")]
    pub findings: Findings,
    /// What the token is bound to.
    #[serde(flatten)]
    pub binding: BindingClaims,
}

/// The claims as they are read: `flatten` would buffer every member of every token first.
#[derive(Deserialize)]
struct Wire {
    aud: String,
    iat: u64,
    exp: Option<u64>,
    nbf: Option<u64>,
    jti: String,
    #[serde(default)]
    pol: u64,
    #[serde(default)]
    fnd: Findings,
    #[serde(default)]
    htm: String,
    #[serde(default)]
    htu: String,
    qh: Option<String>,
    bh: Option<String>,
    ath: Option<String>,
}

impl From<Wire> for TokenClaims {
    fn from(wire: Wire) -> Self {
        Self {
            aud: wire.aud,
            iat: wire.iat,
            exp: wire.exp,
            nbf: wire.nbf,
            jti: wire.jti,
            policy_version: wire.pol,
            findings: wire.fnd,
            binding: BindingClaims {
                htm: wire.htm,
                htu: wire.htu,
                query: wire.qh,
                body: wire.bh,
                authorization: wire.ath,
            },
        }
    }
}

/// Why the claims of an authentic token are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimsError {
    /// `exp` has passed.
    #[error("`exp` has passed")]
    Expired,
    /// `iat` or `nbf` lies in the future.
    #[error("`iat` or `nbf` lies in the future")]
    NotYetValid,
    /// `exp - iat` exceeds the longest accepted life, or `exp` comes before `iat`.
    #[error("the token lives longer than accepted")]
    Lifetime,
    /// `aud` is not the relying party of the session.
    #[error("`aud` is another relying party")]
    Audience,
    /// `jti` is not 16 to 64 characters of base64url.
    #[error("`jti` must be 16 to 64 characters of base64url")]
    TokenId,
    /// The findings exceed their bounds.
    #[error("the findings exceed their bounds")]
    Findings,
}

impl ClaimsError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::Lifetime => "token-lifetime",
            Self::Audience => "token-audience",
            Self::TokenId => "token-jti",
            Self::Findings => "token-findings",
        }
    }
}

impl TokenClaims {
    /// Compares times, audience, id and sizes.
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn accept(&self, audience: &str, bounds: TimeBounds, now_s: u64) -> Result<(), ClaimsError> {
        let ends = self.ends_at_s(bounds);
        if ends < self.iat || ends - self.iat > bounds.lifetime_max_s {
            return Err(ClaimsError::Lifetime);
        }
        let latest_start = now_s.saturating_add(bounds.skew_s);
        if self.iat > latest_start || self.nbf.is_some_and(|nbf| nbf > latest_start) {
            return Err(ClaimsError::NotYetValid);
        }
        if ends.saturating_add(bounds.skew_s) <= now_s {
            return Err(ClaimsError::Expired);
        }
        if self.aud != audience {
            return Err(ClaimsError::Audience);
        }
        let is_id = |id: &str| {
            id.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        if !(16..=64).contains(&self.jti.len()) || !is_id(&self.jti) {
            return Err(ClaimsError::TokenId);
        }
        self.findings.bounded().map_err(|_| ClaimsError::Findings)
    }

    /// When the token ends; a foreign token without `exp` lives as long as the bounds allow.
    #[must_use]
    pub fn ends_at_s(&self, bounds: TimeBounds) -> u64 {
        self.exp
            .unwrap_or_else(|| self.iat.saturating_add(bounds.lifetime_max_s))
    }
}

/// A new `jti`: 128 random bits.
///
/// # Errors
/// [`RandomError`] if the generator failed.
pub fn new_token_id(rng: &dyn SecureRandom) -> Result<String, RandomError> {
    random_array::<16>(rng).map(base64url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(iat: u64, exp: Option<u64>) -> TokenClaims {
        TokenClaims {
            aud: "a".to_owned(),
            iat,
            exp,
            nbf: None,
            jti: "A".repeat(22),
            policy_version: 1,
            findings: Findings::default(),
            binding: BindingClaims::default(),
        }
    }

    #[test]
    fn time_bounds_both_ways() {
        let bounds = TimeBounds {
            skew_s: 60,
            lifetime_max_s: 300,
        };
        let now = 10_000;
        for (iat, exp, expect) in [
            (now, Some(now + 300), Ok(())),
            (now, None, Ok(())),
            (now + 60, Some(now + 100), Ok(())),
            (now + 61, Some(now + 100), Err(ClaimsError::NotYetValid)),
            (now, Some(now + 301), Err(ClaimsError::Lifetime)),
            (now, Some(now - 1), Err(ClaimsError::Lifetime)),
            (now - 100, Some(now - 59), Ok(())),
            (now - 100, Some(now - 60), Err(ClaimsError::Expired)),
            (now - 361, None, Err(ClaimsError::Expired)),
            (u64::MAX, None, Err(ClaimsError::NotYetValid)),
        ] {
            assert_eq!(claims(iat, exp).accept("a", bounds, now), expect, "{iat} {exp:?}");
        }
        assert_eq!(
            claims(now, None).accept("b", bounds, now),
            Err(ClaimsError::Audience)
        );
        let short_id = TokenClaims {
            jti: "AAAA".to_owned(),
            ..claims(now, None)
        };
        assert_eq!(short_id.accept("a", bounds, now), Err(ClaimsError::TokenId));
        let late = TokenClaims {
            nbf: Some(now + 61),
            ..claims(now, None)
        };
        assert_eq!(late.accept("a", bounds, now), Err(ClaimsError::NotYetValid));
    }
}
