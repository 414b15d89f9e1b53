//! libFuzzer over [`attest_fuzz::gateway_config`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::gateway_config(data);
});
