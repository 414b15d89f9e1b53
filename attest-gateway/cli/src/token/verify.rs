//! `attest token verify`: the gateway's own strict verification of one compact JWS. Exit 0 means that the key signed exactly the
//! bytes that were printed and that their times hold; it says nothing about what they are good for.

use std::io;
use std::path::PathBuf;

use attest_core::encoding::{base64url, from_base64url};
use attest_core::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use attest_core::jose::{Algorithm, Compact, JwsError, VerifyingKey};
use attest_core::token::claims::{ClaimsError, TokenClaims};
use attest_core::token::{TimeBounds, proof, session};
use attest_gateway::clock::{Clock as _, SystemClock};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::MAX_JWS_BYTES;
use super::key;
use super::payload::{self, Payload, PayloadError};
use crate::input;
use crate::out::{Exit, Out, printable};
use crate::when;

/// What no key and no payload can tell.
const NOT_COMPARED: [&str; 3] = ["audience", "request", "single-use"];

/// Verify a compact JWS with one key, as strictly as the gateway does.
///
/// HS256 with a key of type `oct`, ES256 with a P-256 key, never the algorithm that the token would like. Refused are `none`,
/// `crit`, keys in the header, repeated members, any second spelling of base64url, and more than the largest policy has.
///
/// Where the payload is a JSON object, `exp`, `nbf` and `iat` are enforced if they are there, with 60 s of skew, and repeated
/// members are refused at any depth. A payload that is not JSON passes as bytes.
#[derive(Debug, Args)]
#[command(
    after_help = "With --token the typ and the claims must be those of our own tokens: session (HS256) or proof (the ES256 \
                        proof of possession), `aud`, `iat`, `jti` of 16 to 64 characters, at most 300 s of life, at most 4 KiB. Not \
                        compared, because only a gateway can: audience, method, target, query, body and authorization, single use, \
                        the ticket, bans.\n\n\
                        Examples:\n  attest token verify --jwk key.json eyJhbGciOi...\n  \
                        attest token verify --jwk jwks-key.json --typ oauth-client-attestation+jwt - < attestation.jwt\n  \
                        attest token verify --jwk key.json --at 2027-01-15T08:00:00Z --json -- \"$TOKEN\"\n\n\
                        Exit codes: 0 verified, 1 refused (a stable code on standard error), 2 unreadable key, time or arguments."
)]
pub(crate) struct Verify {
    /// The key: one JWK, `oct` or `EC` P-256.
    #[arg(long, value_name = "FILE")]
    jwk: PathBuf,
    /// The media type that the header must name; `application/` may be left out.
    #[arg(long, value_name = "T")]
    typ: Option<String>,
    /// Demand one of our own tokens.
    #[arg(long, value_enum, value_name = "KIND")]
    token: Option<Kind>,
    /// Verify as of this time instead of now.
    #[arg(long, value_name = "RFC3339", value_parser = when::parse)]
    at: Option<u64>,
    /// Print one JSON object instead of the payload.
    #[arg(long)]
    json: bool,
    /// The JWS; standard input if absent or `-`, where it may end in one newline.
    #[arg(value_name = "JWS")]
    jws: Option<String>,
}

/// One of our own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// `Attest-Token`, MACed with the session key.
    Session,
    /// `OAuth-Client-Attestation-PoP`, signed by the device key.
    Proof,
}

impl Kind {
    const fn typ(self) -> &'static str {
        match self {
            Self::Session => session::TYP,
            Self::Proof => proof::TYP,
        }
    }

    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Session => Algorithm::Hs256,
            Self::Proof => Algorithm::Es256,
        }
    }
}

/// Why a JWS is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum VerifyError {
    #[error(transparent)]
    Jws(#[from] JwsError),
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

impl VerifyError {
    const fn code(self) -> &'static str {
        match self {
            Self::Jws(error) => error.code(),
            Self::Claims(error) => error.code(),
            Self::Payload(error) => error.code(),
        }
    }
}

impl Verify {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let key = match key::read(&self.jwk) {
            Ok(key) => key,
            Err(error) => return self.failed(out, Exit::Unusable, error.code(), &error.to_string()),
        };
        // One byte more than the bound tells that there is more; two may be the line's end.
        let jws = match input::argument(self.jws.as_deref(), MAX_JWS_BYTES + 2) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return self.refused(out, JwsError::TooLarge.into()),
            Err(error) => return self.failed(out, Exit::Unusable, "jws-unreadable", &error.to_string()),
        };
        let from_stdin = self.jws.as_deref().is_none_or(|text| text == "-");
        let Ok(jws) = std::str::from_utf8(&jws) else {
            return self.refused(out, JwsError::Base64.into());
        };
        let jws = if from_stdin { without_line_end(jws) } else { jws };
        let now_s = self.at.unwrap_or_else(|| SystemClock::new().now_s());
        let (payload, kind) = match self.verified(jws, &key, now_s) {
            Ok(verified) => verified,
            Err(error) => return self.refused(out, error),
        };
        if self.json {
            let compared_by_gateway = self.token.map(|_| NOT_COMPARED);
            let report = json!({
                "result": "verified",
                "alg": key.algorithm().as_str(),
                "header": header(jws),
                "payload": kind.as_str(),
                "payload_base64url": base64url(&payload),
                "at": when::rfc3339(now_s),
                "not_compared": compared_by_gateway,
            });
            writeln!(out.out, "{report}")?;
        } else {
            out.out.write_all(&payload)?;
        }
        Ok(Exit::Clean)
    }

    fn verified(
        &self,
        text: &str,
        key: &VerifyingKey,
        now_s: u64,
    ) -> Result<(Vec<u8>, Payload), VerifyError> {
        let bounds = TimeBounds::default();
        let max_bytes = if self.token.is_some() {
            MAX_TOKEN_BYTES
        } else {
            MAX_JWS_BYTES
        };
        let jws = Compact::parse(text, max_bytes)?;
        for typ in self.typ.as_deref().into_iter().chain(self.token.map(Kind::typ)) {
            jws.header().expect_typ(typ)?;
        }
        if self
            .token
            .is_some_and(|token| token.algorithm() != jws.header().alg)
        {
            return Err(JwsError::Alg.into());
        }
        if self.token == Some(Kind::Session) && jws.header().kid.is_none() {
            return Err(JwsError::UnknownKey.into());
        }
        let payload = jws.verify(key)?;
        let kind = payload::enforce(&payload, bounds.skew_s, now_s)?;
        if self.token.is_some() {
            let claims: TokenClaims = read_claims(&payload)?;
            // Whose audience it must be is the gateway's to know; everything else is compared.
            claims.accept(&claims.aud, bounds, now_s)?;
        }
        Ok((payload, kind))
    }

    fn refused(&self, out: &mut Out<'_>, error: VerifyError) -> io::Result<Exit> {
        self.failed(out, Exit::Refused, error.code(), &error.to_string())
    }

    fn failed(&self, out: &mut Out<'_>, exit: Exit, code: &str, message: &str) -> io::Result<Exit> {
        writeln!(out.err, "{code}: {}", printable(message))?;
        if self.json {
            let result = if exit == Exit::Refused {
                "refused"
            } else {
                "unusable"
            };
            writeln!(
                out.out,
                "{}",
                json!({ "result": result, "code": code, "message": message })
            )?;
        }
        Ok(exit)
    }
}

/// The header of a JWS that was verified, all its members.
fn header(jws: &str) -> Value {
    let encoded = jws.split('.').next().unwrap_or_default();
    from_base64url(encoded)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default()
}

fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    if line.len() < text.len() {
        line.strip_suffix('\r').unwrap_or(line)
    } else {
        line
    }
}
