//! Platform evidence for seeds: App Attest under a root made on the spot, Play Integrity for keys made on the spot. Only the
//! public halves are kept.

use aes_kw::{KeyInit as _, KwAes256};
use attest_core::encoding::{base64url, sha256};
use attest_core::jose::SigningKey;
use attest_fuzz::fixture::{APPLE_APP, CLIENT_DATA_HASH, NOW_S, PLAY_PACKAGE, PLAY_REQUEST_HASH};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ciborium::Value;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::json;

use super::{Result, write};

/// Seeds of `app_attest` and `app_attest_assertion`, and their root.
pub(super) fn app_attest() -> Result<()> {
    let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
    let ca_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384)?;
    let (root, ca) = (authority("Root of the seeds")?, authority("CA of the seeds")?);
    write("src/app_attest.root.pem", root.self_signed(&root_key)?.pem())?;
    let ca_der = ca.signed_by(&ca_key, &Issuer::from_params(&root, &root_key))?;
    let issuer = Issuer::from_params(&ca, &ca_key);
    let key = KeyPair::generate()?;
    let id = sha256(&[key.public_key_raw()]);

    let attestation = |app: &str, tail: &[u8]| -> Result<Vec<u8>> {
        let data = [
            &header(app, 0)[..],
            b"appattest\0\0\0\0\0\0\0",
            &[0, 32],
            &id,
            tail,
        ]
        .concat();
        let mut leaf = CertificateParams::new(vec![])?;
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.not_before = date_time_ymd(2027, 1, 14);
        leaf.not_after = date_time_ymd(2027, 1, 17);
        let nonce = sha256(&[&data, &CLIENT_DATA_HASH]);
        leaf.custom_extensions = vec![CustomExtension::from_oid_content(
            &[1, 2, 840, 113_635, 100, 8, 2],
            [&[0x30, 0x24, 0xa1, 0x22, 0x04, 0x20], &nonce[..]].concat(),
        )];
        let leaf = leaf.signed_by(&key, &issuer)?;
        let chain = [leaf.der(), ca_der.der()].map(|der| Value::Bytes(der.to_vec()));
        let statement = [
            ("x5c", chain.to_vec().into()),
            ("receipt", Value::Bytes(vec![0x30, 0x80])),
        ];
        let object = encoded(map([
            ("fmt", "apple-appattest".into()),
            ("attStmt", map(statement)),
            ("authData", Value::Bytes(data)),
        ]))?;
        Ok([&id[..], &object].concat())
    };
    let extensions = encoded(extensions())?;
    let full = [cose(&key)?, extensions.clone()].concat();
    write("seeds/app_attest/verifies", attestation(APPLE_APP, &full)?)?;
    write("seeds/app_attest/verifies-bare", attestation(APPLE_APP, &[])?)?;
    write("seeds/app_attest/other-app", attestation("another", &full)?)?;
    let mut deep = attestation(APPLE_APP, &full)?;
    deep.truncate(32);
    deep.extend([0x81; 64]);
    write("seeds/app_attest/deep", deep)?;

    let assertion = |counter: u32, tail: &[u8]| -> Result<Vec<u8>> {
        let rng = SystemRandom::new();
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.serialized_der(), &rng)
            .map_err(|error| error.to_string())?;
        let data = [&header(APPLE_APP, counter)[..], tail].concat();
        let signature = signer
            .sign(&rng, &sha256(&[&data, &CLIENT_DATA_HASH]))
            .map_err(|error| error.to_string())?;
        let object = encoded(map([
            ("signature", Value::Bytes(signature.as_ref().to_vec())),
            ("authenticatorData", Value::Bytes(data)),
        ]))?;
        Ok([key.public_key_raw(), &object].concat())
    };
    write("seeds/app_attest_assertion/verifies", assertion(7, &[])?)?;
    write(
        "seeds/app_attest_assertion/verifies-extended",
        assertion(8, &extensions)?,
    )?;
    write("seeds/app_attest_assertion/late", assertion(6, &[])?)
}

fn authority(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(vec![])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params)
}

fn header(app: &str, counter: u32) -> Vec<u8> {
    [&sha256(&[app.as_bytes()])[..], &[0x40], &counter.to_be_bytes()].concat()
}

fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(members.map(|(name, value)| (name.into(), value)).to_vec())
}

fn extensions() -> Value {
    map([
        ("apple_bundle_version_01", "1".into()),
        ("apple_validation_category_01", Value::Bytes(vec![4, 0, 0, 0])),
    ])
}

fn cose(key: &KeyPair) -> Result<Vec<u8>> {
    let (x, y) = key.public_key_raw().split_at(33);
    let x = x.strip_prefix(&[4]).ok_or("a compressed point")?;
    let labels = [
        (1, 2.into()),
        (3, (-7).into()),
        (-1, 1.into()),
        (-2, Value::Bytes(x.to_vec())),
        (-3, Value::Bytes(y.to_vec())),
    ];
    encoded(Value::Map(
        labels.map(|(label, value)| (Value::from(label), value)).to_vec(),
    ))
}

fn encoded(value: Value) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    ciborium::into_writer(&value, &mut bytes)?;
    Ok(bytes)
}

/// Seeds of `play_integrity`, and their verification key.
pub(super) fn play_integrity() -> Result<()> {
    let rng = SystemRandom::new();
    let (signing, other) = (SigningKey::generate(&rng)?, SigningKey::generate(&rng)?);
    let spki = [&P256_SPKI[..], &signing.public_point()].concat();
    write("src/play_integrity.verification", STANDARD.encode(spki))?;
    let payload = |package: &str| {
        json!({
            "requestDetails": {
                "requestPackageName": package, "requestHash": PLAY_REQUEST_HASH,
                "timestampMillis": (NOW_S * 1000).to_string(),
            },
            "appIntegrity": {
                "appRecognitionVerdict": "PLAY_RECOGNIZED", "versionCode": 42,
                "certificateSha256Digest": [base64url([7; 32])],
            },
            "deviceIntegrity": { "deviceRecognitionVerdict": ["MEETS_DEVICE_INTEGRITY"] },
        })
        .to_string()
    };
    let signed = |payload: String, key: &SigningKey| -> Result<String> {
        let input = format!("{}.{}", base64url(r#"{"alg":"ES256"}"#), base64url(payload));
        let signature = key.sign(input.as_bytes(), &rng)?;
        Ok(format!("{input}.{}", base64url(signature)))
    };
    let good = signed(payload(PLAY_PACKAGE), &signing)?;
    write("seeds/play_integrity/verifies", encrypted(&good)?)?;
    write(
        "seeds/play_integrity/other-package",
        encrypted(&signed(payload("another"), &signing)?)?,
    )?;
    write(
        "seeds/play_integrity/other-key",
        encrypted(&signed(payload(PLAY_PACKAGE), &other)?)?,
    )?;
    write("seeds/play_integrity/not-encrypted", good)
}

/// A `SubjectPublicKeyInfo` up to its P-256 point.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn encrypted(content: &str) -> Result<String> {
    let (key, nonce, mut wrapped) = ([3; 32], [4; 12], [0; 40]);
    KwAes256::new(&[9; 32].into())
        .wrap_key(&key, &mut wrapped)
        .map_err(|error| format!("{error:?}"))?;
    let header = base64url(r#"{"alg":"A256KW","enc":"A256GCM"}"#);
    let mut content = content.as_bytes().to_vec();
    let tag = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).map_err(|error| error.to_string())?)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(&header),
            &mut content,
        )
        .map_err(|error| error.to_string())?;
    let (wrapped, nonce) = (base64url(wrapped), base64url(nonce));
    Ok(format!(
        "{header}.{wrapped}.{nonce}.{}.{}",
        base64url(content),
        base64url(tag)
    ))
}
