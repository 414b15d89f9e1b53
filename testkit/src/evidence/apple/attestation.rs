//! Attestation objects: how iOS proves a key of an app, once.

use attest_core::encoding::sha256;
use ciborium::Value;
use rcgen::{BasicConstraints, IsCa, KeyUsagePurpose};

use super::authenticator::Authenticator;
use crate::evidence::certificate::{SubjectKey, Template, TestKey, chain, name};
use crate::evidence::{BuildError, Root, cbor, der};

/// The extension that holds the nonce.
pub const NONCE_OID: &[u64] = &[1, 2, 840, 113_635, 100, 8, 2];
/// The extension that names the app in clear.
pub const APP_ID_OID: &[u64] = &[1, 2, 840, 113_635, 100, 8, 5];
/// The extension that names the version of the system.
pub const SYSTEM_OID: &[u64] = &[1, 2, 840, 113_635, 100, 8, 7];

/// An attestation object to be built, valid until something in it is changed.
#[derive(Debug, Clone)]
pub struct AttestationBuilder {
    /// Where the chain ends.
    pub root: Root,
    /// Leaf and intermediate. Nonce and app are added to the leaf when the object is built.
    pub certificates: Vec<Template>,
    /// The `fmt` member.
    pub format: String,
    /// The hash that the app bound the key to.
    pub client_data_hash: [u8; 32],
    /// Authenticator data.
    pub auth_data: Authenticator,
    /// The nonce in the leaf; the true one if `None`.
    pub nonce: Option<Vec<u8>>,
    /// Content of the nonce's extension instead of the right one.
    pub nonce_extension: Option<Vec<u8>>,
    /// Whether the leaf holds a nonce at all.
    pub with_nonce: bool,
    /// The app that the leaf names in clear.
    pub app_id_in_leaf: String,
    /// The system's version in the leaf.
    pub os_version: String,
    /// The receipt, which is opaque to all but its issuer.
    pub receipt: Vec<u8>,
    /// Further members of the object.
    pub more: Vec<(Value, Value)>,
}

impl AttestationBuilder {
    /// An attestation of this key, of the app `TEAM.bundle`, in the environment of this AAGUID.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn new(
        root: &Root,
        app_id: &str,
        key: &TestKey,
        aaguid: [u8; 16],
        client_data_hash: [u8; 32],
    ) -> Result<Self, BuildError> {
        let apple = [("O", "Apple Inc."), ("ST", "California")];
        let of_apple = |common_name| [[("CN", common_name)].as_slice(), &apple].concat();
        let hex: String = key.id().iter().map(|byte| format!("{byte:02x}")).collect();
        let unit = [("CN", hex.as_str()), ("OU", "AAA Certification")];
        let mut leaf = Template::leaf(name(&[unit, apple].concat()), SubjectKey::Held(key.clone()));
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::ContentCommitment,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::DataEncipherment,
        ];
        let mut intermediate = Template::issuer(
            name(&of_apple("Attest Test App Attestation CA 1")),
            TestKey::p384()?,
        );
        intermediate.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        intermediate.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Self {
            root: root.clone(),
            certificates: vec![leaf, intermediate],
            format: "apple-appattest".to_owned(),
            client_data_hash,
            auth_data: Authenticator::attestation(app_id, key, aaguid),
            nonce: None,
            nonce_extension: None,
            with_nonce: true,
            app_id_in_leaf: app_id.to_owned(),
            os_version: "27.0".to_owned(),
            // The begin of a CMS message of indefinite length, as most real receipts are.
            receipt: [&[0x30, 0x80, 0x06, 0x09][..], &[0x2a; 200]].concat(),
            more: Vec::new(),
        })
    }

    /// Changes anything.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Changes the leaf (0) or the intermediate (1).
    #[must_use]
    pub fn certificate(mut self, position: usize, change: impl FnOnce(&mut Template)) -> Self {
        if let Some(template) = self.certificates.get_mut(position) {
            change(template);
        }
        self
    }

    /// The certificates of the object: DER, leaf first, without the root.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn chain(&self) -> Result<Vec<Vec<u8>>, BuildError> {
        let computed = sha256(&[&self.auth_data.to_bytes()?, &self.client_data_hash]);
        let nonce = self.nonce.as_deref().unwrap_or(&computed);
        let mut certificates = self.certificates.clone();
        if let Some(leaf) = certificates.first_mut() {
            let app = der::explicit(1204, &der::octets(self.app_id_in_leaf.as_bytes()));
            leaf.extend(APP_ID_OID, der::sequence(&[app]));
            let version = der::explicit(1400, &der::octets(self.os_version.as_bytes()));
            leaf.extend(SYSTEM_OID, der::sequence(&[version]));
            let right = der::sequence(&[der::explicit(1, &der::octets(nonce))]);
            if self.with_nonce {
                leaf.extend(NONCE_OID, self.nonce_extension.clone().unwrap_or(right));
            }
        }
        let mut chain = chain(&self.root, &certificates)?;
        chain.pop();
        Ok(chain)
    }

    /// The object, CBOR.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        let x5c = self.chain()?.into_iter().map(Value::Bytes).collect();
        let statement = vec![
            (Value::from("x5c"), Value::Array(x5c)),
            (Value::from("receipt"), Value::Bytes(self.receipt.clone())),
        ];
        let mut members = vec![
            (Value::from("fmt"), Value::from(self.format.as_str())),
            (Value::from("attStmt"), Value::Map(statement)),
            (Value::from("authData"), Value::Bytes(self.auth_data.to_bytes()?)),
        ];
        members.extend(self.more.iter().cloned());
        cbor(&Value::Map(members))
    }
}
