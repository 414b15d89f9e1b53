//! Keys of roles. A private key never leaves this type but as PKCS #8 for its file; its debug form shows the key id alone.

use std::{collections::BTreeMap, fmt};

use attest_core::{
    encoding::{from_hex_array, hex, sha256},
    fleet::random_array,
    tuf::public_key_der,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::{
    rand::SecureRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, UnparsedPublicKey,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{RepositoryError, canonical};

/// `SEQUENCE { SEQUENCE { ecPublicKey, prime256v1 }, BIT STRING … }` up to the point.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// `PrivateKeyInfo` of version 1 up to the seed (RFC 8410).
const ED25519_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// The kinds of keys that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA over P-256 with SHA-256, as hardware has it.
    P256,
}

/// A private key of a role.
pub struct RoleKey {
    pair: Pair,
    pkcs8: Vec<u8>,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl fmt::Debug for RoleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleKey")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl RoleKey {
    /// A new key.
    ///
    /// # Errors
    /// [`RepositoryError::Random`].
    pub fn generate(kind: KeyKind, rng: &dyn SecureRandom) -> Result<Self, RepositoryError> {
        match kind {
            // Version 1, which every tool reads: ring's own has version 2.
            KeyKind::Ed25519 => {
                let seed: [u8; 32] = random_array(rng).map_err(|_| RepositoryError::Random)?;
                Self::from_pkcs8(&[ED25519_PREFIX.as_slice(), &seed].concat(), rng)
            }
            KeyKind::P256 => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, rng);
                Self::from_pkcs8(document.map_err(|_| RepositoryError::Random)?.as_ref(), rng)
            }
        }
    }

    /// The key in a PKCS #8 document, of either kind.
    ///
    /// # Errors
    /// [`RepositoryError::Key`] if it is another kind of key, or none.
    pub fn from_pkcs8(document: &[u8], rng: &dyn SecureRandom) -> Result<Self, RepositoryError> {
        // Version 1 documents, as other tools write them, lack the public key.
        let ed25519 = Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map(Pair::Ed25519);
        let pair = ed25519
            .or_else(|_| {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document, rng).map(Pair::P256)
            })
            .map_err(|_| RepositoryError::Key)?;
        Ok(Self {
            pair,
            pkcs8: document.to_owned(),
        })
    }

    /// The private key as PKCS #8.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match self.pair {
            Pair::Ed25519(_) => KeyKind::Ed25519,
            Pair::P256(_) => KeyKind::P256,
        }
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        match &self.pair {
            Pair::Ed25519(pair) => PublicKey::new("ed25519", "ed25519", hex(pair.public_key())),
            Pair::P256(pair) => {
                let spki = [P256_PREFIX.as_slice(), pair.public_key().as_ref()].concat();
                PublicKey::new("ecdsa", "ecdsa-sha2-nistp256", pem(&spki))
            }
        }
    }

    /// Its key id.
    #[must_use]
    pub fn id(&self) -> String {
        self.public().id()
    }

    /// The signature over `message`: raw for Ed25519, DER for P-256.
    ///
    /// # Errors
    /// [`RepositoryError::Random`].
    pub fn sign(&self, message: &[u8], rng: &dyn SecureRandom) -> Result<Vec<u8>, RepositoryError> {
        match &self.pair {
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_owned()),
            Pair::P256(pair) => pair
                .sign(rng, message)
                .map(|signature| signature.as_ref().to_owned())
                .map_err(|_| RepositoryError::Random),
        }
    }
}

/// A public key as metadata has it. Kinds that are unknown here are carried along unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The kind: `ed25519`, `ecdsa`, `rsa` and others.
    pub keytype: String,
    /// How it signs.
    pub scheme: String,
    /// The key itself.
    pub keyval: KeyValue,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// The `keyval` of a public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyValue {
    /// Hex for Ed25519, a PEM `PUBLIC KEY` for others.
    pub public: String,
    /// Members that are unknown here.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

impl PublicKey {
    fn new(keytype: &str, scheme: &str, public: String) -> Self {
        Self {
            keytype: keytype.to_owned(),
            scheme: scheme.to_owned(),
            keyval: KeyValue {
                public,
                other: BTreeMap::new(),
            },
            other: BTreeMap::new(),
        }
    }

    /// Its id, as securesystemslib computes it: the SHA-256 of the canonical form of kind, scheme and value.
    #[must_use]
    pub fn id(&self) -> String {
        let named = json!({"keytype": self.keytype, "scheme": self.scheme, "keyval": self.keyval});
        // Only a member unknown to everybody could hold a fraction; such a key matches no id.
        hex(sha256(&[&canonical(&named).unwrap_or_default()]))
    }

    /// True if the signature is this key's. Never for kinds that are not made here.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = &self.keyval.public;
        let verified = match (self.keytype.as_str(), self.scheme.as_str()) {
            ("ed25519", "ed25519") => from_hex_array::<32>(public)
                .ok()
                .map(|key| UnparsedPublicKey::new(&ED25519, key).verify(message, signature)),
            ("ecdsa", "ecdsa-sha2-nistp256") => public_key_der(public)
                .as_deref()
                .and_then(|spki| spki.strip_prefix(&P256_PREFIX))
                .map(|point| {
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature)
                }),
            _ => None,
        };
        verified.is_some_and(|verified| verified.is_ok())
    }

    /// True if signatures of this key can be made and verified here.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match (self.keytype.as_str(), self.scheme.as_str()) {
            ("ed25519", "ed25519") => from_hex_array::<32>(&self.keyval.public).is_ok(),
            ("ecdsa", "ecdsa-sha2-nistp256") => public_key_der(&self.keyval.public)
                .is_some_and(|spki| spki.starts_with(&P256_PREFIX) && spki.len() == P256_PREFIX.len() + 65),
            _ => false,
        }
    }
}

/// A `PUBLIC KEY` in PEM, with the line ends and the last one as securesystemslib has them: the key id covers this text.
fn pem(spki: &[u8]) -> String {
    let mut out = String::from("-----BEGIN PUBLIC KEY-----\n");
    for (at, letter) in STANDARD.encode(spki).chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            out.push('\n');
        }
        out.push(letter);
    }
    out.push_str("\n-----END PUBLIC KEY-----\n");
    out
}
