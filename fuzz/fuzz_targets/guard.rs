//! libFuzzer over [`attest_fuzz::guard`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::guard(data);
});
