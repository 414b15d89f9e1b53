//! libFuzzer over [`attest_fuzz::challenge`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::challenge(data);
});
