//! The client side of The Update Framework 1.0: how a policy repository is read without trusting whoever carries it.
//!
//! Sans-IO: [`Updater`] says which file it wants, [`TrustedSet`] holds what was verified. Whoever holds the network, or keys below a
//! threshold, can neither publish nor roll back nor mix nor endlessly delay without its being noticed; nothing here reads a clock, and
//! nothing is decided by the name of a file.

mod bounds;
mod delegation;
mod error;
mod key;
mod role;
mod schema;
mod scope;
mod time;
mod trusted;
mod updater;

pub use self::{
    bounds::Bounds,
    error::TufError,
    key::public_key_der,
    role::RoleName,
    schema::TargetFile,
    time::expiry_text,
    trusted::{Freshness, TrustedSet},
    updater::{Supply, Updater, Want},
};

#[cfg(test)]
mod tests;
