//! `attest gateway bans`: ban and unban devices, apps or everyone in a running gateway, and cut sessions.

use std::io;

use attest_gateway::admin::model::{BanKindWord, BanList, BanScopeWord, BanView, Lifted, NewBan};
use clap::{Args, Subcommand};

use super::operator::Operator;
use crate::out::{Exit, Out, printable};
use crate::when;

/// List, add and remove the bans of a running gateway. They act at once and outlive a restart.
#[derive(Debug, Args)]
pub(crate) struct Bans {
    #[command(subcommand)]
    command: BansCommand,
}

#[derive(Debug, Subcommand)]
enum BansCommand {
    List(List),
    Add(Add),
    Remove(Remove),
}

/// Show every ban and cut of sessions.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway bans list --config my-gateway/attest.toml\n\n\
                        Exit codes: 0 shown, 1 unreachable or refused, 2 unreadable configuration or token, or the admin listener is off."
)]
struct List {
    #[command(flatten)]
    operator: Operator,
    /// Print the answer as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Ban a device, an app or everyone, or cut their sessions.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest gateway bans add --pseudonym 7Qk… --app bank-android --reason \"reported stolen\"\n  \
                        attest gateway bans add --all --sessions --reason \"incident 7\"\n\n\
                        Exit codes: 0 in force, 1 unreachable or refused, 2 wrong arguments, unreadable configuration or token, or the admin \
                        listener is off."
)]
struct Add {
    #[command(flatten)]
    whom: Whom,
    /// The pseudonym by which backends know the device; --app says of which app.
    #[arg(long, value_name = "TEXT", requires = "app", conflicts_with_all = ["device", "all"])]
    pseudonym: Option<String>,
    /// Only cut the sessions of until now: phones renew by themselves and go on.
    #[arg(long)]
    sessions: bool,
    /// Why, for the list and the audit; clients never see it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// When it ends, in RFC 3339; without it, when it is removed.
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    until: Option<u64>,
    #[command(flatten)]
    operator: Operator,
}

/// Lift a ban. Sessions that were cut stay cut.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  attest gateway bans remove --device 5q2Nf…\n\n\
                        Exit codes: 0 lifted, 1 unreachable or refused, or there was no such ban, 2 wrong arguments, unreadable \
                        configuration or token, or the admin listener is off.")]
struct Remove {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    operator: Operator,
}

/// Whom a ban concerns.
#[derive(Debug, Args)]
struct Whom {
    /// The device's id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["app", "all"])]
    device: Option<String>,
    /// The app's id in policy.
    #[arg(long, value_name = "ID", conflicts_with = "all")]
    app: Option<String>,
    /// Everyone.
    #[arg(long)]
    all: bool,
}

impl Bans {
    pub(super) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.command {
            BansCommand::List(list) => list.run(out),
            BansCommand::Add(add) => add.run(out),
            BansCommand::Remove(remove) => remove.run(out),
        }
    }
}

impl List {
    fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let call = ("GET", "/bans");
        self.operator.call(call, None::<&()>, out, |list: BanList, out| {
            if self.json {
                return writeln!(out.out, "{}", serde_json::to_string(&list)?);
            }
            for ban in &list.bans {
                show(ban, out)?;
            }
            if list.bans.is_empty() {
                writeln!(out.out, "No bans.")?;
            }
            Ok(())
        })
    }
}

impl Add {
    fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let scope = match (&self.whom, &self.pseudonym) {
            (Whom { all: true, .. }, _) => BanScopeWord::All,
            (Whom { device: Some(_), .. }, _) | (_, Some(_)) => BanScopeWord::Device,
            (Whom { app: Some(_), .. }, None) => BanScopeWord::App,
            _ => return nobody(out),
        };
        let new = NewBan {
            scope,
            kind: if self.sessions {
                BanKindWord::SessionsNotBefore
            } else {
                BanKindWord::Banned
            },
            device: self.whom.device,
            pseudonym: self.pseudonym,
            app: self.whom.app,
            reason: self.reason,
            until_s: self.until,
            not_before_s: None,
        };
        self.operator
            .call(("POST", "/bans"), Some(&new), out, |ban: BanView, out| {
                show(&ban, out)
            })
    }
}

impl Remove {
    fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let id = match self.whom {
            Whom { all: true, .. } => "all".to_owned(),
            Whom {
                device: Some(device), ..
            } => format!("device:{device}"),
            Whom { app: Some(app), .. } => format!("app:{app}"),
            Whom { .. } => return nobody(out),
        };
        let path = format!("/bans/{id}");
        self.operator
            .call(("DELETE", &path), None::<&()>, out, |lifted: Lifted, out| {
                writeln!(out.out, "lifted {}", printable(&lifted.id))
            })
    }
}

fn nobody(out: &mut Out<'_>) -> io::Result<Exit> {
    writeln!(out.err, "attest: say whom it concerns: --device, --app or --all")?;
    Ok(Exit::Unusable)
}

fn show(ban: &BanView, out: &mut Out<'_>) -> io::Result<()> {
    let what = match (ban.kind, ban.not_before_s) {
        (BanKindWord::Banned, _) => "banned".to_owned(),
        (BanKindWord::SessionsNotBefore, at_s) => {
            format!("sessions before {} cut", when::rfc3339(at_s.unwrap_or_default()))
        }
    };
    let until = match ban.until_s {
        Some(until_s) if ban.in_force => format!(", until {}", when::rfc3339(until_s)),
        Some(until_s) => format!(", over since {}", when::rfc3339(until_s)),
        None => String::new(),
    };
    let text = format!(
        "{}  {what} since {}{until}: {}",
        ban.id,
        when::rfc3339(ban.at_s),
        ban.reason
    );
    writeln!(out.out, "{}", printable(&text).replace('\n', " "))
}
