//! libFuzzer over [`attest_fuzz::proof_token`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::proof_token(data);
});
