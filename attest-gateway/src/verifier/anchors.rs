//! The roots that evidence may end at, as digests of their public keys.
//!
//! Keys are pinned and not certificates: a vendor renews the certificate of one key, and its end says nothing about the key. The
//! roots of AOSP's software keystores are never added by accident: their private keys are public. Nothing is fetched.

use attest_core::encoding::sha256;
use x509_parser::certificate::X509CertificateParser;
use x509_parser::nom::Parser as _;
use x509_parser::pem::Pem;

/// The trusted roots, by the SHA-256 of their SubjectPublicKeyInfo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchors {
    keys: Vec<[u8; 32]>,
    software_roots: bool,
}

impl Anchors {
    /// No root at all: every chain is refused.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Google's two roots for Android Key Attestation.
    #[must_use]
    pub fn google() -> Self {
        Self {
            keys: GOOGLE.to_vec(),
            software_roots: false,
        }
    }

    /// Lets the methods below add roots of AOSP's software keystores. For development only.
    #[must_use]
    pub fn allow_software_roots(mut self) -> Self {
        self.software_roots = true;
        self
    }

    /// Adds the key of each certificate of a PEM text.
    ///
    /// # Errors
    ///
    /// [`AnchorError`]; nothing of a text with an error is added.
    pub fn with_pem(mut self, pem: &str) -> Result<Self, AnchorError> {
        if pem.len() > MAX_PEM_BYTES {
            return Err(AnchorError::TooLarge {
                bytes: pem.len(),
                limit: MAX_PEM_BYTES,
            });
        }
        let mut position = 0;
        for block in Pem::iter_from_buffer(pem.as_bytes()) {
            let block = block.map_err(|_| AnchorError::Unreadable { position })?;
            if block.label != "CERTIFICATE" {
                return Err(AnchorError::Unreadable { position });
            }
            self = self.with_spki_sha256(key_of_root(&block.contents, position)?)?;
            position += 1;
        }
        if position == 0 {
            Err(AnchorError::Empty)
        } else {
            Ok(self)
        }
    }

    /// Adds the key of a certificate in DER.
    ///
    /// # Errors
    ///
    /// [`AnchorError`].
    pub fn with_der(self, certificate: &[u8]) -> Result<Self, AnchorError> {
        self.with_spki_sha256(key_of_root(certificate, 0)?)
    }

    /// Adds a key by the SHA-256 of its SubjectPublicKeyInfo.
    ///
    /// # Errors
    ///
    /// [`AnchorError::SoftwareRoot`] and [`AnchorError::TooMany`].
    pub fn with_spki_sha256(mut self, spki_sha256: [u8; 32]) -> Result<Self, AnchorError> {
        if is_software_root(&spki_sha256) && !self.software_roots {
            return Err(AnchorError::SoftwareRoot);
        }
        if !self.contains(&spki_sha256) {
            self.keys.push(spki_sha256);
        }
        if self.keys.len() > MAX_ANCHORS {
            return Err(AnchorError::TooMany { limit: MAX_ANCHORS });
        }
        Ok(self)
    }

    /// Whether a key is trusted.
    #[must_use]
    pub fn contains(&self, spki_sha256: &[u8; 32]) -> bool {
        self.keys.contains(spki_sha256)
    }

    /// Whether a root of AOSP's software keystores is among them. A production gateway refuses to start with one.
    #[must_use]
    pub fn contains_denied(&self) -> bool {
        self.keys.iter().any(is_software_root)
    }
}

/// Whether a key is a root of AOSP's software keystores, whose private keys anybody can read.
pub(crate) fn is_software_root(spki_sha256: &[u8; 32]) -> bool {
    SOFTWARE_ROOTS.contains(spki_sha256)
}

fn key_of_root(certificate: &[u8], position: usize) -> Result<[u8; 32], AnchorError> {
    let parsed = X509CertificateParser::new()
        .with_deep_parse_extensions(false)
        .parse(certificate);
    let Ok(([], certificate)) = parsed else {
        return Err(AnchorError::Unreadable { position });
    };
    if certificate.subject().as_raw() != certificate.issuer().as_raw() {
        return Err(AnchorError::NotARoot { position });
    }
    Ok(sha256(&[certificate.public_key().raw]))
}

/// Why a root cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// A block of the text is no certificate.
    #[error("block {position} is no PEM certificate")]
    Unreadable {
        /// Which block, from 0.
        position: usize,
    },
    /// There is no certificate.
    #[error("no PEM certificate found")]
    Empty,
    /// The text is too long.
    #[error("{bytes} bytes, at most {limit}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// A certificate was issued by another name than its own.
    #[error("certificate {position} is not self-issued: only roots can be anchors")]
    NotARoot {
        /// Which certificate, from 0.
        position: usize,
    },
    /// A root of a software keystore, for which anybody can issue.
    #[error("the private key of this root is public (AOSP software keystore)")]
    SoftwareRoot,
    /// There are too many.
    #[error("at most {limit} roots")]
    TooMany {
        /// The bound.
        limit: usize,
    },
}

impl AnchorError {
    /// The stable word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "anchor-unreadable",
            Self::Empty => "anchor-empty",
            Self::TooLarge { .. } => "anchor-too-large",
            Self::NotARoot { .. } => "anchor-not-a-root",
            Self::SoftwareRoot => "anchor-software-root",
            Self::TooMany { .. } => "anchor-too-many",
        }
    }
}

/// Each presented root is looked up in a list that is read from its start.
const MAX_ANCHORS: usize = 32;
/// As many certificates of the usual size.
const MAX_PEM_BYTES: usize = 64 << 10;

/// `serialNumber=f92009e853b6b045` (RSA, certificates of 2016 to 2022) and `CN=Key Attestation CA1` (P-384, 2025).
const GOOGLE: [[u8; 32]; 2] = [
    [
        0xfe, 0xb2, 0xea, 0x75, 0x51, 0xee, 0x31, 0x6e, 0xd4, 0xbb, 0x44, 0x3c, 0x82, 0x93, 0xb8, 0x84, 0xdb,
        0xfd, 0xea, 0x40, 0xb6, 0x03, 0xee, 0x3e, 0x4f, 0x4a, 0x89, 0x7e, 0x45, 0x80, 0xfb, 0xae,
    ],
    [
        0x3e, 0xe4, 0x45, 0x12, 0xa1, 0xaf, 0x2b, 0xeb, 0x39, 0xc8, 0x89, 0x49, 0x0c, 0x60, 0xea, 0x3f, 0x82,
        0xe4, 0x3f, 0x5d, 0x5a, 0x55, 0x32, 0xf5, 0xab, 0x94, 0x19, 0xf6, 0x76, 0xcd, 0x07, 0xec,
    ],
];

/// AOSP's software keystores, EC and RSA, and the one key of the test kit that stands in its source.
const SOFTWARE_ROOTS: [[u8; 32]; 3] = [
    [
        0xd5, 0x10, 0x0c, 0x79, 0x42, 0xef, 0x2e, 0x83, 0x10, 0xdc, 0x30, 0xef, 0x82, 0x72, 0x96, 0x80, 0xcf,
        0x48, 0xd6, 0x90, 0x73, 0x5c, 0x3f, 0x68, 0x17, 0x9a, 0x33, 0xc7, 0xc3, 0x70, 0xf2, 0x86,
    ],
    [
        0xf2, 0xc4, 0x74, 0x6f, 0x54, 0x59, 0x46, 0xc1, 0x00, 0xe7, 0x22, 0x97, 0xf8, 0xf9, 0x46, 0x34, 0x4d,
        0x70, 0x52, 0xf0, 0x3a, 0x2f, 0x69, 0x42, 0x21, 0xf9, 0xc8, 0x93, 0xb0, 0xe6, 0xf7, 0x11,
    ],
    [
        0xaf, 0x38, 0x12, 0xcf, 0xaa, 0xd3, 0x36, 0xaf, 0x44, 0xd5, 0x85, 0xd1, 0x73, 0x0c, 0x61, 0xe5, 0xa8,
        0xa8, 0x9e, 0x12, 0x5f, 0x39, 0x23, 0xdf, 0xf2, 0x1b, 0x5c, 0x91, 0x6e, 0xa5, 0xf9, 0x1e,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(anchors: Result<Anchors, AnchorError>, expect: Result<usize, &str>) {
        assert_eq!(
            anchors
                .map(|anchors| anchors.keys.len())
                .map_err(|error| error.code()),
            expect
        );
    }

    #[test]
    fn roots_are_added_only_whole_and_never_by_accident() {
        let pem =
            |name: &str, issuer: Option<&str>| super::super::android::tests::forge::root_pem(name, issuer);
        check(Anchors::none().with_pem(&pem("a", None)), Ok(1));
        check(
            Anchors::google().with_pem(&[pem("a", None), pem("b", None)].concat()),
            Ok(4),
        );
        let twice = pem("a", None);
        check(
            Anchors::none().with_pem(&[twice.as_str(), twice.as_str()].concat()),
            Ok(1),
        );
        check(Anchors::none().with_pem(""), Err("anchor-empty"));
        check(
            Anchors::none().with_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            Err("anchor-unreadable"),
        );
        check(
            Anchors::none().with_pem(&pem("a", None).replace("CERTIFICATE", "PRIVATE KEY")),
            Err("anchor-unreadable"),
        );
        check(
            Anchors::none().with_pem(&pem("a", Some("b"))),
            Err("anchor-not-a-root"),
        );
        check(
            Anchors::none().with_pem(&" ".repeat(MAX_PEM_BYTES + 1)),
            Err("anchor-too-large"),
        );
        check(
            Anchors::none().with_spki_sha256(SOFTWARE_ROOTS[0]),
            Err("anchor-software-root"),
        );
        check(
            Anchors::none()
                .allow_software_roots()
                .with_spki_sha256(SOFTWARE_ROOTS[1]),
            Ok(1),
        );
        let many = (0..=32).try_fold(Anchors::none(), |anchors, key| {
            anchors.with_spki_sha256([key; 32])
        });
        check(many, Err("anchor-too-many"));
    }

    #[test]
    fn software_roots_are_told() {
        let software = Anchors::google()
            .allow_software_roots()
            .with_spki_sha256(SOFTWARE_ROOTS[1])
            .unwrap();
        assert!(software.contains_denied());
        assert!(!Anchors::google().allow_software_roots().contains_denied());
        assert!(!Anchors::none().contains(&GOOGLE[0]));
        assert!(Anchors::google().contains(&GOOGLE[1]));
    }
}
