//! Tokens and signing inputs from fixed inputs, for tests that compare them byte by byte on each platform. Never shipped.
//!
//! Cases with what each must give are in `attest-mobile/link/contract.json`; the test below, Kotlin's and Swift's read the same file.

use std::ffi::{CStr, CString, c_char};
use std::panic::catch_unwind;
use std::ptr;

use attest_core::encoding::{base64url, from_base64url};
use attest_core::evidence::{EvidenceClaims, client_data_hash};
use attest_core::jose::MacKey;
use attest_core::policy::Bind;
use attest_core::token::binding::{BindingClaims, OutgoingRequest};
use attest_core::token::claims::TokenClaims;
use attest_core::token::{proof, session};
use serde::Deserialize;
use serde_json::{Value, json};

/// One case.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Case {
    /// Gives `token`.
    SessionToken {
        ticket: String,
        key: String,
        claims: TokenClaims,
        request: Request,
    },
    /// Gives `signing_input`.
    ProofToken { claims: TokenClaims, request: Request },
    /// Gives `signing_input` and `client_data_hash`.
    Evidence { claims: EvidenceClaims },
}

/// What a token is bound to; the body is base64url.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    origin: String,
    path: String,
    query: Option<String>,
    body: String,
    authorization: Option<String>,
    bind: Vec<Bind>,
}

/// What a case, a JSON object as a C string, gives: the same, to be freed with [`attest_dev_free`]; null if it cannot be read.
///
/// # Safety
/// `case` is a C string.
// SAFETY: no other function of this name is linked; the prefix is ours.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn attest_dev_bytes(case: *const c_char) -> *mut c_char {
    if case.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    let case = unsafe { CStr::from_ptr(case) };
    let given = catch_unwind(|| CString::new(given(case.to_str().ok()?)?.to_string()).ok());
    given.ok().flatten().map_or(ptr::null_mut(), CString::into_raw)
}

/// Frees what [`attest_dev_bytes`] gave.
///
/// # Safety
/// It came from there, and is not used again.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn attest_dev_free(text: *mut c_char) {
    if !text.is_null() {
        // SAFETY: the caller's promise.
        drop(unsafe { CString::from_raw(text) });
    }
}

fn given(case: &str) -> Option<Value> {
    Some(match serde_json::from_str(case).ok()? {
        Case::SessionToken {
            ticket,
            key,
            claims,
            request,
        } => {
            let key = MacKey::new(&from_base64url(&key).ok()?);
            json!({"token": session::mint(&ticket, &key, &request.bound(claims)?).ok()?})
        }
        Case::ProofToken { claims, request } => {
            let unsigned = proof::prepare(&request.bound(claims)?).ok()?;
            json!({"signing_input": String::from_utf8_lossy(unsigned.signing_input())})
        }
        Case::Evidence { claims } => {
            let unsigned = claims.prepare().ok()?;
            let hash = client_data_hash(claims.purpose, unsigned.signing_input());
            json!({
                "signing_input": String::from_utf8_lossy(unsigned.signing_input()),
                "client_data_hash": base64url(hash),
            })
        }
    })
}

impl Request {
    fn bound(&self, claims: TokenClaims) -> Option<TokenClaims> {
        let request = OutgoingRequest {
            method: &self.method,
            origin: &self.origin,
            path: &self.path,
            query: self.query.as_deref(),
            body: &from_base64url(&self.body).ok()?,
            authorization: self.authorization.as_deref(),
        };
        let binding = BindingClaims::of(&request, &self.bind).ok()?;
        Some(TokenClaims { binding, ..claims })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../link/contract.json");

    #[test]
    fn each_case_gives_what_is_written() {
        let mut contract: Value = serde_json::from_str(&fs::read_to_string(CONTRACT).unwrap()).unwrap();
        let cases = contract.as_array_mut().unwrap();
        assert!(cases.len() >= 6);
        let bless = std::env::var_os("ATTEST_BLESS").is_some();
        for case in cases {
            let said = given(&case["case"].to_string()).unwrap_or_else(|| panic!("{}", case["name"]));
            if bless {
                case["gives"] = said;
            } else {
                assert_eq!(case["gives"], said, "{}", case["name"]);
            }
        }
        if bless {
            fs::write(CONTRACT, serde_json::to_string_pretty(&contract).unwrap() + "\n").unwrap();
        }
    }

    #[test]
    fn what_is_no_case_gives_nothing() {
        let asked = |text: &str| {
            let text = CString::new(text).unwrap();
            // SAFETY: it is a C string, and what comes back is freed once.
            unsafe {
                let given = attest_dev_bytes(text.as_ptr());
                attest_dev_free(given);
                given.is_null()
            }
        };
        for text in ["", "{}", "[]", r#"{"evidence": {}}"#] {
            assert!(asked(text), "{text}");
        }
        // SAFETY: null is none of either.
        unsafe { attest_dev_free(attest_dev_bytes(ptr::null())) };
    }
}
