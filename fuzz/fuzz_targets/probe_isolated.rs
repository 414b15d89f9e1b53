//! libFuzzer over [`attest_fuzz::probe_isolated`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::probe_isolated(data);
});
