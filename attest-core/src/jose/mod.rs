//! Strict JOSE of our own: compact JWS with one allowed algorithm per key, and the JWKs that hold such keys.
//! It never accepts `none`, `crit`, embedded keys, duplicate members or a second spelling of base64url.

mod json;
pub mod jwk;
pub mod jws;
pub mod key;

pub use json::{JsonError, scan_object};
pub use jwk::{Jwk, JwkError, JwkSet};
pub use jws::{Compact, JwsError, Unsigned};
pub use key::{Algorithm, MacKey, SigningKey, VerifyingKey};
