//! libFuzzer over [`attest_fuzz::evidence`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::evidence(data);
});
