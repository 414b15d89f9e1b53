//! An APK, of which the signing block is read.

use attest_core::signing_block::{Limits, parse};

/// What is read keeps to the bounds, and every scheme that is found has a signer.
pub fn signing_block(data: &[u8]) -> bool {
    let Ok(block) = parse(&data) else { return false };
    assert!(block.entries.len() <= Limits::ENTRIES, "more entries than the bound");
    for scheme in &block.schemes {
        assert!((1..=Limits::SIGNERS).contains(&scheme.signers.len()), "as many signers as the bounds allow");
        for signer in &scheme.signers {
            assert!(signer.lineage.len() <= Limits::LINEAGE, "a longer lineage than the bound");
            let last = signer.lineage.last().map(|ancestor| &ancestor.certificate);
            assert!(last.is_none_or(|last| *last == signer.certificate), "a lineage that ends elsewhere");
        }
    }
    true
}
