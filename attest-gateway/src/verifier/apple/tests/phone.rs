//! App Attest evidence made on the spot under a root of the test's own; genuine until a field is changed.

use attest_core::encoding::sha256;
use ciborium::Value;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use super::super::AppleAnchors;
use super::{APP, CLIENT_DATA_HASH};

/// An authority: a root, and one issuer below it.
pub(super) struct Apple {
    root_pem: String,
    issuer_der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Apple {
    pub(super) fn new(root: &str, issuer: &str) -> Self {
        let key = || KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let (root_key, issuer_key) = (key(), key());
        let (root, params) = (authority(root), authority(issuer));
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let issuer_der = params
            .signed_by(&issuer_key, &Issuer::from_params(&root, &root_key))
            .unwrap();
        Self {
            root_pem,
            issuer_der: issuer_der.der().to_vec(),
            issuer: Issuer::new(params, issuer_key),
        }
    }

    pub(super) fn anchors(&self) -> AppleAnchors {
        AppleAnchors::built_in().with_pem(&self.root_pem).unwrap()
    }
}

/// A phone's App Attest key and all that goes into its evidence; genuine until a field is changed.
pub(super) struct Phone {
    pub(super) key: KeyPair,
    pub(super) app: &'static str,
    pub(super) aaguid: [u8; 16],
    pub(super) counter: u32,
    pub(super) credential_id: Option<Vec<u8>>,
    pub(super) cose: Option<Vec<(Value, Value)>>,
    pub(super) extensions: Option<Vec<(Value, Value)>>,
    pub(super) behind: Vec<u8>,
    pub(super) leaf_app: Option<&'static str>,
    pub(super) nonce: Option<Vec<u8>>,
    pub(super) leaf_valid: bool,
    pub(super) signs_as_leaf: bool,
    pub(super) object: fn(&mut Vec<(Value, Value)>),
    pub(super) statement: fn(&mut Vec<(Value, Value)>),
    pub(super) chain: fn(&mut Vec<Value>),
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

impl Phone {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let (x, y) = key.public_key_raw()[1..].split_at(32);
        let cose = [
            (1, Value::from(2)),
            (3, Value::from(-7)),
            (-1, Value::from(1)),
            (-2, Value::Bytes(x.to_vec())),
            (-3, Value::Bytes(y.to_vec())),
        ];
        Self {
            cose: Some(cose.map(|(label, value)| (Value::from(label), value)).to_vec()),
            key,
            app: APP,
            aaguid: *b"appattest\0\0\0\0\0\0\0",
            counter: 0,
            credential_id: None,
            extensions: None,
            behind: vec![],
            leaf_app: Some(APP),
            nonce: None,
            leaf_valid: true,
            signs_as_leaf: true,
            object: |_| {},
            statement: |_| {},
            chain: |_| {},
        }
    }

    pub(super) fn point(&self) -> &[u8] {
        self.key.public_key_raw()
    }

    pub(super) fn key_id(&self) -> [u8; 32] {
        sha256(&[self.point()])
    }

    fn header(&self, flags: u8, counter: u32) -> Vec<u8> {
        [
            &sha256(&[self.app.as_bytes()])[..],
            &[flags],
            &counter.to_be_bytes(),
        ]
        .concat()
    }

    fn extension_bytes(&self) -> Vec<u8> {
        self.extensions
            .clone()
            .map(|map| encoded(&Value::Map(map)))
            .unwrap_or_default()
    }

    fn authenticator_data(&self) -> Vec<u8> {
        let id = self
            .credential_id
            .clone()
            .unwrap_or_else(|| self.key_id().to_vec());
        let cose = self.cose.clone().map(|map| encoded(&Value::Map(map)));
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        [
            &self.header(0x40, self.counter)[..],
            &self.aaguid,
            &length,
            &id,
            &cose.unwrap_or_default(),
            &self.extension_bytes(),
            &self.behind,
        ]
        .concat()
    }

    fn leaf(&self, authenticator_data: &[u8], apple: &Apple) -> Vec<u8> {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::ExplicitNoCa;
        params.not_before = date_time_ymd(2026, 11, 21);
        params.not_after = date_time_ymd(2026, 11, if self.leaf_valid { 24 } else { 21 });
        let nonce = self
            .nonce
            .clone()
            .unwrap_or_else(|| sha256(&[authenticator_data, &CLIENT_DATA_HASH]).to_vec());
        if !nonce.is_empty() {
            let value = [&[0x30, 0x24, 0xa1, 0x22, 0x04, 0x20], &nonce[..]].concat();
            params.custom_extensions.push(extension(2, value));
        }
        if let Some(app) = self.leaf_app {
            // [4] first, to be passed over, as in real ones.
            let elements = [vec![0xa4, 3, 2, 1, 10], tagged(&[0xbf, 0x89, 0x34], app)].concat();
            params.custom_extensions.push(extension(5, sequence(&elements)));
            let version = sequence(&tagged(&[0xbf, 0x8a, 0x78], "27.0.1"));
            params.custom_extensions.push(extension(7, version));
        }
        if self.signs_as_leaf {
            params.signed_by(&self.key, &apple.issuer).unwrap().der().to_vec()
        } else {
            let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
            params.signed_by(&other, &apple.issuer).unwrap().der().to_vec()
        }
    }

    pub(super) fn attestation(&self, apple: &Apple) -> Vec<u8> {
        let authenticator_data = self.authenticator_data();
        let leaf = self.leaf(&authenticator_data, apple);
        let mut chain = vec![Value::Bytes(leaf), Value::Bytes(apple.issuer_der.clone())];
        (self.chain)(&mut chain);
        let mut statement = vec![
            (text("x5c"), Value::Array(chain)),
            (text("receipt"), Value::Bytes(vec![0x30, 0x80])),
        ];
        (self.statement)(&mut statement);
        let mut object = vec![
            (text("fmt"), text("apple-appattest")),
            (text("attStmt"), Value::Map(statement)),
            (text("authData"), Value::Bytes(authenticator_data)),
        ];
        (self.object)(&mut object);
        encoded(&Value::Map(object))
    }

    pub(super) fn assertion(&self, counter: u32, client_data_hash: &[u8]) -> Vec<u8> {
        let authenticator_data = [self.header(0x40, counter), self.extension_bytes()].concat();
        let rng = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, self.key.serialized_der(), &rng)
            .unwrap();
        let signature = key
            .sign(&rng, &sha256(&[&authenticator_data, client_data_hash]))
            .unwrap();
        encoded(&Value::Map(vec![
            (text("signature"), Value::Bytes(signature.as_ref().to_vec())),
            (text("authenticatorData"), Value::Bytes(authenticator_data)),
        ]))
    }
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = vec![];
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn extension(last: u64, value: Vec<u8>) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, last], value)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, u8::try_from(content.len()).unwrap()], content].concat()
}

/// An OCTET STRING within a constructed context tag.
fn tagged(tag: &[u8], value: &str) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    [tag, &[length + 2, 0x04, length], value.as_bytes()].concat()
}
