//! A repository that an operator sent whole, held in memory while it is verified. Bounded by the body it came in.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;

use super::source::Found;

/// A repository as it is pushed: each file's text under its name. Members that are not needed may be left out, such as
/// roots that the gateway trusts already.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepositoryFiles {
    /// The files of `metadata/`, byte for byte: `timestamp.json`, `3.targets.json`.
    pub metadata: BTreeMap<String, String>,
    /// The files of `targets/`, byte for byte: `SHA256.device.json`.
    #[serde(default)]
    pub targets: BTreeMap<String, String>,
}

impl RepositoryFiles {
    pub(super) fn fetch(&self, path: &str) -> Found {
        let found = match path.split_once('/') {
            Some(("metadata", name)) => self.metadata.get(name),
            Some(("targets", name)) => self.targets.get(name),
            _ => None,
        };
        found.map_or(Found::Missing, |text| Found::Bytes(text.clone().into_bytes()))
    }
}
