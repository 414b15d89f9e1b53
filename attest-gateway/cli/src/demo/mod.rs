//! `attest demo`: the product on real traffic. A sample bank, a gateway in front of it, genuine phones, bots, phones in hostile
//! surroundings, a policy change while everything runs. Every claim it makes is an expectation that can fail.

mod actor;
mod bots;
mod cast;
mod chapters;
mod customers;
mod expectation;
mod forgers;
mod over_the_air;
mod report;
mod scenario;
mod timeline;

use std::io::{self, IsTerminal as _};
use std::str::FromStr;
use std::sync::Arc;

use attest_gateway::clock::SystemClock;
use attest_gateway::faults::{Fault, Faults};
use attest_testkit::world::{World, WorldOptions};

use self::report::Report;
use self::timeline::Timeline;
use crate::out::{Exit, Out};

/// Shows the whole product at work on loopback, in about 35 seconds.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit status: 0 if every expectation held, 1 if one did not.")]
pub(crate) struct Demo {
    /// Print one JSON object instead of the timeline: expectations, actors, policy_to_block_ms, over_the_air.
    #[arg(long)]
    json: bool,
    /// Leave bank and gateway running afterwards and print commands to try; end with Ctrl-C.
    #[arg(long)]
    keep: bool,
    /// Break the gateway on purpose, to see that the demo notices.
    #[arg(long = "break", value_name = "FAULT", hide = true)]
    fault: Option<FaultName>,
}

/// A fault by its name on the command line.
#[derive(Debug, Clone, Copy)]
struct FaultName(Fault);

impl FromStr for FaultName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Fault::ALL
            .into_iter()
            .find(|fault| fault.as_str() == name)
            .map(Self)
            .ok_or_else(|| format!("known faults are {}", Fault::ALL.map(Fault::as_str).join(", ")))
    }
}

impl Demo {
    /// Runs the demo.
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        match runtime.block_on(Box::pin(show(&self, out))) {
            Ok(true) => Ok(Exit::Clean),
            Ok(false) => Ok(Exit::Refused),
            Err(error) => {
                writeln!(out.err, "attest: {error}")?;
                Ok(Exit::Unusable)
            }
        }
    }
}

async fn show(arguments: &Demo, out: &mut Out<'_>) -> Result<bool, String> {
    let timeline = Timeline::new(!arguments.json, io::stdout().is_terminal());
    let mut options = WorldOptions::new(Arc::new(SystemClock::new()));
    options.signed = true;
    if let Some(FaultName(fault)) = arguments.fault {
        options.faults = Faults::inject(fault);
    }
    let world = World::start(options).await.map_err(|error| error.to_string())?;
    timeline.say(&format!(
        "bank at {}, gateway in front of it at {}",
        world.bank().url(),
        world.origin()
    ));
    let report: Report = scenario::play(&world, &timeline).await?;
    let held = report.held();
    let text = if arguments.json {
        report.json()
    } else {
        report.table()
    };
    writeln!(out.out, "{text}")
        .and_then(|()| out.out.flush())
        .map_err(|error| error.to_string())?;
    if arguments.keep {
        keep(&world, out).await?;
    }
    world.stop().await;
    Ok(held)
}

/// Leaves everything running and says what to try.
async fn keep(world: &World, out: &mut Out<'_>) -> Result<(), String> {
    let origin = world.origin();
    let attest = std::env::args().next().unwrap_or_else(|| "attest".to_owned());
    let text = format!(
        "\nStill running. Try, from another terminal:\n\n\
         \x20 curl -i {origin}/health                                   # public: passes\n\
         \x20 curl -i -X POST {origin}/v1/payments -d '{{}}'              # no token: 401, told what to bring\n\
         \x20 curl -i {origin}/v1/legacy/balance -H 'Attest-Decision: allow'  # observed: passes, the header does not\n\
         \x20 curl -s {origin}/.attest/v1/jwks.json                     # keys that verify attestations\n\
         \x20 {attest} device --gateway {origin} --app bank-android --requests 20 --method POST --path /v1/payments\n\
         \x20 {attest} device --gateway {origin} --app bank-android --profile cloner --method POST --path /v1/payments\n\
         \x20 {attest} device --gateway {origin} --app bank-android --evidence hardware --test-roots {}/test-roots.pem\n\
         \x20 {attest} explain SUPPORT-CODE --config {}/attest.toml\n\n\
         The gateway follows the signed policy in {}/published. Ctrl-C ends it.\n",
        world.folder().display(),
        world.folder().display(),
        world.folder().display(),
    );
    out.err
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())?;
    tokio::signal::ctrl_c().await.map_err(|error| error.to_string())
}
