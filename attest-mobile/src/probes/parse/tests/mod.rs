//! Tests of the parsers, by family.

mod apple;
mod elf;
pub(crate) mod forge;
mod maps;
mod mounts;
mod net;
mod process;
mod properties;
mod total;
mod zip;

use std::borrow::Cow;

/// Each beginning of `bytes` that lacks something.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).map(|end| &bytes[..end])
}

fn texts<'a>(items: &'a [Cow<'_, str>]) -> Vec<&'a str> {
    items.iter().map(AsRef::as_ref).collect()
}

#[test]
fn a_whole_result_is_given_only_when_nothing_is_missing() {
    let parsed = |truncated| super::Parsed { value: 7, truncated };
    assert_eq!(parsed(false).whole(), Some(7));
    assert_eq!(parsed(true).whole(), None);
}
