//! Reads the JWK that `attest token verify` verifies with. A key that could never verify anything is an error of the key, not of
//! the token: wrong members, repeated members, a point that is not on the curve.

use std::path::{Path, PathBuf};

use attest_core::jose::{Jwk, JwkError, VerifyingKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;

use crate::input;

/// More than any JWK needs; the library has a smaller bound of its own.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// Why a file gives no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// It is no JWK that verifies HS256 or ES256.
    #[error("{path}: {reason}{hint}")]
    Jwk {
        path: PathBuf,
        reason: JwkError,
        hint: &'static str,
    },
    /// A member that is there has no value.
    #[error("{path}: `{member}` is null; leave it out or give it a value")]
    Null { path: PathBuf, member: &'static str },
    /// A symmetric key with members of an elliptic-curve key.
    #[error("{path}: kty is `oct`, but `{member}` belongs to another type of key")]
    Mixed { path: PathBuf, member: &'static str },
    /// `x` and `y` are not a point of P-256.
    #[error("{path}: `x` and `y` are not a point of P-256")]
    Curve { path: PathBuf },
    /// No randomness to look at the point with.
    #[error("the source of randomness failed")]
    Random,
}

impl KeyError {
    /// Stable kebab-case code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "jwk-unreadable",
            Self::Jwk { reason, .. } => reason.code(),
            Self::Null { .. } => "jwk-null",
            Self::Mixed { .. } => "jwk-mixed",
            Self::Curve { .. } => "jwk-curve",
            Self::Random => "random",
        }
    }
}

/// The members that decide what a key is, none of which may be null.
const MEMBERS: [&str; 9] = ["kty", "crv", "x", "y", "k", "use", "key_ops", "alg", "kid"];

/// The verifying key in a JWK file.
///
/// # Errors
/// [`KeyError`].
pub(crate) fn read(path: &Path) -> Result<VerifyingKey, KeyError> {
    let owned = || path.to_owned();
    let bytes = input::file(path, MAX_FILE_BYTES).map_err(|source| KeyError::Io {
        path: owned(),
        source,
    })?;
    let too_large = || KeyError::Jwk {
        path: owned(),
        reason: JwkError::TooLarge,
        hint: "",
    };
    let bytes = bytes.ok_or_else(too_large)?;
    let refuse = |reason| KeyError::Jwk {
        path: owned(),
        reason,
        hint: hint(&bytes),
    };
    let jwk = Jwk::parse(&bytes).map_err(refuse)?;
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&bytes).map_err(|_| refuse(JwkError::Malformed))?;
    if let Some(member) = MEMBERS
        .into_iter()
        .find(|member| members.get(*member).is_some_and(|value| value.is_null()))
    {
        return Err(KeyError::Null {
            path: owned(),
            member,
        });
    }
    let key = jwk.verifying_key().map_err(refuse)?;
    match &key {
        VerifyingKey::Mac(_) => {
            match ["crv", "x", "y", "d", "n", "e"]
                .into_iter()
                .find(|member| members.contains_key(*member))
            {
                Some(member) => Err(KeyError::Mixed {
                    path: owned(),
                    member,
                }),
                None => Ok(key),
            }
        }
        VerifyingKey::P256(point) if on_curve(point)? => Ok(key),
        VerifyingKey::P256(_) => Err(KeyError::Curve { path: owned() }),
    }
}

/// Whether this is a point of P-256: a key agreement with it succeeds.
fn on_curve(point: &[u8; 65]) -> Result<bool, KeyError> {
    let own =
        EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(|_| KeyError::Random)?;
    Ok(agree_ephemeral(own, &UnparsedPublicKey::new(&ECDH_P256, point), |_| ()).is_ok())
}

/// What is often meant to be a JWK and is not.
fn hint(bytes: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(bytes);
    if text.contains("\"keys\"") {
        "; this looks like a JWK set, put one of its keys into a file"
    } else if text.contains("-----BEGIN") {
        "; this looks like PEM, a JWK is JSON"
    } else {
        ""
    }
}
