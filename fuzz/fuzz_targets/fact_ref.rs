//! libFuzzer over [`attest_fuzz::fact_ref`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::fact_ref(data);
});
