//! Apps and their reference values: what evidence must say so that a phone counts as running this app.

use serde::{Deserialize, Serialize};

use super::{Fault, error::Errors, predicate::Version};
use crate::{environment::Environment, facts::Platform};

/// An app and its reference values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The id that routes and tokens use; also the client id of proof tokens.
    pub id: String,
    /// The platform.
    pub platform: Platform,
    /// Android: the package name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Android: SHA-256 of the accepted signing certificates, as 64 hex digits in lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<String>,
    /// Android: signing certificates of earlier releases that are still accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous_signers: Vec<String>,
    /// iOS: the team identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// iOS: the bundle identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// The oldest version that may enrol, such as `2.4.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version: Option<String>,
    /// The kinds of evidence that are accepted for this app.
    pub evidence: Vec<EvidenceKind>,
}

/// A kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A key in software; proves nothing and is accepted in development only.
    Software,
    /// Android key attestation.
    AndroidKey,
    /// App Attest.
    AppAttest,
    /// Play Integrity.
    PlayIntegrity,
}

impl EvidenceKind {
    /// The word used in policy and evidence.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::AndroidKey => "android_key",
            Self::AppAttest => "app_attest",
            Self::PlayIntegrity => "play_integrity",
        }
    }
}

impl App {
    /// True if `version` is at least the app's oldest; a version that cannot be compared is older than any.
    #[must_use]
    pub fn accepts_version(&self, version: &str) -> bool {
        match self.min_version.as_deref().map(Version::parse) {
            None => true,
            Some(oldest) => oldest.is_some() && Version::parse(version) >= oldest,
        }
    }

    pub(super) fn verify(&self, path: &str, environment: Environment, errors: &mut Errors) {
        let mut wanted = |field: &str, given: bool, wanted: bool, message: &'static str| {
            if given != wanted {
                errors.push(format_args!("{path}{field}"), Fault::Shape { message });
            }
        };
        let android = self.platform == Platform::Android;
        let at = |given: bool, field: &'static str| if given { field } else { "" };
        let (package, signers) = (self.package.is_some(), !self.signers.is_empty());
        wanted(
            at(package, ".package"),
            package,
            android,
            "`package` belongs to every android app and to no other",
        );
        wanted(
            at(signers, ".signers"),
            signers,
            android,
            "`signers` belong to every android app and to no other",
        );
        let (team, bundle) = (self.team.is_some(), self.bundle.is_some());
        wanted(
            at(team, ".team"),
            team,
            !android,
            "`team` belongs to every ios app and to no other",
        );
        wanted(
            at(bundle, ".bundle"),
            bundle,
            !android,
            "`bundle` belongs to every ios app and to no other",
        );
        for (field, signers) in [
            ("signers", &self.signers),
            ("previous_signers", &self.previous_signers),
        ] {
            for (index, signer) in signers.iter().enumerate() {
                let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
                if signer.len() != 64 || !signer.bytes().all(hex) {
                    let message = "a signer is the certificate's SHA-256 as 64 hex digits in lower case";
                    errors.push(format_args!("{path}.{field}[{index}]"), Fault::Shape { message });
                }
            }
        }
        if self
            .min_version
            .as_deref()
            .is_some_and(|text| Version::parse(text).is_none())
        {
            let message = "a version is dotted numbers such as 2.4.0";
            errors.push(format_args!("{path}.min_version"), Fault::Shape { message });
        }
        self.verify_evidence(path, environment, errors);
    }

    fn verify_evidence(&self, path: &str, environment: Environment, errors: &mut Errors) {
        if self.evidence.is_empty() {
            errors.push(format_args!("{path}.evidence"), Fault::Empty);
        }
        for (index, kind) in self.evidence.iter().enumerate() {
            let fault = match (kind, self.platform, environment) {
                (EvidenceKind::Software, _, Environment::Production) => Fault::Contradiction {
                    code: "software-in-production",
                    message: "a production policy never accepts `software` evidence",
                },
                (EvidenceKind::AndroidKey | EvidenceKind::PlayIntegrity, Platform::Ios, _) => {
                    Fault::Contradiction {
                        code: "evidence-platform",
                        message: "this evidence is made on android",
                    }
                }
                (EvidenceKind::AppAttest, Platform::Android, _) => Fault::Contradiction {
                    code: "evidence-platform",
                    message: "this evidence is made on ios",
                },
                _ => continue,
            };
            errors.push(format_args!("{path}.evidence[{index}]"), fault);
        }
    }
}
