//! libFuzzer over [`attest_fuzz::bundle`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::bundle(data);
});
