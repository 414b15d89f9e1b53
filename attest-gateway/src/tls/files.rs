//! Reads certificates, keys and authorities from PEM files. What is returned is whole: a chain that parses, with the key that
//! belongs to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::CertificateFiles;

const NO_CERTIFICATE: &str = "there is no certificate in it";

/// Why TLS files cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {reason}; the gateway's user must be able to read it", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A certificate file holds no certificate that can be read.
    #[error("{}: {reason}; expected PEM, the server's own certificate first, then its issuers", .file.display())]
    Certificate {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A key file holds no private key that can be read.
    #[error("{}: {reason}; expected one private key as PEM (PKCS #8, SEC 1 or PKCS #1), not encrypted", .file.display())]
    Key {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key belongs to another certificate.
    #[error("{}: not the key of {}; replace both files together", .key.display(), .certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate has expired.
    #[error("{}: expired at {expired_s} (Unix seconds), and clients refuse it; renew it", .file.display())]
    Expired {
        /// Which.
        file: PathBuf,
        /// Since when, Unix seconds.
        expired_s: u64,
    },
    /// The file of authorities is not usable.
    #[error("{}: {reason}; expected the PEM certificates of the authorities that sign clients' certificates", .file.display())]
    Authorities {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The TLS library refuses to work, for want of randomness for instance.
    #[error("TLS: {0}")]
    Library(rustls::Error),
}

impl TlsError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "tls-file-unreadable",
            Self::Certificate { .. } => "tls-certificate-malformed",
            Self::Key { .. } => "tls-key-malformed",
            Self::Mismatch { .. } => "tls-key-mismatch",
            Self::Expired { .. } => "tls-certificate-expired",
            Self::Authorities { .. } => "tls-authorities-malformed",
            Self::Library(_) => "tls-library",
        }
    }
}

/// A chain, its key, and what the gateway needs to know of it.
#[derive(Debug)]
pub struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    /// DNS names of the server's own certificate, lower case, wildcards as written.
    pub names: Vec<String>,
    /// Unix seconds.
    pub expires_s: u64,
    file: PathBuf,
}

impl Certificate {
    /// The certificate and key in these files, which belong together.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn read(files: &CertificateFiles) -> Result<Self, TlsError> {
        let file = &files.certificate;
        let malformed = |reason: String| TlsError::Certificate {
            file: file.clone(),
            reason,
        };
        let chain = chain(file)?;
        let own = chain
            .first()
            .ok_or_else(|| malformed(NO_CERTIFICATE.to_owned()))?;
        let (names, expires_s) = names_and_end(own).map_err(|reason| malformed(reason.to_owned()))?;
        let key = key(&files.key)?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|error| TlsError::Key {
            file: files.key.clone(),
            reason: error.to_string(),
        })?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|error| {
            if matches!(error, rustls::Error::InconsistentKeys(_)) {
                TlsError::Mismatch {
                    certificate: file.clone(),
                    key: files.key.clone(),
                }
            } else {
                malformed(error.to_string())
            }
        })?;
        Ok(Self {
            certified: Arc::new(certified),
            names,
            expires_s,
            file: file.clone(),
        })
    }

    /// The problem that it has expired by `now_s`, if it has.
    #[must_use]
    pub fn expired(&self, now_s: u64) -> Option<TlsError> {
        (self.expires_s < now_s).then(|| TlsError::Expired {
            file: self.file.clone(),
            expired_s: self.expires_s,
        })
    }
}

/// The certificates in a PEM file: at least one.
pub(super) fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed = |reason: String| TlsError::Certificate {
        file: file.to_owned(),
        reason,
    };
    let chain = CertificateDer::pem_slice_iter(&read(file)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| malformed(error.to_string()))?;
    if chain.is_empty() {
        return Err(malformed(NO_CERTIFICATE.to_owned()));
    }
    Ok(chain)
}

/// The first certificate in a PEM file.
pub(super) fn own_certificate(file: &Path) -> Result<CertificateDer<'static>, TlsError> {
    let first = chain(file)?.into_iter().next();
    first.ok_or_else(|| TlsError::Certificate {
        file: file.to_owned(),
        reason: NO_CERTIFICATE.to_owned(),
    })
}

/// The private key in a PEM file.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|error| TlsError::Key {
        file: file.to_owned(),
        reason: if matches!(error, pem::Error::NoItemsFound) {
            "there is no private key in it".to_owned()
        } else {
            error.to_string()
        },
    })
}

/// When the first certificate in a PEM file expires, Unix seconds.
///
/// # Errors
/// [`TlsError`] for a file without a certificate that can be read.
pub fn certificate_expires_s(file: &Path) -> Result<u64, TlsError> {
    expires_s(&own_certificate(file)?).ok_or_else(|| TlsError::Certificate {
        file: file.to_owned(),
        reason: "the first certificate is malformed".to_owned(),
    })
}

/// When a certificate expires, Unix seconds; `None` for what is no certificate.
pub(crate) fn expires_s(certificate: &CertificateDer<'_>) -> Option<u64> {
    let (_, end) = names_and_end(certificate).ok()?;
    Some(end)
}

/// The authorities in a PEM file: at least one.
pub(super) fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let malformed = |reason: String| TlsError::Authorities {
        file: file.to_owned(),
        reason,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(file)?) {
        let certificate = certificate.map_err(|error| malformed(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| malformed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(malformed(NO_CERTIFICATE.to_owned()));
    }
    Ok(roots)
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| TlsError::Unreadable {
        file: file.to_owned(),
        reason: error.to_string(),
    })
}

fn names_and_end(certificate: &CertificateDer<'_>) -> Result<(Vec<String>, u64), &'static str> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| "the first certificate is malformed")?;
    let alternative = certificate
        .subject_alternative_name()
        .map_err(|_| "the first certificate's names are malformed")?;
    let names = alternative.map_or_else(Vec::new, |found| {
        let names = found.value.general_names.iter();
        names
            .filter_map(|name| {
                if let GeneralName::DNSName(name) = name {
                    Some(name.to_ascii_lowercase())
                } else {
                    None
                }
            })
            .collect()
    });
    let end = certificate.validity().not_after.timestamp();
    Ok((names, u64::try_from(end).unwrap_or(0)))
}
