//! A private key in its file: PKCS #8 in PEM, encrypted by scrypt and AES-256 (PBES2, RFC 8018), as OpenSSL reads it too.
//!
//! Files are made with mode 0600 and never replaced; one that others may read is not used.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use attest_core::fleet::random_array;
use attest_policy::repository::RoleKey;
use pkcs8::{
    EncryptedPrivateKeyInfoOwned, EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument,
    der::asn1::OctetString,
    pkcs5::{pbes2::Parameters, scrypt},
};
use ring::rand::SecureRandom;

use super::{Stop, passphrase::Passphrase};
use crate::input;

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
const PLAIN: &str = "PRIVATE KEY";

/// No key file is larger.
const MAX_BYTES: usize = 64 * 1024;

/// scrypt's cost: 16 MiB, five times over. As strong as its authors' newer advice, and within what OpenSSL reads by default.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);

/// The file's text, encrypted if there is a passphrase.
pub(super) fn sealed(
    key: &RoleKey,
    passphrase: Option<&str>,
    rng: &dyn SecureRandom,
) -> Result<String, Stop> {
    let failed = || Stop::unusable("the key cannot be encrypted");
    let (label, document) = match passphrase {
        None => (
            PLAIN,
            SecretDocument::try_from(key.to_pkcs8()).map_err(|_| failed())?,
        ),
        Some(passphrase) => {
            let random = || random_array::<16>(rng).map_err(|error| Stop::unusable(error.to_string()));
            let (log_n, r, p) = SCRYPT;
            let params = scrypt::Params::new(log_n, r, p).map_err(|_| failed())?;
            let params =
                Parameters::generate_scrypt_aes256cbc(params, &random()?, random()?).map_err(|_| failed())?;
            let content = params.encrypt(passphrase, key.to_pkcs8()).map_err(|_| failed())?;
            let encrypted = EncryptedPrivateKeyInfoOwned {
                encryption_algorithm: params.into(),
                encrypted_data: OctetString::new(content).map_err(|_| failed())?,
            };
            (
                ENCRYPTED,
                SecretDocument::try_from(encrypted).map_err(|_| failed())?,
            )
        }
    };
    let text = document.to_pem(label, LineEnding::LF).map_err(|_| failed())?;
    Ok(text.as_str().to_owned())
}

/// Writes a new file that nobody else reads.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Stop> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            Stop::file(path, "there is a key already; it is never replaced")
        } else {
            Stop::file(path, error)
        }
    })
}

/// The key in a file.
pub(super) fn read(path: &Path, passphrase: &Passphrase, rng: &dyn SecureRandom) -> Result<RoleKey, Stop> {
    private(path)?;
    let expected = || Stop::file(path, "expected a PKCS #8 private key in PEM, Ed25519 or P-256");
    let bytes = input::file(path, MAX_BYTES).map_err(|error| Stop::file(path, error))?;
    let text = bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(expected)?;
    let (label, document) = SecretDocument::from_pem(&text).map_err(|_| expected())?;
    let document = match label {
        PLAIN => document,
        ENCRYPTED => {
            let encrypted =
                EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| expected())?;
            let passphrase = passphrase.known(&path.display().to_string())?;
            let opened = encrypted.decrypt(passphrase);
            opened.map_err(|_| {
                Stop::refused(format!(
                    "{}: the passphrase is not that of this key",
                    path.display()
                ))
            })?
        }
        _ => return Err(expected()),
    };
    RoleKey::from_pkcs8(document.as_bytes(), rng).map_err(|_| expected())
}

fn private(path: &Path) -> Result<(), Stop> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path)
            .map_err(|error| Stop::file(path, error))?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            let path = path.display();
            return Err(Stop::unusable(format!(
                "{path}: others may read it (mode {mode:04o}), so it is not used\n  Run: chmod 600 {path}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use attest_policy::repository::KeyKind;
    use ring::rand::SystemRandom;

    #[test]
    fn a_key_at_rest_opens_by_its_passphrase_alone() {
        let rng = SystemRandom::new();
        let key = RoleKey::generate(KeyKind::Ed25519, &rng).unwrap();
        let text = sealed(&key, Some("correct horse battery"), &rng).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        let (_, document) = SecretDocument::from_pem(&text).unwrap();
        let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).unwrap();
        let opened = encrypted.decrypt("correct horse battery").unwrap();
        assert_eq!(opened.as_bytes(), key.to_pkcs8());
        assert!(encrypted.decrypt("correct horse").is_err());
        let plain = sealed(&key, None, &rng).unwrap();
        assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_is_never_replaced_and_never_open_to_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.pem");
        let rng = SystemRandom::new();
        let key = RoleKey::generate(KeyKind::P256, &rng).unwrap();
        write(&path, &sealed(&key, None, &rng).unwrap()).unwrap();
        assert!(write(&path, "other").is_err());
        let passphrase = Passphrase::default();
        assert_eq!(read(&path, &passphrase, &rng).unwrap().id(), key.id());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = format!("{:?}", read(&path, &passphrase, &rng).unwrap_err());
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
