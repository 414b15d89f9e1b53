//! JSON Web Keys (RFC 7517), limited to what this system verifies with: `oct` for HS256 and `EC` P-256 for ES256.
//! `use`, `key_ops` and `alg`, where present, must allow verification with the one algorithm of the key.

use serde::{Deserialize, Serialize};

use super::json::scan_object;
use super::key::{Algorithm, MacKey, VerifyingKey};
use crate::encoding::{base64url, from_base64url, from_base64url_array, sha256};
use crate::json::{FromJson, Json, Members};
use crate::redacted::Redacted;

/// A key file or set member larger than this is refused unread.
const MAX_JWK_BYTES: usize = 4 * 1024;
/// RFC 7518 section 3.2: an HS256 key is at least as long as the hash.
const MIN_MAC_BYTES: usize = 32;

/// Why a JWK cannot be used to verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwkError {
    /// Larger than a key can reasonably be.
    #[error("larger than {MAX_JWK_BYTES} bytes")]
    TooLarge,
    /// Not a JSON object with distinct members of the right types.
    #[error("not a JSON object of JWK members")]
    Malformed,
    /// `kty` and `crv` are not `oct` or `EC` with `P-256`.
    #[error("kty must be `oct`, or `EC` with crv `P-256`")]
    KeyType,
    /// `k`, `x` or `y` is missing or not canonical base64url of the right length.
    #[error(
        "`k`, or `x` and `y`, must be canonical base64url of the right length (an HMAC key of 32 bytes or more)"
    )]
    Material,
    /// `use` is present and not `sig`.
    #[error("`use` must be `sig`")]
    Use,
    /// `key_ops` is present and does not contain `verify` exactly once.
    #[error("`key_ops` must contain `verify`, once")]
    KeyOps,
    /// `alg` is present and is not the one algorithm of this key type.
    #[error("`alg` must be HS256 for `oct` and ES256 for P-256")]
    Alg,
}

impl JwkError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "jwk-too-large",
            Self::Malformed => "jwk-malformed",
            Self::KeyType => "jwk-key-type",
            Self::Material => "jwk-material",
            Self::Use => "jwk-use",
            Self::KeyOps => "jwk-key-ops",
            Self::Alg => "jwk-alg",
        }
    }
}

/// A JWK as it stands in JSON. Unknown members are ignored, as RFC 7517 section 4 asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// `oct` or `EC`.
    pub kty: String,
    /// `P-256` for `EC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// Affine x, 32 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// Affine y, 32 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Symmetric key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<Redacted<String>>,
    /// Intended use.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub key_use: Option<String>,
    /// Permitted operations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    /// Intended algorithm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// Key id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
}

impl Jwk {
    /// The public JWK of a P-256 point, with nothing but the required members.
    #[must_use]
    pub fn p256(point: &[u8; 65]) -> Self {
        let (x, y) = point.split_at(1).1.split_at(32);
        Self {
            kty: "EC".to_owned(),
            crv: Some("P-256".to_owned()),
            x: Some(base64url(x)),
            y: Some(base64url(y)),
            k: None,
            key_use: None,
            key_ops: None,
            alg: None,
            kid: None,
        }
    }

    /// The same key as a signature key of a JWKS: `use`, `alg`, and the thumbprint as `kid`.
    #[must_use]
    pub fn published(point: &[u8; 65]) -> Self {
        Self {
            key_use: Some("sig".to_owned()),
            alg: Some(Algorithm::Es256.as_str().to_owned()),
            kid: Some(thumbprint(point)),
            ..Self::p256(point)
        }
    }

    /// Reads one JWK from JSON text, refusing duplicate members.
    ///
    /// # Errors
    /// [`JwkError::TooLarge`] and [`JwkError::Malformed`].
    pub fn parse(text: &[u8]) -> Result<Self, JwkError> {
        if text.len() > MAX_JWK_BYTES {
            return Err(JwkError::TooLarge);
        }
        scan_object(text).map_err(|_| JwkError::Malformed)?;
        serde_json::from_slice(text).map_err(|_| JwkError::Malformed)
    }

    /// The key, bound to its one algorithm.
    ///
    /// # Errors
    /// [`JwkError`] names the member that does not fit.
    pub fn verifying_key(&self) -> Result<VerifyingKey, JwkError> {
        if self.key_use.as_deref().is_some_and(|key_use| key_use != "sig") {
            return Err(JwkError::Use);
        }
        // RFC 7517 section 4.3: operations must not repeat.
        let verifies_once = |ops: &Vec<String>| ops.iter().filter(|op| *op == "verify").count() == 1;
        if !self.key_ops.as_ref().is_none_or(verifies_once) {
            return Err(JwkError::KeyOps);
        }
        let key = match self.kty.as_str() {
            "oct" => VerifyingKey::Mac(self.mac_key()?),
            "EC" => VerifyingKey::P256(self.point()?),
            _ => return Err(JwkError::KeyType),
        };
        if self
            .alg
            .as_deref()
            .is_some_and(|alg| alg != key.algorithm().as_str())
        {
            return Err(JwkError::Alg);
        }
        Ok(key)
    }

    /// The uncompressed SEC1 point of a key that may verify ES256 signatures, by all of its members.
    ///
    /// # Errors
    /// [`JwkError`] names the member that does not fit.
    pub fn verifying_point(&self) -> Result<[u8; 65], JwkError> {
        match self.verifying_key()? {
            VerifyingKey::P256(point) => Ok(point),
            VerifyingKey::Mac(_) => Err(JwkError::KeyType),
        }
    }

    /// The uncompressed SEC1 point of an `EC` P-256 key.
    ///
    /// # Errors
    /// [`JwkError::KeyType`] and [`JwkError::Material`].
    pub fn point(&self) -> Result<[u8; 65], JwkError> {
        if self.kty != "EC" || self.crv.as_deref() != Some("P-256") || self.k.is_some() {
            return Err(JwkError::KeyType);
        }
        let coordinate = |text: &Option<String>| {
            text.as_deref()
                .and_then(|text| from_base64url_array::<32>(text).ok())
                .ok_or(JwkError::Material)
        };
        let mut point = [4; 65];
        let (_, xy) = point.split_at_mut(1);
        let (x, y) = xy.split_at_mut(32);
        x.copy_from_slice(&coordinate(&self.x)?);
        y.copy_from_slice(&coordinate(&self.y)?);
        Ok(point)
    }

    fn mac_key(&self) -> Result<MacKey, JwkError> {
        let secret = self
            .k
            .as_ref()
            .and_then(|k| from_base64url(k.reveal()).ok())
            .filter(|secret| secret.len() >= MIN_MAC_BYTES)
            .ok_or(JwkError::Material)?;
        Ok(MacKey::new(&secret))
    }
}

impl FromJson for Jwk {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            kty: members.take("kty")?,
            crv: members.take("crv")?,
            x: members.take("x")?,
            y: members.take("y")?,
            k: members.take::<Option<String>>("k")?.map(Redacted::new),
            key_use: members.take("use")?,
            key_ops: members.take("key_ops")?,
            alg: members.take("alg")?,
            kid: members.take("kid")?,
        })
    }
}

/// RFC 7638 SHA-256 thumbprint of a P-256 public key, base64url.
#[must_use]
pub fn thumbprint(point: &[u8; 65]) -> String {
    let (x, y) = point.split_at(1).1.split_at(32);
    let (x, y) = (base64url(x), base64url(y));
    base64url(sha256(&[
        br#"{"crv":"P-256","kty":"EC","x":""#,
        x.as_bytes(),
        br#"","y":""#,
        y.as_bytes(),
        br#""}"#,
    ]))
}

/// A JWK set (RFC 7517 section 5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Jwk>,
}

impl JwkSet {
    /// The verifying key with this `kid`; `None` if there is none or it cannot verify.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<VerifyingKey> {
        self.keys
            .iter()
            .find(|key| key.kid.as_deref() == Some(kid))?
            .verifying_key()
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_bind_the_key() {
        let ec = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
        let oct = r#""kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow""#;
        for (text, expect) in [
            (format!("{{{ec}}}"), Ok(Algorithm::Es256)),
            (format!("{{{oct}}}"), Ok(Algorithm::Hs256)),
            (format!("{{{oct},\"alg\":\"ES256\"}}"), Err(JwkError::Alg)),
            (format!("{{{ec},\"alg\":\"HS256\"}}"), Err(JwkError::Alg)),
            (format!("{{{ec},\"use\":\"enc\"}}"), Err(JwkError::Use)),
            (format!("{{{ec},\"key_ops\":[\"sign\"]}}"), Err(JwkError::KeyOps)),
            (
                format!("{{{ec},\"key_ops\":[\"verify\"],\"use\":\"sig\",\"alg\":\"ES256\"}}"),
                Ok(Algorithm::Es256),
            ),
            (format!("{{{ec},{oct}}}"), Err(JwkError::Malformed)),
            (r#"{"kty":"oct","k":"AAAA"}"#.to_owned(), Err(JwkError::Material)),
            (
                r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#.to_owned(),
                Err(JwkError::KeyType),
            ),
            (
                r#"{"kty":"RSA","n":"AA","e":"AQAB"}"#.to_owned(),
                Err(JwkError::KeyType),
            ),
            ("[]".to_owned(), Err(JwkError::Malformed)),
        ] {
            let got = Jwk::parse(text.as_bytes())
                .and_then(|jwk| jwk.verifying_key())
                .map(|key| key.algorithm());
            assert_eq!(got, expect, "{text}");
        }
    }

    #[test]
    fn thumbprint_round_trip() {
        let point = [4; 65];
        let jwk = Jwk::published(&point);
        assert_eq!(jwk.point(), Ok(point));
        assert_eq!(jwk.kid, Some(thumbprint(&point)));
    }
}
