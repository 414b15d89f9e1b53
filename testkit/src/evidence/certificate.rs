//! Certificates as platforms issue them: chains of templates, each field public, and edits for what no library would write.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use attest_core::encoding::sha256;
use rcgen::string::PrintableString;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256, PublicKeyData,
    SignatureAlgorithm, SigningKey, date_time_ymd,
};

use super::BuildError;
use super::der;
use super::roots::Root;

/// 2016-01-01, before which nothing here is valid.
pub(super) const NOT_BEFORE_S: u64 = 1_451_606_400;
/// 2049-01-01: later dates are written in another form.
pub(super) const NOT_AFTER_S: u64 = 2_493_072_000;

/// The fixed RSA key of tests. It protects nothing.
const RSA_TEST_KEY: &str = include_str!("rsa_root_test_key.pem");

/// A key whose private half is at hand.
#[derive(Clone)]
pub struct TestKey(Arc<KeyPair>);

impl fmt::Debug for TestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestKey({:?})", self.0.algorithm())
    }
}

impl TestKey {
    /// A new P-256 key.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn p256() -> Result<Self, BuildError> {
        Ok(Self(Arc::new(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)))
    }

    /// A new P-384 key.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn p384() -> Result<Self, BuildError> {
        Ok(Self(Arc::new(KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?)))
    }

    /// The RSA key, which is always the same.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn rsa() -> Result<Self, BuildError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(RSA_TEST_KEY, &PKCS_RSA_SHA256)?;
        Ok(Self(Arc::new(pair)))
    }

    /// A P-256 or P-384 key that [`Self::to_pem`] wrote.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn from_pem(pem: &str) -> Result<Self, BuildError> {
        Ok(Self(Arc::new(KeyPair::from_pem(pem)?)))
    }

    /// The private key, PEM: for simulated phones in another process.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The public key as it stands in a certificate: for elliptic curves the uncompressed point.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.0.public_key_raw()
    }

    /// The uncompressed point of a P-256 key; `None` for other kinds.
    #[must_use]
    pub fn point(&self) -> Option<[u8; 65]> {
        self.public_key().try_into().ok()
    }

    /// SHA-256 of the public key's bytes: App Attest's key id.
    #[must_use]
    pub fn id(&self) -> [u8; 32] {
        sha256(&[self.public_key()])
    }

    /// SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        self.0.subject_public_key_info()
    }

    /// Signs: for elliptic curves in DER, hashed by SHA-256 or, with P-384, SHA-384.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BuildError> {
        Ok(self.0.sign(message)?)
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.0
    }
}

/// The key that a certificate is about.
#[derive(Debug, Clone)]
pub enum SubjectKey {
    /// One that can sign further certificates.
    Held(TestKey),
    /// A P-256 key that somebody else holds, as an uncompressed point.
    Point([u8; 65]),
}

impl PublicKeyData for SubjectKey {
    fn der_bytes(&self) -> &[u8] {
        match self {
            Self::Held(key) => key.public_key(),
            Self::Point(point) => point,
        }
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self {
            Self::Held(key) => key.0.algorithm(),
            Self::Point(_) => &PKCS_ECDSA_P256_SHA256,
        }
    }
}

/// A certificate to be issued.
#[derive(Debug, Clone)]
pub struct Template {
    /// Whom it is about.
    pub subject: DistinguishedName,
    /// Who is said to have issued it; the subject of the next certificate if `None`.
    pub issuer: Option<DistinguishedName>,
    /// The serial number, big-endian; made from the key if `None`.
    pub serial: Option<Vec<u8>>,
    /// Begin of its validity, Unix seconds.
    pub not_before_s: u64,
    /// End of its validity, Unix seconds.
    pub not_after_s: u64,
    /// Basic constraints.
    pub is_ca: IsCa,
    /// Key usage.
    pub key_usages: Vec<KeyUsagePurpose>,
    /// Further extensions.
    pub extensions: Vec<CustomExtension>,
    /// The key that it is about.
    pub key: SubjectKey,
    /// The key that signs it; that of the next certificate if `None`.
    pub signer: Option<TestKey>,
    /// Bytes replaced before signing, in whole elements of the certificate's own SEQUENCE: what no library would write.
    pub edits: Vec<Edit>,
}

/// Bytes to be replaced once, by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is there.
    pub from: Vec<u8>,
    /// What is to be there.
    pub to: Vec<u8>,
}

impl Template {
    /// A certificate that may issue others, valid from 2016 to 2049.
    #[must_use]
    pub fn issuer(subject: DistinguishedName, key: TestKey) -> Self {
        Self {
            subject,
            issuer: None,
            serial: None,
            not_before_s: NOT_BEFORE_S,
            not_after_s: NOT_AFTER_S,
            is_ca: IsCa::Ca(BasicConstraints::Unconstrained),
            key_usages: vec![KeyUsagePurpose::KeyCertSign],
            extensions: Vec::new(),
            key: SubjectKey::Held(key),
            signer: None,
            edits: Vec::new(),
        }
    }

    /// A certificate at the end of a chain, valid from 2016 to 2049.
    #[must_use]
    pub fn leaf(subject: DistinguishedName, key: SubjectKey) -> Self {
        Self {
            is_ca: IsCa::NoCa,
            key_usages: vec![KeyUsagePurpose::DigitalSignature],
            subject,
            issuer: None,
            serial: None,
            not_before_s: NOT_BEFORE_S,
            not_after_s: NOT_AFTER_S,
            extensions: Vec::new(),
            key,
            signer: None,
            edits: Vec::new(),
        }
    }

    /// Adds an extension.
    pub fn extend(&mut self, oid: &[u64], content: Vec<u8>) {
        self.extensions
            .push(CustomExtension::from_oid_content(oid, content));
    }

    /// Writes NULL behind ecdsa-with-SHA256, as StrongBox of some Pixels does.
    pub fn null_parameters(&mut self) {
        let algorithm = der::oid(&[1, 2, 840, 10045, 4, 3, 2]);
        self.edits.push(Edit {
            from: der::sequence(std::slice::from_ref(&algorithm)),
            to: der::sequence(&[algorithm, der::null()]),
        });
    }

    /// Makes the key one of ML-DSA-65, of bytes that no real key has.
    pub fn ml_dsa_key(&mut self) {
        let algorithm = der::sequence(&[der::oid(&[2, 16, 840, 1, 101, 3, 4, 3, 18])]);
        let mut bits = vec![0];
        bits.resize(1 + 1_952, 0x5a);
        self.edits.push(Edit {
            from: self.key.subject_public_key_info(),
            to: der::sequence(&[algorithm, der::element(0x03, &bits)]),
        });
    }

    fn issue(&self, issuer_name: &DistinguishedName, issuer_key: &TestKey) -> Result<Vec<u8>, BuildError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.subject.clone();
        params.serial_number = self.serial.clone().map(Into::into);
        set_validity(&mut params, self.not_before_s, self.not_after_s);
        params.is_ca = self.is_ca;
        params.key_usages.clone_from(&self.key_usages);
        params.custom_extensions.clone_from(&self.extensions);
        let mut issuer = CertificateParams::default();
        issuer.distinguished_name = self.issuer.as_ref().unwrap_or(issuer_name).clone();
        let signer = self.signer.as_ref().unwrap_or(issuer_key);
        let issued = params.signed_by(&self.key, &Issuer::from_params(&issuer, signer.pair()))?;
        if self.edits.is_empty() {
            return Ok(issued.der().to_vec());
        }
        edited(issued.der(), &self.edits, signer)
    }
}

/// Issues a chain, leaf first, the root last.
///
/// # Errors
/// [`BuildError`].
pub fn chain(root: &Root, templates: &[Template]) -> Result<Vec<Vec<u8>>, BuildError> {
    let mut out = Vec::with_capacity(templates.len() + 1);
    for (position, template) in templates.iter().enumerate() {
        let issued = match templates.get(position + 1) {
            None => template.issue(&root.name, &root.key)?,
            Some(next) => {
                let key = match (&template.signer, &next.key) {
                    (Some(signer), _) => signer,
                    (None, SubjectKey::Held(key)) => key,
                    (None, SubjectKey::Point(_)) => return Err(BuildError::PublicKeyOnly),
                };
                template.issue(&next.subject, key)?
            }
        };
        out.push(issued);
    }
    out.push(root.der().to_vec());
    Ok(out)
}

/// A name of these parts in this order: `CN`, `O`, `OU`, `ST` or `serialNumber` each.
#[must_use]
pub fn name(parts: &[(&str, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (part, text) in parts {
        let kind = match *part {
            "O" => DnType::OrganizationName,
            "OU" => DnType::OrganizationalUnitName,
            "ST" => DnType::StateOrProvinceName,
            "serialNumber" => DnType::CustomDnType(vec![2, 5, 4, 5]),
            _ => DnType::CommonName,
        };
        let value = PrintableString::try_from(*text).map_or_else(
            |_| DnValue::Utf8String((*text).to_owned()),
            DnValue::PrintableString,
        );
        name.push(kind, value);
    }
    name
}

/// Sets from when to when, in Unix seconds.
pub(super) fn set_validity(params: &mut CertificateParams, not_before_s: u64, not_after_s: u64) {
    let epoch = date_time_ymd(1970, 1, 1);
    params.not_before = epoch + Duration::from_secs(not_before_s);
    params.not_after = epoch + Duration::from_secs(not_after_s);
}

fn edited(certificate: &[u8], edits: &[Edit], signer: &TestKey) -> Result<Vec<u8>, BuildError> {
    let parts = der::split(certificate).and_then(|(inside, _)| {
        let (fields, after) = der::split(inside)?;
        let (algorithm, _) = der::split(after)?;
        Some((fields.to_vec(), der::element(0x30, algorithm)))
    });
    let (mut fields, mut algorithm) = parts.ok_or(BuildError::Encoding)?;
    for edit in edits {
        fields = replaced(&fields, edit).ok_or(BuildError::EditMissed)?;
        if algorithm == edit.from {
            algorithm.clone_from(&edit.to);
        }
    }
    let signed = der::element(0x30, &fields);
    let mut signature = vec![0];
    signature.extend(signer.sign(&signed)?);
    Ok(der::sequence(&[
        signed,
        algorithm,
        der::element(0x03, &signature),
    ]))
}

fn replaced(bytes: &[u8], edit: &Edit) -> Option<Vec<u8>> {
    let start = bytes
        .windows(edit.from.len())
        .position(|window| window == edit.from)?;
    let (before, rest) = bytes.split_at_checked(start)?;
    let after = rest.get(edit.from.len()..)?;
    Some([before, &edit.to, after].concat())
}
