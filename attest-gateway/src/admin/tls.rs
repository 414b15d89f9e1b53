//! TLS of the admin listener: one certificate, and where an authority for clients is named, nobody without a certificate of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::config::AdminTls;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct AdminTlsError {
    /// The file.
    pub path: PathBuf,
    /// Why it is not usable.
    pub reason: String,
}

fn unusable(path: &Path, reason: impl ToString) -> AdminTlsError {
    AdminTlsError {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The acceptor, and when its certificate expires.
pub(super) fn acceptor(tls: &AdminTls) -> Result<(TlsAcceptor, u64), AdminTlsError> {
    let chain = certificates(&tls.certificate)?;
    let expires_at_s = expiry(chain.first())
        .ok_or_else(|| unusable(&tls.certificate, "its first certificate cannot be read"))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| unusable(&tls.key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&tls.certificate, error))?;
    let builder = match &tls.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unusable(path, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| unusable(path, error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| unusable(&tls.key, format!("it does not fit the certificate: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((TlsAcceptor::from(Arc::new(config)), expires_at_s))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AdminTlsError> {
    let all: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unusable(path, error))?;
    if all.is_empty() {
        return Err(unusable(path, "it holds no certificate in PEM"));
    }
    Ok(all)
}

fn expiry(certificate: Option<&CertificateDer<'_>>) -> Option<u64> {
    let (_, parsed) = X509Certificate::from_der(certificate?).ok()?;
    u64::try_from(parsed.validity().not_after.timestamp()).ok()
}
