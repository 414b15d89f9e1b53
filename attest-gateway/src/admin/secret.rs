//! The tokens of operators. Only their hashes are kept; comparison takes the same time whatever differs, and looks at every token
//! each time.
//!
//! A token is at least 256 random bits: no list of guesses contains it, so its plain SHA-256 tells nobody what it is.

use std::path::Path;

use attest_core::encoding::{base64url, sha256};
use attest_core::fleet::{RandomError, random_array};
use attest_core::redacted::Redacted;
use ring::rand::SecureRandom;

use crate::config::{AdminToken, Scope, from_hex};

/// No hash file is larger: 64 digits, a line end, and a file name as `sha256sum` writes it.
const HASH_FILE_MAX_BYTES: usize = 4096;
/// No token is longer; what is longer is not even hashed.
const TOKEN_MAX_BYTES: usize = 512;

/// A new token. Shown once, to who makes it.
#[derive(Debug, Clone)]
pub struct AdminSecret(Redacted<String>);

impl AdminSecret {
    /// 256 random bits in base64url.
    ///
    /// # Errors
    /// [`RandomError`] if the generator failed.
    pub fn generate(rng: &dyn SecureRandom) -> Result<Self, RandomError> {
        Ok(Self(Redacted::new(base64url(random_array::<32>(rng)?))))
    }

    /// The text that a caller presents.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// What the configuration keeps of it.
    #[must_use]
    pub fn sha256_hex(&self) -> String {
        hex(&sha256(&[self.reveal().as_bytes()]))
    }
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// Who may call, and what.
#[derive(Debug, Clone, Default)]
pub struct AdminTokens(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    name: String,
    scopes: Vec<Scope>,
    hash: [u8; 32],
}

/// The holder of a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
}

/// A hash file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct HashFileError {
    /// The file.
    pub path: std::path::PathBuf,
    /// Why.
    pub reason: String,
}

impl AdminTokens {
    /// The tokens of a configuration, hash files read.
    ///
    /// # Errors
    /// [`HashFileError`].
    pub fn read(tokens: &[AdminToken]) -> Result<Self, HashFileError> {
        let known = tokens.iter().map(|token| {
            let hash = match (&token.sha256, &token.hash_file) {
                (Some(digits), _) => from_hex(digits),
                (None, Some(path)) => Some(read_hash(path)?),
                (None, None) => None,
            };
            // A configuration that was read has a hash for each.
            Ok(hash.map(|hash| Known {
                name: token.name.clone(),
                scopes: token.scopes.clone(),
                hash,
            }))
        });
        Ok(Self(
            known.filter_map(Result::transpose).collect::<Result<_, _>>()?,
        ))
    }

    /// Whose token this is.
    #[must_use]
    pub fn caller(&self, presented: &str) -> Option<Caller> {
        if presented.len() > TOKEN_MAX_BYTES {
            return None;
        }
        let hash = sha256(&[presented.as_bytes()]);
        let mut found = None;
        for known in &self.0 {
            if is_equal(&known.hash, &hash) {
                found = Some(known);
            }
        }
        found.map(|known| Caller {
            name: known.name.clone(),
            scopes: known.scopes.clone(),
        })
    }
}

/// Compares every byte, whatever the first ones say.
fn is_equal(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let differing = one
        .iter()
        .zip(other)
        .fold(0, |differing, (a, b)| differing | (a ^ b));
    std::hint::black_box(differing) == 0
}

fn read_hash(path: &Path) -> Result<[u8; 32], HashFileError> {
    let unusable = |reason: String| HashFileError {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let text = std::str::from_utf8(&text)
        .ok()
        .filter(|text| text.len() <= HASH_FILE_MAX_BYTES);
    text.and_then(|text| from_hex(text.split_whitespace().next()?))
        .ok_or_else(|| {
            unusable("expected the SHA-256 of the token's text as 64 hexadecimal digits".to_owned())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    #[test]
    fn a_token_is_known_by_its_hash_wherever_the_hash_stands() {
        let rng = SystemRandom::new();
        let (one, other) = (
            AdminSecret::generate(&rng).unwrap(),
            AdminSecret::generate(&rng).unwrap(),
        );
        assert!(!format!("{one:?}").contains(one.reveal()));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hash");
        std::fs::write(&file, format!("{}  -\n", other.sha256_hex().to_uppercase())).unwrap();
        let token = |name: &str, sha256, hash_file| AdminToken {
            name: name.to_owned(),
            scopes: vec![Scope::Read],
            sha256,
            hash_file,
        };
        let configured = [
            token("one", Some(one.sha256_hex()), None),
            token("other", None, Some(file.clone())),
        ];
        let tokens = AdminTokens::read(&configured).unwrap();
        let name = |presented: &str| tokens.caller(presented).map(|caller| caller.name);
        assert_eq!(name(one.reveal()).as_deref(), Some("one"));
        assert_eq!(name(other.reveal()).as_deref(), Some("other"));
        for bad in [
            "",
            &one.sha256_hex(),
            &format!("{} ", one.reveal()),
            &"x".repeat(600),
        ] {
            assert_eq!(name(bad), None, "{bad}");
        }
        std::fs::write(&file, "nonsense").unwrap();
        assert!(
            AdminTokens::read(&configured)
                .unwrap_err()
                .to_string()
                .contains("64 hexadecimal")
        );
        std::fs::remove_file(&file).unwrap();
        assert_eq!(AdminTokens::read(&configured).unwrap_err().path, file);
    }
}
