//! A program of the size of a phone's library with the TUF client; see docs/performance.md.

#[path = "size/phone.rs"]
mod phone;

use std::process::ExitCode;

use attest_core::bundle::{Kept, resume, take};
use attest_core::service::PolicyBundle;

fn main() -> ExitCode {
    let text = phone::input();
    if bundle(&text).is_some() || phone::phone(&text).is_some() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A bundle taken and what is kept of it resumed.
fn bundle(text: &str) -> Option<usize> {
    let bundle: PolicyBundle = serde_json::from_str(text).ok()?;
    let kept: Kept = serde_json::from_str(text).ok()?;
    let resumed = resume(text.as_bytes(), kept).ok()?;
    let taken = take(text.as_bytes(), resumed.kept, &bundle, resumed.expires_s?);
    serde_json::to_string(&taken.kept)
        .ok()
        .map(|written| written.len() + usize::from(taken.outcome.is_ok()))
}
