//! libFuzzer over [`attest_fuzz::ticket`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::ticket(data);
});
