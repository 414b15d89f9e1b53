//! A challenge that comes back from a phone.

use attest_core::challenge::{Challenge, ChallengeKey, ChallengeScope, Purpose};
use attest_core::device::DeviceId;
use attest_core::environment::Environment;

use crate::fixture::{NOW_S, changed, fleet};

/// What is read is written alike; and a challenge of ours is good for its own scope only, and not with a byte changed.
pub fn challenge(data: &[u8]) -> bool {
    let read = Challenge::parse(crate::text(data));
    if let Ok(read) = read {
        assert_eq!(read.to_text(), crate::text(data), "two texts for one challenge");
    }
    let key = ChallengeKey::new(&fleet());
    let device = DeviceId::from_bytes([7; 16]);
    let app = crate::text(data.get(3..).unwrap_or_default());
    let scope =
        ChallengeScope { purpose: Purpose::Renew, app, environment: Environment::Development, device: Some(&device) };
    let Ok(issued) = key.issue(scope, NOW_S, &ring::rand::SystemRandom::new()) else { return false };
    let longer = format!("{app}x");
    let others = [
        ChallengeScope { purpose: Purpose::Enroll, ..scope },
        ChallengeScope { app: &longer, ..scope },
        ChallengeScope { environment: Environment::Production, ..scope },
        ChallengeScope { device: None, ..scope },
    ];
    assert!(others.iter().all(|other| key.verify(&issued, *other, 300, NOW_S).is_err()), "good for another scope");
    let Some((received, same)) = changed(&issued.to_text(), data) else { return read.is_ok() };
    let verified = Challenge::parse(&received).is_ok_and(|read| key.verify(&read, scope, 300, NOW_S).is_ok());
    assert_eq!(verified, same, "{received}");
    read.is_ok()
}
