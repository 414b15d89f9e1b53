//! The roots that App Attest chains may end at: Apple's own, by its name and public key, and those that a test or a policy adds.
//! They are never fetched, and a certificate that a phone sends never becomes one.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, Der, TrustAnchor};

/// Why a PEM text adds no anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// Not PEM, or a PEM section that is broken.
    #[error("not PEM")]
    Pem,
    /// PEM without a certificate.
    #[error("no certificate")]
    Empty,
    /// A certificate that cannot be read.
    #[error("a certificate that cannot be read")]
    Certificate,
}

/// A set of trusted roots.
#[derive(Debug, Clone)]
pub struct AppleAnchors(Vec<TrustAnchor<'static>>);

impl AppleAnchors {
    /// Apple App Attestation Root CA alone.
    #[must_use]
    pub fn built_in() -> Self {
        Self(vec![TrustAnchor {
            subject: Der::from_slice(&ROOT_NAME),
            subject_public_key_info: Der::from_slice(&ROOT_KEY),
            name_constraints: None,
        }])
    }

    /// These anchors and the roots in `pem`.
    ///
    /// # Errors
    /// [`AnchorError`]; then nothing is added.
    ///
    /// # Security
    /// Whoever holds the key of an added root can make evidence for any app.
    pub fn with_pem(mut self, pem: &str) -> Result<Self, AnchorError> {
        let before = self.0.len();
        for section in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let der = section.map_err(|_| AnchorError::Pem)?;
            let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|_| AnchorError::Certificate)?;
            self.0.push(anchor.to_owned());
        }
        if self.0.len() == before {
            return Err(AnchorError::Empty);
        }
        Ok(self)
    }

    pub(super) fn as_slice(&self) -> &[TrustAnchor<'static>] {
        &self.0
    }
}

/// The content of the root's subject: CN=Apple App Attestation Root CA, O=Apple Inc., ST=California
/// (`https://www.apple.com/certificateauthority/Apple_App_Attestation_Root_CA.pem`, valid until 2045-03-15).
const ROOT_NAME: [u8; 82] = [
    0x31, 0x26, 0x30, 0x24, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x1d, 0x41, 0x70, 0x70, 0x6c, 0x65, 0x20,
    0x41, 0x70, 0x70, 0x20, 0x41, 0x74, 0x74, 0x65, 0x73, 0x74, 0x61, 0x74, 0x69, 0x6f, 0x6e, 0x20, 0x52,
    0x6f, 0x6f, 0x74, 0x20, 0x43, 0x41, 0x31, 0x13, 0x30, 0x11, 0x06, 0x03, 0x55, 0x04, 0x0a, 0x0c, 0x0a,
    0x41, 0x70, 0x70, 0x6c, 0x65, 0x20, 0x49, 0x6e, 0x63, 0x2e, 0x31, 0x13, 0x30, 0x11, 0x06, 0x03, 0x55,
    0x04, 0x08, 0x0c, 0x0a, 0x43, 0x61, 0x6c, 0x69, 0x66, 0x6f, 0x72, 0x6e, 0x69, 0x61,
];

/// The content of the root's `SubjectPublicKeyInfo`: id-ecPublicKey, secp384r1 and the point. SHA-256 of the whole, with its
/// SEQUENCE header, is `1ae751fd29896d0f1f13fe226c063f445d40d8938acc6245c251ecc0679330bd`.
const ROOT_KEY: [u8; 118] = [
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22, 0x03, 0x62, 0x00, 0x04, 0x45, 0x31, 0xe1, 0x98, 0xb5, 0xb4, 0xec, 0x04, 0xda, 0x15, 0x02, 0x04,
    0x57, 0x04, 0xed, 0x4f, 0x87, 0x72, 0x72, 0xd7, 0x61, 0x35, 0xb2, 0x61, 0x16, 0xcf, 0xc8, 0x8b, 0x61,
    0x5d, 0x0a, 0x00, 0x07, 0x19, 0xba, 0x69, 0x85, 0x8d, 0xfe, 0x77, 0xca, 0xa3, 0xb8, 0x39, 0xe0, 0x20,
    0xdd, 0xd6, 0x56, 0x14, 0x14, 0x04, 0x70, 0x28, 0x31, 0xe4, 0x3f, 0x70, 0xb8, 0x8f, 0xd6, 0xc3, 0x94,
    0xb6, 0x08, 0xea, 0x2b, 0xd6, 0xae, 0x61, 0xe9, 0xf5, 0x98, 0xc1, 0x2f, 0x46, 0xaf, 0x52, 0x93, 0x72,
    0x66, 0xe5, 0x7f, 0x14, 0xeb, 0x61, 0xfe, 0xc5, 0x30, 0xf7, 0x14, 0x4f, 0x53, 0x81, 0x2e, 0x35,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verifier::hexadecimal::hexadecimal;
    use attest_core::encoding::sha256;

    #[test]
    fn the_built_in_root_has_the_pinned_key() {
        assert_eq!(
            hexadecimal(&sha256(&[&[0x30, 0x76], &ROOT_KEY])),
            "1ae751fd29896d0f1f13fe226c063f445d40d8938acc6245c251ecc0679330bd"
        );
        assert!(
            ROOT_NAME
                .windows(29)
                .any(|part| part == b"Apple App Attestation Root CA")
        );
    }

    #[test]
    fn roots_are_added_by_pem_alone() {
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(vec![])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let count = |pem: &str| {
            AppleAnchors::built_in()
                .with_pem(pem)
                .map(|anchors| anchors.0.len())
        };
        assert_eq!(count(&root.pem()), Ok(2));
        assert_eq!(count(&root.pem().repeat(2)), Ok(3));
        assert_eq!(count(""), Err(AnchorError::Empty));
        assert_eq!(count(&key.serialize_pem()), Err(AnchorError::Empty));
        assert_eq!(count("-----BEGIN CERTIFICATE-----\n"), Err(AnchorError::Pem));
        assert_eq!(
            count("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Err(AnchorError::Certificate)
        );
    }
}
