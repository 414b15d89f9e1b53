//! The verifying reverse proxy and its attestation service.
//!
//! A request enters [`stack`], a call to the attestation service leaves it for [`attestation`]. [`server`] puts the pieces
//! together; [`gateway`] is what all cores share.

pub mod admin;
pub mod appraisal_pool;
mod assertion;
pub mod attestation;
pub mod bans;
pub mod clock;
pub mod config;
pub mod counters;
pub mod decision_log;
pub mod decisions;
pub mod descriptors;
pub mod explain;
pub mod faults;
pub mod gateway;
pub mod guard;
pub mod init;
pub mod keys;
pub mod live;
pub mod metrics;
pub mod policy;
pub mod probe;
pub mod rates;
pub mod refusal;
pub mod reload;
pub mod revocations;
pub mod runtime;
pub mod server;
pub mod single_use;
pub mod stack;
pub mod store;
pub mod tally;
pub mod telemetry;
pub mod tls;
pub mod upstream;
pub mod verifier;
