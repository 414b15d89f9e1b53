//! Reads what Apple wrote into the leaf certificate. Nothing here is authentic until the path was verified. What Apple does not
//! document is a fact if it can be read and absent if not; it never makes a leaf unreadable.

use std::borrow::Cow;

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Oid};
use x509_parser::certificate::X509Certificate;

use super::error::Error;
use crate::verifier::hexadecimal::hexadecimal;
use crate::verifier::p256::point_of_spki;

/// 1.2.840.113635.100.8.2: the nonce.
const NONCE: Oid<'static> = Oid::new(Cow::Borrowed(&[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x08, 0x02,
]));
/// 1.2.840.113635.100.8.5: about key and app; [1204] is the app id.
const KEY_USE: Oid<'static> = Oid::new(Cow::Borrowed(&[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x08, 0x05,
]));
const APP_ID: u32 = 1204;
/// 1.2.840.113635.100.8.7: about the system; [1400] is its version.
const SYSTEM: Oid<'static> = Oid::new(Cow::Borrowed(&[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64, 0x08, 0x07,
]));
const OS_VERSION: u32 = 1400;

/// SEQUENCE { [1] { OCTET STRING of 32 bytes } } up to those bytes.
const NONCE_PREFIX: [u8; 6] = [0x30, 0x24, 0xa1, 0x22, 0x04, 0x20];
/// Texts of undocumented extensions longer than this are left out.
const MAX_TEXT_BYTES: usize = 256;

/// A leaf certificate, read.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) point: [u8; 65],
    pub(super) nonce: [u8; 32],
    pub(super) app_id: Option<String>,
    pub(super) os_version: Option<String>,
    pub(super) serial: String,
    pub(super) not_before_s: i64,
    pub(super) not_after_s: i64,
}

impl Leaf {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Result<Self, Error> {
        let extension = |oid: &Oid<'_>| certificate.get_extension_unique(oid).ok().flatten();
        let nonce = extension(&NONCE)
            .and_then(|extension| extension.value.strip_prefix(&NONCE_PREFIX))
            .and_then(|nonce| nonce.try_into().ok())
            .ok_or(Error::NonceMissing)?;
        let text = |oid: &Oid<'_>, tag| extension(oid).and_then(|found| tagged_text(found.value, tag));
        Ok(Self {
            point: point_of_spki(certificate.public_key().raw).ok_or(Error::KeyType)?,
            nonce,
            app_id: text(&KEY_USE, APP_ID),
            os_version: text(&SYSTEM, OS_VERSION),
            serial: hexadecimal(certificate.raw_serial()),
            not_before_s: certificate.validity().not_before.timestamp(),
            not_after_s: certificate.validity().not_after.timestamp(),
        })
    }
}

/// The certificate at `position`, read to its end.
pub(super) fn read(der: &[u8], position: usize) -> Result<X509Certificate<'_>, Error> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(Error::Certificate { position }),
    }
}

/// The printable text in the element of a SEQUENCE that carries the context tag `tag`.
fn tagged_text(sequence: &[u8], tag: u32) -> Option<String> {
    let (_, outer) = Any::from_der(sequence).ok()?;
    let mut rest = outer.data;
    while !rest.is_empty() {
        let (next, element) = Any::from_der(rest).ok()?;
        if element.class() == Class::ContextSpecific && element.tag().0 == tag {
            let (_, text) = Any::from_der(element.data).ok()?;
            let text = std::str::from_utf8(text.data).ok()?;
            let plain = text.len() <= MAX_TEXT_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
            return plain.then(|| text.to_owned());
        }
        rest = next;
    }
    None
}
