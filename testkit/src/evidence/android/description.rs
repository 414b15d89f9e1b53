//! KeyDescription, from version 1 to 500, with any field present, absent, twice or out of order.

use super::tag;
use crate::evidence::der;

/// What hardware and system say about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDescription {
    /// Version of the attestation.
    pub attestation_version: i64,
    /// Level of what attests.
    pub attestation_level: i64,
    /// Version of the key store.
    pub keymint_version: i64,
    /// Level of what keeps the key.
    pub keymint_level: i64,
    /// The challenge that the key was made for.
    pub challenge: Vec<u8>,
    /// Mostly empty.
    pub unique_id: Vec<u8>,
    /// What the system says.
    pub software: AuthorizationList,
    /// What the hardware says.
    pub hardware: AuthorizationList,
    /// Elements behind the eight that there should be.
    pub more: Vec<Vec<u8>>,
}

impl KeyDescription {
    /// A signing key of the bank on a locked phone with the maker's system, as the trusted environment of this version says it.
    #[must_use]
    pub fn hardware(version: i64, challenge: &[u8]) -> Self {
        let mut software = AuthorizationList::default();
        software.set(tag::CREATION_TIME, der::integer(1_790_000_000_000));
        software.application(&ApplicationId::bank());
        if version >= 400 {
            software.set(tag::MODULE_HASH, der::octets(&[0x4d; 32]));
        }
        let mut hardware = AuthorizationList::signing_key();
        hardware.set(tag::ORIGIN, der::integer(tag::GENERATED));
        hardware.set(tag::OS_VERSION, der::integer(150_000));
        hardware.set(tag::OS_PATCH_LEVEL, der::integer(202_610));
        if version >= 3 {
            hardware.set(tag::VENDOR_PATCH_LEVEL, der::integer(20_261_005));
            hardware.set(tag::BOOT_PATCH_LEVEL, der::integer(20_261_001));
        }
        let mut root = RootOfTrust::verified();
        if version < 3 {
            root.boot_hash = None;
        }
        hardware.root_of_trust(&root);
        Self {
            attestation_version: version,
            attestation_level: tag::TRUSTED_ENVIRONMENT,
            keymint_version: match version {
                1..=3 => version + 1,
                4 => 41,
                _ => version,
            },
            keymint_level: tag::TRUSTED_ENVIRONMENT,
            challenge: challenge.to_vec(),
            unique_id: Vec::new(),
            software,
            hardware,
            more: Vec::new(),
        }
    }

    /// The same key where the system alone keeps it, as on an emulator.
    #[must_use]
    pub fn software(version: i64, challenge: &[u8]) -> Self {
        let mut description = Self::hardware(version, challenge);
        description.attestation_level = tag::SOFTWARE;
        description.keymint_level = tag::SOFTWARE;
        let hardware = std::mem::take(&mut description.hardware);
        for (tag, value) in hardware.fields {
            if tag != tag::ROOT_OF_TRUST {
                description.software.set(tag, value);
            }
        }
        description
    }

    /// Sets the level of attestation and key store.
    pub const fn level(&mut self, level: i64) {
        self.attestation_level = level;
        self.keymint_level = level;
    }

    /// Changes what the hardware says about the boot, starting from a locked phone with the maker's system.
    pub fn root_of_trust(&mut self, change: impl FnOnce(&mut RootOfTrust)) {
        let mut root = RootOfTrust::verified();
        change(&mut root);
        self.hardware.root_of_trust(&root);
    }

    /// Changes which app the system says it is, starting from the bank.
    pub fn application(&mut self, change: impl FnOnce(&mut ApplicationId)) {
        let mut application = ApplicationId::bank();
        change(&mut application);
        self.software.application(&application);
    }

    /// Sets the three patch levels to the first day of a month.
    pub fn patched(&mut self, year: i64, month: i64) {
        let (short, long) = (year * 100 + month, year * 10_000 + month * 100 + 1);
        self.hardware.set(tag::OS_PATCH_LEVEL, der::integer(short));
        self.hardware.set(tag::VENDOR_PATCH_LEVEL, der::integer(long));
        self.hardware.set(tag::BOOT_PATCH_LEVEL, der::integer(long));
    }

    /// The extension's content.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let mut elements = vec![
            der::integer(self.attestation_version),
            der::enumerated(self.attestation_level),
            der::integer(self.keymint_version),
            der::enumerated(self.keymint_level),
            der::octets(&self.challenge),
            der::octets(&self.unique_id),
            self.software.to_der(),
            self.hardware.to_der(),
        ];
        elements.extend(self.more.iter().cloned());
        der::sequence(&elements)
    }
}

/// Tagged fields in the order in which they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizationList {
    /// Tag and DER inside of it. Anything goes: tags twice, out of order or unknown.
    pub fields: Vec<(u32, Vec<u8>)>,
}

impl AuthorizationList {
    /// A P-256 key that signs and verifies by SHA-256.
    fn signing_key() -> Self {
        let mut list = Self::default();
        list.set(tag::PURPOSE, der::integers(&[tag::SIGN, tag::VERIFY]));
        list.set(tag::ALGORITHM, der::integer(3));
        list.set(tag::KEY_SIZE, der::integer(256));
        list.set(tag::DIGEST, der::integers(&[tag::SHA_256]));
        list.set(tag::EC_CURVE, der::integer(1));
        list.set(tag::NO_AUTH_REQUIRED, der::null());
        list
    }

    /// Sets a field, in ascending order of tags.
    pub fn set(&mut self, tag: u32, value: Vec<u8>) {
        self.remove(tag);
        let position = self.fields.iter().position(|(other, _)| *other > tag);
        self.fields
            .insert(position.unwrap_or(self.fields.len()), (tag, value));
    }

    /// Removes a field.
    pub fn remove(&mut self, tag: u32) {
        self.fields.retain(|(other, _)| *other != tag);
    }

    /// Sets what is known about the boot.
    pub fn root_of_trust(&mut self, root: &RootOfTrust) {
        self.set(tag::ROOT_OF_TRUST, root.to_der());
    }

    /// Sets which app it is.
    pub fn application(&mut self, application: &ApplicationId) {
        self.set(tag::APPLICATION_ID, der::octets(&application.to_der()));
    }

    fn to_der(&self) -> Vec<u8> {
        let tagged = |(tag, value): &(u32, Vec<u8>)| der::explicit(*tag, value);
        der::sequence(&self.fields.iter().map(tagged).collect::<Vec<_>>())
    }
}

/// What booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootOfTrust {
    /// Digest of the key that verified it.
    pub boot_key: Vec<u8>,
    /// Content of the BOOLEAN for the boot loader's lock: 0 is false; phones write 0xff and some 0x01 for true.
    pub locked: u8,
    /// Boot state.
    pub state: i64,
    /// Digest of what booted; from version 3.
    pub boot_hash: Option<Vec<u8>>,
}

impl RootOfTrust {
    /// Locked, with the maker's system.
    #[must_use]
    pub fn verified() -> Self {
        Self {
            boot_key: vec![0xb0; 32],
            locked: der::TRUE,
            state: tag::VERIFIED,
            boot_hash: Some(vec![0xb1; 32]),
        }
    }

    fn to_der(&self) -> Vec<u8> {
        let mut elements = vec![
            der::octets(&self.boot_key),
            der::boolean(self.locked),
            der::enumerated(self.state),
        ];
        elements.extend(self.boot_hash.as_deref().map(der::octets));
        der::sequence(&elements)
    }
}

/// The app that asked for the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationId {
    /// Packages that share the user id, with their version codes.
    pub packages: Vec<(String, i64)>,
    /// SHA-256 of the certificates that signed it.
    pub signers: Vec<Vec<u8>>,
}

impl ApplicationId {
    /// The genuine sample bank.
    #[must_use]
    pub fn bank() -> Self {
        Self {
            packages: vec![(crate::profile::PACKAGE.to_owned(), 42)],
            signers: vec![crate::profile::SIGNER.to_vec()],
        }
    }

    fn to_der(&self) -> Vec<u8> {
        let package = |(name, version): &(String, i64)| {
            der::sequence(&[der::octets(name.as_bytes()), der::integer(*version)])
        };
        let signers: Vec<_> = self.signers.iter().map(|digest| der::octets(digest)).collect();
        der::sequence(&[
            der::set(&self.packages.iter().map(package).collect::<Vec<_>>()),
            der::set(&signers),
        ])
    }
}
