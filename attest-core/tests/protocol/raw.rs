//! A compact JWS in parts, so that a test can put anything into it and still have it signed.

use attest_core::encoding::{base64url, from_base64url};
use attest_core::jose::{MacKey, SigningKey};
use serde_json::Value;

use super::world::RNG;

/// What makes the third part.
#[derive(Clone, Copy)]
pub(crate) enum Signer<'a> {
    Mac(&'a MacKey),
    Es256(&'a SigningKey),
}

impl Signer<'_> {
    pub(crate) const fn alg(&self) -> &'static str {
        match self {
            Self::Mac(_) => "HS256",
            Self::Es256(_) => "ES256",
        }
    }

    pub(crate) fn signature(&self, input: &str) -> Vec<u8> {
        match self {
            Self::Mac(key) => key.tag(input.as_bytes()).to_vec(),
            Self::Es256(key) => key.sign(input.as_bytes(), &*RNG).unwrap().to_vec(),
        }
    }
}

/// Header and payload as JSON texts. Nothing here says that they are well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawJws {
    pub(crate) header: String,
    pub(crate) payload: String,
}

impl RawJws {
    pub(crate) fn read(token: &str) -> Self {
        let text = |part: &str| String::from_utf8(from_base64url(part).unwrap()).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        Self {
            header: text(parts[0]),
            payload: text(parts[1]),
        }
    }

    pub(crate) fn signing_input(&self) -> String {
        format!("{}.{}", base64url(&self.header), base64url(&self.payload))
    }

    pub(crate) fn signed(&self, signer: Signer<'_>) -> String {
        sealed(&self.signing_input(), signer)
    }
}

/// `input` with the signature over exactly this text.
pub(crate) fn sealed(input: &str, signer: Signer<'_>) -> String {
    format!("{input}.{}", base64url(signer.signature(input)))
}

/// Sets a member of an object; `null` removes it.
pub(crate) fn set(json: &mut String, member: &str, value: impl Into<Value>) {
    let mut object: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap();
    let value = value.into();
    if value.is_null() {
        drop(object.remove(member));
    } else {
        drop(object.insert(member.to_owned(), value));
    }
    *json = Value::from(object).to_string();
}

/// Puts raw members in front of the first, whatever they are.
pub(crate) fn prepend(json: &mut String, members: &str) {
    json.insert_str(1, &format!("{members},"));
}
