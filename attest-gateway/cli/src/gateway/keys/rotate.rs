//! `attest gateway keys rotate`: one step of a rotation, and what comes after it. Running gateways take it when they reload.

use std::io;
use std::path::Path;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::Config;
use attest_gateway::keys::{Family, Generations, RotateError, Rotated, Rotation, Step};
use clap::{Args, ValueEnum};
use ring::rand::SystemRandom;

use super::{Kind, configuration, overlap, stage};
use crate::gateway::ConfigFile;
use crate::out::{Exit, Out, printable};
use crate::when;

/// Take one step in replacing a key.
///
/// publish makes a new generation that everybody accepts and nobody uses; use begins to use it, the old one stays accepted; retire
/// stops accepting the old one. In a fleet, every gateway gets a step (its files, then a reload) before any gets the next one, and
/// a step that comes before the times printed with the one before is refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest gateway keys rotate ticket --config my-gateway/attest.toml\n  \
                        attest gateway keys rotate attestation --stage use --config my-gateway/attest.toml\n  \
                        attest gateway keys rotate ticket --emergency --config my-gateway/attest.toml\n\n\
                        Exit codes: 0 the step was taken, 1 it was not, 2 wrong arguments or configuration."
)]
pub(super) struct Rotate {
    /// Which kind of key.
    #[arg(value_enum)]
    kind: Kind,
    #[command(flatten)]
    file: ConfigFile,
    /// The step; without it, the one whose turn it is.
    #[arg(long, value_enum, conflicts_with = "emergency")]
    stage: Option<Stage>,
    /// Replace the key at once and accept nothing older: for a key that somebody may have. Phones renew by themselves.
    #[arg(long)]
    emergency: bool,
    /// Take the step before its time.
    #[arg(long)]
    early: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stage {
    /// Make a new generation, accepted but not used.
    Publish,
    /// Use the published generation.
    Use,
    /// Stop accepting the old generations.
    Retire,
    /// Publish and use at once: only where no other gateway shares the keys.
    All,
}

impl Rotate {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let Some(config) = configuration(&self.file, out)? else {
            return Ok(Exit::Unusable);
        };
        let family = Family::from(self.kind);
        let (now_s, overlap) = (SystemClock::new().now_s(), overlap(family, &config));
        let step = match (self.emergency, self.stage) {
            (true, _) => Step::Emergency,
            (false, Some(Stage::Publish)) => Step::Publish,
            (false, Some(Stage::Use)) => Step::Use,
            (false, Some(Stage::Retire)) => Step::Retire,
            (false, Some(Stage::All)) => Step::All,
            (false, None) => turn(family, &config),
        };
        let rotation = Rotation {
            directory: &config.keys.directory,
            family,
            step,
            overlap: (!self.early).then_some(overlap),
            now_s,
        };
        match rotation.run(&SystemRandom::new()) {
            Ok(rotated) => {
                let next = rotated.after.next_step(overlap);
                report(
                    family,
                    step,
                    &rotated,
                    next,
                    (&config, &self.file.config),
                    now_s,
                    out,
                )?;
                Ok(Exit::Clean)
            }
            Err(error) => {
                let mend = if matches!(error, RotateError::Early { .. }) {
                    "\n  Wait, or take it now with --early if every gateway has the step before."
                } else {
                    ""
                };
                let error = (printable(&error.to_string()), error.code());
                writeln!(
                    out.err,
                    "attest: {} is not rotated ({}): {} [{}]{mend}",
                    family.as_str(),
                    stage(step),
                    error.0,
                    error.1
                )?;
                Ok(Exit::Refused)
            }
        }
    }
}

/// The step whose turn it is; what keeps the keys from being read is said when it is taken.
fn turn(family: Family, config: &Config) -> Step {
    let keys = attest_gateway::keys::Keys::read(&config.keys.directory, &SystemRandom::new());
    let generations = keys.map_or_else(
        |_| Generations::default(),
        |keys| keys.generations(family).clone(),
    );
    let next = generations.next_step(overlap(family, config));
    next.map_or(Step::Publish, |(step, _)| step)
}

fn report(
    family: Family,
    step: Step,
    rotated: &Rotated,
    next: Option<(Step, u64)>,
    (config, file): (&Config, &Path),
    now_s: u64,
    out: &mut Out<'_>,
) -> io::Result<()> {
    let (word, old, new) = (family.as_str(), rotated.before.current, rotated.after.newest());
    let done = match step {
        Step::Publish => format!("generation {new} is published; {old} stays in use"),
        Step::Use | Step::All => format!("generation {new} is in use; older ones stay accepted"),
        Step::Retire => format!(
            "only generation {} is accepted from now on",
            rotated.after.current
        ),
        Step::Emergency => format!("generation {new} is in use and nothing else is accepted"),
    };
    writeln!(out.out, "{word}: {done}.")?;
    if !rotated.removed.is_empty() {
        writeln!(out.out, "  removed: {}", rotated.removed.join(", "))?;
    }
    let folder = config.keys.directory.display();
    writeln!(
        out.out,
        "Next:\n  - If other gateways share these keys, copy {folder} to each of them, fleet.json last.\n  \
         - Tell every gateway: systemctl reload attest (or send it SIGHUP). `attest gateway doctor` says whether it has taken them."
    )?;
    if step == Step::Emergency {
        writeln!(out.out, "  - {}", aftermath(family))?;
    }
    if let Some((step, due_s)) = next {
        writeln!(
            out.out,
            "  - From {} ({}): attest gateway keys rotate {word} --stage {} --config {}",
            when::rfc3339(due_s),
            when::distance(due_s, now_s),
            stage(step),
            file.display()
        )?;
    }
    Ok(())
}

/// What an emergency means for others.
const fn aftermath(family: Family) -> &'static str {
    match family {
        Family::Ticket => {
            "All sessions end with the reload; phones renew by themselves at their next request."
        }
        Family::Attestation => {
            "Attestations of the old key end with the reload; phones renew by themselves. Backends that keep the key set take \
             the new one within 5 minutes."
        }
        Family::Assertion => {
            "Backends refuse new assertions until they fetch the key set again: restart them, or wait for their caches."
        }
        Family::Support => "Support codes that users have noted cannot be opened any more.",
    }
}
