//! The scan that comes before any JSON of ours is read into types.

use std::collections::HashSet;

use attest_core::jose::scan_object;

/// Whatever passes the scan is a JSON object for an ordinary reader too, and has distinct members at the top.
pub fn json_object(data: &[u8]) -> bool {
    if scan_object(data).is_err() {
        return false;
    }
    assert!(serde_json::from_slice::<serde_json::Value>(data).is_ok_and(|value| value.is_object()), "not an object");
    assert!(distinct(data), "a repeated member passed the scan");
    true
}

/// Whether no top-level member repeats, as told by a reader that keeps all of them.
fn distinct(data: &[u8]) -> bool {
    struct Members;
    impl<'de> serde::de::Visitor<'de> for Members {
        type Value = bool;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut seen = HashSet::new();
            let mut distinct = true;
            while let Some((name, serde::de::IgnoredAny)) = map.next_entry::<String, _>()? {
                distinct &= seen.insert(name);
            }
            Ok(distinct)
        }
    }
    serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_slice(data), Members).unwrap_or(false)
}
