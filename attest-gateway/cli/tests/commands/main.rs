//! Runs the real binary, as its users do: what it prints, how it exits, and what it refuses.

mod attack;
#[cfg(unix)]
mod doctor;
mod explain;
mod gateway;
mod inspect;
mod listener;
mod logging;
mod measure;
#[cfg(unix)]
mod operation;
mod operator;
mod support;
mod verify;
mod workshop;
