//! TLS towards clients: certificates chosen by the name that a client asks for, read again when their files change.
//!
//! A bad file never replaces what is in use. What is offered is the intermediate profile: TLS 1.2 and 1.3, forward secrecy and
//! AEAD only, no compression, no renegotiation, no early data.

mod files;
mod names;
mod pinned;

#[cfg(test)]
mod tests;

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::TlsAcceptor;

pub(crate) use self::files::expires_s;
pub use self::files::{Certificate, TlsError, certificate_expires_s};
use self::names::ByName;
pub use self::pinned::Identity;
pub(crate) use self::pinned::pinned;
use crate::config::{ClientAuth, Protocol, Tls};

/// The server side of TLS, shared by all cores.
#[derive(Debug)]
pub struct ServerTls {
    files: Tls,
    protocols: Vec<Protocol>,
    current: ArcSwap<Loaded>,
    /// The files as they were when they were last read, soundly or not.
    seen: Mutex<Vec<Option<Fingerprint>>>,
    handshakes_failed: AtomicU64,
}

#[derive(Debug)]
struct Loaded {
    server: Arc<ServerConfig>,
    expires_s: u64,
}

/// What changes when a file is replaced or rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    modified: Option<SystemTime>,
    length: u64,
    #[cfg(unix)]
    inode: u64,
}

impl ServerTls {
    /// Reads the configured files; `None` if there are none. A certificate that has expired by `now_s` is served all the same,
    /// with an error in the log: some clients would still connect, none would without a gateway.
    ///
    /// # Errors
    /// [`TlsError`] names the file and the mend.
    pub fn load(files: &Tls, protocols: &[Protocol], now_s: u64) -> Result<Option<Self>, TlsError> {
        if files.certificates.is_empty() {
            return Ok(None);
        }
        let seen = fingerprints(files);
        let certificates = certificates(files)?;
        for expired in certificates
            .iter()
            .filter_map(|certificate| certificate.expired(now_s))
        {
            tracing::error!(problem = %expired, "served all the same");
        }
        let loaded = Loaded::new(files, protocols, certificates)?;
        Ok(Some(Self {
            files: files.clone(),
            protocols: protocols.to_vec(),
            current: ArcSwap::from_pointee(loaded),
            seen: Mutex::new(seen),
            handshakes_failed: AtomicU64::new(0),
        }))
    }

    /// Reads the files again, changed or not. What was in use stays if they are not sound or have expired by `now_s`.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn reload(&self, now_s: u64) -> Result<(), TlsError> {
        let seen = fingerprints(&self.files);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        let certificates = certificates(&self.files)?;
        if let Some(expired) = certificates
            .iter()
            .find_map(|certificate| certificate.expired(now_s))
        {
            return Err(expired);
        }
        let loaded = Loaded::new(&self.files, &self.protocols, certificates)?;
        self.current.store(Arc::new(loaded));
        Ok(())
    }

    /// Reloads if a file changed since it was last read; `None` if none did.
    pub fn poll(&self, now_s: u64) -> Option<Result<(), TlsError>> {
        let now = fingerprints(&self.files);
        let changed = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != now;
        changed.then(|| self.reload(now_s))
    }

    /// When the first of the certificates in use expires, Unix seconds.
    #[must_use]
    pub fn certificate_expires_s(&self) -> u64 {
        self.current.load().expires_s
    }

    /// Handshakes that did not succeed: foreign protocols, unknown names and versions, clients that left or were too slow.
    #[must_use]
    pub fn handshakes_failed(&self) -> u64 {
        self.handshakes_failed.load(Relaxed)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.load().server))
    }

    pub(crate) fn count_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }
}

/// Every problem of the configured files, in their order: those of a start, and certificates that have expired by `now_s`.
#[must_use]
pub fn problems(files: &Tls, now_s: u64) -> Vec<TlsError> {
    let mut found = Vec::new();
    for pair in &files.certificates {
        match Certificate::read(pair) {
            Ok(certificate) => found.extend(certificate.expired(now_s)),
            Err(error) => found.push(error),
        }
    }
    if let Some(file) = &files.client_ca {
        found.extend(files::authorities(file).err());
    }
    found
}

fn certificates(files: &Tls) -> Result<Vec<Certificate>, TlsError> {
    files.certificates.iter().map(Certificate::read).collect()
}

impl Loaded {
    fn new(files: &Tls, protocols: &[Protocol], certificates: Vec<Certificate>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let expires_s = certificates
            .iter()
            .map(|certificate| certificate.expires_s)
            .min()
            .unwrap_or(u64::MAX);
        let mut server = server(files, &provider, ByName::new(certificates))?;
        server.alpn_protocols = protocols
            .iter()
            .map(|protocol| match protocol {
                Protocol::H2 => b"h2".to_vec(),
                Protocol::Http1 => b"http/1.1".to_vec(),
            })
            .collect();
        // Sessions are resumed by tickets, whose keys rotate; nothing is remembered for each client. New keys at each reload
        // also end what was resumed on the word of an authority that is gone.
        server.ticketer = rustls::crypto::ring::Ticketer::new().map_err(TlsError::Library)?;
        server.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Self {
            server: Arc::new(server),
            expires_s,
        })
    }
}

/// Cipher suites and groups are the provider's own: ECDHE with AES-GCM or ChaCha20, over X25519, P-256 and P-384.
fn server(files: &Tls, provider: &Arc<CryptoProvider>, by_name: ByName) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(TlsError::Library)?;
    let builder = match (files.client_auth, &files.client_ca) {
        (ClientAuth::Off, _) | (_, None) => builder.with_no_client_auth(),
        (auth, Some(file)) => {
            let roots = Arc::new(files::authorities(file)?);
            let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
            if auth == ClientAuth::Optional {
                verifier = verifier.allow_unauthenticated();
            }
            let verifier = verifier.build().map_err(|error| TlsError::Authorities {
                file: file.clone(),
                reason: error.to_string(),
            })?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(builder.with_cert_resolver(Arc::new(by_name)))
}

fn fingerprints(files: &Tls) -> Vec<Option<Fingerprint>> {
    let pairs = files
        .certificates
        .iter()
        .flat_map(|pair| [&pair.certificate, &pair.key]);
    pairs
        .chain(&files.client_ca)
        .map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some(Fingerprint {
                modified: metadata.modified().ok(),
                length: metadata.len(),
                #[cfg(unix)]
                inode: std::os::unix::fs::MetadataExt::ino(&metadata),
            })
        })
        .collect()
}
