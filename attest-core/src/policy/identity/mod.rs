//! Apps and their reference values: what evidence must say so that a phone counts as running this app.

mod android;

use serde::{Deserialize, Serialize};

pub use self::android::{
    AndroidReading, Boot, BootRequire, NameMismatch, PatchMin, PlayIntegrity, UnknownTags,
};
use super::{Fault, error::Errors, predicate::Version};
use crate::{device::KeyLevel, environment::Environment, facts::Platform};

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
    /// Android: the oldest version code that may enrol; the system states it, not the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_version_code: Option<u64>,
    /// Android: where the device key must live at least: `software`, `hardware` or `strongbox`. Absent: `hardware` in production,
    /// `software` in development.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_level_min: Option<KeyLevel>,
    /// Android: which boots are accepted.
    #[serde(default, skip_serializing_if = "Boot::is_default")]
    pub boot: Boot,
    /// Android: the oldest security patch levels that may enrol.
    #[serde(default, skip_serializing_if = "PatchMin::is_default")]
    pub patch_min: PatchMin,
    /// Android: how strictly certificates are read.
    #[serde(default, skip_serializing_if = "AndroidReading::is_default")]
    pub android: AndroidReading,
    /// Android: whether Play Integrity must come with the key's own evidence, where `evidence` lists it. Absent: `optional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub play_integrity: Option<PlayIntegrity>,
    /// iOS: the App Attest environment that evidence comes from. Absent: `production`, as in every app of the App Store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_attest_environment: Option<Environment>,
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

    /// True if the version code that evidence states is at least the app's oldest; none stated is older than any.
    #[must_use]
    pub fn accepts_version_code(&self, code: Option<u64>) -> bool {
        self.min_version_code.is_none() || code >= self.min_version_code
    }

    /// Where an android app's device key must live at least.
    #[must_use]
    pub fn key_level_floor(&self, environment: Environment) -> KeyLevel {
        self.key_level_min.unwrap_or(match environment {
            Environment::Production => KeyLevel::Hardware,
            Environment::Development => KeyLevel::Software,
        })
    }

    /// The App Attest environment that evidence must come from.
    #[must_use]
    pub fn app_attest_environment(&self) -> Environment {
        self.app_attest_environment.unwrap_or(Environment::Production)
    }

    /// Whether Play Integrity must come; `None` if it is not accepted.
    #[must_use]
    pub fn play_integrity(&self) -> Option<PlayIntegrity> {
        let listed = self.evidence.contains(&EvidenceKind::PlayIntegrity);
        listed.then(|| self.play_integrity.unwrap_or_default())
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
        let message = "a signer is the certificate's SHA-256 as 64 hex digits in lower case";
        digests(&self.signers, &format!("{path}.signers"), message, errors);
        digests(
            &self.previous_signers,
            &format!("{path}.previous_signers"),
            message,
            errors,
        );
        if self
            .min_version
            .as_deref()
            .is_some_and(|text| Version::parse(text).is_none())
        {
            let message = "a version is dotted numbers such as 2.4.0";
            errors.push(format_args!("{path}.min_version"), Fault::Shape { message });
        }
        self.verify_platform_fields(path, errors);
        self.verify_floors(path, environment, errors);
        self.verify_evidence(path, environment, errors);
        self.verify_play(path, errors);
    }

    /// Fields of one platform do not stand in apps of the other.
    fn verify_platform_fields(&self, path: &str, errors: &mut Errors) {
        let android = [
            ("min_version_code", self.min_version_code.is_some()),
            ("key_level_min", self.key_level_min.is_some()),
            ("boot", !self.boot.is_default()),
            ("patch_min", !self.patch_min.is_default()),
            ("android", !self.android.is_default()),
            ("play_integrity", self.play_integrity.is_some()),
        ];
        let ios = [("app_attest_environment", self.app_attest_environment.is_some())];
        let (foreign, message) = match self.platform {
            Platform::Android => (ios.as_slice(), "this belongs to ios apps"),
            Platform::Ios => (android.as_slice(), "this belongs to android apps"),
        };
        for (field, _) in foreign.iter().filter(|(_, given)| *given) {
            errors.push(format_args!("{path}.{field}"), Fault::Shape { message });
        }
    }

    /// What evidence must say at least is not less than the environment allows.
    fn verify_floors(&self, path: &str, environment: Environment, errors: &mut Errors) {
        self.boot.verify(&format!("{path}.boot"), errors);
        let fault = match (self.key_level_min, environment) {
            (Some(KeyLevel::AppBound), _) => Some(Fault::Shape {
                message: "android keys are `software`, `hardware` or `strongbox`",
            }),
            (Some(KeyLevel::Software), Environment::Production) => Some(Fault::Contradiction {
                code: "software-key-in-production",
                message: "a production policy never accepts keys in software",
            }),
            _ => None,
        };
        if let Some(fault) = fault {
            errors.push(format_args!("{path}.key_level_min"), fault);
        }
        let development = self.app_attest_environment == Some(Environment::Development);
        if development && environment == Environment::Production {
            let fault = Fault::Contradiction {
                code: "app-attest-development-in-production",
                message: "a production policy never accepts App Attest's development environment: any developer's phone can \
                          make such evidence for a modified app",
            };
            errors.push(format_args!("{path}.app_attest_environment"), fault);
        }
    }

    /// Play Integrity speaks about a phone and its app, not about a key.
    fn verify_play(&self, path: &str, errors: &mut Errors) {
        let mut contradicts = |field: &str, code, message| {
            errors.push(
                format_args!("{path}.{field}"),
                Fault::Contradiction { code, message },
            );
        };
        let listed = self.evidence.contains(&EvidenceKind::PlayIntegrity);
        if self.play_integrity.is_some() && !listed {
            contradicts(
                "play_integrity",
                "play-integrity-not-listed",
                "list `play_integrity` in `evidence`, too",
            );
        }
        if listed
            && self
                .evidence
                .iter()
                .all(|kind| *kind == EvidenceKind::PlayIntegrity)
        {
            contradicts(
                "evidence",
                "play-integrity-alone",
                "Play Integrity vouches for no key: list `android_key` beside it",
            );
        }
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

/// SHA-256 values, each in its one spelling.
fn digests(list: &[String], path: &str, message: &'static str, errors: &mut Errors) {
    let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    for (index, text) in list.iter().enumerate() {
        if text.len() != 64 || !text.bytes().all(digit) {
            errors.push(format_args!("{path}[{index}]"), Fault::Shape { message });
        }
    }
}

#[cfg(test)]
mod tests;
