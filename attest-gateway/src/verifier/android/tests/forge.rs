//! Chains as phones send them, of keys made here: each field can be spoilt before anything is signed.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::verifier::anchors::Anchors;

/// 2026-11-22.
pub(crate) const NOW_S: u64 = 1_795_305_600;
pub(crate) const ECDSA_SHA256: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// The same with NULL parameters.
pub(crate) const ECDSA_SHA256_NULL: &[u8] = &[0x30, 12, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2, 5, 0];
const EC_P256: &[u8] = &[
    0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7,
];
pub(crate) const KEY_DESCRIPTION: &[u8] = super::certificate::KEY_DESCRIPTION;

/// One element.
pub(crate) fn der(identifier: &[u8], content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut encoded = identifier.to_vec();
    if content.len() < 0x80 {
        encoded.push(u8::try_from(content.len()).unwrap());
    } else {
        encoded.push(0x80 | u8::try_from(significant.len()).unwrap());
        encoded.extend(significant);
    }
    encoded.extend(content);
    encoded
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(&[0x30], &parts.concat())
}

pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    der(&[0x31], &parts.concat())
}

pub(crate) fn octets(content: &[u8]) -> Vec<u8> {
    der(&[4], content)
}

fn number(value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(7);
    let digits = &bytes[zeros..];
    if digits[0] >= 0x80 {
        [&[0], digits].concat()
    } else {
        digits.to_vec()
    }
}

pub(crate) fn integer(value: u64) -> Vec<u8> {
    der(&[2], &number(value))
}

pub(crate) fn enumerated(value: u64) -> Vec<u8> {
    der(&[10], &number(value))
}

/// A value under an explicit context tag.
pub(crate) fn tagged(tag: u32, value: &[u8]) -> Vec<u8> {
    let digit = |shift: u32| ((tag >> shift) & 0x7f).to_le_bytes()[0];
    match tag {
        0..31 => der(&[0xa0 | digit(0)], value),
        31..128 => der(&[0xbf, digit(0)], value),
        _ => der(&[0xbf, 0x80 | digit(7), digit(0)], value),
    }
}

/// A subject or issuer of UTF-8 texts.
pub(crate) fn name(attributes: &[(&[u8], &str)]) -> Vec<u8> {
    let attribute =
        |(oid, text): &(&[u8], &str)| set(&[sequence(&[der(&[6], oid), der(&[12], text.as_bytes())])]);
    sequence(&attributes.iter().map(attribute).collect::<Vec<_>>())
}

fn common_name(text: &str) -> Vec<u8> {
    name(&[(&[0x55, 4, 3], text)])
}

/// Keys are made once: which chain uses them makes no difference.
static KEYS: LazyLock<[Key; 5]> = LazyLock::new(|| std::array::from_fn(|_| Key::new()));

struct Key {
    pair: EcdsaKeyPair,
    spki: Vec<u8>,
}

impl Key {
    fn new() -> Self {
        let (algorithm, rng) = (&ECDSA_P256_SHA256_ASN1_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &rng).unwrap();
        let point = [&[0], pair.public_key().as_ref()].concat();
        let spki = sequence(&[EC_P256.to_vec(), der(&[3], &point)]);
        Self { pair, spki }
    }
}

/// One certificate, signed by the next one's key.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) not_before: Vec<u8>,
    pub(crate) not_after: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    pub(crate) extensions: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) forged: bool,
    signer: usize,
}

impl Link {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let extensions: Vec<_> = self
            .extensions
            .iter()
            .map(|(oid, value)| sequence(&[der(&[6], oid), octets(value)]))
            .collect();
        let mut fields = vec![
            tagged(0, &integer(2)),
            der(&[2], &self.serial),
            self.algorithm.clone(),
            self.issuer.clone(),
            sequence(&[self.not_before.clone(), self.not_after.clone()]),
            self.subject.clone(),
            self.spki.clone(),
        ];
        if !extensions.is_empty() {
            fields.push(tagged(3, &sequence(&extensions)));
        }
        let signed = sequence(&fields);
        let message: &[u8] = if self.forged { b"something else" } else { &signed };
        let signature = KEYS[self.signer]
            .pair
            .sign(&SystemRandom::new(), message)
            .unwrap();
        let signature = der(&[3], &[&[0], signature.as_ref()].concat());
        sequence(&[signed, self.algorithm.clone(), signature])
    }
}

/// `YYMMDD` as a UTCTime at midnight.
pub(crate) fn midnight(date: &str) -> Vec<u8> {
    der(&[23], format!("{date}000000Z").as_bytes())
}

/// A whole chain with what its leaf attests.
#[derive(Clone)]
pub(crate) struct Scene {
    /// Leaf first.
    pub(crate) links: Vec<Link>,
    pub(crate) attested: Description,
}

impl Scene {
    /// Four certificates, as put in at the factory.
    pub(crate) fn factory() -> Self {
        let serial: &[u8] = &[0x55, 4, 5];
        Self::new(&[
            common_name("Android Keystore Key"),
            name(&[(serial, "0c9f"), (&[0x55, 4, 12], "TEE")]),
            name(&[(serial, "f920"), (&[0x55, 4, 12], "TEE")]),
            name(&[(serial, "root")]),
        ])
    }

    /// Five certificates, as fetched by the phone.
    pub(crate) fn rkp() -> Self {
        let google = |text| name(&[(&[0x55, 4, 3], text), (&[0x55, 4, 10], "Google LLC")]);
        let mut scene = Self::new(&[
            common_name("Android Keystore Key"),
            name(&[(&[0x55, 4, 10], "TEE"), (&[0x55, 4, 3], "e18c4f2c")]),
            google("Droid CA3"),
            google("Droid CA2"),
            name(&[(&[0x55, 4, 5], "root")]),
        ]);
        let issued = [0xa1, 1, 0x18, 64].to_vec();
        scene.links[1]
            .extensions
            .push((super::certificate::PROVISIONING.to_vec(), issued));
        scene
    }

    /// Three certificates, as from the system's own software.
    pub(crate) fn software() -> Self {
        let mut scene = Self::new(&[
            common_name("Android Keystore Key"),
            common_name("Software Intermediate"),
            common_name("Software Root"),
        ]);
        scene.attested.attestation_level = 0;
        scene.attested.hardware.retain(|(tag, _)| *tag != 704);
        scene
    }

    fn new(names: &[Vec<u8>]) -> Self {
        let last = names.len() - 1;
        let links = names.iter().enumerate().map(|(at, subject)| Link {
            subject: subject.clone(),
            issuer: names[(at + 1).min(last)].clone(),
            serial: vec![0, 0xa0 | u8::try_from(at).unwrap(), 0x0b],
            not_before: midnight("200101"),
            not_after: midnight("400101"),
            spki: KEYS[at].spki.clone(),
            extensions: vec![(vec![0x55, 0x1d, 15], vec![3, 2, 7, 0x80])],
            algorithm: ECDSA_SHA256.to_vec(),
            forged: false,
            signer: (at + 1).min(last),
        });
        Self {
            links: links.collect(),
            attested: Description::default(),
        }
    }

    pub(crate) fn chain(&self) -> Vec<Vec<u8>> {
        let mut links = self.links.clone();
        if let Some(leaf) = links.first_mut().filter(|_| !self.attested.absent) {
            leaf.extensions
                .push((KEY_DESCRIPTION.to_vec(), self.attested.encode()));
        }
        links.iter().map(Link::encode).collect()
    }

    /// Only the root.
    pub(crate) fn anchors(&self) -> Anchors {
        Anchors::none()
            .with_der(&self.links.last().unwrap().encode())
            .unwrap()
    }

    /// The leaf's key.
    pub(crate) fn point(&self) -> [u8; 65] {
        self.links[0].spki[self.links[0].spki.len() - 65..]
            .try_into()
            .unwrap()
    }
}

/// A KeyDescription, its values encoded.
#[derive(Clone)]
pub(crate) struct Description {
    pub(crate) absent: bool,
    pub(crate) attestation_level: u64,
    pub(crate) keymint_level: u64,
    pub(crate) unique_id: Vec<u8>,
    pub(crate) software: Vec<(u32, Vec<u8>)>,
    pub(crate) hardware: Vec<(u32, Vec<u8>)>,
}

impl Default for Description {
    fn default() -> Self {
        let numbers = |values: &[u64]| set(&values.iter().map(|value| integer(*value)).collect::<Vec<_>>());
        Self {
            absent: false,
            attestation_level: 1,
            keymint_level: 1,
            unique_id: vec![],
            software: vec![
                (701, integer(1_795_305_600_000)),
                (
                    709,
                    octets(&application(&[("com.example.bank", 42)], &[&[7; 32]])),
                ),
                (724, octets(&[5; 32])),
            ],
            hardware: vec![
                (1, numbers(&[2])),
                (2, integer(3)),
                (3, integer(256)),
                (5, numbers(&[4])),
                (10, integer(1)),
                (503, vec![5, 0]),
                (702, integer(0)),
                (704, root_of_trust(&[9; 32], 0xff, 0)),
                (705, integer(160_000)),
                (706, integer(202_611)),
                (718, integer(20_261_105)),
                (719, integer(20_261_100)),
            ],
        }
    }
}

impl Description {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let list = |list: &[(u32, Vec<u8>)]| {
            sequence(
                &list
                    .iter()
                    .map(|(tag, value)| tagged(*tag, value))
                    .collect::<Vec<_>>(),
            )
        };
        sequence(&[
            integer(400),
            enumerated(self.attestation_level),
            integer(400),
            enumerated(self.keymint_level),
            octets(b"challenge"),
            octets(&self.unique_id),
            list(&self.software),
            list(&self.hardware),
        ])
    }

    /// Puts another value into the hardware's list.
    pub(crate) fn hardware(&mut self, tag: u32, value: Vec<u8>) {
        self.hardware.retain(|(other, _)| *other != tag);
        self.hardware.push((tag, value));
    }

    /// Puts another value into the software's list.
    pub(crate) fn software(&mut self, tag: u32, value: Vec<u8>) {
        self.software.retain(|(other, _)| *other != tag);
        self.software.push((tag, value));
    }
}

pub(crate) fn root_of_trust(key: &[u8], locked: u8, state: u64) -> Vec<u8> {
    sequence(&[
        octets(key),
        vec![1, 1, locked],
        enumerated(state),
        octets(&[8; 32]),
    ])
}

pub(crate) fn application(packages: &[(&str, u64)], signers: &[&[u8]]) -> Vec<u8> {
    let package = |(name, version): &(&str, u64)| sequence(&[octets(name.as_bytes()), integer(*version)]);
    let packages: Vec<_> = packages.iter().map(package).collect();
    let signers: Vec<_> = signers.iter().map(|signer| octets(signer)).collect();
    sequence(&[set(&packages), set(&signers)])
}

/// A root's certificate, each name with a key of its own.
pub(crate) fn root_pem(subject: &str, issuer: Option<&str>) -> String {
    let mut link = Scene::new(&[common_name(subject)]).links.remove(0);
    link.spki = KEYS[subject.len() + usize::from(subject == "b")].spki.clone();
    link.issuer = common_name(issuer.unwrap_or(subject));
    let base64 = STANDARD.encode(link.encode());
    let lines: Vec<_> = base64
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}
