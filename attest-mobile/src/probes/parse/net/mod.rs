//! What `/proc/net` says of sockets and interfaces. Apps are refused most of it from Android 10 on: then there is nothing to read.

pub mod interfaces;
pub mod tcp;
pub mod unix;
