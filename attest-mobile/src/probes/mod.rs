//! The native probes: what the SDK asks of the phone by itself.

pub mod parse;
