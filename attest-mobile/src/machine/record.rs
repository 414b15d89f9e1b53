//! What outlives the process: the registration and what is known about time in one blob, the policy with what vouches for it in another. A blob that
//! cannot be read, or belongs to another service, app or environment, counts as none. No key and no session is in them.

use attest_core::bundle::{Kept, MAX_BUNDLE_BYTES, MAX_KEPT_ROOT_BYTES};
use attest_core::device::DeviceId;
use attest_core::json::{self, FromJson, Json, Members};
use serde::Serialize;

use super::time::{Anchor, TimeFloor};
use crate::policy::PolicyAge;

/// Name of the blob with the registration.
pub const STATE_BLOB: &str = "attest-state";
/// Name of the blob with the policy.
pub const POLICY_BLOB: &str = "attest-policy";

const STATE_BYTES_MAX: usize = 4 * 1024;
/// A whole bundle, its entity tag, and every root, all as JSON strings.
pub(crate) const POLICY_BYTES_MAX: usize = MAX_BUNDLE_BYTES + 2 * MAX_KEPT_ROOT_BYTES;
const FORMAT: u8 = 1;
/// The first format held a policy that one key had signed.
const POLICY_FORMAT: u8 = 2;

/// A registration at the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Registration {
    pub(crate) device: DeviceId,
    /// Thumbprint of the key that was enrolled.
    pub(crate) thumbprint: String,
    /// When a new key must be enrolled, by the service's clock.
    pub(crate) enroll_at_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StateRecord {
    format: u8,
    scope: String,
    pub(crate) registration: Option<Registration>,
    pub(crate) policy_version: u64,
    pub(crate) policy_issued_at_s: u64,
    pub(crate) clock: Option<Anchor>,
    pub(crate) floor: Option<TimeFloor>,
}

impl StateRecord {
    pub(crate) fn new(
        scope: &str,
        registration: Option<Registration>,
        policy: PolicyAge,
        clock: Option<Anchor>,
        floor: Option<TimeFloor>,
    ) -> Self {
        Self {
            format: FORMAT,
            scope: scope.to_owned(),
            registration,
            policy_version: policy.version,
            policy_issued_at_s: policy.issued_at_s,
            clock,
            floor,
        }
    }

    pub(crate) fn read(blob: &[u8], scope: &str) -> Option<Self> {
        if blob.len() > STATE_BYTES_MAX {
            return None;
        }
        let record: Self = json::read_as(blob)?;
        (record.format == FORMAT && record.scope == scope).then_some(record)
    }

    pub(crate) const fn policy_age(&self) -> PolicyAge {
        PolicyAge {
            version: self.policy_version,
            issued_at_s: self.policy_issued_at_s,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct PolicyRecord {
    format: u8,
    scope: String,
    pub(crate) kept: Kept,
    pub(crate) etag: Option<String>,
}

impl PolicyRecord {
    pub(crate) fn new(scope: &str, kept: &Kept, etag: Option<&str>) -> Self {
        Self {
            format: POLICY_FORMAT,
            scope: scope.to_owned(),
            kept: kept.clone(),
            etag: etag.map(str::to_owned),
        }
    }

    pub(crate) fn read(blob: &[u8], scope: &str) -> Option<Self> {
        if blob.len() > POLICY_BYTES_MAX {
            return None;
        }
        let record: Self = json::read_as(blob)?;
        (record.format == POLICY_FORMAT && record.scope == scope).then_some(record)
    }
}

impl FromJson for Registration {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        Some(Self {
            device: members.take("device")?,
            thumbprint: members.take("thumbprint")?,
            enroll_at_s: members.take("enroll_at_s")?,
        })
    }
}

impl FromJson for StateRecord {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let record = Self {
            format: members.take("format")?,
            scope: members.take("scope")?,
            registration: members.take("registration")?,
            policy_version: members.take("policy_version")?,
            policy_issued_at_s: members.take("policy_issued_at_s")?,
            clock: members.take("clock")?,
            floor: members.take("floor")?,
        };
        members.all_known(record)
    }
}

impl FromJson for PolicyRecord {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let record = Self {
            format: members.take("format")?,
            scope: members.take("scope")?,
            kept: members.take("kept")?,
            etag: members.take("etag")?,
        };
        members.all_known(record)
    }
}

/// The bytes of a record. Plain members always serialise; an empty blob, which no reader accepts, stands for the contrary.
pub(crate) fn write<T: Serialize>(record: &T) -> Vec<u8> {
    json::written(record).unwrap_or_default()
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
            r#"{"format":1,"scope":"scope","registration":{"device":"AwMDAwMDAwMDAwMDAwMDAw","thumbprint":"thumb","enroll_at_s":9},"policy_version":4,"policy_issued_at_s":0,"clock":null,"floor":null}"#
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
