//! libFuzzer over [`attest_fuzz::own_field`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::own_field(data);
});
