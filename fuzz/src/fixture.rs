//! The fixed secrets that seeds are made with, and one session under them. Never random where a seed has to fit.

use std::sync::LazyLock;

use attest_core::appraisal::{AppraisalResult, AttestedPackages, PatchLevel, PlatformClaims};
use attest_core::device::{BootState, DeviceId, EvidenceClass, KeyLevel, Platform};
use attest_core::environment::Environment;
use attest_core::finding::Findings;
use attest_core::fleet::FleetSecret;
use attest_core::jose::{Jwk, JwkSet, SigningKey, Unsigned};
use attest_core::redacted::Redacted;
use attest_core::ticket::{TicketBody, TicketKeys, TicketSealer};
use attest_core::token::binding::BindingClaims;
use attest_core::token::claims::TokenClaims;
use ring::rand::SystemRandom;

/// The time of every body.
pub const NOW_S: u64 = 1_800_000_000;
/// The audience of the session.
pub const ORIGIN: &str = "https://api.bank.example";
/// The session key.
pub const SESSION_KEY: [u8; 32] = [5; 32];
/// The ticket generation that is sealed under.
pub const KEY_ID: u16 = 1;

/// The app that App Attest evidence is about.
pub const APPLE_APP: &str = "ABCDE12345.com.example.bank";
/// What App Attest evidence was made for.
pub const CLIENT_DATA_HASH: [u8; 32] = [5; 32];
/// The package that Play Integrity tokens are about.
pub const PLAY_PACKAGE: &str = "com.example.bank";
/// What Play Integrity tokens were made for.
pub const PLAY_REQUEST_HASH: &str = "aGFzaA";
/// What Play Integrity tokens are encrypted for: 32 bytes of 9.
pub const PLAY_DECRYPTION_KEY: &str = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";

/// The fleet.
#[must_use]
pub fn fleet() -> FleetSecret {
    FleetSecret::new([7; 32])
}

/// What opens tickets of the fleet.
#[must_use]
pub fn tickets() -> TicketKeys {
    TicketKeys::new(&fleet(), &[KEY_ID], Environment::Development)
}

/// What the session says.
#[must_use]
pub fn result() -> AppraisalResult {
    AppraisalResult {
        environment: Environment::Development,
        audience: ORIGIN.to_owned(),
        app: "com.example.bank".to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        device: DeviceId::from_bytes([7; 16]),
        generation: 1,
        key_level: KeyLevel::Software,
        evidence_class: EvidenceClass::Software,
        platform_claims: platform_claims(),
        evidence_at_s: NOW_S,
        enrolled_at_s: NOW_S - 1000,
        policy_version: 12,
        findings: Findings {
            hit: vec!["clone.data-dir".to_owned()],
            ..Findings::default()
        },
        issued_at_s: NOW_S,
        expires_at_s: NOW_S + 900,
    }
}

fn platform_claims() -> PlatformClaims {
    PlatformClaims {
        attested_packages: AttestedPackages::new(["com.example.bank", "com.host"]),
        boot_state: Some(BootState::Verified),
        boot_locked: Some(true),
        os_patch: PatchLevel::from_attested(20_261_005),
        certificate_devices: Some(3),
        ..PlatformClaims::default()
    }
}

/// The claims of a token of the session.
#[must_use]
pub fn claims(binding: BindingClaims) -> TokenClaims {
    TokenClaims {
        aud: ORIGIN.to_owned(),
        iat: NOW_S,
        exp: Some(NOW_S + 60),
        nbf: None,
        jti: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        policy_version: 12,
        findings: Findings::default(),
        binding,
    }
}

/// A ticket with the session, sealed once per process; empty only if the system has no randomness.
#[must_use]
pub fn ticket() -> &'static str {
    static TICKET: LazyLock<String> = LazyLock::new(|| {
        let body = TicketBody {
            result: result(),
            session_key: Redacted::new(SESSION_KEY),
        };
        let sealer = TicketSealer::new(&fleet(), KEY_ID, Environment::Development);
        sealer
            .seal(&body, NOW_S, &SystemRandom::new())
            .unwrap_or_default()
    });
    &TICKET
}

/// The text with one byte changed where the input says, and whether it is the same after all: the first two bytes of
/// the input are the position, the third is what is put there. `None` if the input is shorter or the text not UTF-8.
pub(crate) fn changed(text: &str, data: &[u8]) -> Option<(String, bool)> {
    let [high, low, put, ..] = data else { return None };
    let mut bytes = text.as_bytes().to_vec();
    let at = usize::from(u16::from_be_bytes([*high, *low])).checked_rem(bytes.len())?;
    *bytes.get_mut(at)? = *put;
    let same = bytes == text.as_bytes();
    Some((String::from_utf8(bytes).ok()?, same))
}

/// An ES256 key that lives as long as the process: for bodies that sign what they change.
pub(crate) struct Signer {
    key: SigningKey,
    keys: JwkSet,
    kid: String,
}

impl Signer {
    pub(crate) const fn keys(&self) -> &JwkSet {
        &self.keys
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn sign(&self, unsigned: Unsigned) -> Option<String> {
        let signature = self
            .key
            .sign(unsigned.signing_input(), &SystemRandom::new())
            .ok()?;
        Some(unsigned.attach(&signature))
    }
}

/// The process's own key; every body that needs one fails with it if the system has no randomness.
pub(crate) fn signer() -> &'static Signer {
    static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "without randomness there is nothing to fuzz")]
        let key = SigningKey::generate(&SystemRandom::new()).expect("randomness");
        let published = Jwk::published(&key.public_point());
        Signer {
            kid: published.kid.clone().unwrap_or_default(),
            keys: JwkSet {
                keys: vec![published],
            },
            key,
        }
    });
    &SIGNER
}
