//! libFuzzer over [`attest_fuzz::support_code`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::support_code(data);
});
