//! Verifies an assertion: that the attested key signed this client data, in the same app, with a counter above the last one.
//! It never stores the counter: two assertions that arrive at once both verify here, and one compare-and-set lets one pass.

use attest_core::encoding::sha256;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Serialize;

use super::MAX_ASSERTION_BYTES;
use super::authenticator::{Authenticator, ExtensionFacts};
use super::cbor::{Members, read_whole};
use super::error::Error;
use crate::verifier::Work;

/// What an assertion must agree with.
#[derive(Debug, Clone, Copy)]
pub struct AssertionParameters<'a> {
    /// The accepted apps, as `TEAM.bundle`. An empty list accepts none.
    pub app_ids: &'a [&'a str],
    /// The attested key, as uncompressed X9.62 point.
    pub key: &'a [u8; 65],
    /// What the app gave to the phone as the hash of its client data: SHA-256 of it, by Apple's description.
    pub client_data_hash: &'a [u8],
    /// The last counter seen; the assertion's must be above it. 0 after the attestation.
    pub counter_floor: u32,
}

/// What a verified assertion says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AssertionFacts {
    /// Which of the accepted apps made it.
    pub app_id: String,
    /// Its counter, to be stored unless one as high is stored already.
    pub counter: u32,
    /// What iOS 27 and later add.
    #[serde(flatten)]
    pub extensions: ExtensionFacts,
}

/// The facts of an assertion that the key signed.
///
/// # Errors
/// [`Error`], but none about certificates.
pub fn verify_assertion(
    object: &[u8],
    parameters: &AssertionParameters<'_>,
) -> Result<AssertionFacts, Error> {
    verify_assertion_counted(object, parameters, &mut Work::default())
}

/// As [`verify_assertion`], telling in `work` what it cost.
///
/// # Errors
/// As [`verify_assertion`].
pub fn verify_assertion_counted(
    object: &[u8],
    parameters: &AssertionParameters<'_>,
    work: &mut Work,
) -> Result<AssertionFacts, Error> {
    if object.len() > MAX_ASSERTION_BYTES {
        return Err(Error::TooLong {
            found: object.len(),
            limit: MAX_ASSERTION_BYTES,
        });
    }
    work.read(object);
    let mut members = Members::of(read_whole(object)?, "assertion")?;
    let signature = members.take_bytes("signature")?;
    let authenticator_data = members.take_bytes("authenticatorData")?;
    work.read(&authenticator_data);
    let authenticator = Authenticator::parse(&authenticator_data)?;
    let app_id = authenticator.application(parameters.app_ids)?;
    if authenticator.counter <= parameters.counter_floor {
        return Err(Error::CounterNotAbove {
            found: authenticator.counter,
            floor: parameters.counter_floor,
        });
    }
    // The nonce is the message, so it is hashed once more.
    let nonce = sha256(&[&authenticator_data, parameters.client_data_hash]);
    work.verified(1);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, parameters.key)
        .verify(&nonce, &signature)
        .map_err(|_| Error::AssertionSignature)?;
    Ok(AssertionFacts {
        app_id: app_id.to_owned(),
        counter: authenticator.counter,
        extensions: authenticator.extensions,
    })
}
