//! libFuzzer over [`attest_fuzz::android_key`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::android_key(data);
});
