//! `attest policy diff`: what another policy changes, in sentences for whoever decides about it.

use std::io;
use std::path::{Path, PathBuf};

use attest_core::policy::{DevicePolicy, GatewayPolicy, MAX_POLICY_BYTES};
use attest_policy::diff::{self, Difference, Edition, Group};
use clap::Args;
use serde_json::{Value, json};

use super::input;
use crate::out::{Exit, Out, printable};

/// Say what another policy changes: for phones, for requests, for who may enrol, in limits and lists.
///
/// What is compared is what phones and gateways get, so comments and the order of keys are no difference. OLD and NEW are policies,
/// or folders with `device.json` and `gateway.json` as `attest policy build` writes them. Policies whose tests fail are compared too.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy diff policy.yaml new.yaml\n  git show HEAD:policy.yaml | attest policy diff - policy.yaml\n  \
                  attest policy diff built/ policy.yaml --json\n\n\
                  Exit codes: 0 compared, whatever differs; 1 one of them has errors; 2 wrong use or unreadable file."
)]
pub(super) struct Diff {
    /// The policy of now; `-` is standard input.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy to come.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// One side.
struct Read {
    name: String,
    device: DevicePolicy,
    gateway: GatewayPolicy,
    packs: Option<Vec<String>>,
}

impl Diff {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let (old, new) = match (read(&self.old, out)?, read(&self.new, out)?) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(Exit::Unusable), _) | (_, Err(Exit::Unusable)) => return Ok(Exit::Unusable),
            (Err(exit), _) | (_, Err(exit)) => return Ok(exit),
        };
        let difference = diff::diff(&old.edition(), &new.edition());
        if self.json {
            writeln!(out.out, "{}", object(&difference))?;
        } else {
            show(&old.name, &new.name, &difference, out)?;
        }
        Ok(Exit::Clean)
    }
}

impl Read {
    fn edition(&self) -> Edition<'_> {
        Edition {
            device: &self.device,
            gateway: &self.gateway,
            packs: self.packs.as_deref(),
        }
    }
}

/// A policy or a folder of built ones; what cannot be compared was printed.
fn read(path: &Path, out: &mut Out<'_>) -> io::Result<Result<Read, Exit>> {
    if path.is_dir() {
        return built(path, out);
    }
    let analysed = match input::analysed(path) {
        Ok(analysed) => analysed,
        Err(error) => return error.show(out).map(Err),
    };
    let name = analysed.name.clone();
    let (compiled, source) = match input::whole(analysed, "compared", out)? {
        Ok(whole) => whole,
        Err(exit) => return Ok(Err(exit)),
    };
    let packs = source.packs.iter().map(|one| one.pack.clone());
    Ok(Ok(Read {
        name,
        device: compiled.device,
        gateway: compiled.gateway,
        packs: Some(packs.collect()),
    }))
}

fn built(folder: &Path, out: &mut Out<'_>) -> io::Result<Result<Read, Exit>> {
    let bytes = |name: &str| {
        crate::input::file(&folder.join(name), MAX_POLICY_BYTES)
            .map_err(|error| format!("{name}: {error}"))?
            .ok_or_else(|| format!("{name}: larger than {MAX_POLICY_BYTES} bytes"))
    };
    let parsed = || -> Result<Read, String> {
        let device = DevicePolicy::from_json(&bytes("device.json")?);
        let gateway = GatewayPolicy::from_json(&bytes("gateway.json")?);
        Ok(Read {
            name: folder.display().to_string(),
            device: device.map_err(|error| format!("device.json: {error}"))?,
            gateway: gateway.map_err(|error| format!("gateway.json: {error}"))?,
            packs: None,
        })
    };
    match parsed() {
        Ok(read) => Ok(Ok(read)),
        Err(reason) => {
            let folder = folder.display();
            writeln!(
                out.err,
                "{}",
                printable(&format!("{folder}: cannot be read: {reason}"))
            )?;
            Ok(Err(Exit::Unusable))
        }
    }
}

fn show(old: &str, new: &str, difference: &Difference, out: &mut Out<'_>) -> io::Result<()> {
    let Difference { from, to, .. } = difference;
    writeln!(
        out.out,
        "{} (version {from}) → {} (version {to})",
        printable(old),
        printable(new)
    )?;
    if difference.without_effect() {
        writeln!(out.out, "\nno difference in effect")?;
    }
    for group in Group::ALL {
        let mut title = Some(group.title());
        for change in difference.of(group) {
            if let Some(title) = title.take() {
                writeln!(out.out, "\n{title}")?;
            }
            writeln!(out.out, "  {}", printable(&change.text).replace('\n', " "))?;
        }
    }
    if !difference.warnings.is_empty() {
        writeln!(out.out)?;
    }
    for warning in &difference.warnings {
        writeln!(out.out, "warning: {}", printable(warning))?;
    }
    Ok(())
}

fn object(difference: &Difference) -> Value {
    let changes: Vec<_> = difference
        .changes
        .iter()
        .map(|change| {
            json!({
                "group": change.group.as_str(),
                "path": change.path,
                "text": change.text,
                "before": change.before,
                "after": change.after,
            })
        })
        .collect();
    json!({
        "from": difference.from,
        "to": difference.to,
        "effect": !difference.without_effect(),
        "changes": changes,
        "warnings": difference.warnings,
    })
}
