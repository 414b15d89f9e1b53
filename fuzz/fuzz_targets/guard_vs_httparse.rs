//! libFuzzer over [`attest_fuzz::guard_vs_httparse`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    attest_fuzz::guard_vs_httparse(data);
});
