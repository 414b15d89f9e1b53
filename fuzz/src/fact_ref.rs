//! The text form of a question about a fact.

use attest_core::facts::FactRef;

/// Whatever is read, is written so that it reads the same.
pub fn fact_ref(data: &[u8]) -> bool {
    let Ok(read) = crate::text(data).parse::<FactRef>() else { return false };
    assert_eq!(read.to_string().parse::<FactRef>().as_ref(), Ok(&read), "{read} reads otherwise");
    true
}
