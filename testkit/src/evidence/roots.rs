//! Trust anchors of one run. None is known to any build of the product: a test or simulated world adds them as an admin would.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

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
    /// Android, where certificates without any hardware behind them end. Never an anchor.
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
        Self::of([
            TestKey::p384()?,
            TestKey::p256()?,
            TestKey::p256()?,
            TestKey::p384()?,
        ])
    }

    fn of(keys: [TestKey; 4]) -> Result<Self, BuildError> {
        let root = |key, common_name| Root::new(key, name(&[("CN", common_name)]));
        let [android, android_p256, android_software, apple] = keys;
        Ok(Self {
            android: root(android, "Attest Test Key Attestation Root")?,
            android_p256: root(android_p256, "Attest Test Key Attestation Root P-256")?,
            android_software: root(android_software, "Attest Test Software Attestation Root")?,
            apple: root(apple, "Attest Test App Attestation Root")?,
        })
    }

    /// The roots whose keys [`Self::to_pem`] wrote. Their certificates are signed anew: what counts of an anchor is name and key.
    ///
    /// # Errors
    /// [`BuildError::Roots`].
    pub fn from_pem(text: &str) -> Result<Self, BuildError> {
        const END: &str = "-----END PRIVATE KEY-----";
        let keys: Vec<_> = text
            .split_inclusive(END)
            .filter(|part| part.ends_with(END))
            .map(TestKey::from_pem)
            .collect::<Result<_, _>>()
            .map_err(|_| BuildError::Roots)?;
        Self::of(keys.try_into().map_err(|_| BuildError::Roots)?)
    }

    /// The keys of all roots, for simulated phones in other processes.
    #[must_use]
    pub fn to_pem(&self) -> String {
        [
            &self.android,
            &self.android_p256,
            &self.android_software,
            &self.apple,
        ]
        .map(|root| root.key.to_pem())
        .concat()
    }

    /// Writes [`Self::to_pem`] to a new file that nobody else may read.
    ///
    /// # Errors
    /// The system's reason; a file that is there already is one.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file)?.write_all(self.to_pem().as_bytes())
    }

    /// The `anchors` of a policy that trusts hardware of this run.
    #[must_use]
    pub fn policy_anchors(&self) -> String {
        let anchor = |(name, kind, root): (&str, &str, &Root)| {
            let pem = root.pem().trim_end().replace('\n', "\n      ");
            format!("  - name: {name}\n    evidence: {kind}\n    pem: |\n      {pem}\n")
        };
        let anchors = [
            ("test-android", "android_key", &self.android),
            ("test-android-p256", "android_key", &self.android_p256),
            ("test-apple", "app_attest", &self.apple),
        ];
        format!("anchors:\n{}", anchors.map(anchor).concat())
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

    #[test]
    fn roots_outlive_their_process_in_a_file() {
        let roots = TestRoots::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        roots.write(&file).unwrap();
        assert!(roots.write(&file).is_err(), "nothing is overwritten");
        let again = TestRoots::from_pem(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let keys = |roots: &TestRoots| {
            [
                &roots.android,
                &roots.android_p256,
                &roots.android_software,
                &roots.apple,
            ]
            .map(Root::spki_sha256)
        };
        assert_eq!(keys(&roots), keys(&again));
        assert_eq!(roots.android.name, again.android.name);
        for text in ["", roots.android.pem(), &roots.apple.key.to_pem()] {
            assert!(matches!(TestRoots::from_pem(text), Err(BuildError::Roots)));
        }
    }
}
