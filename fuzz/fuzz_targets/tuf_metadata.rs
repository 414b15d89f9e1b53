//! libFuzzer over [`attest_fuzz::tuf_metadata`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::tuf_metadata(data);
});
