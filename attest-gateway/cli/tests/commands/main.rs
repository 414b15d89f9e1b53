//! Runs the real binary, as its users do: what it prints, how it exits, and what it refuses.

mod attack;
#[cfg(unix)]
mod doctor;
// What documents show are lines for a shell.
#[cfg(unix)]
mod document;
// Evidence is made by the testkit, which the deployable build does not have.
#[cfg(feature = "dev")]
mod evidence;
mod evidence_corpus;
mod explain;
// Forgers are the testkit's.
#[cfg(all(unix, feature = "dev"))]
mod followed;
mod gateway;
#[cfg(unix)]
mod guide;
mod inspect;
mod listener;
mod logging;
mod measure;
#[cfg(unix)]
mod office;
#[cfg(unix)]
mod operation;
mod operator;
#[cfg(unix)]
mod over_the_air;
mod policy;
#[cfg(unix)]
mod replay;
mod repository;
mod scan;
mod support;
// Android's probes run on Linux; the command is of the development build.
#[cfg(all(target_os = "linux", feature = "dev"))]
mod this_machine;
mod verify;
mod workshop;
