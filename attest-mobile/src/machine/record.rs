//! What outlives the process: the registration and the service's time in one blob, the signed policy in another. A blob that
//! cannot be read, or belongs to another service, app or environment, counts as none. No key and no session is in them.

use attest_core::bundle::MAX_BUNDLE_BYTES;
use attest_core::device::DeviceId;
use serde::{Deserialize, Serialize};

use super::time::Anchor;
use crate::policy::PolicyAge;

/// Name of the blob with the registration.
pub const STATE_BLOB: &str = "attest-state";
/// Name of the blob with the policy.
pub const POLICY_BLOB: &str = "attest-policy";

const STATE_BYTES_MAX: usize = 4 * 1024;
/// The signed bundle, a tag and their members.
const POLICY_BYTES_MAX: usize = MAX_BUNDLE_BYTES + 4 * 1024;
const FORMAT: u8 = 1;

/// A registration at the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) device: DeviceId,
    /// Thumbprint of the key that was enrolled.
    pub(crate) thumbprint: String,
    /// When a new key must be enrolled, by the service's clock.
    pub(crate) enroll_at_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateRecord {
    format: u8,
    scope: String,
    pub(crate) registration: Option<Registration>,
    pub(crate) policy_version: u64,
    pub(crate) policy_issued_at_s: u64,
    pub(crate) clock: Option<Anchor>,
}

impl StateRecord {
    pub(crate) fn new(
        scope: &str,
        registration: Option<Registration>,
        policy: PolicyAge,
        clock: Option<Anchor>,
    ) -> Self {
        Self {
            format: FORMAT,
            scope: scope.to_owned(),
            registration,
            policy_version: policy.version,
            policy_issued_at_s: policy.issued_at_s,
            clock,
        }
    }

    pub(crate) fn read(blob: &[u8], scope: &str) -> Option<Self> {
        if blob.len() > STATE_BYTES_MAX {
            return None;
        }
        let record: Self = serde_json::from_slice(blob).ok()?;
        (record.format == FORMAT && record.scope == scope).then_some(record)
    }

    pub(crate) const fn policy_age(&self) -> PolicyAge {
        PolicyAge {
            version: self.policy_version,
            issued_at_s: self.policy_issued_at_s,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyRecord {
    format: u8,
    scope: String,
    pub(crate) bundle: String,
    pub(crate) etag: Option<String>,
}

impl PolicyRecord {
    pub(crate) fn new(scope: &str, bundle: &str, etag: Option<&str>) -> Self {
        Self {
            format: FORMAT,
            scope: scope.to_owned(),
            bundle: bundle.to_owned(),
            etag: etag.map(str::to_owned),
        }
    }

    pub(crate) fn read(blob: &[u8], scope: &str) -> Option<Self> {
        if blob.len() > POLICY_BYTES_MAX {
            return None;
        }
        let record: Self = serde_json::from_slice(blob).ok()?;
        (record.format == FORMAT && record.scope == scope).then_some(record)
    }
}

/// The bytes of a record. Plain members always serialise; an empty blob, which no reader accepts, stands for the contrary.
pub(crate) fn write<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> StateRecord {
        let registration = Registration {
            device: DeviceId::from_bytes([3; 16]),
            thumbprint: "thumb".to_owned(),
            enroll_at_s: 9,
        };
        StateRecord::new(
            "scope",
            Some(registration),
            PolicyAge {
                version: 4,
                issued_at_s: 0,
            },
            None,
        )
    }

    #[test]
    fn only_its_own_scope_reads_it() {
        let blob = write(&sample());
        assert_eq!(StateRecord::read(&blob, "scope"), Some(sample()));
        assert_eq!(StateRecord::read(&blob, "other"), None);
        assert_eq!(StateRecord::read(&vec![b' '; STATE_BYTES_MAX + 1], "scope"), None);
    }

    #[test]
    fn the_format_on_phones_is_this() {
        assert_eq!(
            String::from_utf8(write(&sample())).unwrap(),
            r#"{"format":1,"scope":"scope","registration":{"device":"AwMDAwMDAwMDAwMDAwMDAw","thumbprint":"thumb","enroll_at_s":9},"policy_version":4,"policy_issued_at_s":0,"clock":null}"#
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(blob: Vec<u8>) {
            prop_assert_eq!(StateRecord::read(&blob, "scope"), None);
            prop_assert_eq!(PolicyRecord::read(&blob, "scope"), None);
        }
    }
}
