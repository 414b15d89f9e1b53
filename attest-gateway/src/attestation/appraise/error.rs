//! Why platform evidence is refused, and what a client hears of it.

use attest_core::problem::ProblemCode;

use crate::verifier::{VerdictCode, android, apple, play};

/// Why platform evidence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppraisalError {
    /// The app's policy does not list the kind.
    #[error("the app's policy does not accept evidence of this kind")]
    NotAccepted,
    /// Software evidence outside development, whatever policy says.
    #[error("software evidence is for development only")]
    SoftwareOutsideDevelopment,
    /// An assertion cannot enrol a key.
    #[error("an assertion cannot enrol a key")]
    AssertionAtEnrolment,
    /// A renewal on a platform where each needs an assertion came without one.
    #[error("this device renews with an App Attest assertion")]
    AssertionMissing,
    /// A part is not in the encoding that the protocol names.
    #[error("`{member}` is not in the encoding that the protocol names")]
    Encoding {
        /// The member.
        member: &'static str,
    },
    /// Policy asks for a revocation list, and the gateway has none that is young enough.
    #[error("there is no revocation list that is young enough")]
    RevocationStale,
    /// Policy asks for a Play Integrity token.
    #[error("policy asks for a Play Integrity token")]
    PlayMissing,
    /// The gateway has no keys to read the app's Play Integrity tokens with.
    #[error("the gateway has no Play Integrity keys for this app")]
    PlayKeysMissing,
    /// The system's patches are older than policy allows.
    #[error("the attested patch level is older than policy allows")]
    PatchLevel,
    /// The app that the platform names is older than policy allows.
    #[error("the attested version of the app is older than policy allows")]
    VersionCode,
    /// The Android verifier.
    #[error(transparent)]
    Android(#[from] android::Error),
    /// The Apple verifier.
    #[error(transparent)]
    Apple(#[from] apple::Error),
    /// The Play Integrity verifier.
    #[error(transparent)]
    Play(#[from] play::Error),
}

impl AppraisalError {
    /// Stable kebab-case code: those of the verifiers are [`VerdictCode`]s.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAccepted => "evidence-not-accepted",
            Self::SoftwareOutsideDevelopment => "evidence-software",
            Self::AssertionAtEnrolment => "evidence-assertion",
            Self::AssertionMissing => "evidence-assertion-missing",
            Self::Encoding { .. } => "evidence-encoding",
            Self::RevocationStale => VerdictCode::RevocationStale.as_str(),
            Self::PlayMissing => "play-missing",
            Self::PlayKeysMissing => "play-keys-missing",
            Self::PatchLevel => VerdictCode::PatchLevel.as_str(),
            Self::VersionCode => "app-version-code",
            Self::Android(error) => error.code().as_str(),
            Self::Apple(error) => error.code().as_str(),
            Self::Play(error) => error.code().as_str(),
        }
    }

    /// The public code: what a client may know, and whether trying again helps.
    #[must_use]
    pub fn problem(&self) -> ProblemCode {
        let verdict = match self {
            Self::NotAccepted | Self::SoftwareOutsideDevelopment => return ProblemCode::EvidenceKind,
            Self::AssertionAtEnrolment | Self::AssertionMissing | Self::Encoding { .. } => {
                return ProblemCode::EvidenceMalformed;
            }
            // Not the phone's fault, and over when the operator has mended it.
            Self::RevocationStale | Self::PlayKeysMissing => return ProblemCode::Unavailable,
            Self::PlayMissing | Self::PatchLevel | Self::VersionCode => return ProblemCode::EvidenceRefused,
            Self::Android(error) => error.code(),
            Self::Apple(error) => error.code(),
            Self::Play(error) => error.code(),
        };
        match verdict {
            VerdictCode::Parse | VerdictCode::Limit => ProblemCode::EvidenceMalformed,
            VerdictCode::RevocationStale => ProblemCode::Unavailable,
            VerdictCode::AnchorUnknown
            | VerdictCode::ChainShape
            | VerdictCode::NameChaining
            | VerdictCode::Signature
            | VerdictCode::Expired
            | VerdictCode::NotYetValid
            | VerdictCode::Revoked
            | VerdictCode::KeyDescriptionMissing
            | VerdictCode::KeyDescriptionMisplaced
            | VerdictCode::KeyUse
            | VerdictCode::SoftwareLevel
            | VerdictCode::Origin
            | VerdictCode::BootState
            | VerdictCode::Challenge
            | VerdictCode::Application
            | VerdictCode::Signer
            | VerdictCode::PatchLevel
            | VerdictCode::Environment
            | VerdictCode::Nonce
            | VerdictCode::KeyId
            | VerdictCode::Counter
            | VerdictCode::Unsupported => ProblemCode::EvidenceRefused,
        }
    }
}
