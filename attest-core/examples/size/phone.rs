//! What a phone's library does with this crate apart from TUF: enough that the linker keeps it.

use std::io::Read as _;

use attest_core::challenge::Challenge;
use attest_core::delivery::DeliveryShare;
use attest_core::facts::Platform;
use attest_core::jose::JwkSet;
use attest_core::policy::{DevicePolicy, Variables};
use attest_core::response::{self, Expected};
use attest_core::token::claims::TokenClaims;
use attest_core::token::session;
use ring::rand::SystemRandom;

/// Standard input, which no compiler knows beforehand.
pub(crate) fn input() -> String {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map(|_| text).unwrap_or_default()
}

/// A policy read and compiled, a response opened, a token minted.
pub(crate) fn phone(text: &str) -> Option<String> {
    let policy = DevicePolicy::from_json(text.as_bytes()).ok()?;
    let keys: JwkSet = serde_json::from_str(text).ok()?;
    drop(policy.compile(Platform::Android, Variables::default()).ok()?);
    let share = DeliveryShare::generate(&SystemRandom::new()).ok()?;
    let expected = Expected {
        evidence_digest: text,
        challenge: &Challenge::parse(text).ok()?,
        device_thumbprint: text,
        response_keys: &keys,
    };
    let session = response::open(text, share, &expected).ok()?;
    let claims: TokenClaims = serde_json::from_str(text).ok()?;
    session::mint(session.ticket.reveal(), &session.key, &claims).ok()
}
