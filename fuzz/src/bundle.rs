//! A device policy on its way from the policy repository to a phone.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use attest_core::bundle::{DEVICE_TARGET, Kept, Offered, take};
use attest_core::policy::DevicePolicy;
use attest_core::service::PolicyBundle;
use attest_core::sorted::Sorted;
use attest_policy::repository::{KeyKind, RoleKey, development};
use ring::rand::SystemRandom;

use crate::fixture::{NOW_S, changed};

static KEY: LazyLock<Option<RoleKey>> =
    LazyLock::new(|| RoleKey::generate(KeyKind::Ed25519, &SystemRandom::new()).ok());

/// A text that the roles vouch for arrives byte for byte; of a bundle with a byte changed, the same text comes or none. The last
/// three bytes say which byte of the bundle is changed and to what.
pub fn bundle(data: &[u8]) -> bool {
    let device = crate::text(data);
    let Some(key) = &*KEY else { return false };
    let artifacts = BTreeMap::from([(DEVICE_TARGET.to_owned(), device.as_bytes().to_vec())]);
    let made = development(key, artifacts, 1, NOW_S + 1, &SystemRandom::new());
    let Ok(mut repository) = made else { return false };
    let Some(root) = repository.roots.remove(&1) else { return false };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let sent = PolicyBundle {
        timestamp: text(&repository.timestamp),
        snapshot: text(&repository.snapshot),
        targets: repository.metadata.get("targets").map(|bytes| text(bytes)).unwrap_or_default(),
        artifacts: Sorted::from([(DEVICE_TARGET.to_owned(), device.to_owned())]),
        ..PolicyBundle::default()
    };
    let arrives = |bundle: &PolicyBundle| {
        let kept = Kept { since: 1, ..Kept::default() };
        match take(&root, kept, bundle, NOW_S).outcome {
            Ok(Offered::Policy { vouched, .. }) => Some(vouched.device),
            Ok(Offered::More) | Err(_) => None,
        }
    };
    assert_eq!(arrives(&sent).as_deref(), Some(device), "it did not arrive");
    let change = data.split_last_chunk::<3>().map_or([0; 3], |(_, change)| *change);
    let whole = serde_json::to_string(&sent).unwrap_or_default();
    if let Some((received, _)) = changed(&whole, &change)
        && let Ok(received) = serde_json::from_str(&received)
        && let Some(other) = arrives(&received)
    {
        assert_eq!(other, device, "a changed bundle brought another policy");
    }
    DevicePolicy::from_json(device.as_bytes()).is_ok()
}
