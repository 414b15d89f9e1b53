//! `attest gateway keys list`: every generation of every kind of key, and what its rotation waits for. No secret is shown.

use std::io;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::keys::{Family, Keys};
use clap::Args;
use ring::rand::SystemRandom;
use serde_json::json;

use super::{configuration, overlap, phase, stage};
use crate::gateway::ConfigFile;
use crate::out::{Exit, Out, printable};
use crate::when;

/// List the generations of every kind of key, the ids of public ones, and the next step of each rotation.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest gateway keys list --config my-gateway/attest.toml\n  attest gateway keys list --policy --config \
                        my-gateway/attest.toml >> policy.yaml\n\n\
                        Exit codes: 0 listed, 1 a key file is bad, 2 the configuration cannot be read."
)]
pub(super) struct List {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Print the public attestation keys as a policy's `response_keys`: a signed policy lists those of every gateway.
    #[arg(long, conflicts_with = "json")]
    policy: bool,
}

impl List {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let Some(config) = configuration(&self.file, out)? else {
            return Ok(Exit::Unusable);
        };
        let keys = match Keys::read(&config.keys.directory, &SystemRandom::new()) {
            Ok(keys) => keys,
            Err(error) => {
                writeln!(
                    out.err,
                    "attest: {} [{}]",
                    printable(&error.to_string()),
                    error.code()
                )?;
                return Ok(Exit::Refused);
            }
        };
        if self.policy {
            writeln!(out.out, "response_keys:")?;
            for key in keys.attestation_jwks().keys {
                writeln!(out.out, "  - {}", serde_json::to_string(&key)?)?;
            }
            return Ok(Exit::Clean);
        }
        let now_s = SystemClock::new().now_s();
        let mut object = serde_json::Map::new();
        for family in Family::ALL {
            let generations = keys.generations(family);
            let set = match family {
                Family::Attestation => Some(&keys.attestation),
                Family::Assertion => Some(&keys.assertion),
                Family::Ticket | Family::Support => None,
            };
            let kid = |number: u16| set.and_then(|set| set.kid(number));
            let next = generations.next_step(overlap(family, &config));
            if self.json {
                let all = generations.accepted.iter().map(|number| {
                    json!({"generation": number, "current": *number == generations.current, "kid": kid(*number)})
                });
                let next = next.map(|(step, due_s)| json!({"stage": stage(step), "due_s": due_s}));
                object.insert(
                    family.as_str().to_owned(),
                    json!({"phase": phase(generations.phase()), "generations": all.collect::<Vec<_>>(),
                        "changed_at_s": generations.changed_at_s, "next": next}),
                );
                continue;
            }
            writeln!(out.out, "{}: {}", family.as_str(), phase(generations.phase()))?;
            for number in &generations.accepted {
                let state = match number.cmp(&generations.current) {
                    std::cmp::Ordering::Equal => "current",
                    std::cmp::Ordering::Less => "accepted",
                    std::cmp::Ordering::Greater => "published",
                };
                writeln!(
                    out.out,
                    "  {number:>5}  {state:9}  {}",
                    kid(*number).unwrap_or_default()
                )?;
            }
            if let Some((step, due_s)) = next {
                writeln!(
                    out.out,
                    "  next: --stage {}, due {} ({})",
                    stage(step),
                    when::rfc3339(due_s),
                    when::distance(due_s, now_s)
                )?;
            }
        }
        if self.json {
            writeln!(out.out, "{}", serde_json::Value::Object(object))?;
        }
        Ok(Exit::Clean)
    }
}
