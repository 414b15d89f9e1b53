//! `attest policy status`: which gateway runs which policy, whether a brake is on, and what it said to what it was offered.

use std::io;

use attest_gateway::clock::{Clock as _, SystemClock};
use clap::Args;
use serde_json::{Value, json};

use super::signing::{Gateways, Stop};
use crate::out::{Exit, Out, printable};
use crate::when;

/// Show which gateway runs which policy.
///
/// For each gateway: the version in force, the brake over it, and the last policy that it took (ACK) or refused (NACK) with the reason.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest policy status --admin http://10.0.0.4:9443 --admin http://10.0.0.5:9443 --token-file admin.token\n\n\
                  Exit codes: 0 all answer and run the same version; 1 one does not answer, runs another version, or refused what came \
                  last; 2 wrong use or unreadable token."
)]
pub(super) struct Status {
    #[command(flatten)]
    gateways: Gateways,
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.show(out) {
            Ok(exit) => Ok(exit),
            Err(stop) => stop.show(out),
        }
    }

    fn show(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        if self.gateways.is_empty() {
            return Err(Stop::unusable(
                "which gateways? Name their admin listeners with --admin",
            ));
        }
        let answers = self.gateways.call("GET", "/policy", None)?;
        let version = |answer: &Result<Value, String>| {
            answer
                .as_ref()
                .ok()
                .and_then(|view| view.get("version")?.as_u64())
        };
        let newest = answers
            .iter()
            .filter_map(|answered| version(&answered.answer))
            .max();
        let mut good = true;
        let mut objects = Vec::new();
        for answered in &answers {
            let runs_newest = version(&answered.answer).is_some() && version(&answered.answer) == newest;
            let refused_last = answered.answer.as_ref().is_ok_and(refused_last);
            good &= runs_newest && !refused_last;
            match &answered.answer {
                _ if self.json => objects.push(object(&answered.admin, &answered.answer)),
                Ok(view) => {
                    let behind = if runs_newest { "" } else { "  BEHIND" };
                    let version = view.get("version").and_then(Value::as_u64).unwrap_or_default();
                    let head = format!("{}  policy version {version}{behind}", answered.admin);
                    writeln!(out.out, "{}", printable(&head))?;
                    for line in lines(view) {
                        writeln!(out.out, "  {}", printable(&line).replace('\n', " "))?;
                    }
                }
                Err(error) => writeln!(out.out, "{}", printable(&format!("{}  {error}", answered.admin)))?,
            }
        }
        if self.json {
            writeln!(out.out, "{}", json!(objects))?;
        }
        Ok(if good { Exit::Clean } else { Exit::Refused })
    }
}

fn object(admin: &str, answer: &Result<Value, String>) -> Value {
    match answer {
        Ok(view) => json!({"admin": admin, "policy": view}),
        Err(error) => json!({"admin": admin, "error": error}),
    }
}

/// Whether what was offered last was refused.
fn refused_last(view: &Value) -> bool {
    let at = |name: &str| {
        view.pointer(&format!("/repository/{name}/at_s"))
            .and_then(Value::as_u64)
    };
    match (at("last_ack"), at("last_nack")) {
        (Some(ack), Some(nack)) => nack > ack,
        (None, nack) => nack.is_some(),
        (Some(_), None) => false,
    }
}

fn lines(view: &Value) -> Vec<String> {
    let now_s = SystemClock::new().now_s();
    let mut lines = Vec::new();
    let Some(followed) = view.get("repository") else {
        return vec!["made from a file of its own; it follows no repository".to_owned()];
    };
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64);
    let metadata = followed.get("metadata").cloned().unwrap_or_default();
    let versions: Vec<String> = ["root", "targets", "brake", "snapshot", "timestamp"]
        .into_iter()
        .filter_map(|role| Some(format!("{role} {}", number(&metadata, role)?)))
        .collect();
    let expires = number(followed, "metadata_expires_at_s").unwrap_or_default();
    lines.push(format!(
        "{}, until {}",
        versions.join(", "),
        when::rfc3339(expires)
    ));
    if let Some(brake) = followed.get("brake").filter(|brake| !brake.is_null()) {
        let rules = brake
            .get("rules")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let rules: Vec<String> = rules
            .map(|(rule, mode)| format!("{rule}={}", mode.as_str().unwrap_or_default()))
            .collect();
        let until = number(brake, "expires_at_s").unwrap_or_default();
        lines.push(format!(
            "BRAKE {} until {}",
            rules.join(", "),
            when::rfc3339(until)
        ));
    }
    for (word, name) in [("ACK", "last_ack"), ("NACK", "last_nack")] {
        let Some(verdict) = followed.get(name).filter(|verdict| !verdict.is_null()) else {
            continue;
        };
        let text = |name: &str| verdict.get(name).and_then(Value::as_str).unwrap_or_default();
        let version =
            number(verdict, "version").map_or_else(String::new, |version| format!(" version {version}"));
        let reason = if text("reason").is_empty() {
            String::new()
        } else {
            format!(": {}", text("reason"))
        };
        let at = number(verdict, "at_s").unwrap_or_default();
        lines.push(format!(
            "{word}{version} by {} {} [{}]{reason}",
            text("source"),
            when::distance(at, now_s),
            text("code")
        ));
    }
    lines
}
