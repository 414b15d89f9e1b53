//! libFuzzer over [`attest_fuzz::json_object`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::json_object(data);
});
