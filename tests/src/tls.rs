//! Certificates made on the spot, and clients that verify them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// An authority of a test.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug)]
pub struct Identity {
    /// PEM.
    pub certificate: String,
    /// PEM.
    pub key: String,
    chain: Vec<CertificateDer<'static>>,
    private: PrivateKeyDer<'static>,
}

impl Identity {
    /// Writes both files, each in one step, and returns the member of `tls.certificates` that names them.
    #[must_use]
    pub fn write(&self, folder: &Path, stem: &str) -> String {
        let file = |end: &str, text: &str| -> PathBuf {
            let (next, path) = (folder.join("next"), folder.join(format!("{stem}.{end}")));
            std::fs::write(&next, text).unwrap();
            std::fs::rename(&next, &path).unwrap();
            path
        };
        let (certificate, key) = (file("pem", &self.certificate), file("key", &self.key));
        format!(
            "{{ certificate = '{}', key = '{}' }}",
            certificate.display(),
            key.display()
        )
    }
}

/// What a client brings to the handshake.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions<'a> {
    /// The name it asks for.
    pub name: &'static str,
    /// What it offers by ALPN.
    pub alpn: &'a [&'static str],
    /// The versions it speaks.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// The certificate it shows.
    pub identity: Option<&'a Identity>,
}

impl Default for ClientOptions<'_> {
    fn default() -> Self {
        Self {
            name: "localhost",
            alpn: &[],
            versions: rustls::ALL_VERSIONS,
            identity: None,
        }
    }
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
        }
    }

    /// Its certificate as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for these names.
    #[must_use]
    pub fn certify(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        Identity {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            private: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        }
    }

    /// Connects as a client that trusts this authority alone.
    ///
    /// # Errors
    /// The handshake's failure, as far as the client sees it.
    pub async fn connect(
        &self,
        address: &str,
        options: ClientOptions<'_>,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(options.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match options.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain.clone(), identity.private.clone_key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = options.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from(options.name).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}
