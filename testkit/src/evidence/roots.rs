//! Trust anchors of one run. None is known to any build of the product: a test or simulated world adds them as an admin would.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, IsCa, KeyUsagePurpose};

use super::BuildError;
use super::certificate::{NOT_AFTER_S, NOT_BEFORE_S, TestKey, name, set_validity};
use attest_core::encoding::sha256;

/// SHA-256 of the public key of [`Root::rsa`], whose private key everybody can read here: for lists of keys never to trust.
pub const RSA_ROOT_SPKI_SHA256: &str = "af3812cfaad336af44d585d1730c61e5a8a89e125f3923dff21b5c916ea5f91e";

/// A self-issued certificate and its key.
#[derive(Debug, Clone)]
pub struct Root {
    /// The key.
    pub key: TestKey,
    /// Its subject.
    pub name: DistinguishedName,
    der: Vec<u8>,
    pem: String,
}

impl Root {
    /// A root of this key and name.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(key: TestKey, name: DistinguishedName) -> Result<Self, BuildError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = name.clone();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, NOT_BEFORE_S, NOT_AFTER_S);
        let certificate = params.self_signed(key.pair())?;
        Ok(Self {
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
            key,
            name,
        })
    }

    /// An RSA root. Its key is always the same one, because `ring` generates none: [`RSA_ROOT_SPKI_SHA256`].
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn rsa() -> Result<Self, BuildError> {
        Self::new(TestKey::rsa()?, name(&[("CN", "Attest Test RSA Root")]))
    }

    /// The certificate, DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate, PEM: what is added as an anchor.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_sha256(&self) -> [u8; 32] {
        sha256(&[&self.key.spki()])
    }
}

/// The roots that simulated platforms issue under, new in each run.
#[derive(Debug, Clone)]
pub struct TestRoots {
    /// Android, P-384 as the newest real root.
    pub android: Root,
    /// Android, P-256.
    pub android_p256: Root,
    /// Android, where certificates without any hardware behind them end.
    pub android_software: Root,
    /// App Attest, P-384.
    pub apple: Root,
}

impl TestRoots {
    /// Four new roots.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn generate() -> Result<Self, BuildError> {
        let root = |key, common_name| Root::new(key, name(&[("CN", common_name)]));
        Ok(Self {
            android: root(TestKey::p384()?, "Attest Test Key Attestation Root")?,
            android_p256: root(TestKey::p256()?, "Attest Test Key Attestation Root P-256")?,
            android_software: root(TestKey::p256()?, "Attest Test Software Attestation Root")?,
            apple: root(TestKey::p384()?, "Attest Test App Attestation Root")?,
        })
    }

    /// The hardware roots of Android, as one PEM file.
    #[must_use]
    pub fn android_pem(&self) -> String {
        format!("{}{}", self.android.pem(), self.android_p256.pem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_digest_is_that_of_the_fixed_key() {
        let digest: String = Root::rsa()
            .unwrap()
            .spki_sha256()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digest, RSA_ROOT_SPKI_SHA256);
    }

    #[test]
    fn each_run_has_other_roots() {
        let (one, other) = (TestRoots::generate().unwrap(), TestRoots::generate().unwrap());
        assert_ne!(one.android.spki_sha256(), other.android.spki_sha256());
        assert_ne!(one.android.spki_sha256(), one.apple.spki_sha256());
    }
}
