//! How a phone got the keys that vouch for its attestations.

use ciborium::Value;
use serde::Serialize;

use super::certificate::{self, Certificate};

/// How a phone got the keys that vouch for its attestations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Provisioning {
    /// A batch key that was put in at the factory.
    Factory,
    /// A short-lived certificate for this phone alone, fetched from Google (remote key provisioning).
    Rkp,
    /// No hardware at all: the operating system's own software key store.
    Software,
    /// None of these.
    Unknown,
}

/// What remote provisioning says about the phone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ProvisioningRecord {
    /// About how many certificates it got in the last 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certs_issued: Option<u64>,
}

impl Provisioning {
    /// Tells by the certificate under the root, and for software by the length that the caller permits.
    pub(super) fn of(under_root: &Certificate<'_>, certificates: usize, software_permitted: bool) -> Self {
        let mut common_name = false;
        let mut organization = false;
        let mut attributes = 0;
        for (oid, text) in under_root.subject_attributes() {
            attributes += 1;
            match (oid, text) {
                (OID_SERIAL_NUMBER, _) => return Self::Factory,
                (OID_COMMON_NAME, "Droid CA2") => common_name = true,
                (OID_ORGANIZATION, "Google LLC") => organization = true,
                _ => {}
            }
        }
        if common_name && organization && attributes == 2 {
            Self::Rkp
        } else if software_permitted && certificates == SOFTWARE_LENGTH {
            Self::Software
        } else {
            Self::Unknown
        }
    }

    /// How many certificates such a chain has, root included.
    pub(super) const fn length(self) -> Option<usize> {
        match self {
            Self::Factory => Some(4),
            Self::Rkp => Some(5),
            Self::Software => Some(SOFTWARE_LENGTH),
            Self::Unknown => None,
        }
    }
}

impl ProvisioningRecord {
    /// Reads the CBOR map of the certificate that issued the leaf. What cannot be read is absent: it decides nothing.
    pub(super) fn of(vouching: &Certificate<'_>) -> Option<Self> {
        let bytes = vouching.extension(certificate::PROVISIONING).ok()??;
        let value = ciborium::de::from_reader_with_recursion_limit::<Value, _>(bytes, CBOR_DEPTH).ok()?;
        let certs_issued = value
            .as_map()?
            .iter()
            .find(|(key, _)| key.as_integer() == Some(CERTS_ISSUED.into()))
            .and_then(|(_, count)| u64::try_from(count.as_integer()?).ok());
        Some(Self { certs_issued })
    }
}

const SOFTWARE_LENGTH: usize = 3;
const CBOR_DEPTH: usize = 4;
const CERTS_ISSUED: u8 = 1;
/// 2.5.4.5
const OID_SERIAL_NUMBER: &[u8] = &[0x55, 4, 5];
/// 2.5.4.3
const OID_COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// 2.5.4.10
const OID_ORGANIZATION: &[u8] = &[0x55, 4, 10];
