//! The embedded store's tables and what one transaction does to them.
//!
//! Every operation decides before it writes: one that answers without an error either wrote all of its parts or none.
//! Commit is the caller's: nothing here is durable by itself.

use redb::{
    Database, ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::certificates;
use super::{
    Ban, BanKind, BanScope, DeviceRecord, EnrollCommit, EnrollOutcome, Event, RenewCommit, RenewOutcome,
    Swept,
};

type Hash = [u8; 32];

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const DEVICES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("devices");
const THUMBPRINTS: TableDefinition<'_, &str, &str> = TableDefinition::new("thumbprints");
/// What can be used once: by kind and hash, until when.
const SPENT: TableDefinition<'_, (u8, &Hash), u64> = TableDefinition::new("spent");
/// Answers by evidence hash, until when.
const RESPONSES: TableDefinition<'_, &Hash, (u64, &[u8])> = TableDefinition::new("responses");
/// What expires when, so that a sweep never looks at what still lives.
const EXPIRY: TableDefinition<'_, (u64, u8, &Hash), ()> = TableDefinition::new("expiry");
const BANS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("bans");
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");

const SCHEMA: u64 = 1;
/// First byte of every serialized record.
const RECORD_VERSION: u8 = 1;

const CHALLENGE: u8 = 0;
const SINGLE_USE: u8 = 1;
const RESPONSE: u8 = 2;

/// Entries one sweep forgets at most: a few milliseconds of the store's thread.
const SWEEP_MAX: usize = 1024;

/// Why an operation stopped: its own record is unreadable, or the file failed beneath all of them.
#[derive(Debug)]
pub(super) enum OpError {
    Corrupt(&'static str),
    Storage(redb::Error),
}

impl<E: Into<redb::Error>> From<E> for OpError {
    fn from(error: E) -> Self {
        Self::Storage(error.into())
    }
}

/// Creates what is missing and returns the schema version that the file has.
pub(super) fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let txn = database.begin_write()?;
    let found = {
        let mut meta = txn.open_table(META)?;
        let found = meta.get("schema")?.map(|version| version.value());
        if found.is_none() {
            meta.insert("schema", SCHEMA)?;
        }
        found.unwrap_or(SCHEMA)
    };
    if found == SCHEMA {
        txn.open_table(DEVICES)?;
        txn.open_table(THUMBPRINTS)?;
        txn.open_table(SPENT)?;
        txn.open_table(RESPONSES)?;
        txn.open_table(EXPIRY)?;
        txn.open_table(BANS)?;
        txn.open_table(EVENTS)?;
        certificates::prepare(&txn)?;
        txn.commit()?;
    }
    Ok(found)
}

/// Whether this version of the program understands the file.
pub(super) const fn understands(schema: u64) -> bool {
    schema == SCHEMA
}

pub(super) fn enroll(txn: &WriteTransaction, commit: &EnrollCommit) -> Result<EnrollOutcome, OpError> {
    if let Some(response) = response(txn, &commit.evidence_hash)? {
        return Ok(EnrollOutcome::Replayed(response));
    }
    if is_spent(txn, CHALLENGE, &commit.challenge)? {
        return Ok(EnrollOutcome::ChallengeUsed);
    }
    let device = &commit.device;
    let mut thumbprints = txn.open_table(THUMBPRINTS)?;
    if let Some(owner) = thumbprints.get(device.thumbprint.as_str())?
        && owner.value() != device.id
    {
        return Ok(EnrollOutcome::KeyTaken(owner.value().to_owned()));
    }
    let earlier = written_device(txn, &device.id)?;
    if let Some(earlier) = &earlier {
        thumbprints.remove(earlier.thumbprint.as_str())?;
    }
    thumbprints.insert(device.thumbprint.as_str(), device.id.as_str())?;
    certificates::replace(txn, earlier.as_ref(), device)?;
    write_device(txn, device)?;
    mark_spent(txn, CHALLENGE, &commit.challenge, commit.challenge_expires_s)?;
    keep_response(
        txn,
        &commit.evidence_hash,
        commit.response_expires_s,
        &commit.response,
    )?;
    Ok(EnrollOutcome::Committed)
}

pub(super) fn renew(txn: &WriteTransaction, commit: &RenewCommit) -> Result<RenewOutcome, OpError> {
    if let Some(response) = response(txn, &commit.evidence_hash)? {
        return Ok(RenewOutcome::Replayed(response));
    }
    if is_spent(txn, CHALLENGE, &commit.challenge)? {
        return Ok(RenewOutcome::ChallengeUsed);
    }
    let found = written_device(txn, &commit.device_id)?;
    let Some(mut device) = found.filter(|device| device.thumbprint == commit.thumbprint) else {
        return Ok(RenewOutcome::DeviceUnknown);
    };
    if let Some(counter) = commit.counter {
        let key = device.proof.as_mut().and_then(|proof| proof.app_attest.as_mut());
        let Some(key) = key.filter(|key| key.counter < counter) else {
            return Ok(RenewOutcome::CounterUsed);
        };
        key.counter = counter;
    }
    device.last_renewed_at_s = commit.renewed_at_s;
    device.policy_version = commit.policy_version;
    write_device(txn, &device)?;
    mark_spent(txn, CHALLENGE, &commit.challenge, commit.challenge_expires_s)?;
    keep_response(
        txn,
        &commit.evidence_hash,
        commit.response_expires_s,
        &commit.response,
    )?;
    Ok(RenewOutcome::Committed)
}

/// The device as this transaction has it so far.
pub(super) fn written_device(txn: &WriteTransaction, id: &str) -> Result<Option<DeviceRecord>, OpError> {
    txn.open_table(DEVICES)?
        .get(id)?
        .map(|found| decode_device(found.value()))
        .transpose()
}

pub(super) fn write_device(txn: &WriteTransaction, device: &DeviceRecord) -> Result<(), OpError> {
    let record = encode(device, "devices")?;
    txn.open_table(DEVICES)?
        .insert(device.id.as_str(), record.as_slice())?;
    Ok(())
}

pub(super) fn spend(txn: &WriteTransaction, key: &Hash, expires_s: u64) -> Result<bool, OpError> {
    if is_spent(txn, SINGLE_USE, key)? {
        return Ok(false);
    }
    mark_spent(txn, SINGLE_USE, key, expires_s)?;
    Ok(true)
}

pub(super) fn ban(txn: &WriteTransaction, ban: &Ban) -> Result<(), OpError> {
    let record = encode(ban, "bans")?;
    txn.open_table(BANS)?
        .insert(ban_key(&ban.scope, ban.kind).as_str(), record.as_slice())?;
    Ok(())
}

pub(super) fn unban(txn: &WriteTransaction, scope: &BanScope) -> Result<bool, OpError> {
    let mut bans = txn.open_table(BANS)?;
    let lifted = bans.remove(ban_key(scope, BanKind::Banned).as_str())?.is_some();
    Ok(lifted)
}

/// Appends an event and drops the oldest beyond `events_max`.
pub(super) fn record(txn: &WriteTransaction, event: &Event, events_max: u64) -> Result<(), OpError> {
    let record = encode(event, "events")?;
    let mut events = txn.open_table(EVENTS)?;
    let next = events
        .last()?
        .map_or(0, |(sequence, _)| sequence.value().saturating_add(1));
    events.insert(next, record.as_slice())?;
    while events.len()? > events_max.max(1) {
        if events.pop_first()?.is_none() {
            break;
        }
    }
    Ok(())
}

pub(super) fn sweep(txn: &WriteTransaction, now_s: u64) -> Result<Swept, OpError> {
    let mut removed = 0;
    let mut expiry = txn.open_table(EXPIRY)?;
    let mut spent = txn.open_table(SPENT)?;
    let mut responses = txn.open_table(RESPONSES)?;
    while removed < SWEEP_MAX {
        let oldest = expiry.first()?.map(|(key, _)| {
            let (expires_s, kind, hash) = key.value();
            (expires_s, kind, *hash)
        });
        let Some((expires_s, kind, hash)) = oldest else {
            break;
        };
        if expires_s >= now_s {
            break;
        }
        expiry.remove((expires_s, kind, &hash))?;
        if kind == RESPONSE {
            responses.remove(&hash)?;
        } else {
            spent.remove((kind, &hash))?;
        }
        removed += 1;
    }
    drop((expiry, spent, responses));
    removed += certificates::sweep(txn, now_s, SWEEP_MAX - removed)?;
    let more = removed == SWEEP_MAX;
    removed += sweep_bans(txn, now_s)?;
    Ok(Swept { removed, more })
}

pub(super) fn device(txn: &ReadTransaction, id: &str) -> Result<Option<DeviceRecord>, OpError> {
    txn.open_table(DEVICES)?
        .get(id)?
        .map(|found| decode_device(found.value()))
        .transpose()
}

pub(super) fn device_by_thumbprint(
    txn: &ReadTransaction,
    thumbprint: &str,
) -> Result<Option<DeviceRecord>, OpError> {
    match txn.open_table(THUMBPRINTS)?.get(thumbprint)? {
        Some(id) => device(txn, id.value()),
        None => Ok(None),
    }
}

pub(super) fn devices(
    txn: &ReadTransaction,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<DeviceRecord>, OpError> {
    use std::ops::Bound::{Excluded, Unbounded};
    let devices = txn.open_table(DEVICES)?;
    let from = after.map_or(Unbounded, Excluded);
    let mut found = Vec::new();
    for entry in devices.range::<&str>((from, Unbounded))?.take(limit) {
        found.push(decode_device(entry?.1.value())?);
    }
    Ok(found)
}

pub(super) fn device_count(txn: &ReadTransaction) -> Result<u64, OpError> {
    Ok(txn.open_table(DEVICES)?.len()?)
}

pub(super) fn bans(txn: &ReadTransaction) -> Result<Vec<Ban>, OpError> {
    let bans = txn.open_table(BANS)?;
    let mut found = Vec::new();
    for entry in bans.iter()? {
        found.push(decode(entry?.1.value(), "bans")?);
    }
    Ok(found)
}

pub(super) fn events(txn: &ReadTransaction, limit: usize) -> Result<Vec<Event>, OpError> {
    let events = txn.open_table(EVENTS)?;
    let mut found = Vec::new();
    for entry in events.iter()?.rev().take(limit) {
        found.push(decode(entry?.1.value(), "events")?);
    }
    Ok(found)
}

fn sweep_bans(txn: &WriteTransaction, now_s: u64) -> Result<usize, OpError> {
    let mut bans = txn.open_table(BANS)?;
    let mut over = Vec::new();
    for entry in bans.iter()? {
        let (key, record) = entry?;
        let ban: Ban = decode(record.value(), "bans")?;
        if ban.until_s.is_some_and(|until_s| until_s < now_s) {
            over.push(key.value().to_owned());
        }
    }
    for key in &over {
        bans.remove(key.as_str())?;
    }
    Ok(over.len())
}

fn response(txn: &WriteTransaction, evidence_hash: &Hash) -> Result<Option<Vec<u8>>, OpError> {
    let responses = txn.open_table(RESPONSES)?;
    let found = responses.get(evidence_hash)?;
    Ok(found.map(|response| response.value().1.to_vec()))
}

fn keep_response(
    txn: &WriteTransaction,
    evidence_hash: &Hash,
    expires_s: u64,
    response: &[u8],
) -> Result<(), OpError> {
    txn.open_table(RESPONSES)?
        .insert(evidence_hash, (expires_s, response))?;
    txn.open_table(EXPIRY)?
        .insert((expires_s, RESPONSE, evidence_hash), ())?;
    Ok(())
}

fn is_spent(txn: &WriteTransaction, kind: u8, key: &Hash) -> Result<bool, OpError> {
    let spent = txn.open_table(SPENT)?;
    let found = spent.get((kind, key))?.is_some();
    Ok(found)
}

fn mark_spent(txn: &WriteTransaction, kind: u8, key: &Hash, expires_s: u64) -> Result<(), OpError> {
    txn.open_table(SPENT)?.insert((kind, key), expires_s)?;
    txn.open_table(EXPIRY)?.insert((expires_s, kind, key), ())?;
    Ok(())
}

fn ban_key(scope: &BanScope, kind: BanKind) -> String {
    let kind = match kind {
        BanKind::Banned => 'b',
        BanKind::SessionsNotBefore(_) => 's',
    };
    match scope {
        BanScope::Device(id) => format!("{kind}device:{id}"),
        BanScope::App(id) => format!("{kind}app:{id}"),
        BanScope::All => format!("{kind}all"),
    }
}

fn encode<T: Serialize>(record: &T, table: &'static str) -> Result<Vec<u8>, OpError> {
    let mut bytes = vec![RECORD_VERSION];
    serde_json::to_writer(&mut bytes, record).map_err(|_| OpError::Corrupt(table))?;
    Ok(bytes)
}

fn decode<T: DeserializeOwned>(bytes: &[u8], table: &'static str) -> Result<T, OpError> {
    match bytes.split_first() {
        Some((&RECORD_VERSION, json)) => serde_json::from_slice(json).map_err(|_| OpError::Corrupt(table)),
        _ => Err(OpError::Corrupt(table)),
    }
}

fn decode_device(bytes: &[u8]) -> Result<DeviceRecord, OpError> {
    decode(bytes, "devices")
}
