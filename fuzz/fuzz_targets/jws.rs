//! libFuzzer over [`attest_fuzz::jws`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::jws(data);
});
