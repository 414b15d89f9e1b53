//! Starts the binary and collects how it ended; makes JWS of any kind.
#![cfg(test)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use attest_core::encoding::{base64url, from_base64url};
use attest_core::jose::MacKey;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_attest"))
}

/// Runs to the end, without input.
pub(crate) fn attest(arguments: &[&str]) -> Ended {
    attest_reading(arguments, b"")
}

/// Runs to the end with this standard input.
pub(crate) fn attest_reading(arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that refuses early does not read to the end.
    let _unread = stdin.write_all(input).is_err();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// RFC 7515 appendix A.1.
pub(crate) const A1_K: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
pub(crate) const A1_JWS: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// RFC 7515 appendix A.3.
pub(crate) const A3_JWK: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
pub(crate) const A3_JWS: &str = "eyJhbGciOiJFUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// The payload of both.
pub(crate) const RFC_PAYLOAD: &[u8] =
    b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
/// A moment at which both are valid.
pub(crate) const RFC_AT: &str = "2011-03-22T18:00:00Z";

pub(crate) fn a1_jwk() -> String {
    format!("{{\"kty\":\"oct\",\"k\":\"{A1_K}\"}}")
}

/// A JWS that the key of appendix A.1 MACs, whatever its header says.
pub(crate) fn mac(header: &str, payload: impl AsRef<[u8]>) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let tag = MacKey::new(&from_base64url(A1_K).unwrap()).tag(input.as_bytes());
    format!("{input}.{}", base64url(tag))
}
