//! libFuzzer over [`attest_fuzz::jwk`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::jwk(data);
});
