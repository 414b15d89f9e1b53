//! Reading a JWK that someone else wrote.

use attest_core::jose::jwk::{Jwk, thumbprint};

/// Whatever is read survives being written and read again, and a point keeps its thumbprint through its own JWK.
pub fn jwk(data: &[u8]) -> bool {
    let Ok(read) = Jwk::parse(data) else { return false };
    if read.verifying_key().is_err() {
        return false;
    }
    // Secrets are not written, so the round trip is told for public keys only.
    if let Ok(point) = read.point() {
        let again = Jwk::p256(&point);
        assert_eq!(again.point(), Ok(point), "the point changed");
        assert_eq!(again.point().map(|point| thumbprint(&point)), Ok(thumbprint(&point)), "the thumbprint changed");
    }
    true
}
