//! The keys of the Play Console, one file for each app that sends Play Integrity tokens: `play-integrity/<app id>.json` in the key
//! folder, with the two keys as the console shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use attest_core::redacted::Redacted;
use serde::Deserialize;

use super::files::{KeyFileError, read_bounded};
use crate::verifier::play::{PlayKeys, PlayKeysError};

/// The folder, inside the key folder.
pub const PLAY_FOLDER: &str = "play-integrity";

/// More apps than any policy has.
const MAX_FILES: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlayFile {
    decryption_key: Redacted<String>,
    verification_key: Redacted<String>,
}

/// The keys by app id; none where there is no folder.
pub(super) fn read(directory: &Path) -> Result<BTreeMap<String, PlayKeys>, KeyFileError> {
    let folder = directory.join(PLAY_FOLDER);
    let failed = |source| KeyFileError::Io {
        path: folder.clone(),
        source,
    };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut keys = BTreeMap::new();
    for entry in entries.take(MAX_FILES) {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(app) = name.and_then(|name| name.strip_suffix(".json")) else {
            continue;
        };
        let content = |reason| KeyFileError::Content {
            path: path.clone(),
            reason,
        };
        let file: PlayFile = serde_json::from_str(&read_bounded(&path)?).map_err(|_| {
            content("expected a JSON object with `decryption_key` and `verification_key`, as the Play Console shows them")
        })?;
        let play = PlayKeys::from_base64(file.decryption_key.reveal(), file.verification_key.reveal())
            .map_err(|error| match error {
                PlayKeysError::Decryption => content("`decryption_key` is base64 of 32 bytes"),
                PlayKeysError::Verification => {
                    content("`verification_key` is base64 of a P-256 public key in DER")
                }
            })?;
        keys.insert(app.to_owned(), play);
    }
    Ok(keys)
}
