//! `attest device`: a simulated phone towards a gateway, or with `--self` this machine, looked at as the SDK looks at a phone.

mod simulated;
mod this_machine;

use std::io;

use clap::Args;

use self::simulated::Simulated;
use self::this_machine::ThisMachine;
use crate::out::{Exit, Out};

/// Plays a phone towards a gateway, or looks at this machine as the SDK looks at a phone.
///
/// As a phone it enrols, mints and follows refusals: it is the SDK itself. With --self it runs the SDK's native probes of
/// Android here, on Linux, and the detectors over what they observe: for who writes detectors. Nothing leaves the machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest device --gateway http://127.0.0.1:8470 --app bank-android\n  \
                        attest device --gateway http://127.0.0.1:8470 --app bank-android --profile cloner \\\n    \
                        --method POST --path /v1/payments --requests 100 --concurrency 4 --json\n  \
                        attest device --gateway http://127.0.0.1:8470 --app bank-android --path /v1/balance --print-token \\\n    \
                        | curl -H @- http://127.0.0.1:8470/v1/balance\n  \
                        attest device --self --facts-out facts.json\n  \
                        attest device --self --policy mine.yaml --variable data_dir=$HOME --json\n\n\
                        Exit codes: 0 every request was answered by the backend, or the machine was looked at, whatever was found; \
                        1 some requests were refused or failed; 2 wrong arguments, no gateway, or a file cannot be used."
)]
pub(crate) struct Device {
    #[command(flatten)]
    simulated: Option<Simulated>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Look at this machine instead, by the SDK's own probes.
    #[arg(long = "self", conflicts_with = "Simulated", help_heading = "This machine")]
    itself: bool,
    #[command(flatten, next_help_heading = "This machine")]
    this_machine: ThisMachine,
}

impl Device {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.simulated {
            Some(simulated) => simulated.run(self.json, out),
            None => self.this_machine.run(self.json, out),
        }
    }
}
