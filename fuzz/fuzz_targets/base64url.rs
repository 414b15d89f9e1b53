//! libFuzzer over [`attest_fuzz::base64url`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::base64url(data);
});
