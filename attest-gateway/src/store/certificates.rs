//! Which devices a certificate vouched for: by keyed hashes of serials, and only for as long as evidence counts.
//!
//! The hash is the caller's; no serial ever comes here.

use redb::{MultimapTableDefinition, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::DeviceRecord;
use super::tables::{self, OpError};

/// A keyed hash of a certificate's serial number.
pub type CertificateHash = [u8; 32];

/// Device ids by certificate.
const CERTIFICATES: MultimapTableDefinition<'_, &CertificateHash, &str> =
    MultimapTableDefinition::new("certificates");
/// Whose certificates are forgotten when.
const KEPT_UNTIL: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("certificates-kept-until");

pub(super) fn prepare(txn: &WriteTransaction) -> Result<(), redb::Error> {
    txn.open_multimap_table(CERTIFICATES)?;
    txn.open_table(KEPT_UNTIL)?;
    Ok(())
}

/// Puts `device`'s certificates in the place of those of its `earlier` registration.
pub(super) fn replace(
    txn: &WriteTransaction,
    earlier: Option<&DeviceRecord>,
    device: &DeviceRecord,
) -> Result<(), OpError> {
    if let Some(earlier) = earlier {
        forget(txn, earlier)?;
    }
    let Some(proof) = device
        .proof
        .as_ref()
        .filter(|proof| !proof.certificates.is_empty())
    else {
        return Ok(());
    };
    let mut certificates = txn.open_multimap_table(CERTIFICATES)?;
    for certificate in &proof.certificates {
        certificates.insert(certificate, device.id.as_str())?;
    }
    let mut kept_until = txn.open_table(KEPT_UNTIL)?;
    kept_until.insert((proof.certificates_until_s, device.id.as_str()), ())?;
    Ok(())
}

fn forget(txn: &WriteTransaction, device: &DeviceRecord) -> Result<(), OpError> {
    let Some(proof) = &device.proof else { return Ok(()) };
    let mut certificates = txn.open_multimap_table(CERTIFICATES)?;
    for certificate in &proof.certificates {
        certificates.remove(certificate, device.id.as_str())?;
    }
    txn.open_table(KEPT_UNTIL)?
        .remove((proof.certificates_until_s, device.id.as_str()))?;
    Ok(())
}

/// Forgets the certificates of at most `limit` devices whose time is over; how many.
pub(super) fn sweep(txn: &WriteTransaction, now_s: u64, limit: usize) -> Result<usize, OpError> {
    let mut over = Vec::new();
    for entry in txn.open_table(KEPT_UNTIL)?.range(..(now_s, ""))?.take(limit) {
        let (key, _) = entry?;
        let (until_s, id): (u64, &str) = key.value();
        over.push((until_s, id.to_owned()));
    }
    for (until_s, id) in &over {
        match tables::written_device(txn, id)? {
            Some(mut device) => {
                forget(txn, &device)?;
                if let Some(proof) = &mut device.proof {
                    proof.certificates.clear();
                }
                tables::write_device(txn, &device)?;
            }
            // Whoever erased the device left this behind.
            None => {
                txn.open_table(KEPT_UNTIL)?.remove((*until_s, id.as_str()))?;
            }
        }
    }
    Ok(over.len())
}

/// How many devices a certificate vouches for.
pub(super) fn count(txn: &ReadTransaction, certificate: &CertificateHash) -> Result<u64, OpError> {
    Ok(txn.open_multimap_table(CERTIFICATES)?.get(certificate)?.len())
}

/// At most `limit` ids of devices for which any of these certificates vouches, each once.
pub(super) fn devices(
    txn: &ReadTransaction,
    certificates: &[CertificateHash],
    limit: usize,
) -> Result<Vec<String>, OpError> {
    let table = txn.open_multimap_table(CERTIFICATES)?;
    let mut found = std::collections::BTreeSet::new();
    for certificate in certificates {
        for id in table.get(certificate)? {
            if found.len() >= limit {
                return Ok(found.into_iter().collect());
            }
            found.insert(id?.value().to_owned());
        }
    }
    Ok(found.into_iter().collect())
}
