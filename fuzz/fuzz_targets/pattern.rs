//! libFuzzer over [`attest_fuzz::pattern`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::pattern(data);
});
