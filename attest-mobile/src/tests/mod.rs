//! The Attestor against a service in memory that verifies, seals and signs for real, on a clock that the tests own.

mod attacks;
mod hostile;
mod leaves;
mod policies;
mod repository;
mod retries;
mod service;
mod sessions;
mod trust;
mod world;

pub(crate) use self::repository::Repository;
