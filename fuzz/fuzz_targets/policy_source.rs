//! libFuzzer over [`attest_fuzz::policy_source`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::policy_source(data);
});
