//! A repository as one JSON text: how it is pushed to a gateway.
//!
//! `{"metadata":{"1.root.json":"…","timestamp.json":"…"},"targets":{"SHA256.device.json":"…"}}`: each file is a string with its exact
//! bytes, under its path below the folder of that name. What is read is not yet trusted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Repository, RepositoryError};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Files {
    metadata: BTreeMap<String, String>,
    targets: BTreeMap<String, String>,
}

impl Repository {
    /// The JSON that a gateway takes.
    ///
    /// # Errors
    /// As [`files`](Self::files); [`RepositoryError::Malformed`] if a file is no text.
    pub fn to_json(&self) -> Result<Vec<u8>, RepositoryError> {
        let mut files = Files {
            metadata: BTreeMap::new(),
            targets: BTreeMap::new(),
        };
        for (path, bytes) in self.files()? {
            let text = String::from_utf8(bytes.to_owned()).map_err(|_| RepositoryError::Malformed {
                what: path.clone(),
                reason: "it is no UTF-8 text".to_owned(),
            })?;
            match path.split_once('/') {
                Some(("targets", name)) => files.targets.insert(name.to_owned(), text),
                Some((_, name)) => files.metadata.insert(name.to_owned(), text),
                None => None,
            };
        }
        serde_json::to_vec(&files).map_err(|error| malformed(&error))
    }

    /// The repository in such a JSON. The caller bounds its size.
    ///
    /// # Errors
    /// [`RepositoryError::Malformed`], or as [`from_files`](Self::from_files).
    pub fn from_json(json: &[u8]) -> Result<Self, RepositoryError> {
        let mut files: Files = serde_json::from_slice(json).map_err(|error| malformed(&error))?;
        Self::from_files(|path| {
            let file = match path.split_once('/') {
                Some(("targets", name)) => files.targets.remove(name),
                Some((_, name)) => files.metadata.remove(name),
                None => None,
            };
            Ok(file.map(String::into_bytes))
        })
    }
}

fn malformed(error: &serde_json::Error) -> RepositoryError {
    RepositoryError::Malformed {
        what: "the repository".to_owned(),
        reason: error.to_string(),
    }
}
