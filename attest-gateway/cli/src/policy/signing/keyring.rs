//! The keys on one machine: a folder with `NAME.pem` (private) and `NAME.pub.json` (public, to be given to others).
//!
//! A private key is opened only when it has something to sign.

use std::{
    fs,
    path::{Path, PathBuf},
};

use attest_policy::repository::{KeyKind, PublicKey, RoleKey, write_whole};
use ring::rand::{SecureRandom, SystemRandom};

use super::{Stop, keyfile, passphrase::Passphrase};
use crate::input;

/// What the file of a public key ends in.
const PUBLIC: &str = ".pub.json";

/// No public key is larger.
const MAX_BYTES: usize = 64 * 1024;

/// The keys of a folder.
#[derive(Debug)]
pub(crate) struct Keyring {
    folder: PathBuf,
    own: Vec<Own>,
    passphrase: Passphrase,
    rng: SystemRandom,
}

/// A key whose private half is here.
#[derive(Debug, Clone)]
struct Own {
    name: String,
    public: PublicKey,
    id: String,
}

/// How a key is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewKey {
    pub(crate) kind: KeyKind,
    /// Without a passphrase.
    pub(crate) plain: bool,
}

impl Keyring {
    /// The keys of a folder that may not be there yet.
    pub(crate) fn at(folder: &Path) -> Result<Self, Stop> {
        let mut ring = Self {
            folder: folder.to_owned(),
            own: Vec::new(),
            passphrase: Passphrase::default(),
            rng: SystemRandom::new(),
        };
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(ring),
            Err(error) => return Err(Stop::file(folder, error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| Stop::file(folder, error))?.path();
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(name) = file.strip_suffix(PUBLIC) else {
                continue;
            };
            if folder.join(format!("{name}.pem")).exists() {
                let (_, public) = public_key(&path)?;
                ring.own.push(Own {
                    name: name.to_owned(),
                    id: public.id(),
                    public,
                });
            }
        }
        ring.own.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(ring)
    }

    /// The keys of a folder that has some.
    pub(crate) fn open(folder: &Path) -> Result<Self, Stop> {
        let ring = Self::at(folder)?;
        if ring.own.is_empty() {
            return Err(Stop::unusable(format!(
                "{}: no keys here (NAME.pem with NAME.pub.json)\n  Make one: attest policy keys new NAME --keys {0}",
                folder.display()
            )));
        }
        Ok(ring)
    }

    /// Names and public halves.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.own.iter().map(|own| (own.name.as_str(), &own.public))
    }

    /// The name of a key that is here.
    pub(crate) fn name(&self, id: &str) -> Option<&str> {
        let own = self.own.iter().find(|own| own.id == id)?;
        Some(own.name.as_str())
    }

    /// The key of this name, which is made if there is none.
    pub(crate) fn own_or_new(&mut self, name: &str, new: NewKey) -> Result<PublicKey, Stop> {
        match self.own.iter().find(|own| own.name == name) {
            Some(own) => Ok(own.public.clone()),
            None => self.make(name, new),
        }
    }

    /// A new key, with both its files.
    pub(crate) fn make(&mut self, name: &str, new: NewKey) -> Result<PublicKey, Stop> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            return Err(Stop::unusable(format!(
                "`{name}` cannot be the name of a key: letters, digits, - and _, at most 64"
            )));
        }
        let path = self.folder.join(format!("{name}.pem"));
        if path.exists() {
            return Err(Stop::file(&path, "there is a key already; it is never replaced"));
        }
        let passphrase = if new.plain {
            None
        } else {
            Some(
                self.passphrase
                    .chosen(&format!("new keys in {}", self.folder.display()))?,
            )
        };
        let key = RoleKey::generate(new.kind, &self.rng)?;
        let text = keyfile::sealed(&key, passphrase, &self.rng)?;
        let mut folder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .recursive(true)
            .create(&self.folder)
            .map_err(|error| Stop::file(&self.folder, error))?;
        let public = key.public();
        // The public half first: without the private one beside it, it is nobody's.
        let mut json =
            serde_json::to_vec_pretty(&public).map_err(|error| Stop::unusable(error.to_string()))?;
        json.push(b'\n');
        write_whole(&self.folder.join(format!("{name}{PUBLIC}")), &json)?;
        keyfile::write(&path, &text)?;
        self.own.push(Own {
            name: name.to_owned(),
            id: key.id(),
            public: public.clone(),
        });
        Ok(public)
    }

    /// The private key of this id, if it is here.
    pub(crate) fn unlock(&self, id: &str) -> Result<Option<RoleKey>, Stop> {
        let Some(own) = self.own.iter().find(|own| own.id == id) else {
            return Ok(None);
        };
        let path = self.folder.join(format!("{}.pem", own.name));
        let key = keyfile::read(&path, &self.passphrase, &self.rng)?;
        if key.id() != own.id {
            let public = format!("{}{PUBLIC}", own.name);
            return Err(Stop::file(
                &path,
                format!("this is another key than {public} says"),
            ));
        }
        Ok(Some(key))
    }

    /// The source of randomness for signatures.
    pub(crate) fn rng(&self) -> &dyn SecureRandom {
        &self.rng
    }
}

/// The public key in a file, and its name.
pub(crate) fn public_key(path: &Path) -> Result<(String, PublicKey), Stop> {
    let expected = |reason: String| {
        Stop::file(
            path,
            format!("expected a public key as `attest policy keys new` writes it (NAME{PUBLIC}): {reason}"),
        )
    };
    let bytes = input::file(path, MAX_BYTES).map_err(|error| Stop::file(path, error))?;
    let bytes = bytes.ok_or_else(|| expected("the file is too large".to_owned()))?;
    let key: PublicKey = serde_json::from_slice(&bytes).map_err(|error| expected(error.to_string()))?;
    if !key.is_known() {
        return Err(expected(format!(
            "`{}` with `{}` is no kind that is used here",
            key.keytype, key.scheme
        )));
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let name = file
        .strip_suffix(PUBLIC)
        .or_else(|| file.strip_suffix(".json"))
        .unwrap_or(&file);
    Ok((name.to_owned(), key))
}
