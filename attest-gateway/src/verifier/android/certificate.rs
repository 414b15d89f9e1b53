//! One certificate of a chain: names, key, times and the extensions that attestation knows.
//!
//! BasicConstraints, key usage and critical extensions are not looked at: real issuers get them wrong, and what keeps an attested
//! key from issuing is that only a leaf may carry a KeyDescription. Other extensions are not parsed at all.

use attest_core::encoding::sha256;
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::nom::Parser as _;

use super::error::Error;
use super::public_key::{self, KeyAlgorithm};
use super::{calendar, hex};
use crate::verifier::{Work, p256};

/// A certificate and its place in the chain, from 0 for the leaf.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    pub(super) position: usize,
    pub(super) spki_sha256: [u8; 32],
    parsed: X509Certificate<'a>,
}

impl<'a> Certificate<'a> {
    pub(super) fn read(der: &'a [u8], position: usize, work: &mut Work) -> Result<Self, Error> {
        work.read(der);
        let parsed = X509CertificateParser::new()
            .with_deep_parse_extensions(false)
            .parse(der);
        let Ok(([], parsed)) = parsed else {
            return Err(Error::CertificateUnreadable { position });
        };
        // The inner one is signed, the outer one is used.
        if parsed.signature_algorithm.algorithm != parsed.tbs_certificate.signature.algorithm {
            return Err(Error::CertificateUnreadable { position });
        }
        let spki_sha256 = sha256(&[parsed.public_key().raw]);
        Ok(Self {
            position,
            spki_sha256,
            parsed,
        })
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.parsed.subject().as_raw() == self.parsed.issuer().as_raw()
    }

    pub(super) fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.parsed.issuer().as_raw() == issuer.parsed.subject().as_raw()
    }

    pub(super) fn verify_signature_by(&self, issuer: &Self, work: &mut Work) -> Result<(), Error> {
        let position = self.position;
        let signature = &self.parsed.signature_value;
        let verification =
            public_key::verification(issuer.parsed.public_key(), &self.parsed.signature_algorithm)
                .filter(|_| signature.unused_bits == 0)
                .ok_or(Error::AlgorithmUnsupported { position })?;
        work.verified(1);
        verification
            .verify(self.parsed.tbs_certificate.as_ref(), &signature.data)
            .map_err(|_| Error::SignatureForged { position })
    }

    pub(super) fn not_before_s(&self) -> i64 {
        self.parsed.validity().not_before.timestamp()
    }

    pub(super) fn not_after_s(&self) -> i64 {
        self.parsed.validity().not_after.timestamp()
    }

    pub(super) fn not_before(&self) -> String {
        calendar::rfc3339(self.not_before_s())
    }

    pub(super) fn not_after(&self) -> String {
        calendar::rfc3339(self.not_after_s())
    }

    pub(super) fn serial(&self) -> String {
        hex::unpadded(self.parsed.raw_serial())
    }

    pub(super) fn subject(&self) -> String {
        self.parsed.subject().to_string()
    }

    pub(super) fn key_algorithm(&self) -> KeyAlgorithm {
        KeyAlgorithm::of(self.parsed.public_key())
    }

    pub(super) fn p256_point(&self) -> Option<[u8; 65]> {
        p256::point_of_spki(self.parsed.public_key().raw)
    }

    /// The subject as pairs of attribute type and text; text that is none is empty.
    pub(super) fn subject_attributes(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.parsed.subject().iter_attributes().map(|attribute| {
            (
                attribute.attr_type().as_bytes(),
                attribute.as_str().unwrap_or_default(),
            )
        })
    }

    /// An extension's value, if the certificate has it once.
    pub(super) fn extension(&self, oid: &[u8]) -> Result<Option<&'a [u8]>, Error> {
        let mut found = self
            .parsed
            .extensions()
            .iter()
            .filter(|extension| extension.oid.as_bytes() == oid);
        let first = found.next().map(|extension| extension.value);
        if found.next().is_some() {
            Err(Error::ExtensionRepeated {
                position: self.position,
            })
        } else {
            Ok(first)
        }
    }

    /// Whether it speaks about its own key as attestations do.
    pub(super) fn attests(&self) -> bool {
        self.parsed
            .extensions()
            .iter()
            .any(|extension| [KEY_DESCRIPTION, KEY_DESCRIPTION_EAT].contains(&extension.oid.as_bytes()))
    }
}

/// 1.3.6.1.4.1.11129.2.1.17: the KeyDescription.
pub(super) const KEY_DESCRIPTION: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 17];
/// 1.3.6.1.4.1.11129.2.1.25: the same as an entity attestation token.
pub(super) const KEY_DESCRIPTION_EAT: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 25];
/// 1.3.6.1.4.1.11129.2.1.30: what remote provisioning says about the phone.
pub(super) const PROVISIONING: &[u8] = &[0x2b, 6, 1, 4, 1, 0xd6, 0x79, 2, 1, 30];
