//! What the SDK observes by itself on a phone. Observations stay there; only what detectors conclude leaves it.

#[cfg(unix)]
pub mod sys;
