//! Verifies an attestation object: that Apple vouches for this key, in this app, for this client data. What costs least is
//! compared first; signatures are verified last, at most two for each anchor, over bytes that agreed with everything else.

use std::fmt;

use attest_core::encoding::sha256;
use serde::{Serialize, Serializer};

use super::anchors::AppleAnchors;
use super::authenticator::{AppleEnvironment, Authenticator, Credential, ExtensionFacts};
use super::cbor::{Members, read_whole};
use super::error::Error;
use super::leaf::{self, Leaf};
use super::{MAX_ATTESTATION_BYTES, path};
use crate::verifier::{Work, hexadecimal};

/// What an attestation must agree with.
#[derive(Debug, Clone, Copy)]
pub struct AttestationParameters<'a> {
    /// The accepted apps, as `TEAM.bundle`. An empty list accepts none.
    pub app_ids: &'a [&'a str],
    /// The key id that the phone named, decoded.
    pub key_id: &'a [u8; 32],
    /// What the app gave to the phone as the hash of its client data, of this product 32 bytes that depend on the challenge.
    pub client_data_hash: &'a [u8],
    /// The one accepted environment, or `None` to have it told as a fact.
    pub environment: Option<AppleEnvironment>,
}

/// What a verified attestation says.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AttestationFacts {
    /// Which of the accepted apps holds the key.
    pub app_id: String,
    /// Where the key was attested.
    pub environment: AppleEnvironment,
    /// The key, as uncompressed X9.62 point: what assertions are verified with.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub key: [u8; 65],
    /// SHA-256 of the key.
    #[serde(serialize_with = "hexadecimal::serialize")]
    pub key_id: [u8; 32],
    /// Where assertions count from: 0.
    pub counter: u32,
    /// What iOS 27 and later add.
    #[serde(flatten)]
    pub extensions: ExtensionFacts,
    /// The app in clear, as Apple's certificate has it; the same as `app_id` where it is there.
    pub leaf_app_id: Option<String>,
    /// The version of the system, as Apple's certificate has it.
    pub os_version: Option<String>,
    /// The certificate.
    pub leaf: LeafFacts,
    /// Apple's receipt, never read here; bounded by [`MAX_ATTESTATION_BYTES`].
    #[serde(rename = "receipt_bytes", serialize_with = "length")]
    pub receipt: Vec<u8>,
}

/// What the leaf certificate says about itself.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct LeafFacts {
    /// Its serial, in hexadecimal digits.
    pub serial: String,
    /// When it begins, in seconds since 1970.
    pub not_before_s: i64,
    /// When it ends, in seconds since 1970; days after the attestation.
    pub not_after_s: i64,
}

/// Without what names one phone.
impl fmt::Debug for AttestationFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttestationFacts")
            .field("app_id", &self.app_id)
            .field("environment", &self.environment)
            .field("extensions", &self.extensions)
            .field("os_version", &self.os_version)
            .finish_non_exhaustive()
    }
}

/// Without the serial, which names one phone.
impl fmt::Debug for LeafFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafFacts")
            .field("not_before_s", &self.not_before_s)
            .field("not_after_s", &self.not_after_s)
            .finish_non_exhaustive()
    }
}

fn length<S: Serializer>(receipt: &[u8], writer: S) -> Result<S::Ok, S::Error> {
    receipt.len().serialize(writer)
}

/// The facts of an attestation that Apple's root vouches for at `now_s`.
///
/// # Errors
/// Every [`Error`] but those of assertions.
///
/// # Security
/// The key is the app's App Attest key and no other one: another key is bound only through the client data.
pub fn verify_attestation(
    object: &[u8],
    parameters: &AttestationParameters<'_>,
    anchors: &AppleAnchors,
    now_s: u64,
) -> Result<AttestationFacts, Error> {
    verify_attestation_counted(object, parameters, anchors, now_s, &mut Work::default())
}

/// As [`verify_attestation`], telling in `work` what it cost.
///
/// # Errors
/// As [`verify_attestation`].
pub fn verify_attestation_counted(
    object: &[u8],
    parameters: &AttestationParameters<'_>,
    anchors: &AppleAnchors,
    now_s: u64,
    work: &mut Work,
) -> Result<AttestationFacts, Error> {
    let statement = Statement::parse(object, work)?;
    work.read(&statement.authenticator_data);
    let authenticator = Authenticator::parse(&statement.authenticator_data)?;
    let app_id = authenticator.application(parameters.app_ids)?;
    if authenticator.counter != 0 {
        return Err(Error::CounterNotZero {
            found: authenticator.counter,
        });
    }
    let credential = authenticator.credential.ok_or(Error::AuthenticatorData)?;
    let environment = credential.environment()?;
    if parameters
        .environment
        .is_some_and(|accepted| accepted != environment)
    {
        return Err(Error::OtherEnvironment { found: environment });
    }
    if credential.id != parameters.key_id {
        return Err(Error::CredentialId);
    }

    let [leaf_der, issuer_der] = &statement.chain;
    work.read(leaf_der);
    work.read(issuer_der);
    let (certificate, issuer) = (leaf::read(leaf_der, 0)?, leaf::read(issuer_der, 1)?);
    let leaf = Leaf::of(&certificate)?;
    if sha256(&[&leaf.point]) != *parameters.key_id {
        return Err(Error::KeyId);
    }
    same_key(credential, &leaf.point)?;
    if sha256(&[&statement.authenticator_data, parameters.client_data_hash]) != leaf.nonce {
        return Err(Error::Nonce);
    }
    if leaf.app_id.as_deref().is_some_and(|named| named != app_id) {
        return Err(Error::LeafApplication);
    }
    path::verify(
        (&certificate, leaf_der),
        (&issuer, issuer_der),
        anchors,
        now_s,
        work,
    )?;

    Ok(AttestationFacts {
        app_id: app_id.to_owned(),
        environment,
        key: leaf.point,
        key_id: *parameters.key_id,
        counter: authenticator.counter,
        extensions: authenticator.extensions,
        leaf_app_id: leaf.app_id,
        os_version: leaf.os_version,
        leaf: LeafFacts {
            serial: leaf.serial,
            not_before_s: leaf.not_before_s,
            not_after_s: leaf.not_after_s,
        },
        receipt: statement.receipt,
    })
}

/// An attestation object, taken apart.
struct Statement {
    chain: [Vec<u8>; 2],
    receipt: Vec<u8>,
    authenticator_data: Vec<u8>,
}

impl Statement {
    fn parse(object: &[u8], work: &mut Work) -> Result<Self, Error> {
        if object.len() > MAX_ATTESTATION_BYTES {
            return Err(Error::TooLong {
                found: object.len(),
                limit: MAX_ATTESTATION_BYTES,
            });
        }
        work.read(object);
        let mut members = Members::of(read_whole(object)?, "attestation object")?;
        if members.take("fmt")?.as_text() != Some("apple-appattest") {
            return Err(Error::Format);
        }
        let authenticator_data = members.take_bytes("authData")?;
        let mut statement = Members::of(members.take("attStmt")?, "attStmt")?;
        let chain = statement.take("x5c")?;
        let chain = chain.into_array().map_err(|_| Error::Member { member: "x5c" })?;
        let chain: [_; 2] = chain
            .try_into()
            .map_err(|chain: Vec<_>| Error::ChainLength { found: chain.len() })?;
        let [leaf, issuer] = chain.map(|der| der.into_bytes().map_err(|_| Error::Member { member: "x5c" }));
        Ok(Self {
            chain: [leaf?, issuer?],
            receipt: statement.take_bytes("receipt")?,
            authenticator_data,
        })
    }
}

/// Refuses a credential whose own public key, where it is told, is not the attested one (COSE: EC2, ES256, P-256).
fn same_key(credential: Credential, point: &[u8; 65]) -> Result<(), Error> {
    let Some(mut key) = credential.key else {
        return Ok(());
    };
    let mut number = |label| key.find_numbered(label).and_then(|value| value.as_integer());
    let kind = [1, 3, -1].map(&mut number);
    let mut coordinate = |label| key.find_numbered(label).and_then(|value| value.into_bytes().ok());
    let (x, y) = (coordinate(-2), coordinate(-3));
    let told = [vec![4], x.unwrap_or_default(), y.unwrap_or_default()].concat();
    if kind == [2, -7, 1].map(|number| Some(ciborium::value::Integer::from(number))) && told == point {
        Ok(())
    } else {
        Err(Error::CredentialKey)
    }
}
