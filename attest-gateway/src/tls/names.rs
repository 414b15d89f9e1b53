//! Chooses the certificate for the name that a client asks for.
//!
//! A name of its own comes before a wildcard, and both before the first certificate, which also serves clients that ask for no
//! name or for one that nobody knows: they see for themselves whether it suits them.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::files::Certificate;

/// Certificates by name.
#[derive(Debug)]
pub(super) struct ByName {
    names: HashMap<String, Arc<CertifiedKey>>,
    default: Option<Arc<CertifiedKey>>,
}

impl ByName {
    /// Where two certificates carry one name, the earlier one has it.
    pub(super) fn new(certificates: Vec<Certificate>) -> Self {
        let default = certificates
            .first()
            .map(|certificate| Arc::clone(&certificate.certified));
        let mut names = HashMap::new();
        for certificate in certificates {
            for name in certificate.names {
                names
                    .entry(name)
                    .or_insert_with(|| Arc::clone(&certificate.certified));
            }
        }
        Self { names, default }
    }

    fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            self.names.get(&name).or_else(|| {
                // A wildcard stands for exactly one label (RFC 6125 section 6.4.3).
                let (_, parent) = name.split_once('.')?;
                self.names.get(&format!("*.{parent}"))
            })
        });
        named.or(self.default.as_ref())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(client_hello.server_name()).cloned()
    }
}

#[cfg(test)]
impl ByName {
    /// The first DNS name of what a client gets that asks for `name`.
    pub(super) fn chosen(&self, name: Option<&str>) -> Arc<CertifiedKey> {
        Arc::clone(self.find(name).unwrap())
    }
}
