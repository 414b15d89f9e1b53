//! Everything that phone and gateway must agree on: tokens, tickets, challenges, evidence, policy and its evaluation.
//!
//! Sans-IO: no runtime, socket, file, FFI or clock. `now` is an argument, randomness comes from the caller, keys that
//! cannot be held sign through `signing_input` and `attach`.

pub mod appraisal;
pub mod attestation;
pub mod bundle;
pub mod challenge;
pub mod delivery;
pub mod device;
pub mod encoding;
pub mod environment;
pub mod evidence;
pub mod facts;
pub mod finding;
pub mod fleet;
pub mod jose;
pub mod json;
pub mod policy;
pub mod problem;
pub mod redacted;
pub mod response;
pub mod service;
pub mod signing_block;
pub mod sorted;
pub mod step_up;
pub mod support_code;
pub mod ticket;
pub mod token;
pub mod tuf;
