//! libFuzzer over [`attest_fuzz::app_attest_assertion`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::app_attest_assertion(data);
});
