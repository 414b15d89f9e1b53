//! libFuzzer over [`attest_fuzz::request_target`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::request_target(data);
});
