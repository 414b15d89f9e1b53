//! libFuzzer over [`attest_fuzz::signing_block`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::signing_block(data);
});
