//! libFuzzer over [`attest_fuzz::step_up`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::step_up(data);
});
