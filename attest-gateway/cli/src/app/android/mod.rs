//! What an APK says: names and versions from its manifest, signers from its signing block and from META-INF.

mod axml;
mod jar;
mod manifest;

use std::path::Path;

use attest_core::signing_block::{
    self, Ancestor, Certificate, Scheme, SchemeKind, SignatureState, Signer, SigningBlock, SigningBlockError,
    id_name,
};
use serde::Serialize;
use x509_parser::prelude::{FromDer as _, X509Certificate};

pub(super) use self::manifest::Sdk;
use super::archive::{Archive, Places};
use super::digest::Digest;
use super::measure::{Findings, MeasureError, Measured};

const MANIFEST: &str = "AndroidManifest.xml";
/// Manifests of large apps have some hundred KiB.
const MAX_MANIFEST_BYTES: u64 = 8 << 20;

/// An APK.
#[derive(Debug, Default, Serialize)]
pub(in crate::app) struct AndroidApp {
    pub(in crate::app) package: Option<String>,
    pub(in crate::app) version: Option<String>,
    pub(in crate::app) version_code: Option<u64>,
    pub(in crate::app) min_sdk: Option<Sdk>,
    pub(in crate::app) target_sdk: Option<Sdk>,
    /// Oldest first.
    pub(in crate::app) schemes: Vec<SchemeSigners>,
    /// What else is in the signing block.
    pub(in crate::app) signing_block: Vec<BlockEntry>,
}

/// Who signed by one scheme.
#[derive(Debug, Serialize)]
pub(in crate::app) struct SchemeSigners {
    pub(in crate::app) scheme: &'static str,
    pub(in crate::app) signers: Vec<SignerFacts>,
}

/// One signer.
#[derive(Debug, Serialize)]
pub(in crate::app) struct SignerFacts {
    #[serde(flatten)]
    pub(in crate::app) certificate: CertificateFacts,
    /// v1: its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::app) file: Option<String>,
    /// v2 and later: whether it signed its own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::app) signature: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::app) min_sdk: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::app) max_sdk: Option<u32>,
    /// A rotated key's certificates, oldest first, this signer's own last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::app) lineage: Vec<AncestorFacts>,
}

/// A certificate.
#[derive(Debug, Serialize)]
pub(in crate::app) struct CertificateFacts {
    #[serde(flatten)]
    pub(in crate::app) sha256: Digest,
    pub(in crate::app) subject: Option<String>,
}

/// One certificate of a lineage.
#[derive(Debug, Serialize)]
pub(in crate::app) struct AncestorFacts {
    #[serde(flatten)]
    pub(in crate::app) certificate: CertificateFacts,
    pub(in crate::app) signature: &'static str,
}

/// One entry of the signing block.
#[derive(Debug, Serialize)]
pub(in crate::app) struct BlockEntry {
    id: String,
    name: Option<&'static str>,
    bytes: u64,
}

impl From<&Certificate> for CertificateFacts {
    fn from(certificate: &Certificate) -> Self {
        Self {
            sha256: Digest::from(&certificate.sha256),
            subject: subject(&certificate.der),
        }
    }
}

fn subject(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.subject().to_string())
}

/// Measures an APK; `None` if the archive looks like none.
pub(in crate::app) fn measure(archive: &mut Archive, path: &Path) -> Result<Option<Findings>, MeasureError> {
    let block = match signing_block::parse(&Places::open(path)?) {
        Ok(block) => Some(block),
        Err(SigningBlockError::Absent) => None,
        Err(error) => return Err(error.into()),
    };
    let jar_signers = jar::signature_files(archive);
    if block.is_none() && !archive.has(MANIFEST) {
        return Ok(None);
    }
    let mut warnings = Vec::new();
    let mut app = named(archive, &mut warnings);
    if !jar_signers.is_empty() {
        app.schemes.push(SchemeSigners {
            scheme: "v1",
            signers: jar::signers(archive, &jar_signers)?,
        });
    }
    if let Some(block) = &block {
        app.signing_block = block.entries.iter().map(BlockEntry::from).collect();
        app.schemes.extend(block.schemes.iter().map(SchemeSigners::from));
        warnings.extend(doubts(block));
    }
    if app.schemes.is_empty() {
        return Err(MeasureError::Unsigned);
    }
    let app = Measured::Android(app);
    Ok(Some(Findings { app, warnings }))
}

/// Names and versions; a manifest that cannot be read leaves them open.
fn named(archive: &mut Archive, warnings: &mut Vec<String>) -> AndroidApp {
    let read = archive
        .read(MANIFEST, MAX_MANIFEST_BYTES)
        .map_err(|error| error.to_string())
        .and_then(|bytes| manifest::read(&bytes).map_err(|error| format!("{MANIFEST}: {error}")));
    read.unwrap_or_else(|problem| {
        warnings.push(problem);
        AndroidApp::default()
    })
}

impl From<&signing_block::Entry> for BlockEntry {
    fn from(entry: &signing_block::Entry) -> Self {
        Self {
            id: format!("{:#010x}", entry.id),
            name: id_name(entry.id),
            bytes: entry.bytes,
        }
    }
}

impl From<&Scheme> for SchemeSigners {
    fn from(scheme: &Scheme) -> Self {
        Self {
            scheme: scheme.kind.as_str(),
            signers: scheme.signers.iter().map(SignerFacts::from).collect(),
        }
    }
}

impl From<&Signer> for SignerFacts {
    fn from(signer: &Signer) -> Self {
        Self {
            certificate: CertificateFacts::from(&signer.certificate),
            file: None,
            signature: Some(signer.signature.as_str()),
            min_sdk: signer.sdk.map(|sdk| sdk.min),
            max_sdk: signer.sdk.map(|sdk| sdk.max),
            lineage: signer.lineage.iter().map(AncestorFacts::from).collect(),
        }
    }
}

impl From<&Ancestor> for AncestorFacts {
    fn from(ancestor: &Ancestor) -> Self {
        Self {
            certificate: CertificateFacts::from(&ancestor.certificate),
            signature: ancestor.signature.as_str(),
        }
    }
}

/// What Android would refuse, or nobody here can tell.
fn doubts(block: &SigningBlock) -> Vec<String> {
    let mut doubts = Vec::new();
    for scheme in &block.schemes {
        let kind = scheme.kind.as_str();
        for signer in &scheme.signers {
            let links = signer.lineage.iter().map(|ancestor| ancestor.signature);
            let worst = links.fold(signer.signature, SignatureState::max);
            doubts.extend(match worst {
                SignatureState::Verified => None,
                SignatureState::Unsupported => Some(format!(
                    "{kind}: the signature is of an algorithm that is not verified here; ask `apksigner verify`"
                )),
                SignatureState::ForeignKey => Some(format!(
                    "{kind}: signed by a key that is not the certificate's; Android refuses this app"
                )),
                SignatureState::Bad => Some(format!(
                    "{kind}: a signature does not verify; Android refuses this app, and somebody else may have made it"
                )),
            });
        }
    }
    if block.schemes.is_empty() {
        doubts.push("the signing block holds no scheme that is known here".to_owned());
    }
    if block.scheme(SchemeKind::V31).is_some() && block.scheme(SchemeKind::V3).is_none() {
        doubts.push("v3.1 without v3: Android refuses this app".to_owned());
    }
    doubts
}
