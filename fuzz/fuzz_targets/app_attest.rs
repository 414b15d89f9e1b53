//! libFuzzer over [`attest_fuzz::app_attest`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::app_attest(data);
});
