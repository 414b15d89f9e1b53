//! libFuzzer over [`attest_fuzz::condition`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::condition(data);
});
