//! libFuzzer over [`attest_fuzz::session_token`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::session_token(data);
});
