//! libFuzzer over [`attest_fuzz::replay_line`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::replay_line(data);
});
