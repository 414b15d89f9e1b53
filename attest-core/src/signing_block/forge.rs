//! Signing blocks for tests, well-formed with each part open to being spoiled. Certificates have the shape of one and nothing in them.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::{SchemeKind, SdkRange};

const ECDSA_SHA256: u32 = 0x0201;

/// A key with its certificate.
pub(super) struct Identity {
    key: EcdsaKeyPair,
    pub(super) certificate: Vec<u8>,
    spki: Vec<u8>,
}

fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], length.as_slice(), contents].concat()
}

impl Identity {
    pub(super) fn new(serial: u8) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let oids = [
            der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
            der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
        ];
        let point = [&[0], key.public_key().as_ref()].concat();
        let spki = der(0x30, &[der(0x30, &oids.concat()), der(0x03, &point)].concat());
        let empty = der(0x30, &[]);
        let fields = [
            der(0xa0, &[]),
            der(0x02, &[serial]),
            empty.repeat(4),
            spki.clone(),
        ];
        let certificate = der(0x30, &[der(0x30, &fields.concat()), empty].concat());
        Self {
            key,
            certificate,
            spki,
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.key.sign(&SystemRandom::new(), message);
        signature.unwrap().as_ref().to_vec()
    }
}

/// A part behind its length.
pub(super) fn prefixed(part: &[u8]) -> Vec<u8> {
    [&u32::try_from(part.len()).unwrap().to_le_bytes(), part].concat()
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    prefixed(&parts.iter().flat_map(|part| prefixed(part)).collect::<Vec<_>>())
}

/// A number and what follows it.
pub(super) fn numbered(number: u32, rest: &[u8]) -> Vec<u8> {
    [&number.to_le_bytes(), rest].concat()
}

/// A proof of rotation through these keys, oldest first.
pub(super) fn lineage(keys: &[&Identity]) -> Vec<u8> {
    let mut value = 1_u32.to_le_bytes().to_vec();
    for (index, key) in keys.iter().enumerate() {
        let algorithm = if index == 0 { 0 } else { ECDSA_SHA256 };
        let signed = [prefixed(&key.certificate), algorithm.to_le_bytes().to_vec()].concat();
        let signature = index
            .checked_sub(1)
            .map_or_else(Vec::new, |parent| keys[parent].sign(&signed));
        let node = [
            prefixed(&signed),
            23_u32.to_le_bytes().to_vec(),
            ECDSA_SHA256.to_le_bytes().to_vec(),
            prefixed(&signature),
        ];
        value.extend(prefixed(&node.concat()));
    }
    value
}

/// One signer, whose parts are as they should be until a test changes them.
pub(super) struct SignerParts<'a> {
    pub(super) key: &'a Identity,
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) sdk: Option<SdkRange>,
    pub(super) unsigned_sdk: Option<SdkRange>,
    pub(super) attributes: Vec<Vec<u8>>,
    pub(super) algorithms: Vec<u32>,
}

impl<'a> SignerParts<'a> {
    pub(super) fn new(kind: SchemeKind, key: &'a Identity) -> Self {
        let sdk = (kind != SchemeKind::V2).then_some(SdkRange { min: 28, max: 33 });
        Self {
            key,
            certificates: vec![key.certificate.clone()],
            sdk,
            unsigned_sdk: sdk,
            attributes: Vec::new(),
            algorithms: vec![ECDSA_SHA256],
        }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let range = |sdk: Option<SdkRange>| {
            sdk.map_or_else(Vec::new, |sdk| numbered(sdk.min, &sdk.max.to_le_bytes()))
        };
        let signed = [
            sequence(&[numbered(ECDSA_SHA256, &prefixed(&[7; 32]))]),
            sequence(&self.certificates),
            range(self.sdk),
            sequence(&self.attributes),
        ]
        .concat();
        let signatures: Vec<_> = self
            .algorithms
            .iter()
            .map(|algorithm| numbered(*algorithm, &prefixed(&self.key.sign(&signed))))
            .collect();
        [
            prefixed(&signed),
            range(self.unsigned_sdk),
            sequence(&signatures),
            prefixed(&self.key.spki),
        ]
        .concat()
    }
}

/// The value of a scheme's entry.
pub(super) fn scheme(signers: &[SignerParts<'_>]) -> Vec<u8> {
    sequence(&signers.iter().map(SignerParts::bytes).collect::<Vec<_>>())
}

/// An entry.
pub(super) fn entry(id: u32, value: &[u8]) -> Vec<u8> {
    let size = u64::try_from(value.len() + 4).unwrap().to_le_bytes();
    [&size, id.to_le_bytes().as_slice(), value].concat()
}

/// The block around entries.
pub(super) fn block(entries: &[u8]) -> Vec<u8> {
    let size = u64::try_from(entries.len() + 24).unwrap().to_le_bytes();
    [&size, entries, &size, b"APK Sig Block 42"].concat()
}

/// A file that ends with an empty central directory and its end record.
pub(super) fn apk(before_directory: &[u8], comment: &[u8]) -> Vec<u8> {
    let offset = u32::try_from(before_directory.len()).unwrap().to_le_bytes();
    let length = u16::try_from(comment.len()).unwrap().to_le_bytes();
    [
        before_directory,
        b"PK\x05\x06",
        &[0; 8],
        &0_u32.to_le_bytes(),
        &offset,
        &length,
        comment,
    ]
    .concat()
}

/// A file whose block has these entries.
pub(super) fn signed(entries: &[Vec<u8>]) -> Vec<u8> {
    let block = block(&entries.concat());
    apk(&[b"PK\x03\x04contents".as_slice(), &block].concat(), b"")
}
