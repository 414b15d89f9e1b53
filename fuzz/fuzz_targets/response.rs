//! libFuzzer over [`attest_fuzz::response`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::response(data);
});
