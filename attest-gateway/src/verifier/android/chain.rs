//! From the root down to the leaf: that somebody trusted vouches for the leaf, now, in one of the ways that phones have.
//!
//! The rules are those of Google's own verifier (android/keyattestation), which are not RFC 5280's: see each step. Steps come in
//! the order of their cost as far as their answers allow: sizes, parsing, the anchor, the shape, and signatures last.

use super::certificate::Certificate;
use super::error::Error;
use super::parameters::Parameters;
use super::provisioning::Provisioning;
use crate::verifier::Work;
use crate::verifier::anchors::{self, Anchors};
use crate::verifier::revocation::Revocations;

/// A chain that holds.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// Who vouches for the leaf, under the anchor.
    pub(super) leaf: Certificate<'a>,
    /// The others without the root, the one that issued the leaf first.
    pub(super) issuers: Vec<Certificate<'a>>,
    /// The anchor's key.
    pub(super) root_spki_sha256: [u8; 32],
    /// Its kind.
    pub(super) provisioning: Provisioning,
    /// Certificates that name another issuer than the next one, where that is permitted.
    pub(super) misnamed: Vec<usize>,
}

impl<'a> Chain<'a> {
    pub(super) fn verify(
        presented: &[&'a [u8]],
        parameters: &Parameters<'_>,
        trusted: &Anchors,
        revocations: Option<Revocations<'_>>,
        now_s: u64,
        work: &mut Work,
    ) -> Result<Self, Error> {
        let certificates = presented.len();
        let mut read = read(presented, work)?.into_iter();
        let (Some(leaf), Some(root)) = (read.next(), read.next_back()) else {
            return Err(Error::ChainTooShort { certificates });
        };
        let issuers: Vec<_> = read.collect();
        if !root.is_self_issued() {
            return Err(Error::RootAbsent);
        }
        let denied = anchors::is_software_root(&root.spki_sha256) && !parameters.software_chains;
        if !trusted.contains(&root.spki_sha256) || denied {
            return Err(Error::AnchorUnknown);
        }
        // An attested key that may sign could issue a leaf of its own. Nobody else has this extension.
        if let Some(issuer) = issuers.iter().find(|issuer| issuer.attests()) {
            return Err(Error::KeyDescriptionMisplaced {
                position: issuer.position,
            });
        }
        let provisioning = issuers.last().map_or(Provisioning::Unknown, |under_root| {
            Provisioning::of(under_root, certificates, parameters.software_chains)
        });
        if provisioning.length() != Some(certificates) {
            return Err(Error::ChainShape {
                provisioning,
                certificates,
            });
        }
        let mut chain = Self {
            leaf,
            issuers,
            root_spki_sha256: root.spki_sha256,
            provisioning,
            misnamed: Vec::new(),
        };
        chain.verify_path(&root, parameters, now_s, work)?;
        chain.look_up(revocations, now_s)?;
        Ok(chain)
    }

    /// From the leaf up, without the root.
    pub(super) fn certificates(&self) -> impl DoubleEndedIterator<Item = &Certificate<'a>> {
        std::iter::once(&self.leaf).chain(&self.issuers)
    }

    fn verify_path(
        &mut self,
        root: &Certificate<'_>,
        parameters: &Parameters<'_>,
        now_s: u64,
        work: &mut Work,
    ) -> Result<(), Error> {
        let mut misnamed = Vec::new();
        let mut issuer = root;
        for certificate in self.certificates().rev() {
            let position = certificate.position;
            if !certificate.names_as_issuer(issuer) {
                if !parameters.name_mismatch {
                    return Err(Error::NameMismatch { position });
                }
                misnamed.push(position);
            }
            certificate.verify_signature_by(issuer, work)?;
            if position > 0 {
                self.in_time(certificate, now_s)?;
            }
            issuer = certificate;
        }
        self.misnamed = misnamed;
        Ok(())
    }

    /// Phones write the leaf's times, and many do so wrongly. Issuers that were put in at the factory cannot be renewed.
    fn in_time(&self, issuer: &Certificate<'_>, now_s: u64) -> Result<(), Error> {
        let position = issuer.position;
        let now = i64::try_from(now_s).unwrap_or(i64::MAX);
        if now < issuer.not_before_s() {
            return Err(Error::NotYetValid { position });
        }
        if now > issuer.not_after_s() && self.provisioning != Provisioning::Factory {
            return Err(Error::Expired { position });
        }
        Ok(())
    }

    /// What an old list names is revoked, but what it does not name may be.
    fn look_up(&self, revocations: Option<Revocations<'_>>, now_s: u64) -> Result<(), Error> {
        let Some(revocations) = revocations else {
            return Ok(());
        };
        for certificate in self.certificates() {
            if let Some(entry) = revocations.list.entry(&certificate.serial()) {
                return Err(Error::Revoked {
                    position: certificate.position,
                    status: entry.status,
                });
            }
        }
        revocations
            .stale_by(now_s)
            .map_or(Ok(()), |age_s| Err(Error::RevocationStale { age_s }))
    }
}

/// Everything is measured before anything is parsed.
fn read<'a>(presented: &[&'a [u8]], work: &mut Work) -> Result<Vec<Certificate<'a>>, Error> {
    let certificates = presented.len();
    if certificates > MAX_CERTIFICATES {
        return Err(Error::ChainTooLong {
            certificates,
            limit: MAX_CERTIFICATES,
        });
    }
    if certificates < MIN_CERTIFICATES {
        return Err(Error::ChainTooShort { certificates });
    }
    let large = presented
        .iter()
        .enumerate()
        .find(|(_, der)| der.len() > MAX_CERTIFICATE_BYTES);
    if let Some((position, der)) = large {
        return Err(Error::CertificateTooLarge {
            position,
            bytes: der.len(),
            limit: MAX_CERTIFICATE_BYTES,
        });
    }
    presented
        .iter()
        .enumerate()
        .map(|(position, der)| Certificate::read(der, position, work))
        .collect()
}

/// A leaf, one issuer and the root.
const MIN_CERTIFICATES: usize = 3;
/// The longest kind has 5; one more gets an answer about its shape.
pub(super) const MAX_CERTIFICATES: usize = 6;
/// The largest seen has 2570 bytes, a leaf with an ML-DSA-65 key. An ML-DSA issuer's signature and a large application id fit too.
pub(super) const MAX_CERTIFICATE_BYTES: usize = 8 << 10;
