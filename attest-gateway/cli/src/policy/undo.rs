//! `attest policy undo`: back to the policy before by the version that was signed with this one, or a brake for a few hours.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use attest_core::policy::{Brake, MAX_BRAKE_S, Mode};
use attest_gateway::clock::{Clock as _, SystemClock};
use attest_policy::repository::{BRAKE_ROLE, BRAKE_TARGET, Described, Header, Metadata, Targets};
use clap::Args;

use super::publish::publish;
use super::sign::{brake_json, version, version_of};
use super::signing::{
    Change, Document, Draft, Expiries, Folder, Gateways, Keyring, Stop, deliver, missing, settle,
};
use crate::out::{Exit, Out};

/// Go back to the policy before, or relax rules for a few hours.
///
/// Without --brake: publishes the undo that was signed together with the policy in force (`sign --with-undo`); it needs the online key
/// alone. With --brake: sets rules that the policy lists in `brake_rules` to `shadow` or `off`, by the brake key alone, for at most
/// 24 hours. A brake only relaxes, ends by itself, and every gateway that takes it raises an alarm.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy undo policy --keys keys\n  attest policy undo policy --keys keys --brake cloner-on-payments=shadow \
                  --for 4h\n  attest policy undo policy --keys keys --lift --admin http://127.0.0.1:9443 --token-file admin.token\n\n\
                  Exit codes: 0 published, and every gateway has it in force; 1 refused, signatures are missing, or a gateway refused; \
                  2 wrong use or unreadable file."
)]
pub(super) struct Undo {
    /// The folder that `init` made.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The folder with the online key, and with --brake the brake key.
    #[arg(long, value_name = "KEYDIR")]
    keys: PathBuf,
    /// Set this rule to `shadow` or `off`; may be given several times. The rules of an earlier brake are not kept.
    #[arg(long, value_name = "RULE=MODE", value_parser = braked)]
    brake: Vec<(String, Mode)>,
    /// How long the brake holds, such as `90m` or `4h`; at most 24h.
    #[arg(long = "for", value_name = "TIME", value_parser = seconds, requires = "brake", default_value = "4h")]
    hold: u64,
    /// End the brake in force now.
    #[arg(long, conflicts_with = "brake")]
    lift: bool,
    /// Write it here too; may be given several times.
    #[arg(long, value_name = "DIR")]
    to: Vec<PathBuf>,
    #[command(flatten)]
    gateways: Gateways,
}

impl Undo {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let done = if self.brake.is_empty() && !self.lift {
            self.back(out)
        } else {
            self.set_brake(out)
        };
        match done {
            Ok(exit) => Ok(exit),
            Err(stop) => stop.show(out),
        }
    }

    fn back(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        let mut folder = Folder::open(&self.folder)?;
        let keyring = Keyring::open(&self.keys)?;
        let mend = "  `attest policy sign --with-undo` signs one with each policy; without it, sign the old content as a new version, or use --brake.";
        let none = || {
            Stop::refused(format!(
                "no undo was signed for the policy that is published\n{mend}"
            ))
        };
        let undo = folder.undo()?.ok_or_else(none)?;
        let now = folder.published_role("targets")?.as_ref().map_or(0, version);
        if version(&undo) <= now {
            return Err(none());
        }
        let change = Change {
            artifacts: folder.artifacts("undo", &undo.signed)?,
            targets: Some(undo),
            ..Change::default()
        };
        let to = version_of(&change.artifacts).unwrap_or_default();
        writeln!(
            out.out,
            "undo: the content of the policy before, as policy version {to}"
        )?;
        publish(&mut folder, change, &keyring, out)?;
        let published = folder.published.clone().unwrap_or_default();
        deliver(&published, &self.to, &self.gateways, out)
    }

    fn set_brake(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        let mut folder = Folder::open(&self.folder)?;
        let keyring = Keyring::open(&self.keys)?;
        let now_s = SystemClock::new().now_s();
        let published = folder
            .published
            .clone()
            .ok_or_else(|| Stop::refused("no policy is published that could be braked"))?;
        let policy = published.policy().map_err(|flaw| Stop::refused(flaw.message))?;
        let before = published.brake().ok().flatten();
        // An empty brake outlasts whatever it lifts, for gateways that come later.
        let hold = if self.lift { MAX_BRAKE_S } else { self.hold };
        let brake = Brake {
            version: before.map_or(0, |before| before.version).saturating_add(1),
            issued_at: now_s,
            expires_at: now_s.saturating_add(hold),
            rules: self.brake.iter().cloned().collect(),
        };
        let compiled = policy
            .gateway
            .compile()
            .map_err(|_| Stop::refused("the published policy does not compile"))?;
        // Said before anything is signed; gateways say it again.
        compiled
            .with_brake(&brake)
            .map_err(|error| Stop::refused(format!("{error} [{}]", error.code())))?;
        let artifacts = BTreeMap::from([(BRAKE_TARGET.to_owned(), brake_json(&brake)?)]);
        let next = folder
            .published_role(BRAKE_ROLE)?
            .as_ref()
            .map_or(0, version)
            .saturating_add(1);
        let targets = Targets {
            header: Header::new(next, Expiries::at(Expiries::BRAKE_DAYS, now_s))?,
            targets: artifacts
                .iter()
                .map(|(name, bytes)| (name.clone(), Described::of(bytes)))
                .collect(),
            delegations: None,
            other: BTreeMap::new(),
        };
        folder.put(
            Draft::Brake,
            Document::Targets(Metadata::new(targets)),
            &artifacts,
        )?;
        // A policy on its way neither waits for the brake nor holds it up.
        settle(&mut folder, Some(&keyring), &[Draft::Brake], &[Draft::Brake], out)?;
        let Some(Document::Targets(signed)) = folder.drafts.get(&Draft::Brake).cloned() else {
            return Err(Stop::refused("the brake is gone; another command took it"));
        };
        let (needs, keys) = folder.needs(Draft::Brake)?;
        if !missing(&signed.signed_by(&keys), &needs).is_empty() {
            writeln!(
                out.out,
                "When it is signed: attest policy publish {} --keys KEYDIR",
                folder.display()
            )?;
            return Ok(Exit::Refused);
        }
        let change = Change {
            brake: Some(signed),
            artifacts,
            ..Change::default()
        };
        publish(&mut folder, change, &keyring, out)?;
        let published = folder.published.clone().unwrap_or_default();
        let delivered = deliver(&published, &self.to, &self.gateways, out)?;
        // A brake never holds a policy up, so that the policy was taken says nothing of it.
        let braked = self.gateways.braked(&brake, out)?;
        Ok(if braked == Exit::Clean { delivered } else { braked })
    }
}

fn braked(text: &str) -> Result<(String, Mode), String> {
    match text.split_once('=') {
        Some((rule, "shadow")) => Ok((rule.to_owned(), Mode::Shadow)),
        Some((rule, "off")) => Ok((rule.to_owned(), Mode::Off)),
        _ => Err("expected RULE=shadow or RULE=off".to_owned()),
    }
}

fn seconds(text: &str) -> Result<u64, String> {
    let expected = || {
        format!(
            "expected a time such as 90m or 4h, at most {}h",
            MAX_BRAKE_S / 3600
        )
    };
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3600,
        _ => return Err(expected()),
    };
    let number = text.trim_end_matches(['s', 'm', 'h']);
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    let known = text.len() == number.len() + 1;
    seconds
        .filter(|seconds| known && (1..=MAX_BRAKE_S).contains(seconds))
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brake_holds_for_a_day_at_most() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(seconds(text).ok(), expect, "{text}");
        check("4h", Some(14_400));
        check("90m", Some(5_400));
        check("24h", Some(86_400));
        check("86400s", Some(86_400));
        check("25h", None);
        check("0h", None);
        check("4", None);
        check("4hh", None);
        check("h", None);
        check("4d", None);
        check("99999999999999999999h", None);
        assert!(braked("a=enforce").is_err());
        assert_eq!(braked("a=off"), Ok(("a".to_owned(), Mode::Off)));
    }
}
