//! `attest gateway status`: a running gateway at a glance.

use std::io;

use attest_gateway::admin::model::Status as Answer;
use clap::Args;

use super::operator::Operator;
use crate::out::{Exit, Out, printable};
use crate::when;

/// Ask a running gateway how it is: readiness, policy, store, connections, counts.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway status --config my-gateway/attest.toml\n\n\
                        Exit codes: 0 ready, 1 not ready, unreachable or refused, 2 unreadable configuration or token, or the admin \
                        listener is off."
)]
pub(crate) struct Status {
    #[command(flatten)]
    operator: Operator,
    /// Print the answer as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let mut ready = false;
        let ended = self
            .operator
            .call(("GET", "/status"), None::<&()>, out, |status: Answer, out| {
                ready = status.ready;
                if self.json {
                    writeln!(out.out, "{}", serde_json::to_string(&status)?)
                } else {
                    show(&status, out)
                }
            })?;
        Ok(if ended == Exit::Clean && !ready {
            Exit::Refused
        } else {
            ended
        })
    }
}

fn show(status: &Answer, out: &mut Out<'_>) -> io::Result<()> {
    let mut line = |name: &str, text: &str| writeln!(out.out, "{name:<12} {}", printable(text));
    let state = match (status.ready, status.draining, status.store_answers) {
        (true, ..) => "ready",
        (false, true, _) => "draining",
        (false, false, false) => "not ready: the store does not answer",
        (false, false, true) => "not ready",
    };
    line("State", state)?;
    let since = when::distance(status.started_at_s, status.now_s);
    line(
        "Gateway",
        &format!("{}, {}, started {since}", status.version, status.environment),
    )?;
    let policy = &status.policy;
    let since = when::distance(policy.since_s, status.now_s);
    line(
        "Policy",
        &format!(
            "version {}, in force since {}, {since}",
            policy.version,
            when::rfc3339(policy.since_s)
        ),
    )?;
    if let Some(problem) = &policy.problem {
        line("", &format!("the file is not in force: {problem}"))?;
    }
    if policy.stale {
        line(
            "",
            "stale: it is past its end and stays in force; publish a newer one",
        )?;
    }
    if !policy.kill_switch.is_empty() {
        line(
            "",
            &format!("off by the kill switch: {}", policy.kill_switch.join(", ")),
        )?;
    }
    for warning in &policy.warnings {
        line("", &format!("warning: {warning}"))?;
    }
    let devices = status
        .devices
        .map_or_else(|| "unknown".to_owned(), |devices| devices.to_string());
    line("Devices", &devices)?;
    line("Connections", &status.connections.to_string())?;
    line(
        "Requests",
        &format!(
            "{} forwarded, {} refused since the start",
            status.admitted, status.refused
        ),
    )
}
