//! The verifier (RFC 9334): what the platforms' own proofs say about a key, an app and a phone.
//!
//! Pure functions over bytes: no network, no clock, no file, no state. Each one takes the evidence, what it must agree with, the
//! trust anchors and the time, and answers with facts or with the one reason why it is refused. Work is bounded before it is done:
//! bytes, certificates, depth and signatures are counted, and nothing that a stranger sends panics or allocates more than it sent.
//!
//! What to make of true facts (an unlocked phone, an old patch) is not decided here, unless a parameter asks for it.

pub mod anchors;
pub mod android;
pub mod apple;
mod code;
mod hexadecimal;
mod p256;
pub mod play;
pub mod revocation;
mod work;

pub use self::code::VerdictCode;
pub use self::work::Work;
