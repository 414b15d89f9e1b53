//! libFuzzer over [`attest_fuzz::path_pattern`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::path_pattern(data);
});
