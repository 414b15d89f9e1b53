//! Play Integrity tokens from the wire.

use std::sync::LazyLock;

use attest_gateway::verifier::Work;
use attest_gateway::verifier::play::{
    Binding, DEFAULT_AGE_MAX_S, Error, FUTURE_TOLERANCE_S, MAX_TOKEN_BYTES, Parameters, PlayKeys, verify,
    verify_counted,
};

use crate::fixture::{NOW_S, PLAY_DECRYPTION_KEY, PLAY_PACKAGE, PLAY_REQUEST_HASH};

static KEYS: LazyLock<Option<PlayKeys>> = LazyLock::new(|| {
    PlayKeys::from_base64(PLAY_DECRYPTION_KEY, include_str!("play_integrity.verification")).ok()
});

/// No input costs more than its bytes thrice and one signature. What verifies is for this package, request and time, and for
/// no other.
pub fn play_integrity(data: &[u8]) -> bool {
    let token = crate::text(data);
    let Some(keys) = KEYS.as_ref() else { return false };
    let parameters = Parameters {
        package: PLAY_PACKAGE,
        binding: Some(Binding::RequestHash(PLAY_REQUEST_HASH)),
        age_max_s: DEFAULT_AGE_MAX_S,
    };
    let mut work = Work::default();
    let found = verify_counted(token, &parameters, keys, NOW_S, &mut work);
    assert!(work.bytes <= 3 * token.len(), "more was parsed than was sent");
    assert!(work.signatures <= 1, "more signatures than one");
    if token.len() > MAX_TOKEN_BYTES {
        assert_eq!(work, Work::default(), "an oversized token was read");
    }
    let Ok(facts) = found else { return false };
    assert_eq!(facts.request_package_name, PLAY_PACKAGE, "another package");
    assert_eq!(
        facts.request_hash.as_deref(),
        Some(PLAY_REQUEST_HASH),
        "another request"
    );
    let at = |now_s| verify(token, &parameters, keys, now_s).err();
    let made_s = facts.timestamp_ms / 1000;
    assert_eq!(at(made_s + DEFAULT_AGE_MAX_S + 2), Some(Error::TooOld));
    assert_eq!(at(made_s - FUTURE_TOLERANCE_S - 1), Some(Error::FromFuture));
    let other = Parameters {
        package: "another",
        ..parameters
    };
    assert_eq!(verify(token, &other, keys, NOW_S).err(), Some(Error::Package));
    true
}
