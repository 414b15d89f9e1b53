//! An Android key attestation.

use attest_gateway::verifier::Work;
use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::{Parameters, key_description, verify_counted};

/// 2026-11-22, when the seeds' chains hold.
const NOW_S: u64 = 1_795_305_600;
/// Six certificates of 8 KiB and one extension.
const BYTES: usize = 7 * (8 << 10);
const SIGNATURES: usize = 4;

/// A KeyDescription, or certificates with two bytes of length before each, of which the last is trusted. Whatever is presented,
/// the work stays in its bounds, and what is accepted can be shown.
pub fn android_key(data: &[u8]) -> bool {
    let described = key_description::parse(data).is_ok();
    let chain: Vec<&[u8]> = certificates(data).collect();
    let root = chain.last().and_then(|root| Anchors::none().with_der(root).ok());
    let parameters = Parameters { unknown_tags: true, ..Parameters::default() };
    let mut work = Work::default();
    let outcome = verify_counted(&chain, &parameters, &root.unwrap_or_default(), None, NOW_S, &mut work);
    assert!(work.bytes <= BYTES && work.signatures <= SIGNATURES, "{work:?}");
    if let Ok(facts) = &outcome {
        assert!(serde_json::to_string(facts).is_ok(), "{facts:?} cannot be shown");
    }
    described || outcome.is_ok()
}

fn certificates(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk()?;
        let (certificate, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        data = rest;
        Some(certificate)
    })
}
