//! Verifies Play Integrity tokens with the app's own keys of the Play Console, without asking Google: a compact JWE (A256KW,
//! A256GCM) around a compact JWS (ES256) around the verdicts. No other algorithm is ever accepted, whatever a token names.
//!
//! What verifies proves that Google made these verdicts, for this package and request, lately. The verdicts themselves are
//! facts: what to make of them is not decided here. A token has no mark of having been used; single use comes from the
//! request hash or nonce, which must depend on a challenge.
//!
//! Source: Android developers, "Integrity verdicts" and "Decrypt and verify the verdicts"; RFC 7516, 7515, 3394.

mod error;
mod facts;
mod jwe;
mod keys;
mod payload;

#[cfg(test)]
mod tests;

use attest_core::jose::Compact;

pub use self::error::Error;
pub use self::facts::{DeviceRecall, Facts};
pub use self::keys::{PlayKeys, PlayKeysError};
use super::Work;

/// Tokens longer than this are refused unread. Real ones have 1 to 3 KB.
pub const MAX_TOKEN_BYTES: usize = 16 << 10;
/// Google asks for a short window and gives none; a warmed-up token is made at the request that it is for.
pub const DEFAULT_AGE_MAX_S: u64 = 600;
/// How far Google's clock may be ahead of this one.
pub const FUTURE_TOLERANCE_S: u64 = 10;

/// What binds a token to one request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding<'a> {
    /// `requestHash` of a standard request, letter for letter.
    RequestHash(&'a str),
    /// `nonce` of a classic request; padding at its end counts for nothing.
    Nonce(&'a str),
}

/// What a token must agree with.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// The package that asked for the token.
    pub package: &'a str,
    /// What it was asked for, or `None` if the caller compares `request_hash` or `nonce` itself.
    pub binding: Option<Binding<'a>>,
    /// How old a token may be, in seconds: [`DEFAULT_AGE_MAX_S`] unless there is a reason.
    pub age_max_s: u64,
}

/// The verdicts of a token that Google made for these parameters.
///
/// # Errors
/// [`Error`].
///
/// # Security
/// Whoever has the verification key alone can make nothing, whoever has the decryption key alone can read tokens.
pub fn verify(token: &str, parameters: &Parameters<'_>, keys: &PlayKeys, now_s: u64) -> Result<Facts, Error> {
    verify_counted(token, parameters, keys, now_s, &mut Work::default())
}

/// As [`verify`], telling in `work` what it cost.
///
/// # Errors
/// As [`verify`].
pub fn verify_counted(
    token: &str,
    parameters: &Parameters<'_>,
    keys: &PlayKeys,
    now_s: u64,
    work: &mut Work,
) -> Result<Facts, Error> {
    let facts = opened(token, keys, work)?;
    agree(&facts, parameters, now_s)?;
    Ok(facts)
}

/// The verdicts of a token that Google made for this app's keys, at whatever time and for whatever request.
///
/// # Errors
/// [`Error`], but none about package, request and age.
///
/// # Security
/// To show why a token is refused. A token that was used, or that another request asked for, passes here.
pub fn authentic(token: &str, keys: &PlayKeys) -> Result<Facts, Error> {
    opened(token, keys, &mut Work::default())
}

fn opened(token: &str, keys: &PlayKeys, work: &mut Work) -> Result<Facts, Error> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Error::TooLong {
            found: token.len(),
            limit: MAX_TOKEN_BYTES,
        });
    }
    work.read(token.as_bytes());
    let inner = jwe::decrypt(token, keys)?;
    let inner = std::str::from_utf8(&inner).map_err(|_| Error::Inner(attest_core::jose::JwsError::Shape))?;
    work.read(inner.as_bytes());
    let signed = Compact::parse(inner, MAX_TOKEN_BYTES)?;
    work.verified(1);
    let payload = signed.verify(keys.verifying())?;
    work.read(&payload);
    payload::read(&payload)
}

/// In Google's order: package, request, age.
fn agree(facts: &Facts, parameters: &Parameters<'_>, now_s: u64) -> Result<(), Error> {
    if facts.request_package_name != parameters.package {
        return Err(Error::Package);
    }
    let told = |text: &Option<String>, expected: &str| text.as_deref() == Some(expected);
    let unpadded = |text: &Option<String>| text.as_ref().map(|text| text.trim_end_matches('=').to_owned());
    match parameters.binding {
        Some(Binding::RequestHash(expected)) if !told(&facts.request_hash, expected) => {
            return Err(Error::RequestHash);
        }
        Some(Binding::Nonce(expected)) if !told(&unpadded(&facts.nonce), expected.trim_end_matches('=')) => {
            return Err(Error::Nonce);
        }
        Some(_) | None => {}
    }
    let now_ms = now_s.saturating_mul(1000);
    if facts.timestamp_ms > now_ms.saturating_add(FUTURE_TOLERANCE_S * 1000) {
        return Err(Error::FromFuture);
    }
    if now_ms.saturating_sub(facts.timestamp_ms) > parameters.age_max_s.saturating_mul(1000) {
        return Err(Error::TooOld);
    }
    Ok(())
}
