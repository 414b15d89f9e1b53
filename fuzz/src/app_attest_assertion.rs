//! App Attest assertions: the key's point of 65 bytes, then the object.

use attest_gateway::verifier::Work;
use attest_gateway::verifier::apple::{
    AssertionParameters, Error, MAX_ASSERTION_BYTES, verify_assertion, verify_assertion_counted,
};

use crate::fixture::{APPLE_APP, CLIENT_DATA_HASH};

/// No input costs more than its bytes twice and one signature. What verifies has a counter above the floor, and verifies
/// neither a second time nor for other client data.
pub fn app_attest_assertion(data: &[u8]) -> bool {
    let Some((key, object)) = data.split_first_chunk() else { return false };
    let parameters = AssertionParameters {
        app_ids: &[APPLE_APP],
        key,
        client_data_hash: &CLIENT_DATA_HASH,
        counter_floor: 6,
    };
    let mut work = Work::default();
    let found = verify_assertion_counted(object, &parameters, &mut work);
    assert!(work.bytes <= 2 * object.len(), "more was parsed than was sent");
    assert!(work.signatures <= 1, "more signatures than one");
    if object.len() > MAX_ASSERTION_BYTES {
        assert_eq!(work, Work::default(), "an oversized object was read");
    }
    let Ok(facts) = found else { return false };
    assert!(facts.counter > 6, "a counter that did not rise");
    let again = AssertionParameters {
        counter_floor: facts.counter,
        ..parameters
    };
    let (found, floor) = (facts.counter, facts.counter);
    assert_eq!(
        verify_assertion(object, &again),
        Err(Error::CounterNotAbove { found, floor })
    );
    let other = AssertionParameters {
        client_data_hash: &[0; 32],
        ..parameters
    };
    assert_eq!(verify_assertion(object, &other), Err(Error::AssertionSignature));
    true
}
