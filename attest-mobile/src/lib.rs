//! The phone side: the [`Attestor`] that enrols, renews and mints, and follows refusals by itself.
//!
//! [`machine`] decides and does nothing; [`Attestor`] carries out what it decides over a host's implementations of the
//! traits in [`foreign`]. A session key lives in memory only; device policy counts only under a configured root; no token
//! goes to an origin that the policy does not name; no failure is final.

mod attestor;
mod config;
mod error;
mod failure;
pub mod foreign;
pub mod host;
mod http;
pub mod machine;
mod notice;
mod policy;
pub mod probes;
mod request;
mod signal;

pub use self::attestor::{Attestor, Host, Sent};
pub use self::config::{AttestConfig, ConfigError, Settings};
pub use self::error::{AttestError, SendError};
pub use self::failure::{Call, Failure, ServiceRefusal};
pub use self::http::{Headers, HttpReply, HttpRequest};
pub use self::machine::{Attempt, Status};
pub use self::notice::Notice;
pub use self::policy::PolicyFault;
pub use self::request::{AppRequest, Authorization, Minted, UrlError};

#[cfg(test)]
mod tests;
