//! A TUF 1.0 repository as its owner sees it: keys, metadata of each role, and the files that are published.
//!
//! What is written here, `attest_core::tuf` and any other TUF client reads: consistent snapshots, canonical JSON and key ids as the
//! reference implementation (python-tuf with securesystemslib) has them. Nothing here verifies for a relying party: that is the
//! client's part. No clock is read, and randomness comes from the caller.

mod canonical;
mod contents;
mod development;
mod error;
mod examine;
mod key;
mod layout;
mod metadata;
mod roles;
mod wire;

#[cfg(test)]
mod tests;

pub use self::{
    canonical::canonical,
    contents::{DEVICE_TARGET, GATEWAY_TARGET, PublishedPolicy, TESTS_TARGET},
    development::{BRAKE_ROLE, BRAKE_TARGET, development},
    error::RepositoryError,
    examine::{Examined, Flaw},
    key::{KeyKind, KeyValue, PublicKey, RoleKey},
    layout::{MAX_FILE_BYTES, Repository, write_whole},
    metadata::{Metadata, Signature, Signed},
    roles::{
        DelegatedRole, Delegations, Described, Header, KeyIds, MetaFile, Root, RootRoles, SPEC_VERSION,
        Snapshot, Targets, Timestamp,
    },
};
