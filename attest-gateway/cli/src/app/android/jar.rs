//! v1 signers: the certificates in META-INF that JAR signatures (PKCS #7) name as their own. The signatures are not verified.

use x509_parser::asn1_rs::{Any, Class, FromBer as _};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use attest_core::encoding::sha256;

use super::{CertificateFacts, SignerFacts};
use crate::app::archive::Archive;
use crate::app::digest::Digest;
use crate::app::measure::MeasureError;

const MAX_SIGNATURE_BYTES: u64 = 1 << 20;
/// As many as Android accepts.
const MAX_SIGNERS: usize = 10;
const MAX_CERTIFICATES: usize = 32;

/// The names of the signature files, sorted.
pub(super) fn signature_files(archive: &Archive) -> Vec<String> {
    let mut names: Vec<String> = archive
        .names()
        .filter(|name| is_signature(&name.to_ascii_uppercase()))
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names
}

fn is_signature(name: &str) -> bool {
    let Some(name) = name.strip_prefix("META-INF/") else {
        return false;
    };
    !name.contains('/')
        && [".RSA", ".DSA", ".EC"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

/// One signer for each file.
pub(super) fn signers(archive: &mut Archive, files: &[String]) -> Result<Vec<SignerFacts>, MeasureError> {
    if files.len() > MAX_SIGNERS {
        return Err(MeasureError::TooLarge("the number of v1 signers"));
    }
    let mut signers = Vec::new();
    for name in files {
        let bytes = archive.read(name, MAX_SIGNATURE_BYTES)?;
        let certificate = signing_certificate(&bytes).ok_or_else(|| MeasureError::Entry {
            name: name.clone(),
            problem: "no PKCS #7 signature with its certificate".to_owned(),
        })?;
        signers.push(SignerFacts {
            certificate: CertificateFacts {
                sha256: Digest::from(&sha256(&[certificate])),
                subject: super::subject(certificate),
            },
            file: Some(name.clone()),
            signature: None,
            min_sdk: None,
            max_sdk: None,
            lineage: Vec::new(),
        });
    }
    Ok(signers)
}

/// An element and the bytes after it; BER, as some old tools wrote.
fn element(input: &[u8]) -> Option<(Any<'_>, &[u8])> {
    let (rest, any) = Any::from_ber(input).ok()?;
    Some((any, rest))
}

/// The first element's contents and the bytes after it.
fn contents(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (any, rest) = element(input)?;
    Some((any.data, rest))
}

/// The certificate of the first signer in a PKCS #7 `SignedData`.
fn signing_certificate(pkcs7: &[u8]) -> Option<&[u8]> {
    let (content_info, _) = contents(pkcs7)?;
    let (_content_type, rest) = contents(content_info)?;
    let (explicit, _) = contents(rest)?;
    let (signed, _) = contents(explicit)?;
    let (_version, rest) = contents(signed)?;
    let (_digest_algorithms, rest) = contents(rest)?;
    let (_encapsulated, mut rest) = contents(rest)?;
    let mut certificates = &[][..];
    let signer_infos = loop {
        let (any, after) = element(rest)?;
        rest = after;
        match (any.class(), any.tag().0) {
            (Class::ContextSpecific, 0) => certificates = any.data,
            (Class::ContextSpecific, _) => {}
            _ => break any.data,
        }
    };
    let (signer_info, _) = contents(signer_infos)?;
    let (_version, rest) = contents(signer_info)?;
    let (issuer_and_serial, _) = contents(rest)?;
    let (_, after_issuer) = contents(issuer_and_serial)?;
    let (issuer, _) =
        issuer_and_serial.split_at_checked(issuer_and_serial.len().checked_sub(after_issuer.len())?)?;
    let (serial, _) = contents(after_issuer)?;
    for _ in 0..MAX_CERTIFICATES {
        let (_, rest) = contents(certificates)?;
        let (der, _) = certificates.split_at_checked(certificates.len().checked_sub(rest.len())?)?;
        if let Ok((_, parsed)) = X509Certificate::from_der(der)
            && parsed.raw_serial() == serial
            && parsed.issuer().as_raw() == issuer
        {
            return Some(der);
        }
        certificates = rest;
    }
    None
}
