//! What the machine asks for and what it is told.

use attest_core::challenge::Purpose;

use super::{Judged, Scan};
use crate::foreign::{KeyError, StorageError, TransportError, Vouched};
use crate::http::{HttpReply, HttpRequest};
use crate::policy::{Accepted, Offer};

/// Something to do. Each is answered by the [`Event`] named with it. `Debug` shows its name only.
pub enum Effect {
    /// Read both blobs and the public key: [`Event::Loaded`].
    Load,
    /// Send a request: [`Event::Replied`].
    Send(HttpRequest),
    /// Verify and compile a policy: [`Event::Accepted`].
    Accept(Box<Offer>),
    /// Answer detectors' questions and evaluate them: [`Event::Judged`].
    Observe(Scan),
    /// Make a new device key for a challenge: [`Event::KeyMade`].
    Generate([u8; 32]),
    /// Sign with the device key: [`Event::Signed`].
    Sign(Vec<u8>),
    /// Let the platform vouch for evidence with this client data hash: [`Event::Vouched`].
    Vouch(Purpose, [u8; 32]),
    /// Write a blob: [`Event::Stored`].
    Store(&'static str, Vec<u8>),
}

/// What became of an [`Effect`]. `Debug` shows its name only.
pub enum Event {
    /// Persisted blobs and the key.
    Loaded(Result<Loaded, Unloadable>),
    /// A reply.
    Replied(Result<HttpReply, TransportError>),
    /// A policy, or why it is refused.
    Accepted(Box<Accepted>),
    /// What detectors concluded.
    Judged(Judged),
    /// A new device key.
    KeyMade(Result<[u8; 65], KeyError>),
    /// A signature.
    Signed(Result<[u8; 64], KeyError>),
    /// The platform's proof.
    Vouched(Result<Vouched, KeyError>),
    /// A blob was written or not.
    Stored(&'static str, Result<(), StorageError>),
}

/// What an earlier process left.
#[derive(Default)]
pub struct Loaded {
    /// The blob [`STATE_BLOB`](super::STATE_BLOB).
    pub state: Option<Vec<u8>>,
    /// The blob [`POLICY_BLOB`](super::POLICY_BLOB).
    pub policy: Option<Vec<u8>>,
    /// The device key's point; `None` if there is no key.
    pub key: Option<[u8; 65]>,
}

/// Why nothing could be loaded just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unloadable {
    /// Storage failed.
    Storage,
    /// The key store failed.
    Key,
}
