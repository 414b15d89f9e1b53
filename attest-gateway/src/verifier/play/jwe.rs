//! Decrypts a compact JWE (RFC 7516) of exactly one kind: A256KW and A256GCM. Header parameters that change how content is read
//! are refused; others count for nothing.

use attest_core::encoding::from_base64url;
use attest_core::jose::jws::read_claims;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::Error;
use super::keys::PlayKeys;

#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    zip: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
}

/// The plaintext of `token`.
pub(super) fn decrypt(token: &str, keys: &PlayKeys) -> Result<Vec<u8>, Error> {
    let mut parts = token.split('.');
    let mut part = || parts.next().ok_or(Error::Shape);
    let (header, wrapped, nonce, content, tag) = (part()?, part()?, part()?, part()?, part()?);
    if parts.next().is_some() {
        return Err(Error::Shape);
    }
    let decode = |part: &str| from_base64url(part).map_err(|_| Error::Part);
    understood(&decode(header)?)?;

    let wrapped: [u8; 40] = decode(wrapped)?.try_into().map_err(|_| Error::Part)?;
    let nonce: [u8; 12] = decode(nonce)?.try_into().map_err(|_| Error::Part)?;
    let tag: [u8; 16] = decode(tag)?.try_into().map_err(|_| Error::Part)?;
    let mut content = decode(content)?;

    let mut key = [0; 32];
    keys.decryption()
        .unwrap_key(&wrapped, &mut key)
        .map_err(|_| Error::KeyUnwrap)?;
    let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| Error::KeyUnwrap)?;
    content.extend_from_slice(&tag);
    let plain = LessSafeKey::new(key)
        .open_in_place(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header),
            &mut content,
        )
        .map_err(|_| Error::Decryption)?
        .len();
    content.truncate(plain);
    Ok(content)
}

fn understood(header: &[u8]) -> Result<(), Error> {
    let header: Header = read_claims(header).map_err(|_| Error::Header)?;
    if header.alg != "A256KW" {
        return Err(Error::KeyAlgorithm);
    }
    if header.enc != "A256GCM" {
        return Err(Error::Encryption);
    }
    if header.zip.is_some() || header.crit.is_some() {
        return Err(Error::Extension);
    }
    Ok(())
}
