//! `attest token inspect`: what a token says, for people. It verifies nothing and shows no secret.

use std::io;

use attest_core::encoding::from_base64url;
use attest_core::jose::{Compact, JsonError, JwsError, scan_object};
use attest_core::token::{proof, session};
use attest_core::{attestation, evidence, response, step_up};
use attest_gateway::clock::{Clock as _, SystemClock};
use clap::Args;
use serde_json::{Map, Value};

use super::{MAX_JWS_BYTES, redact};
use crate::input;
use crate::out::{Exit, Out, printable};
use crate::when;

/// A JWS inside its JSON envelope.
const MAX_BYTES: usize = MAX_JWS_BYTES + 1024;
/// Members of the attestation service's JSON bodies that hold a JWS.
const ENVELOPES: [&str; 2] = ["response", "evidence"];
/// Claims that are times, with what they mean.
const TIMES: [(&str, &str); 7] = [
    ("iat", "issued"),
    ("nbf", "not before"),
    ("exp", "expires"),
    ("eva", "evidence appraised"),
    ("enr", "enrolled"),
    ("issued_at", "issued"),
    ("expires_at", "stale from"),
];

/// Show what a token says: header, claims and times, without its secrets.
///
/// Reads session and proof tokens, attestations, evidence, responses, step-ups and any other compact JWS, also
/// inside the JSON body of the attestation service. NOTHING IS VERIFIED: anybody can write such a token.
#[derive(Debug, Args)]
#[command(
    after_help = "Not shown: keys, device ids, nested tokens; tickets are shown by length, key id and hour, identifiers and \
                        signatures by their first characters.\n\n\
                        Examples:\n  attest token inspect \"$TOKEN\"\n  \
                        attest token inspect < response.json\n\n\
                        Exit codes: 0 shown, 1 not a token (a stable code on standard error), 2 unreadable input."
)]
pub(crate) struct Inspect {
    /// The token; standard input if absent or `-`.
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
}

/// A JWS taken apart, nothing of it authentic.
struct Opened {
    header: Map<String, Value>,
    payload: Vec<u8>,
    signature: String,
    strict: Result<(), JwsError>,
}

impl Inspect {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let text = match input::argument(self.token.as_deref(), MAX_BYTES) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return refuse(out, JwsError::TooLarge),
            Err(error) => {
                writeln!(out.err, "token-unreadable: {error}")?;
                return Ok(Exit::Unusable);
            }
        };
        match std::str::from_utf8(&text)
            .map_err(|_| JwsError::Base64)
            .and_then(|text| open(text.trim_ascii()))
        {
            Ok(opened) => show(&opened, SystemClock::new().now_s(), out),
            Err(error) => refuse(out, error),
        }
    }
}

fn refuse(out: &mut Out<'_>, error: JwsError) -> io::Result<Exit> {
    writeln!(out.err, "{}: {error}", error.code())?;
    Ok(Exit::Refused)
}

fn open(text: &str) -> Result<Opened, JwsError> {
    if text.starts_with('{') {
        return open_jws(&unwrapped(text)?);
    }
    open_jws(text)
}

/// The JWS inside a JSON body of the attestation service.
fn unwrapped(text: &str) -> Result<String, JwsError> {
    scan_object(text.as_bytes())?;
    let mut members: Map<String, Value> = serde_json::from_str(text).map_err(|_| JwsError::Json)?;
    let inner = ENVELOPES.into_iter().find_map(|name| members.remove(name));
    match inner {
        Some(Value::String(jws)) => Ok(jws),
        _ => Err(JwsError::Shape),
    }
}

/// Takes apart what [`Compact`] might refuse, such as an `alg` that is not ours, so that it can be looked at.
fn open_jws(text: &str) -> Result<Opened, JwsError> {
    let parts: Vec<&str> = text.splitn(4, '.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return Err(JwsError::Shape);
    };
    let decoded = |part: &str| from_base64url(part).map_err(|_| JwsError::Base64);
    let header = decoded(header)?;
    scan_object(&header)?;
    let (payload, bytes) = (decoded(payload)?, decoded(signature)?.len());
    Ok(Opened {
        header: serde_json::from_slice(&header).map_err(|_| JwsError::Json)?,
        payload,
        signature: format!("{}, {bytes} bytes", redact::shortened(signature)),
        strict: Compact::parse(text, MAX_BYTES).map(|_| ()),
    })
}

fn show(opened: &Opened, now_s: u64, out: &mut Out<'_>) -> io::Result<Exit> {
    let typ = opened.header.get("typ").and_then(Value::as_str);
    writeln!(out.out, "Kind: {}", printable(&kind(typ)))?;
    writeln!(out.out, "\nHeader:\n{}", pretty(&redact::header(&opened.header)))?;
    let claims = scan_object(&opened.payload).and_then(|()| {
        serde_json::from_slice::<Map<String, Value>>(&opened.payload).map_err(|_| JsonError::Malformed)
    });
    match claims {
        Ok(claims) => {
            let claims = Value::Object(claims);
            writeln!(out.out, "\nClaims:\n{}", pretty(&redact::claims(&claims, typ)))?;
            times(&claims, now_s, out)?;
        }
        Err(JsonError::Malformed) => {
            writeln!(
                out.out,
                "\nPayload: {} bytes, not a JSON object; not shown",
                opened.payload.len()
            )?;
        }
        Err(_) => writeln!(
            out.out,
            "\nPayload: ambiguous JSON (repeated members or too deep); not shown"
        )?,
    }
    writeln!(out.out, "\nSignature: {}; NOT verified", opened.signature)?;
    if let Err(error) = opened.strict {
        writeln!(out.out, "Any gateway refuses it: {} ({error})", error.code())?;
    }
    Ok(Exit::Clean)
}

fn kind(typ: Option<&str>) -> String {
    let Some(typ) = typ else {
        return "JWS without a typ".to_owned();
    };
    let lower = typ.to_ascii_lowercase();
    let ours = match lower.strip_prefix("application/").unwrap_or(&lower) {
        session::TYP => "session token",
        proof::TYP => "proof token (proof of possession)",
        attestation::TYP => "attestation",
        evidence::TYP => "evidence",
        response::TYP => "response of the attestation service",
        step_up::TYP => "completed step-up",
        _ => "JWS of another system",
    };
    format!("{ours} ({typ})")
}

fn pretty(value: &Value) -> String {
    // Values print as JSON whatever they hold.
    printable(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// The times among the claims and among what an attestation nests, with how far they are.
fn times(claims: &Value, now_s: u64, out: &mut Out<'_>) -> io::Result<()> {
    let nested = claims.get("attest");
    let places = [("", Some(claims)), ("attest.", nested)];
    let found = places
        .into_iter()
        .filter_map(|(prefix, place)| Some((prefix, place?)))
        .flat_map(|(prefix, place)| {
            TIMES
                .into_iter()
                .filter_map(move |(name, about)| Some((prefix, name, about, place.get(name)?.as_u64()?)))
        });
    let mut lines = found.peekable();
    if lines.peek().is_some() {
        writeln!(out.out, "\nTimes (it is {}):", when::rfc3339(now_s))?;
    }
    for (prefix, name, about, at_s) in lines {
        let about = if name == "exp" && at_s <= now_s {
            "EXPIRED"
        } else {
            about
        };
        let (moment, distance) = (when::rfc3339(at_s), when::distance(at_s, now_s));
        writeln!(out.out, "  {prefix}{name}: {about} {moment}, {distance}")?;
    }
    Ok(())
}
