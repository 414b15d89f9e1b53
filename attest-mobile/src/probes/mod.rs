//! What the SDK observes by itself on a phone. Observations stay there; only what detectors conclude leaves it.

pub mod parse;
#[cfg(unix)]
pub mod sys;
