//! A support code as somebody typed it.

use attest_core::support_code::SupportCodes;

use crate::fixture::fleet;

/// Whatever opens, opens to the same in capitals.
pub fn support_code(data: &[u8]) -> bool {
    let Some(codes) = SupportCodes::new(&fleet(), 1) else { return false };
    let Ok(cause) = codes.open(crate::text(data)) else { return false };
    assert_eq!(codes.open(&crate::text(data).to_ascii_uppercase()), Ok(cause), "case matters");
    true
}
