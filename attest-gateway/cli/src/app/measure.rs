//! `attest app measure`: every digest and name that a policy needs about an app, read from the app itself.

use std::io;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::android::{self, AndroidApp};
use super::archive::Archive;
use super::ios::{self, IosApp};
use super::{policy_block, show};
use crate::out::{Exit, Out, printable};

/// Print the signers, names and versions of an APK or IPA, and the lines for a policy.
///
/// APK: package, version and the signers of each signature scheme (v1, v2, v3, v3.1) with the history of a rotated key. IPA: team,
/// bundle and version. Measure the file that reaches phones: where Google Play signs for you, that is the APK that Play makes, not
/// your upload.
#[derive(Debug, Args)]
#[command(
    after_help = "Not verified: that the rest of the file is what was signed; `apksigner verify` and `codesign --verify` do that. \
                        What is verified is that each signer of v2 and later signed its own certificate and lineage; where not, a \
                        warning says so.\n\n\
                        Examples:\n  attest app measure app-release.apk\n  attest app measure --json App.ipa | jq -r .policy\n  \
                        attest app measure --team A1B2C3D4E5 App.ipa\n\n\
                        Exit codes: 0 measured, 2 unreadable (a stable code on standard error)."
)]
pub(crate) struct Measure {
    /// The APK or IPA.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// iOS: the team, where the file does not name it.
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Why an app cannot be measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum MeasureError {
    #[error("{0}")]
    Unreadable(String),
    #[error("no ZIP archive that can be read: {0}")]
    Archive(String),
    #[error("{0} is larger than is read")]
    TooLarge(&'static str),
    #[error("{name}: {problem}")]
    Entry { name: String, problem: String },
    #[error("neither an APK nor an IPA")]
    NeitherKind,
    #[error(
        "an app bundle: phones never get it, nor its signature; measure an APK that Google Play or bundletool made of it"
    )]
    AppBundle,
    #[error("a set of APKs: unpack it and measure its base APK")]
    ApkSet,
    #[error(transparent)]
    SigningBlock(#[from] attest_core::signing_block::SigningBlockError),
    #[error("nobody signed it: phones refuse it, and a policy has nothing to compare with")]
    Unsigned,
}

impl MeasureError {
    const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Archive(_) => "not-zip",
            Self::TooLarge(_) => "too-large",
            Self::Entry { .. } => "entry-unreadable",
            Self::NeitherKind => "not-an-app",
            Self::AppBundle => "app-bundle",
            Self::ApkSet => "apk-set",
            Self::SigningBlock(error) => error.code(),
            Self::Unsigned => "unsigned",
        }
    }
}

/// What was found.
#[derive(Debug, Serialize)]
#[serde(tag = "platform", rename_all = "lowercase")]
pub(super) enum Measured {
    Android(AndroidApp),
    Ios(IosApp),
}

/// What was found, and what is odd about it.
pub(super) struct Findings {
    pub(super) app: Measured,
    pub(super) warnings: Vec<String>,
}

impl Measure {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let findings = match self.findings() {
            Ok(findings) => findings,
            Err(error) => {
                let file = self.file.display();
                writeln!(
                    out.err,
                    "{}: {}",
                    error.code(),
                    printable(&format!("{file}: {error}"))
                )?;
                return Ok(Exit::Unusable);
            }
        };
        let policy = policy_block::lines(&findings.app);
        for warning in &findings.warnings {
            writeln!(out.err, "warning: {}", printable(warning))?;
        }
        if self.json {
            let mut json = serde_json::to_value(&findings.app).unwrap_or_default();
            if let Value::Object(members) = &mut json {
                members.insert("policy".to_owned(), policy.ok().into());
                members.insert("warnings".to_owned(), findings.warnings.into());
            }
            writeln!(out.out, "{json}")?;
        } else {
            write!(out.out, "{}", printable(&show::app(&findings.app)))?;
            match policy {
                Ok(lines) => write!(out.out, "\nFor a policy, under `apps:`:\n\n{lines}")?,
                Err(missing) => writeln!(out.out, "\nNo lines for a policy: {missing}.")?,
            }
        }
        Ok(Exit::Clean)
    }

    fn findings(&self) -> Result<Findings, MeasureError> {
        let mut archive = Archive::open(&self.file)?;
        if let Some(bundle) = ios::bundle_folder(&archive) {
            return ios::measure(&mut archive, &bundle, self.team.as_deref());
        }
        if archive.has("BundleConfig.pb") || archive.has("base/manifest/AndroidManifest.xml") {
            return Err(MeasureError::AppBundle);
        }
        match android::measure(&mut archive, &self.file)? {
            Some(findings) => Ok(findings),
            None if archive.names().any(|name| name.ends_with(".apk")) => Err(MeasureError::ApkSet),
            None => Err(MeasureError::NeitherKind),
        }
    }
}
