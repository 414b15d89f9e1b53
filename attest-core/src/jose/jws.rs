//! Compact JWS (RFC 7515), strict. Order of work: size, shape, header, then one signature with the key's one algorithm.
//!
//! Minting goes through [`Unsigned`]: `signing_input` for keys that live elsewhere, `attach` for what they return.

use serde::{Deserialize, Serialize};

use super::json::{JsonError, MAX_DEPTH, MAX_MEMBERS, read_object};
use super::key::{Algorithm, MacKey, VerifyingKey};
use crate::encoding::{base64url, from_base64url};
use crate::json::{self, Fault, Json, Members, Most};

/// Hard bound of a token of this system (DESIGN section 3).
pub const MAX_TOKEN_BYTES: usize = 4 * 1024;

/// Why a compact JWS was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than the caller's bound; nothing was decoded.
    #[error("longer than the bound")]
    TooLarge,
    /// Not three parts with two dots, or an empty header or signature.
    #[error("not three dot-separated parts")]
    Shape,
    /// A part is not canonical base64url.
    #[error("a part is not canonical base64url without padding")]
    Base64,
    /// The header or payload is not the JSON that was expected.
    #[error("the header or payload is not the expected JSON object")]
    Json,
    /// The header or payload repeats a member, or nests beyond the bound.
    #[error("a duplicate member, or nesting beyond the bound")]
    Ambiguous,
    /// `alg` is not the key's one algorithm (`none` never is).
    #[error("`alg` is not the algorithm of the key")]
    Alg,
    /// `typ` is not the one that was asked for.
    #[error("`typ` is not the expected media type")]
    Typ,
    /// `crit`, `b64` or `zip` is present; no extension is understood.
    #[error("`crit`, `b64` or `zip` is present")]
    Crit,
    /// The header carries or points to a key (`jwk`, `jku`, `x5c`, `x5u`).
    #[error("the header carries or points to a key")]
    EmbeddedKey,
    /// `kid` names no known key.
    #[error("`kid` names no known key")]
    UnknownKey,
    /// The signature is not the key's over this input.
    #[error("the signature does not verify")]
    Signature,
}

impl JwsError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "token-too-large",
            Self::Shape => "token-shape",
            Self::Base64 => "token-base64",
            Self::Json => "token-json",
            Self::Ambiguous => "token-ambiguous",
            Self::Alg => "token-alg",
            Self::Typ => "token-typ",
            Self::Crit => "token-crit",
            Self::EmbeddedKey => "token-embedded-key",
            Self::UnknownKey => "token-key-unknown",
            Self::Signature => "token-signature",
        }
    }
}

impl From<JsonError> for JwsError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Malformed => Self::Json,
            JsonError::Ambiguous => Self::Ambiguous,
        }
    }
}

/// The protected header, read strictly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The algorithm named; it must equal the key's.
    pub alg: Algorithm,
    /// Media type, lower-case comparison is the caller's.
    pub typ: Option<String>,
    /// Key id: a ticket, a thumbprint.
    pub kid: Option<String>,
}

impl Header {
    fn parse(json: &[u8]) -> Result<Self, JwsError> {
        let mut members = Members::of(read_tree(json)?).ok_or(JwsError::Json)?;
        // Read first, so that a header without or with a strange one is no JSON of ours, whatever else it has.
        let alg: String = members.take("alg").ok_or(JwsError::Json)?;
        let typ = members.take("typ").ok_or(JwsError::Json)?;
        let kid = members.take("kid").ok_or(JwsError::Json)?;
        if members.has_any(&["crit", "b64", "zip"]) {
            return Err(JwsError::Crit);
        }
        if members.has_any(&["jwk", "jku", "x5c", "x5u"]) {
            return Err(JwsError::EmbeddedKey);
        }
        let alg = match alg.as_str() {
            "HS256" => Algorithm::Hs256,
            "ES256" => Algorithm::Es256,
            _ => return Err(JwsError::Alg),
        };
        Ok(Self { alg, typ, kid })
    }

    /// Refuses any `typ` but `expected`, compared as RFC 7515 section 4.1.9 says: without case, `application/` optional.
    ///
    /// # Errors
    /// [`JwsError::Typ`].
    pub fn expect_typ(&self, expected: &str) -> Result<(), JwsError> {
        let typ = self.typ.as_deref().ok_or(JwsError::Typ)?;
        let bare = |text: &str| match text.split_once('/') {
            Some((kind, rest)) if kind.eq_ignore_ascii_case("application") && !rest.contains('/') => {
                rest.to_ascii_lowercase()
            }
            _ => text.to_ascii_lowercase(),
        };
        if typ == expected || bare(typ) == bare(expected) {
            Ok(())
        } else {
            Err(JwsError::Typ)
        }
    }
}

/// A compact JWS that has been split and whose header was read. Nothing in it is trusted yet.
#[derive(Debug, Clone)]
pub struct Compact<'a> {
    header: Header,
    signing_input: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    /// Splits and reads the header of at most `max_bytes`.
    ///
    /// # Errors
    /// Every [`JwsError`] but `Typ`, `UnknownKey` and `Signature`.
    pub fn parse(token: &'a str, max_bytes: usize) -> Result<Self, JwsError> {
        if token.len() > max_bytes {
            return Err(JwsError::TooLarge);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(JwsError::Shape)?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Shape)?;
        if header.is_empty() || signature.is_empty() || payload.contains('.') {
            return Err(JwsError::Shape);
        }
        let header = Header::parse(&from_base64url(header).map_err(|_| JwsError::Base64)?)?;
        Ok(Self {
            header,
            signing_input,
            payload,
            signature,
        })
    }

    /// The header; attacker-controlled until [`Self::verify`].
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Header and payload as they were signed.
    #[must_use]
    pub const fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// The payload before any signature was verified: for finding the key that it names, and for inspection.
    ///
    /// # Errors
    /// [`JwsError::Base64`].
    ///
    /// # Security
    /// Nothing here is authentic. Use it to choose a key, then call [`Self::verify`].
    pub fn unverified_payload(&self) -> Result<Vec<u8>, JwsError> {
        from_base64url(self.payload).map_err(|_| JwsError::Base64)
    }

    /// The payload bytes, once the signature verifies with `key`.
    ///
    /// # Errors
    /// [`JwsError::Alg`] unless the header names the key's algorithm, [`JwsError::Signature`], [`JwsError::Base64`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<Vec<u8>, JwsError> {
        if self.header.alg != key.algorithm() {
            return Err(JwsError::Alg);
        }
        let signature = from_base64url(self.signature).map_err(|_| JwsError::Base64)?;
        let payload = from_base64url(self.payload).map_err(|_| JwsError::Base64)?;
        if !key.verifies(self.signing_input.as_bytes(), &signature) {
            return Err(JwsError::Signature);
        }
        Ok(payload)
    }
}

/// Reads a payload as `T`, refusing duplicate members at any depth.
///
/// # Errors
/// [`JwsError::Json`] and [`JwsError::Ambiguous`].
pub fn read_claims<T: for<'de> Deserialize<'de>>(payload: &[u8]) -> Result<T, JwsError> {
    Ok(read_object(payload)?)
}

/// Reads a header or payload as a tree, refusing duplicate members at any depth.
///
/// # Errors
/// [`JwsError::Json`] and [`JwsError::Ambiguous`].
pub(crate) fn read_tree(text: &[u8]) -> Result<Json, JwsError> {
    let most = Most {
        depth: MAX_DEPTH.into(),
        members: MAX_MEMBERS,
    };
    json::read_within(text, most).map_err(|fault| match fault {
        Fault::Malformed => JwsError::Json,
        Fault::Ambiguous => JwsError::Ambiguous,
    })
}

#[derive(Serialize)]
struct HeaderOut<'a> {
    alg: &'static str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// A JWS that lacks only its signature.
#[derive(Clone)]
pub struct Unsigned {
    text: String,
}

impl std::fmt::Debug for Unsigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unsigned([redacted])")
    }
}

impl Unsigned {
    /// Encodes header and claims.
    ///
    /// # Errors
    /// [`JwsError::Json`] if the claims cannot be written as JSON.
    pub fn new<T: Serialize>(
        alg: Algorithm,
        typ: &str,
        kid: Option<&str>,
        claims: &T,
    ) -> Result<Self, JwsError> {
        let header = json::written(&HeaderOut {
            alg: alg.as_str(),
            typ,
            kid,
        })
        .ok_or(JwsError::Json)?;
        let payload = json::written(claims).ok_or(JwsError::Json)?;
        let mut text = base64url(header);
        text.push('.');
        text.push_str(&base64url(payload));
        Ok(Self { text })
    }

    /// What the key signs: ASCII(header) ‖ "." ‖ ASCII(payload).
    #[must_use]
    pub fn signing_input(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The compact JWS with the signature that the key made over [`Self::signing_input`].
    #[must_use]
    pub fn attach(self, signature: &[u8]) -> String {
        let mut token = self.text;
        token.push('.');
        token.push_str(&base64url(signature));
        token
    }

    /// The compact JWS, MACed with a key held in memory.
    #[must_use]
    pub fn mac(self, key: &MacKey) -> String {
        let tag = key.tag(self.signing_input());
        self.attach(&tag)
    }
}
