//! Verifies that Apple's root issued the leaf through the second certificate: RFC 5280 section 6 by rustls-webpki, at the given
//! time. It never looks for other issuers than that one, and never at revocation: Apple publishes none for these.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm, UnixTime,
};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, ring};
use x509_parser::certificate::X509Certificate;

use super::anchors::AppleAnchors;
use super::error::Error;
use crate::verifier::Work;

/// Refuses what does not lead from `leaf` over `issuer` to one of `anchors` at `now_s`.
pub(super) fn verify(
    (leaf, leaf_der): (&X509Certificate<'_>, &[u8]),
    (issuer, issuer_der): (&X509Certificate<'_>, &[u8]),
    anchors: &AppleAnchors,
    now_s: u64,
    work: &mut Work,
) -> Result<(), Error> {
    if leaf.issuer().as_raw() != issuer.subject().as_raw() {
        return Err(Error::NameChaining);
    }
    let end = CertificateDer::from(leaf_der);
    let end = EndEntityCert::try_from(&end).map_err(|_| Error::Certificate { position: 0 })?;
    let issuers = [CertificateDer::from(issuer_der)];
    let count = AtomicUsize::new(0);
    let counted = ALGORITHMS.map(|algorithm| Counted {
        algorithm,
        count: &count,
    });
    let algorithms = counted
        .each_ref()
        .map(|algorithm| -> &dyn SignatureVerificationAlgorithm { algorithm });
    let verified = end.verify_for_usage(
        &algorithms,
        anchors.as_slice(),
        &issuers,
        UnixTime::since_unix_epoch(Duration::from_secs(now_s)),
        AnyUse,
        None,
        None,
    );
    work.verified(count.load(Ordering::Relaxed));
    verified.map(drop).map_err(|error| reason(&error))
}

/// Apple signs by P-384; P-256 is for added roots.
const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 4] = [
    ring::ECDSA_P384_SHA256,
    ring::ECDSA_P384_SHA384,
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P256_SHA384,
];

/// App Attest certificates name no extended key usage, and none would say more about them.
struct AnyUse;

impl ExtendedKeyUsageValidator for AnyUse {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// An algorithm that counts how often it is asked.
#[derive(Debug)]
struct Counted<'a> {
    algorithm: &'static dyn SignatureVerificationAlgorithm,
    count: &'a AtomicUsize,
}

impl SignatureVerificationAlgorithm for Counted<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.algorithm.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "over the library's open set, the last arm can only refuse"
)]
const fn reason(error: &webpki::Error) -> Error {
    match error {
        webpki::Error::CertExpired { .. } => Error::Expired,
        webpki::Error::CertNotValidYet { .. } => Error::NotYetValid,
        webpki::Error::UnknownIssuer => Error::AnchorUnknown,
        webpki::Error::InvalidSignatureForPublicKey => Error::CertificateSignature,
        _ => Error::Path,
    }
}
