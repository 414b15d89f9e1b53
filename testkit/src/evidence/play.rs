//! Play Integrity tokens: a JWE of a JWS, valid as built, in the form that the app's own keys of the Play Console open.

use std::sync::Arc;

use aes_kw::{KeyInit, KwAes256};
use attest_core::encoding::base64url;
use attest_core::jose::SigningKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use super::{BuildError, der};
use crate::profile::{PACKAGE, SIGNER};

/// The keys of an app: the service that makes tokens has them, and so has whoever opens them.
#[derive(Debug, Clone)]
pub struct PlayKeys {
    /// Unwraps the key of each token.
    pub decryption: [u8; 32],
    /// Signs tokens; its public half verifies them.
    pub signing: Arc<SigningKey>,
}

impl PlayKeys {
    /// New keys.
    ///
    /// # Errors
    /// [`BuildError::Cryptography`].
    pub fn generate() -> Result<Self, BuildError> {
        Ok(Self {
            decryption: random()?,
            signing: Arc::new(SigningKey::generate(&SystemRandom::new())?),
        })
    }

    /// The decryption key as the console shows it: base64.
    #[must_use]
    pub fn decryption_base64(&self) -> String {
        STANDARD.encode(self.decryption)
    }

    /// The verification key as the console shows it: base64 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn verification_base64(&self) -> String {
        let algorithm = der::sequence(&[
            der::oid(&[1, 2, 840, 10045, 2, 1]),
            der::oid(&[1, 2, 840, 10045, 3, 1, 7]),
        ]);
        let bits = [&[0][..], &self.signing.public_point()].concat();
        STANDARD.encode(der::sequence(&[algorithm, der::element(0x03, &bits)]))
    }
}

/// What a token is bound to by the app that asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// A standard request.
    RequestHash(String),
    /// A classic request.
    Nonce(String),
}

/// A token to be built, valid until something in it is changed.
#[derive(Debug, Clone)]
pub struct TokenBuilder {
    /// The keys.
    pub keys: PlayKeys,
    /// Header of the JWE. Whatever it says, the token is made by `A256KW` and `A256GCM`.
    pub header: Value,
    /// Header of the JWS. Whatever it says, the token is signed by ES256.
    pub inner_header: Value,
    /// The verdicts.
    pub payload: Value,
    /// The signature; a true one if `None`.
    pub signature: Option<Vec<u8>>,
    /// What is encrypted instead of the JWS.
    pub plaintext: Option<String>,
}

impl TokenBuilder {
    /// A token of the genuine bank on a genuine phone, made at this time.
    #[must_use]
    pub fn new(keys: &PlayKeys, binding: &Binding, now_ms: u64) -> Self {
        let mut details = json!({
            "requestPackageName": PACKAGE,
            "timestampMillis": now_ms.to_string(),
        });
        let (member, text) = match binding {
            Binding::RequestHash(hash) => ("requestHash", hash),
            Binding::Nonce(nonce) => ("nonce", nonce),
        };
        if let Some(details) = details.as_object_mut() {
            details.insert(member.to_owned(), text.as_str().into());
        }
        let payload = json!({
            "requestDetails": details,
            "appIntegrity": {
                "appRecognitionVerdict": "PLAY_RECOGNIZED",
                "packageName": PACKAGE,
                "certificateSha256Digest": [base64url(SIGNER)],
                "versionCode": "42",
            },
            "deviceIntegrity": {
                "deviceRecognitionVerdict": ["MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY", "MEETS_STRONG_INTEGRITY"],
                "recentDeviceActivity": {"deviceActivityLevel": "LEVEL_1"},
                "deviceRecall": {"values": {"bitFirst": false, "bitSecond": false, "bitThird": false}},
            },
            "accountDetails": {"appLicensingVerdict": "LICENSED"},
            "environmentDetails": {
                "appAccessRiskVerdict": {"appsDetected": ["KNOWN_INSTALLED"]},
                "playProtectVerdict": "NO_ISSUES",
            },
        });
        Self {
            keys: keys.clone(),
            header: json!({"alg": "A256KW", "enc": "A256GCM"}),
            inner_header: json!({"alg": "ES256"}),
            payload,
            signature: None,
            plaintext: None,
        }
    }

    /// Changes anything.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Sets the member at this JSON pointer of the payload, or removes it by `None`; nothing if its parent is not there.
    #[must_use]
    pub fn member(mut self, pointer: &str, value: Option<Value>) -> Self {
        if let Some((parent, name)) = pointer.rsplit_once('/')
            && let Some(Value::Object(parent)) = self.payload.pointer_mut(parent)
        {
            match value {
                Some(value) => parent.insert(name.to_owned(), value),
                None => parent.remove(name),
            };
        }
        self
    }

    /// The JWS inside.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn jws(&self) -> Result<String, BuildError> {
        let text = |value: &Value| base64url(value.to_string());
        let input = format!("{}.{}", text(&self.inner_header), text(&self.payload));
        let signature = match &self.signature {
            Some(signature) => signature.clone(),
            None => self
                .keys
                .signing
                .sign(input.as_bytes(), &SystemRandom::new())?
                .to_vec(),
        };
        Ok(format!("{input}.{}", base64url(signature)))
    }

    /// The token, compact.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(&self) -> Result<String, BuildError> {
        let plaintext = match &self.plaintext {
            Some(plaintext) => plaintext.clone(),
            None => self.jws()?,
        };
        let key: [u8; 32] = random()?;
        let iv: [u8; NONCE_LEN] = random()?;
        let mut wrapped = [0; 40];
        KwAes256::new(&self.keys.decryption.into())
            .wrap_key(&key, &mut wrapped)
            .map_err(|_| BuildError::Cryptography)?;
        let header = base64url(self.header.to_string());
        let mut ciphertext = plaintext.into_bytes();
        let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key)?).seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(iv),
            Aad::from(header.as_bytes()),
            &mut ciphertext,
        )?;
        let parts = [
            header,
            base64url(wrapped),
            base64url(iv),
            base64url(ciphertext),
            base64url(tag),
        ];
        Ok(parts.join("."))
    }
}

fn random<const N: usize>() -> Result<[u8; N], BuildError> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use attest_core::encoding::from_base64url;
    use attest_core::jose::VerifyingKey;

    /// Opens a token by other code than that which made it: unwrap, `open_in_place`, verify.
    fn opened(token: &str, keys: &PlayKeys) -> Option<(Value, bool)> {
        let parts: Vec<_> = token.split('.').collect();
        let [header, wrapped, iv, ciphertext, tag] = parts.as_slice() else {
            return None;
        };
        let mut key = [0; 32];
        KwAes256::new(&keys.decryption.into())
            .unwrap_key(&from_base64url(wrapped).unwrap(), &mut key)
            .ok()?;
        let mut sealed = from_base64url(ciphertext).unwrap();
        sealed.extend(from_base64url(tag).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&from_base64url(iv).unwrap()).unwrap();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
        let plain = key
            .open_in_place(nonce, Aad::from(header.as_bytes()), &mut sealed)
            .ok()?;
        let jws = String::from_utf8(plain.to_vec()).unwrap();
        let (input, signature) = jws.rsplit_once('.').unwrap();
        let payload = from_base64url(input.split_once('.').unwrap().1).unwrap();
        let verifies = VerifyingKey::P256(keys.signing.public_point())
            .verifies(input.as_bytes(), &from_base64url(signature).unwrap());
        Some((serde_json::from_slice(&payload).unwrap(), verifies))
    }

    fn builder() -> TokenBuilder {
        let binding = Binding::RequestHash("aGVsbG8".to_owned());
        TokenBuilder::new(&PlayKeys::generate().unwrap(), &binding, 1_790_000_000_000)
    }

    #[test]
    fn a_token_opens_with_its_keys_alone() {
        let builder = builder();
        let token = builder.build().unwrap();
        let (payload, verifies) = opened(&token, &builder.keys).unwrap();
        assert!(verifies);
        assert_eq!(payload, builder.payload);
        assert_eq!(opened(&token, &PlayKeys::generate().unwrap()), None);
        let (head, rest) = token.split_once('.').unwrap();
        let other = base64url(json!({"alg": "A256KW", "enc": "A256GCM", "zip": "DEF"}).to_string());
        assert_ne!(head, other);
        assert_eq!(opened(&format!("{other}.{rest}"), &builder.keys), None);
    }

    #[test]
    fn what_is_spoiled_is_spoiled() {
        let builder = builder();
        let keys = builder.keys.clone();
        let check = |builder: TokenBuilder, pointer: &str, expect: Option<Value>| {
            let (payload, verifies) = opened(&builder.build().unwrap(), &keys).unwrap();
            assert_eq!(payload.pointer(pointer).cloned(), expect);
            verifies
        };
        let at = "/requestDetails/timestampMillis";
        assert!(check(builder.clone(), at, Some(json!("1790000000000"))));
        assert!(check(
            builder.clone().member(at, Some(json!(5))),
            at,
            Some(json!(5))
        ));
        assert!(check(builder.clone().member(at, None), at, None));
        assert!(!check(
            builder.with(|token| token.signature = Some(vec![1; 64])),
            "/absent",
            None
        ));
    }

    #[test]
    fn keys_are_written_as_the_console_shows_them() {
        let keys = PlayKeys::generate().unwrap();
        assert!(
            keys.verification_base64()
                .starts_with("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE")
        );
        assert_eq!(
            STANDARD.decode(keys.decryption_base64()).unwrap(),
            keys.decryption
        );
    }
}
