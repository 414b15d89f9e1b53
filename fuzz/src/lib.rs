//! Fuzz bodies as plain functions: one file, one input, one promise that the body's own documentation states. A body
//! returns for every input; it panics only when the code that it drives breaks that promise.
//!
//! To add one: write `src/NAME.rs`, name it in the list below, add `fuzz_targets/NAME.rs` and its `[[bin]]`, and put at
//! least one accepted and one refused input into `seeds/NAME`. A test fails while any of these is missing.

#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is how a body reports that its promise was broken"
)]

pub mod fixture;

/// A fuzz body. It tells whether the input was accepted, so that the replay sees when the accepted seeds are no longer.
pub type Body = fn(&[u8]) -> bool;

macro_rules! bodies {
    ($($name:ident),* $(,)?) => {
        $(mod $name; pub use $name::$name;)*

        /// Every body with its name, which is also the name of its seeds' folder and of its libFuzzer target.
        pub const BODIES: &[(&str, Body)] = &[$((stringify!($name), $name)),*];
    };
}

bodies! {
    android_key,
    app_attest,
    app_attest_assertion,
    base64url,
    bundle,
    challenge,
    condition,
    device_policy,
    evidence,
    fact_ref,
    gateway_config,
    gateway_policy,
    guard,
    guard_vs_httparse,
    json_object,
    jwk,
    jws,
    jws_tampered,
    own_field,
    path_pattern,
    pattern,
    play_integrity,
    policy_source,
    probe_apple,
    probe_elf,
    probe_isolated,
    probe_maps,
    probe_mounts,
    probe_net,
    probe_process,
    probe_properties,
    probe_zip,
    proof_token,
    replay_line,
    request_binding,
    request_target,
    response,
    session_token,
    signing_block,
    step_up,
    support_code,
    ticket,
    tuf_metadata,
    tuf_updater,
}

/// The input as text, as far as it is UTF-8.
fn text(data: &[u8]) -> &str {
    data.utf8_chunks().next().map_or("", |chunk| chunk.valid())
}

/// The canonical text of a policy that was read.
fn canonical(policy: &impl serde::Serialize) -> String {
    attest_core::policy::canonical_json(policy).unwrap_or_default()
}
