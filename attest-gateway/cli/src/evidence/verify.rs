//! `attest evidence verify`: the gateway's own verification of one piece of platform evidence, with the parameters given here.

use std::io;
use std::path::PathBuf;

use attest_gateway::clock::{Clock as _, SystemClock};
use clap::{Args, ValueEnum};

use super::verdict::{Unusable, Verdict};
use super::{android, apple, play};
use crate::out::{Exit, Out};
use crate::when;

/// Verify one piece of platform evidence as the gateway does.
///
/// Prints the verdict, its stable code where it is refused, and every fact that could be read, on refusal too. Nothing is fetched
/// and nothing is kept.
#[derive(Debug, Args)]
#[command(
    after_help = "android-key         CHAIN.pem, leaf first, root last. Parameters that are not given are not enforced; lock and boot \
                        state are facts unless --require-verified-boot.\n  \
                        [--package P] [--signer HEX]... [--challenge-hex H] [--at TIME] [--anchors PEM] [--revocation JSON]\n  \
                        [--require-verified-boot] [--allow-unknown-tags] [--allow-name-mismatch] [--allow-software]\n\n\
                        app-attest          the attestation object, CBOR or base64 of it.\n  \
                        --app-id TEAM.bundle --key-id-b64 K --client-data-hash-hex H [--environment E] [--at TIME] [--anchors PEM]\n\n\
                        app-attest-assertion  the assertion, CBOR or base64 of it.\n  \
                        --app-id TEAM.bundle --public-key-x962-hex X --client-data-hex D --counter N\n\n\
                        play-integrity      the token.\n  \
                        --decryption-key-b64 K --verification-key-b64 K --package P [--request-hash H | --nonce N] [--at TIME]\n\n\
                        Examples:\n  attest evidence verify --kind android-key --package com.example.bank chain.pem\n  \
                        attest evidence verify --kind app-attest --app-id A1B2C3D4E5.com.example.bank --key-id-b64 ... \
                        --client-data-hash-hex ... object.cbor\n\n\
                        Exit codes: 0 accepted, 1 refused, 2 wrong arguments or unreadable files."
)]
pub(super) struct Verify {
    /// The kind of evidence.
    #[arg(long, value_enum, value_name = "KIND")]
    kind: Kind,
    /// The evidence.
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The app's package.
    #[arg(long, value_name = "P")]
    pub(super) package: Option<String>,
    /// SHA-256 of an accepted signing certificate; repeat it for more.
    #[arg(long, value_name = "HEX")]
    pub(super) signer: Vec<String>,
    /// The challenge that the evidence must answer.
    #[arg(long, value_name = "H")]
    pub(super) challenge_hex: Option<String>,
    /// Verify as of this time instead of now; RFC 3339.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    at: Option<u64>,
    /// Roots that are trusted besides the built-in ones.
    #[arg(long, value_name = "PEM")]
    pub(super) anchors: Option<PathBuf>,
    /// Google's list of revoked certificates.
    #[arg(long, value_name = "JSON")]
    pub(super) revocation: Option<PathBuf>,
    /// Refuse phones that are unlocked or did not verify their system.
    #[arg(long)]
    pub(super) require_verified_boot: bool,
    /// Accept key descriptions with tags that this release does not know.
    #[arg(long)]
    pub(super) allow_unknown_tags: bool,
    /// Accept chains whose names do not match while all signatures verify.
    #[arg(long)]
    pub(super) allow_name_mismatch: bool,
    /// Accept chains and keys of software, as emulators have; their root has to be among --anchors.
    #[arg(long)]
    pub(super) allow_software: bool,
    /// The app, as `TEAM.bundle`.
    #[arg(long, value_name = "TEAM.bundle")]
    pub(super) app_id: Option<String>,
    /// The key id that the phone named.
    #[arg(long, value_name = "K")]
    pub(super) key_id_b64: Option<String>,
    /// What the app gave to the phone as the hash of its client data.
    #[arg(long, value_name = "H")]
    pub(super) client_data_hash_hex: Option<String>,
    /// The one accepted App Attest environment; without it either, told as a fact.
    #[arg(long, value_enum, value_name = "ENVIRONMENT")]
    pub(super) environment: Option<Environment>,
    /// The attested key, an uncompressed point of 65 bytes.
    #[arg(long, value_name = "X")]
    pub(super) public_key_x962_hex: Option<String>,
    /// The client data, of which the app gave SHA-256 to the phone.
    #[arg(long, value_name = "D")]
    pub(super) client_data_hex: Option<String>,
    /// The last counter seen: the assertion's must be above it. 0 after the attestation.
    #[arg(long, value_name = "N")]
    pub(super) counter: Option<u32>,
    /// The decryption key of the Play Console.
    #[arg(long, value_name = "K")]
    pub(super) decryption_key_b64: Option<String>,
    /// The verification key of the Play Console.
    #[arg(long, value_name = "K")]
    pub(super) verification_key_b64: Option<String>,
    /// The request hash of a standard request.
    #[arg(long, value_name = "H", conflicts_with = "nonce")]
    pub(super) request_hash: Option<String>,
    /// The nonce of a classic request.
    #[arg(long, value_name = "N")]
    pub(super) nonce: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Android Key Attestation.
    AndroidKey,
    /// An App Attest attestation.
    AppAttest,
    /// An App Attest assertion.
    AppAttestAssertion,
    /// A Play Integrity token.
    PlayIntegrity,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AndroidKey => "android-key",
            Self::AppAttest => "app-attest",
            Self::AppAttestAssertion => "app-attest-assertion",
            Self::PlayIntegrity => "play-integrity",
        }
    }
}

/// Apple's two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Environment {
    /// TestFlight, App Store, enterprise.
    Production,
    /// Development.
    Development,
}

impl Verify {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.verdict() {
            Ok(verdict) => verdict.show(self.kind.as_str(), self.json, out),
            Err(unusable) => unusable.show(out),
        }
    }

    fn verdict(&self) -> Result<Verdict, Unusable> {
        self.refuse_foreign_arguments()?;
        let now_s = self.at.unwrap_or_else(|| SystemClock::new().now_s());
        match self.kind {
            Kind::AndroidKey => android::verdict(self, now_s),
            Kind::AppAttest => apple::attestation(self, now_s),
            Kind::AppAttestAssertion => apple::assertion(self),
            Kind::PlayIntegrity => play::verdict(self, now_s),
        }
    }

    /// An argument that would silently mean nothing is refused.
    fn refuse_foreign_arguments(&self) -> Result<(), Unusable> {
        use Kind::{AndroidKey, AppAttest, AppAttestAssertion, PlayIntegrity};
        let rows: [(&str, bool, &[Kind]); 20] = [
            ("package", self.package.is_some(), &[AndroidKey, PlayIntegrity]),
            ("signer", !self.signer.is_empty(), &[AndroidKey]),
            ("challenge-hex", self.challenge_hex.is_some(), &[AndroidKey]),
            (
                "at",
                self.at.is_some(),
                &[AndroidKey, AppAttest, AppAttestAssertion, PlayIntegrity],
            ),
            ("anchors", self.anchors.is_some(), &[AndroidKey, AppAttest]),
            ("revocation", self.revocation.is_some(), &[AndroidKey]),
            ("require-verified-boot", self.require_verified_boot, &[AndroidKey]),
            ("allow-unknown-tags", self.allow_unknown_tags, &[AndroidKey]),
            ("allow-name-mismatch", self.allow_name_mismatch, &[AndroidKey]),
            ("allow-software", self.allow_software, &[AndroidKey]),
            ("app-id", self.app_id.is_some(), &[AppAttest, AppAttestAssertion]),
            ("key-id-b64", self.key_id_b64.is_some(), &[AppAttest]),
            (
                "client-data-hash-hex",
                self.client_data_hash_hex.is_some(),
                &[AppAttest],
            ),
            ("environment", self.environment.is_some(), &[AppAttest]),
            (
                "public-key-x962-hex",
                self.public_key_x962_hex.is_some(),
                &[AppAttestAssertion],
            ),
            (
                "client-data-hex",
                self.client_data_hex.is_some(),
                &[AppAttestAssertion],
            ),
            ("counter", self.counter.is_some(), &[AppAttestAssertion]),
            (
                "decryption-key-b64",
                self.decryption_key_b64.is_some(),
                &[PlayIntegrity],
            ),
            (
                "verification-key-b64",
                self.verification_key_b64.is_some(),
                &[PlayIntegrity],
            ),
            (
                "request-hash or --nonce",
                self.request_hash.is_some() || self.nonce.is_some(),
                &[PlayIntegrity],
            ),
        ];
        let foreign = rows
            .into_iter()
            .find(|(_, given, kinds)| *given && !kinds.contains(&self.kind));
        foreign.map_or(Ok(()), |(name, ..)| {
            let problem = format!("means nothing for {}", self.kind.as_str());
            Err(Unusable::argument(name, &problem))
        })
    }
}

/// An argument that its kind cannot do without.
pub(super) fn required<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, Unusable> {
    value
        .map(String::as_str)
        .ok_or_else(|| Unusable::argument(name, "is needed for this kind"))
}
