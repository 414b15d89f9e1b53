//! libFuzzer over [`attest_fuzz::probe_zip`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::probe_zip(data);
});
