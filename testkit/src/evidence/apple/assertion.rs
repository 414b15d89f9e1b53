//! Assertions: how an app proves by its attested key that it asks for something, again and again.

use attest_core::encoding::sha256;
use ciborium::Value;

use super::authenticator::Authenticator;
use crate::evidence::certificate::TestKey;
use crate::evidence::{BuildError, cbor};

/// An assertion to be built, valid until something in it is changed.
#[derive(Debug, Clone)]
pub struct AssertionBuilder {
    /// The key that signs.
    pub key: TestKey,
    /// The hash that is asserted.
    pub client_data_hash: [u8; 32],
    /// Authenticator data.
    pub auth_data: Authenticator,
    /// The nonce that is signed; the true one if `None`.
    pub nonce: Option<[u8; 32]>,
    /// The signature; a true one if `None`.
    pub signature: Option<Vec<u8>>,
    /// Further members of the object.
    pub more: Vec<(Value, Value)>,
}

impl AssertionBuilder {
    /// An assertion by this key, of the app `TEAM.bundle`, with this counter.
    #[must_use]
    pub fn new(app_id: &str, key: &TestKey, counter: u32, client_data_hash: [u8; 32]) -> Self {
        Self {
            key: key.clone(),
            client_data_hash,
            auth_data: Authenticator::assertion(app_id, counter),
            nonce: None,
            signature: None,
            more: Vec::new(),
        }
    }

    /// Changes anything.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The object, CBOR.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        let auth_data = self.auth_data.to_bytes()?;
        let nonce = self
            .nonce
            .unwrap_or_else(|| sha256(&[&auth_data, &self.client_data_hash]));
        let signature = match &self.signature {
            Some(signature) => signature.clone(),
            // The nonce is the message: it is hashed once more.
            None => self.key.sign(&nonce)?,
        };
        let mut members = vec![
            (Value::from("signature"), Value::Bytes(signature)),
            (Value::from("authenticatorData"), Value::Bytes(auth_data)),
        ];
        members.extend(self.more.iter().cloned());
        cbor(&Value::Map(members))
    }
}
