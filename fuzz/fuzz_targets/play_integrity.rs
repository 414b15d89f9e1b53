//! libFuzzer over [`attest_fuzz::play_integrity`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::play_integrity(data);
});
