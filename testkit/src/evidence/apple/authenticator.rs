//! Authenticator data: what WebAuthn calls so, and what iOS 27 hangs behind it.

use attest_core::encoding::sha256;
use ciborium::Value;

use crate::evidence::certificate::TestKey;
use crate::evidence::{BuildError, cbor};

/// AAGUID of apps under development.
pub const DEVELOPMENT: [u8; 16] = *b"appattestdevelop";
/// AAGUID of apps from the store.
pub const PRODUCTION: [u8; 16] = *b"appattest\0\0\0\0\0\0\0";

/// What phones write, in assertions too: a credential follows.
const FLAGS: u8 = 0x40;

/// Authenticator data.
#[derive(Debug, Clone, PartialEq)]
pub struct Authenticator {
    /// SHA-256 of `TEAM.bundle`.
    pub rp_id_hash: [u8; 32],
    /// Flags. Phones say neither that no credential follows nor that extensions do.
    pub flags: u8,
    /// The counter: 0 in attestations.
    pub counter: u32,
    /// The credential, in attestations.
    pub credential: Option<Credential>,
    /// The map of extensions that newer systems write.
    pub extensions: Option<Vec<(String, Value)>>,
    /// Any bytes behind all that.
    pub trailing: Vec<u8>,
}

/// The key that an attestation is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    /// The environment.
    pub aaguid: [u8; 16],
    /// The key's id.
    pub id: Vec<u8>,
    /// Length written before the id; the true one if `None`.
    pub id_length: Option<u16>,
    /// COSE key as a map of integers.
    pub cose_key: Vec<(i64, Value)>,
}

impl Authenticator {
    /// What an attestation holds about this key of the app `TEAM.bundle`.
    #[must_use]
    pub fn attestation(app_id: &str, key: &TestKey, aaguid: [u8; 16]) -> Self {
        let (x, y) = key
            .public_key()
            .get(1..)
            .unwrap_or_default()
            .split_at_checked(32)
            .unwrap_or_default();
        let cose_key = vec![
            (1, Value::from(2)),
            (3, Value::from(-7)),
            (-1, Value::from(1)),
            (-2, Value::from(x)),
            (-3, Value::from(y)),
        ];
        Self {
            credential: Some(Credential {
                aaguid,
                id: key.id().to_vec(),
                id_length: None,
                cose_key,
            }),
            ..Self::assertion(app_id, 0)
        }
    }

    /// What an assertion of the app `TEAM.bundle` holds.
    #[must_use]
    pub fn assertion(app_id: &str, counter: u32) -> Self {
        Self {
            rp_id_hash: sha256(&[app_id.as_bytes()]),
            flags: FLAGS,
            counter,
            credential: None,
            extensions: None,
            trailing: Vec::new(),
        }
    }

    /// Adds what iOS 27 says about the running code: how it was signed, and its bundle version.
    pub fn ios_27(&mut self, validation_category: u32, bundle_version: &str) {
        let category = validation_category.to_le_bytes();
        self.extensions.get_or_insert_default().extend([
            (
                "apple_validation_category_01".to_owned(),
                Value::from(category.as_slice()),
            ),
            ("apple_bundle_version_01".to_owned(), Value::from(bundle_version)),
        ]);
    }

    /// The bytes.
    ///
    /// # Errors
    /// [`BuildError::Encoding`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BuildError> {
        let mut out = self.rp_id_hash.to_vec();
        out.push(self.flags);
        out.extend(self.counter.to_be_bytes());
        if let Some(credential) = &self.credential {
            out.extend(credential.aaguid);
            let length = u16::try_from(credential.id.len()).map_err(|_| BuildError::Encoding)?;
            out.extend(credential.id_length.unwrap_or(length).to_be_bytes());
            out.extend(&credential.id);
            let pair = |(label, value): &(i64, Value)| (Value::from(*label), value.clone());
            out.extend(cbor(&Value::Map(credential.cose_key.iter().map(pair).collect()))?);
        }
        if let Some(extensions) = &self.extensions {
            let pair = |(name, value): &(String, Value)| (Value::from(name.as_str()), value.clone());
            out.extend(cbor(&Value::Map(extensions.iter().map(pair).collect()))?);
        }
        out.extend(&self.trailing);
        Ok(out)
    }
}
