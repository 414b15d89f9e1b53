//! libFuzzer over [`attest_fuzz::gateway_policy`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::gateway_policy(data);
});
