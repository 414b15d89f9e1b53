//! App Attest attestations: a key id of 32 bytes, then the object.

use std::sync::LazyLock;

use attest_core::encoding::sha256;
use attest_gateway::verifier::Work;
use attest_gateway::verifier::apple::{
    AppleAnchors, AttestationParameters, Error, MAX_ATTESTATION_BYTES, verify_attestation,
    verify_attestation_counted,
};

use crate::fixture::{APPLE_APP, CLIENT_DATA_HASH, NOW_S};

/// The root that the seeds end at, trusted beside Apple's.
static ANCHORS: LazyLock<Option<AppleAnchors>> = LazyLock::new(|| {
    AppleAnchors::built_in()
        .with_pem(include_str!("app_attest.root.pem"))
        .ok()
});

/// No input costs more than its bytes thrice and two signatures. What verifies has the key that it names, carries no more than
/// it brought, and verifies neither under Apple's root alone, nor for other client data, nor for another app.
pub fn app_attest(data: &[u8]) -> bool {
    let Some((key_id, object)) = data.split_first_chunk() else { return false };
    let Some(anchors) = ANCHORS.as_ref() else { return false };
    let parameters = AttestationParameters {
        app_ids: &[APPLE_APP],
        key_id,
        client_data_hash: &CLIENT_DATA_HASH,
        environment: None,
    };
    let mut work = Work::default();
    let found = verify_attestation_counted(object, &parameters, anchors, NOW_S, &mut work);
    assert!(work.bytes <= 3 * object.len(), "more was parsed than was sent");
    assert!(work.signatures <= 2, "more signatures than certificates");
    if object.len() > MAX_ATTESTATION_BYTES {
        assert_eq!(work, Work::default(), "an oversized object was read");
    }
    let Ok(facts) = found else { return false };
    assert_eq!(sha256(&[&facts.key]), *key_id, "another key");
    assert!(facts.receipt.len() < object.len(), "a receipt from nowhere");
    let refused = |parameters: &AttestationParameters<'_>, anchors: &AppleAnchors| {
        verify_attestation(object, parameters, anchors, NOW_S).err()
    };
    assert_eq!(
        refused(&parameters, &AppleAnchors::built_in()),
        Some(Error::AnchorUnknown)
    );
    let other = AttestationParameters {
        client_data_hash: &[0; 32],
        ..parameters
    };
    assert_eq!(refused(&other, anchors), Some(Error::Nonce));
    let other = AttestationParameters {
        app_ids: &["another"],
        ..parameters
    };
    assert_eq!(refused(&other, anchors), Some(Error::Application));
    true
}
