//! Key files on disk. Reading names what is wrong; writing creates with mode 0600 and refuses to overwrite.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use attest_core::encoding::{base64url, from_base64url_array};
use attest_core::fleet::FleetSecret;
use attest_core::jose::SigningKey;
use attest_core::redacted::Redacted;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::{
    ASSERTION_FILE, ATTESTATION_FILE, FLEET_FILE, Family, Generations, Keys, NamedKey, POLICY_ROOT_FILE,
    POLICY_ROOT_PUBLIC_FILE, SigningKeys,
};

use crate::policy::development_root;

/// No key file is larger.
const MAX_KEY_FILE_BYTES: u64 = 16 * 1024;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Its content is not what it should be.
    #[error("{path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should be.
        reason: &'static str,
    },
    /// The generator of keys failed.
    #[error("the source of randomness failed")]
    Random,
}

impl KeyFileError {
    /// Stable kebab-case code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "key-file-io",
            Self::Content { .. } => "key-file-content",
            Self::Random => "random",
        }
    }
}

/// `fleet.json`: the fleet's secret, and which generations of everything are in use.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FleetFile {
    secret: Redacted<String>,
    ticket: Generations,
    #[serde(default)]
    attestation: Generations,
    #[serde(default)]
    assertion: Generations,
    support: Generations,
}

impl FleetFile {
    pub(super) fn read(directory: &Path) -> Result<Self, KeyFileError> {
        let path = directory.join(FLEET_FILE);
        let content = |reason| KeyFileError::Content {
            path: path.clone(),
            reason,
        };
        let fleet: Self = serde_json::from_str(&read_bounded(&path)?)
            .map_err(|_| content("expected a JSON object with `secret`, `ticket` and `support`"))?;
        for family in Family::ALL {
            if !fleet.of(family).is_sound() {
                return Err(content(
                    "`accepted` must contain `current` and at most 8 generations",
                ));
            }
        }
        Ok(fleet)
    }

    pub(super) const fn of(&self, family: Family) -> &Generations {
        match family {
            Family::Ticket => &self.ticket,
            Family::Attestation => &self.attestation,
            Family::Assertion => &self.assertion,
            Family::Support => &self.support,
        }
    }

    pub(super) const fn of_mut(&mut self, family: Family) -> &mut Generations {
        match family {
            Family::Ticket => &mut self.ticket,
            Family::Attestation => &mut self.attestation,
            Family::Assertion => &mut self.assertion,
            Family::Support => &mut self.support,
        }
    }

    pub(super) fn to_json(&self, directory: &Path) -> Result<String, KeyFileError> {
        json(&directory.join(FLEET_FILE), self)
    }
}

/// Creates `path` with mode 0600 and `content`; it must not exist.
///
/// # Errors
/// [`KeyFileError::Io`].
pub fn write_private(path: &Path, content: &str) -> Result<(), KeyFileError> {
    let failed = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

pub(super) fn read(directory: &Path, rng: &dyn SecureRandom) -> Result<Keys, KeyFileError> {
    let fleet = FleetFile::read(directory)?;
    let secret = from_base64url_array(fleet.secret.reveal()).map_err(|_| KeyFileError::Content {
        path: directory.join(FLEET_FILE),
        reason: "`secret` must be 32 bytes in base64url without padding",
    })?;
    let mut own = Vec::new();
    for family in Family::ALL.into_iter().filter(|family| !family.signs()) {
        for generation in &fleet.of(family).accepted {
            if let Some(name) = family.file_name(*generation) {
                own.push((family, *generation, read_secret(&directory.join(name))?));
            }
        }
    }
    let signing = |family: Family| {
        let generations = fleet.of(family).clone();
        let read = |generation: u16| {
            let name = family.file_name(generation).unwrap_or_default();
            read_pem(&directory.join(name), rng)
        };
        let others = generations
            .accepted
            .iter()
            .filter(|number| **number != generations.current)
            .map(|number| Ok((*number, read(*number)?)))
            .collect::<Result<_, KeyFileError>>()?;
        Ok::<_, KeyFileError>(SigningKeys {
            current: read(generations.current)?,
            others,
            generations,
        })
    };
    let policy_root_path = directory.join(POLICY_ROOT_FILE);
    let policy_root = policy_root_path
        .exists()
        .then(|| read_pem(&policy_root_path, rng))
        .transpose()?;
    Ok(Keys {
        fleet: FleetSecret::new(secret),
        attestation: signing(Family::Attestation)?,
        assertion: signing(Family::Assertion)?,
        ticket: fleet.ticket,
        support: fleet.support,
        own,
        policy_root,
        play: super::play::read(directory)?,
    })
}

/// New keys, all of them of the first generation.
pub(super) fn write(keys: &Keys, directory: &Path) -> Result<(), KeyFileError> {
    let fleet = FleetFile {
        secret: Redacted::new(base64url(keys.fleet.reveal())),
        ticket: keys.ticket.clone(),
        attestation: keys.attestation.generations.clone(),
        assertion: keys.assertion.generations.clone(),
        support: keys.support.clone(),
    };
    write_json(&directory.join(FLEET_FILE), &fleet)?;
    write_private(
        &directory.join(ATTESTATION_FILE),
        &to_pem(&keys.attestation.current.key),
    )?;
    write_private(
        &directory.join(ASSERTION_FILE),
        &to_pem(&keys.assertion.current.key),
    )?;
    if let Some(root) = &keys.policy_root {
        write_private(&directory.join(POLICY_ROOT_FILE), &to_pem(&root.key))?;
        let path = directory.join(POLICY_ROOT_PUBLIC_FILE);
        let metadata = development_root(root, &SystemRandom::new()).map_err(|_| KeyFileError::Random)?;
        let text = String::from_utf8(metadata).map_err(|_| KeyFileError::Random)?;
        write_private(&path, &text)?;
    }
    Ok(())
}

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), KeyFileError> {
    write_private(path, &json(path, value)?)
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<String, KeyFileError> {
    let text = serde_json::to_string_pretty(value).map_err(|_| KeyFileError::Content {
        path: path.to_owned(),
        reason: "cannot be written as JSON",
    })?;
    Ok(text + "\n")
}

fn read_secret(path: &Path) -> Result<FleetSecret, KeyFileError> {
    let text = Redacted::new(read_bounded(path)?);
    from_base64url_array(text.reveal().trim_end())
        .map(FleetSecret::new)
        .map_err(|_| KeyFileError::Content {
            path: path.to_owned(),
            reason: "expected 32 bytes in base64url without padding",
        })
}

pub(super) fn read_bounded(path: &Path) -> Result<String, KeyFileError> {
    let failed = |source| KeyFileError::Io {
        path: path.to_owned(),
        source,
    };
    let mut text = String::new();
    File::open(path)
        .map_err(failed)?
        .take(MAX_KEY_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}

fn read_pem(path: &Path, rng: &dyn SecureRandom) -> Result<NamedKey, KeyFileError> {
    let content = || KeyFileError::Content {
        path: path.to_owned(),
        reason: "expected one PKCS #8 P-256 private key in PEM (BEGIN PRIVATE KEY)",
    };
    let text = read_bounded(path)?;
    let body = text
        .trim()
        .strip_prefix(PEM_BEGIN)
        .and_then(|rest| rest.strip_suffix(PEM_END))
        .ok_or_else(content)?;
    let base64: String = body.split_ascii_whitespace().collect();
    let document = STANDARD.decode(base64).map_err(|_| content())?;
    SigningKey::from_pkcs8(&document, rng)
        .map(NamedKey::new)
        .map_err(|_| content())
}

pub(super) fn to_pem(key: &SigningKey) -> String {
    let body = STANDARD.encode(key.pkcs8());
    let mut pem = String::from(PEM_BEGIN);
    for (at, c) in body.chars().enumerate() {
        if at % 64 == 0 {
            pem.push('\n');
        }
        pem.push(c);
    }
    pem.push('\n');
    pem.push_str(PEM_END);
    pem.push('\n');
    pem
}
