//! What a payload says about time. A payload that is a JSON object has its `exp`, `nbf` and `iat` enforced; JSON that two readers
//! could read in two ways is refused; what is not JSON passes as bytes.

use attest_core::jose::{JwsError, scan_object};
use attest_core::token::claims::ClaimsError;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A JSON object; its times were enforced.
    Object,
    /// Other JSON.
    Json,
    /// Not JSON.
    Bytes,
}

impl Payload {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "json-object",
            Self::Json => "json",
            Self::Bytes => "bytes",
        }
    }
}

/// Why the payload of an authentic JWS is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    /// JSON that readers disagree about.
    #[error(transparent)]
    Json(JwsError),
    /// The time is not right.
    #[error(transparent)]
    Time(ClaimsError),
    /// A time that is not a number of seconds.
    #[error("`{0}` must be a number of seconds since 1970")]
    TimeType(&'static str),
}

impl PayloadError {
    /// Stable kebab-case code.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Time(error) => error.code(),
            Self::TimeType(_) => "token-time-type",
        }
    }
}

/// Refuses a payload that is ambiguous, has ended, or is from the future.
pub(crate) fn enforce(payload: &[u8], skew_s: u64, now_s: u64) -> Result<Payload, PayloadError> {
    // The grammar first, at any depth: what is JSON to anybody must not pass as bytes.
    let is_json =
        std::str::from_utf8(payload).is_ok() && serde_json::from_slice::<IgnoredAny>(payload).is_ok();
    if !is_json {
        return Ok(Payload::Bytes);
    }
    let is_object = payload.trim_ascii_start().first() == Some(&b'{');
    let scanned = if is_object {
        scan_object(payload)
    } else {
        scan_object(&[b"{\"payload\":", payload, b"}"].concat())
    };
    scanned.map_err(|error| PayloadError::Json(error.into()))?;
    if !is_object {
        return Ok(Payload::Json);
    }
    let members: serde_json::Map<String, Value> =
        serde_json::from_slice(payload).map_err(|_| PayloadError::Json(JwsError::Json))?;
    let time = |name| {
        members
            .get(name)
            .map(|value| seconds(value).ok_or(PayloadError::TimeType(name)))
            .transpose()
    };
    let (iat, nbf, exp) = (time("iat")?, time("nbf")?, time("exp")?);
    let latest_start = now_s.saturating_add(skew_s);
    if [iat, nbf]
        .into_iter()
        .flatten()
        .any(|start| start.up > latest_start)
    {
        return Err(PayloadError::Time(ClaimsError::NotYetValid));
    }
    if exp.is_some_and(|exp| exp.down.saturating_add(skew_s) <= now_s) {
        return Err(PayloadError::Time(ClaimsError::Expired));
    }
    Ok(Payload::Object)
}

/// A time in whole seconds, rounded both ways so that a fraction is never to the bearer's advantage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seconds {
    down: u64,
    up: u64,
}

/// RFC 7519 `NumericDate`: a number of seconds, perhaps with a fraction. Before 1970 there were no tokens.
fn seconds(value: &Value) -> Option<Seconds> {
    if let Some(whole) = value.as_u64() {
        return Some(Seconds {
            down: whole,
            up: whole,
        });
    }
    let number = value.as_f64().filter(|number| number.is_sign_positive())?;
    // Above 2⁵³ seconds fractions are no matter, and text keeps the conversion exact.
    let whole = |number: f64| format!("{number:.0}").parse::<u64>().unwrap_or(u64::MAX);
    Some(Seconds {
        down: whole(number.floor()),
        up: whole(number.ceil()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ambiguity() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let deep_object = format!("{{\"exp\":1,\"a\":{deep}}}");
        let expired = Err("token-expired");
        let early = Err("token-not-yet-valid");
        for (payload, expect) in [
            (&b""[..], Ok(Payload::Bytes)),
            (b"hello", Ok(Payload::Bytes)),
            (b"\xff\xfe", Ok(Payload::Bytes)),
            (b"{\"a\":1,\"a\":2", Ok(Payload::Bytes)),
            (b"1,\"payload\":2", Ok(Payload::Bytes)),
            (b"5", Ok(Payload::Json)),
            (b" \"text\" ", Ok(Payload::Json)),
            (b"[{\"exp\":1}]", Ok(Payload::Json)),
            (b"[{\"a\":1,\"a\":2}]", Err("token-ambiguous")),
            (b"{}", Ok(Payload::Object)),
            (b"{\"a\":{\"b\":1,\"\\u0062\":1}}", Err("token-ambiguous")),
            (b"{\"exp\":10000,\"exp\":99999}", Err("token-ambiguous")),
            (deep.as_bytes(), Err("token-ambiguous")),
            (deep_object.as_bytes(), Err("token-ambiguous")),
            (b"{\"a\":\"\\ud800\"}", Err("token-json")),
            (b"{\"a\":1e999}", Err("token-json")),
            (b"{\"exp\":9941}", Ok(Payload::Object)),
            (b"{\"exp\":9940}", expired),
            (b"{\"exp\":9940.5}", expired),
            (b"{\"exp\":9941.5}", Ok(Payload::Object)),
            (b"{\"exp\":0}", expired),
            (b"{\"exp\":1e3}", expired),
            (b"{\"exp\":1e300}", Ok(Payload::Object)),
            (b"{\"exp\":18446744073709551616}", Ok(Payload::Object)),
            (b"{\"iat\":10060,\"nbf\":10060}", Ok(Payload::Object)),
            (b"{\"iat\":10061}", early),
            (b"{\"iat\":10060.1}", early),
            (b"{\"nbf\":10061}", early),
            (b"{\"nbf\":18446744073709551615}", early),
            (b"{\"exp\":\"99999\"}", Err("token-time-type")),
            (b"{\"exp\":null}", Err("token-time-type")),
            (b"{\"iat\":true}", Err("token-time-type")),
            (b"{\"nbf\":[1]}", Err("token-time-type")),
            (b"{\"iat\":-1}", Err("token-time-type")),
            (b"{\"iat\":-0.5}", Err("token-time-type")),
        ] {
            let got = enforce(payload, 60, 10_000).map_err(PayloadError::code);
            assert_eq!(got, expect, "{}", String::from_utf8_lossy(payload));
        }
    }
}
