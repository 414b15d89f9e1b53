//! Metadata of a role with its signatures. What is signed is the canonical form of everything in it, members unknown here among them.

use std::collections::BTreeMap;

use ring::rand::SecureRandom;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use attest_core::encoding::hex;

use super::{Header, PublicKey, RepositoryError, RoleKey, canonical};

/// The signed part of metadata.
pub trait Signed: Serialize + DeserializeOwned {
    /// What `_type` says.
    const KIND: &'static str;

    /// Version and expiry.
    fn header(&self) -> &Header;
}

/// The signature of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Who signed.
    pub keyid: String,
    /// The signature, in hex.
    pub sig: String,
}

/// Metadata and its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata<T> {
    /// What is signed.
    pub signed: T,
    /// By whom.
    pub signatures: Vec<Signature>,
}

impl<T: Signed> Metadata<T> {
    /// Not signed yet.
    pub const fn new(signed: T) -> Self {
        Self {
            signed,
            signatures: Vec::new(),
        }
    }

    /// Metadata as it stands in a file.
    ///
    /// # Errors
    /// [`RepositoryError::Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RepositoryError> {
        let malformed = |reason: String| RepositoryError::Malformed {
            what: format!("{} metadata", T::KIND),
            reason,
        };
        let envelope: Envelope =
            serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        let mut signed = envelope.signed;
        match signed.remove("_type") {
            Some(Value::String(kind)) if kind == T::KIND => {}
            other => {
                let other = other.unwrap_or_default();
                return Err(malformed(format!(
                    "signed._type is {other}, expected \"{}\"",
                    T::KIND
                )));
            }
        }
        let signed = serde_json::from_value(Value::Object(signed))
            .map_err(|error| malformed(format!("signed: {error}")))?;
        Ok(Self {
            signed,
            signatures: envelope.signatures,
        })
    }

    /// The bytes of its file.
    ///
    /// # Errors
    /// [`RepositoryError::Malformed`] only if the content cannot be JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RepositoryError> {
        let envelope = Envelope {
            signatures: self.signatures.clone(),
            signed: self.tree()?,
        };
        serde_json::to_vec(&envelope).map_err(|error| self.unwritable(&error))
    }

    /// What its keys sign.
    ///
    /// # Errors
    /// [`RepositoryError::Fraction`], or as [`to_bytes`](Self::to_bytes).
    pub fn message(&self) -> Result<Vec<u8>, RepositoryError> {
        canonical(&Value::Object(self.tree()?)).ok_or_else(|| RepositoryError::Fraction {
            what: T::KIND.to_owned(),
        })
    }

    /// Signs with a key; an earlier signature of that key is replaced.
    ///
    /// # Errors
    /// [`RepositoryError::Random`], or as [`message`](Self::message).
    pub fn sign(&mut self, key: &RoleKey, rng: &dyn SecureRandom) -> Result<(), RepositoryError> {
        let sig = hex(key.sign(&self.message()?, rng)?);
        self.attach(Signature { keyid: key.id(), sig });
        Ok(())
    }

    /// Adds the signature of a key, made elsewhere; an earlier one of that key is replaced.
    pub fn attach(&mut self, signature: Signature) {
        self.signatures.retain(|earlier| earlier.keyid != signature.keyid);
        self.signatures.push(signature);
    }

    /// The keys among these that have signed what it says now.
    #[must_use]
    pub fn signed_by(&self, keys: &BTreeMap<String, PublicKey>) -> Vec<String> {
        let Ok(message) = self.message() else {
            return Vec::new();
        };
        let good = |signature: &&Signature| {
            let key = keys.get(&signature.keyid).zip(from_hex(&signature.sig));
            key.is_some_and(|(key, bytes)| key.verifies(&message, &bytes))
        };
        let mut ids: Vec<String> = self
            .signatures
            .iter()
            .filter(good)
            .map(|one| one.keyid.clone())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn tree(&self) -> Result<Map<String, Value>, RepositoryError> {
        let mut tree = match serde_json::to_value(&self.signed).map_err(|error| self.unwritable(&error))? {
            Value::Object(members) => members,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Map::new()
            }
        };
        tree.insert("_type".to_owned(), T::KIND.into());
        Ok(tree)
    }

    fn unwritable(&self, error: &serde_json::Error) -> RepositoryError {
        RepositoryError::Malformed {
            what: format!("{} metadata {}", T::KIND, self.signed.header().version),
            reason: error.to_string(),
        }
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    signatures: Vec<Signature>,
    signed: Map<String, Value>,
}
