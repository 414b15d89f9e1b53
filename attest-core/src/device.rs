//! Who a token speaks for: the device id, the platform, how well the key is kept and what vouched for it.

use std::fmt;

use ring::rand::SecureRandom;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::encoding::{EncodingError, base64url, from_base64url_array};
use crate::fleet::{FleetSecret, KeyUse, RandomError, random_array};
use crate::jose::MacKey;
use crate::json::{FromJson, Json};

/// A random 128-bit registration id. It says nothing about the phone; `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    /// A new id.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        random_array(rng).map(Self)
    }

    /// The id of 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads the 22 base64url characters of [`Self::to_text`].
    ///
    /// # Errors
    /// [`EncodingError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, EncodingError> {
        from_base64url_array(text).map(Self)
    }

    /// 22 base64url characters. Not for logs.
    #[must_use]
    pub fn to_text(&self) -> String {
        base64url(self.0)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceId([redacted])")
    }
}

impl Serialize for DeviceId {
    fn serialize<S: Serializer>(&self, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for DeviceId {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        let text = String::deserialize(reader)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl FromJson for DeviceId {
    fn from_json(json: Json) -> Option<Self> {
        Self::parse(json.text()?).ok()
    }
}

/// Makes the pairwise pseudonym that backends see instead of a device id.
#[derive(Debug, Clone)]
pub struct Pseudonyms(MacKey);

impl Pseudonyms {
    /// From the fleet's pseudonym subkey. It has one generation: a new one would change every pseudonym.
    #[must_use]
    pub fn new(secret: &FleetSecret) -> Self {
        Self(MacKey::new(&secret.subkey(KeyUse::Pseudonym, 1)))
    }

    /// The device's name towards one app's backends, 22 base64url characters. Two apps cannot link theirs.
    #[must_use]
    pub fn of(&self, app: &str, device: &DeviceId) -> String {
        let tag = self.0.tag_parts(&[app.as_bytes(), &[0], device.as_bytes()]);
        base64url(tag.split_at(16).0)
    }
}

macro_rules! wire_word {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $byte:literal $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word used on the wire, in policy and in facts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word, `None` for any other.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// One byte for binary formats.
            #[must_use]
            pub const fn to_byte(self) -> u8 {
                match self { $(Self::$variant => $byte,)+ }
            }

            /// The value of a byte, `None` for any other.
            #[must_use]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($byte => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

wire_word! {
    /// The operating system an app runs on.
    Platform {
        /// Android.
        Android = 1 "android",
        /// iOS and iPadOS.
        Ios = 2 "ios",
    }
}

wire_word! {
    /// How well the device key is kept, as far as the platform vouches for it.
    KeyLevel {
        /// In memory: development only.
        Software = 1 "software",
        /// Vouched for by the app's own key (iOS): may be exportable from a hooked process.
        AppBound = 2 "app-bound",
        /// In a trusted execution environment.
        Hardware = 3 "hardware",
        /// In a discrete secure element (StrongBox).
        StrongBox = 4 "strongbox",
    }
}

wire_word! {
    /// What vouched for the device key and the app.
    EvidenceClass {
        /// Nothing but the key itself: development only.
        Software = 1 "software",
        /// Android Key Attestation.
        AndroidKey = 2 "android_key",
        /// Apple App Attest.
        AppAttest = 3 "app_attest",
    }
}

wire_word! {
    /// How an Android device key's attestation keys came into the phone.
    KeyProvisioning {
        /// In the factory: one certificate serves a batch of a hundred thousand phones or more.
        Factory = 1 "factory",
        /// By remote provisioning: short-lived certificates of this phone alone.
        Rkp = 2 "rkp",
        /// The chain shows neither.
        Unknown = 3 "unknown",
    }
}

wire_word! {
    /// What an Android boot loader vouches for.
    BootState {
        /// The maker's own system.
        Verified = 1 "verified",
        /// A system under a key that somebody enrolled in the boot loader.
        SelfSigned = 2 "self_signed",
        /// Nothing: the boot loader is unlocked.
        Unverified = 3 "unverified",
        /// A system that did not verify.
        Failed = 4 "failed",
    }
}

wire_word! {
    /// Which of the two tokens a request carries.
    TokenKind {
        /// MACed with the session key, in microseconds.
        Session = 1 "session",
        /// Signed by the device key, in tens of milliseconds.
        Proof = 2 "proof",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro derives the same for every enum")]
impl Default for TokenKind {
    fn default() -> Self {
        Self::Session
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_differ_by_app_and_device() {
        let pseudonyms = Pseudonyms::new(&FleetSecret::new([1; 32]));
        let (a, b) = (DeviceId::from_bytes([1; 16]), DeviceId::from_bytes([2; 16]));
        assert_eq!(pseudonyms.of("app", &a), pseudonyms.of("app", &a));
        assert_ne!(pseudonyms.of("app", &a), pseudonyms.of("app2", &a));
        assert_ne!(pseudonyms.of("app", &a), pseudonyms.of("app", &b));
        assert!(!pseudonyms.of("app", &a).contains(&a.to_text()));
    }

    #[test]
    fn ids_are_not_shown() {
        let id = DeviceId::from_bytes([9; 16]);
        assert!(!format!("{id:?}").contains(&id.to_text()));
        assert_eq!(DeviceId::parse(&id.to_text()), Ok(id));
    }
}
