//! The fleet's ticket keys: which key ids are accepted, which one seals, and the hourly keys under them.

use std::sync::Mutex;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SecureRandom;

use super::{MAX_TICKET_BYTES, TicketBody, TicketError, codec};
use crate::encoding::{base64url, from_base64url};
use crate::environment::Environment;
use crate::fleet::{FleetSecret, KeyUse, derive_key, random_array};

const VERSION: u8 = 2;
/// Versions that were sealed before: they are not opened, sessions are short and phones renew by themselves.
const FORMER: std::ops::Range<u8> = 1..VERSION;
const LABEL: &[u8] = b"attest/v1/ticket\0";
const PREFIX_BYTES: usize = 1 + 2 + 4;
const TAG_BYTES: usize = 16;
/// Seconds of one epoch.
pub const EPOCH_S: u64 = 3600;
/// Sessions last minutes; two days leaves room for any configured lifetime and bounds the cache.
const EPOCHS_BACK: u32 = 48;
/// Random 96-bit nonces collide with probability 2⁻³² after 2³² seals; one gateway stops far below, because a fleet shares
/// the key.
const SEALS_PER_EPOCH: u32 = 1 << 24;
/// Prepared hourly keys; older ones are derived again when needed.
const CACHED_KEYS: usize = 16;

struct EpochKey {
    key_id: u16,
    epoch: u32,
    key: LessSafeKey,
}

/// Opens tickets. One per core: it prepares hourly keys as they are met and keeps a bounded number of them.
pub struct TicketKeys {
    environment: Environment,
    parents: Vec<(u16, [u8; 32])>,
    prepared: Vec<EpochKey>,
}

impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKeys")
            .field("key_ids", &self.key_ids().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl TicketKeys {
    /// Accepts tickets sealed under any of `key_ids` (generations of the fleet's ticket subkey) in `environment`.
    #[must_use]
    pub fn new(secret: &FleetSecret, key_ids: &[u16], environment: Environment) -> Self {
        let parents = key_ids
            .iter()
            .map(|id| (*id, secret.subkey(KeyUse::Ticket, *id)))
            .collect();
        Self {
            environment,
            parents,
            prepared: Vec::new(),
        }
    }

    /// The same, and tickets sealed under `key_id` of another secret: a generation that was made after the fleet's own secret
    /// stays unknown to whoever learnt only that one.
    #[must_use]
    pub fn accepting(mut self, secret: &FleetSecret, key_id: u16) -> Self {
        self.parents.push((key_id, secret.subkey(KeyUse::Ticket, key_id)));
        self
    }

    /// The accepted key ids.
    pub fn key_ids(&self) -> impl Iterator<Item = u16> {
        self.parents.iter().map(|(id, _)| *id)
    }

    /// The content of `ticket`, if this fleet sealed it in this environment within the accepted hours. Expiry of the session
    /// is the caller's to compare.
    ///
    /// # Errors
    /// [`TicketError`]; all but `Malformed` and `Sealed` mean that the phone should renew.
    pub fn open(&mut self, ticket: &str, now_s: u64) -> Result<TicketBody, TicketError> {
        if ticket.len() > MAX_TICKET_BYTES.div_ceil(3) * 4 {
            return Err(TicketError::Malformed);
        }
        let mut bytes = from_base64url(ticket).map_err(|_| TicketError::Malformed)?;
        let (prefix, rest) = bytes
            .split_first_chunk_mut::<PREFIX_BYTES>()
            .ok_or(TicketError::Malformed)?;
        let [version, id0, id1, e0, e1, e2, e3] = *prefix;
        if FORMER.contains(&version) {
            return Err(TicketError::Version);
        }
        if version != VERSION {
            return Err(TicketError::Malformed);
        }
        let (nonce, sealed) = rest
            .split_first_chunk_mut::<NONCE_LEN>()
            .ok_or(TicketError::Malformed)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = associated_data(prefix, self.environment);
        let key = self.epoch_key(
            u16::from_be_bytes([id0, id1]),
            u32::from_be_bytes([e0, e1, e2, e3]),
            now_s,
        )?;
        let plain = key
            .open_in_place(nonce, Aad::from(aad), sealed)
            .map_err(|_| TicketError::Sealed)?;
        codec::read(plain)
    }

    fn epoch_key(&mut self, key_id: u16, epoch: u32, now_s: u64) -> Result<&LessSafeKey, TicketError> {
        let current = epoch_of(now_s);
        if epoch > current.saturating_add(1) || epoch < current.saturating_sub(EPOCHS_BACK) {
            return Err(TicketError::UnknownEpoch);
        }
        let found = self
            .prepared
            .iter()
            .position(|known| known.key_id == key_id && known.epoch == epoch);
        let index = match found {
            Some(index) => index,
            None => {
                let (_, parent) = self
                    .parents
                    .iter()
                    .find(|(id, _)| *id == key_id)
                    .ok_or(TicketError::UnknownKey)?;
                let key = prepare(parent, epoch)?;
                if self.prepared.len() >= CACHED_KEYS {
                    self.prepared.remove(0);
                }
                self.prepared.push(EpochKey { key_id, epoch, key });
                self.prepared.len() - 1
            }
        };
        self.prepared
            .get(index)
            .map(|known| &known.key)
            .ok_or(TicketError::UnknownKey)
    }
}

/// Seals tickets under one key id. Shared by the threads that issue sessions.
pub struct TicketSealer {
    environment: Environment,
    key_id: u16,
    parent: [u8; 32],
    sealed: Mutex<(u32, u32)>,
}

impl std::fmt::Debug for TicketSealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketSealer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl TicketSealer {
    /// Seals under `key_id`, which every gateway of the fleet must already accept.
    #[must_use]
    pub fn new(secret: &FleetSecret, key_id: u16, environment: Environment) -> Self {
        Self {
            environment,
            key_id,
            parent: secret.subkey(KeyUse::Ticket, key_id),
            sealed: Mutex::new((0, 0)),
        }
    }

    /// The ticket as text.
    ///
    /// # Errors
    /// [`TicketError::TooLarge`], [`TicketError::EpochExhausted`], [`TicketError::Random`].
    pub fn seal(&self, body: &TicketBody, now_s: u64, rng: &dyn SecureRandom) -> Result<String, TicketError> {
        let epoch = epoch_of(now_s);
        self.count(epoch)?;
        let [id0, id1] = self.key_id.to_be_bytes();
        let [e0, e1, e2, e3] = epoch.to_be_bytes();
        let prefix = [VERSION, id0, id1, e0, e1, e2, e3];
        let nonce: [u8; NONCE_LEN] = random_array(rng).map_err(|_| TicketError::Random)?;
        let mut content = codec::write(body)?;
        let aad = associated_data(&prefix, self.environment);
        prepare(&self.parent, epoch)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut content)
            .map_err(|_| TicketError::TooLarge)?;
        let total = PREFIX_BYTES + NONCE_LEN + content.len();
        debug_assert!(content.len() >= TAG_BYTES);
        if total > MAX_TICKET_BYTES {
            return Err(TicketError::TooLarge);
        }
        let mut ticket = Vec::with_capacity(total);
        ticket.extend_from_slice(&prefix);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(&content);
        Ok(base64url(ticket))
    }

    fn count(&self, epoch: u32) -> Result<(), TicketError> {
        let mut sealed = self
            .sealed
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if sealed.0 != epoch {
            *sealed = (epoch, 0);
        }
        if sealed.1 >= SEALS_PER_EPOCH {
            return Err(TicketError::EpochExhausted);
        }
        sealed.1 += 1;
        Ok(())
    }
}

/// The epoch whose key seals tickets at `now_s`: the hour.
#[must_use]
pub fn epoch_of(now_s: u64) -> u32 {
    u32::try_from(now_s / EPOCH_S).unwrap_or(u32::MAX)
}

fn prepare(parent: &[u8; 32], epoch: u32) -> Result<LessSafeKey, TicketError> {
    let key = derive_key(parent, &[], &[b"attest/v1/ticket-epoch", &epoch.to_be_bytes()]);
    UnboundKey::new(&AES_256_GCM, &key)
        .map(LessSafeKey::new)
        .map_err(|_| TicketError::Sealed)
}

fn associated_data(
    prefix: &[u8; PREFIX_BYTES],
    environment: Environment,
) -> [u8; LABEL.len() + PREFIX_BYTES + 1] {
    let mut aad = [0; LABEL.len() + PREFIX_BYTES + 1];
    let (label, rest) = aad.split_at_mut(LABEL.len());
    let (clear, last) = rest.split_at_mut(PREFIX_BYTES);
    label.copy_from_slice(LABEL);
    clear.copy_from_slice(prefix);
    last.fill(environment.to_byte());
    aad
}
