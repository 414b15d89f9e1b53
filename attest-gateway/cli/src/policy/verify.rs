//! `attest policy verify`: what a client that trusts a root says of a repository, with everything that is wrong.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_policy::repository::{
    BRAKE_ROLE, Examined, Flaw, Metadata, PublicKey, Repository, Root, Signed, Snapshot, Targets, Timestamp,
};
use clap::Args;
use serde_json::json;

use super::count;
use super::signing::{Folder, Stop};
use crate::input;
use crate::out::{Exit, Out, printable};
use crate::when;

/// No root is larger.
const ROOT_MAX_BYTES: usize = 512 * 1024;

/// Verify a published repository as gateways and phones do, and every file of it.
///
/// DIR is the folder that `init` made, or a repository by itself (`metadata/` and `targets/`). Everything that is wrong is named, not
/// the first thing only; the policy in it is compiled and its tests are run.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy verify policy --root policy/root.json\n  attest policy verify /srv/policy --root root.json --json\n\n\
                  Exit codes: 0 good, 1 something is wrong, 2 wrong use or unreadable file."
)]
pub(super) struct Verify {
    /// The folder.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The root to begin with, as gateways and apps have it.
    #[arg(long, value_name = "ROOT.json")]
    root: PathBuf,
    /// The moment to verify for, in RFC 3339 [default: now].
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    at: Option<u64>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// A role as it is published.
struct Line {
    role: String,
    version: u64,
    expires: String,
    signed_by: Vec<String>,
}

impl Verify {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        match self.verify(out) {
            Ok(exit) => Ok(exit),
            Err(stop) => stop.show(out),
        }
    }

    fn verify(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        let root = input::file(&self.root, ROOT_MAX_BYTES).map_err(|error| Stop::file(&self.root, error))?;
        let root =
            root.ok_or_else(|| Stop::file(&self.root, format!("larger than {ROOT_MAX_BYTES} bytes")))?;
        // Names of keys are known in the folder of who publishes; elsewhere they go by their ids.
        let folder = self
            .folder
            .join("settings.json")
            .exists()
            .then(|| Folder::open(&self.folder))
            .transpose()?;
        let repository = match &folder {
            Some(folder) => folder
                .published
                .clone()
                .ok_or_else(|| Stop::refused(format!("{}: nothing is published yet", folder.display())))?,
            None => match Repository::read_from(&self.folder) {
                Ok(repository) => repository,
                Err(error) => return Err(Stop::refused(format!("{error} [{}]", error.code()))),
            },
        };
        let name = |id: &String| match &folder {
            Some(folder) => folder.settings.name(id),
            None => id.chars().take(16).collect(),
        };
        let now_s = self.at.unwrap_or_else(|| SystemClock::new().now_s());
        let Examined {
            vouched, mut flaws, ..
        } = repository.examine(&root, now_s);
        flaws.extend(repository.flaws_of_policy());
        flaws.extend(repository.flaw_of_brake(now_s));
        let lines = lines(&repository, &name)?;
        let policy = repository.policy().ok().map(|policy| policy.gateway.version);
        if self.json {
            self.object(&lines, &vouched, policy, &flaws, out)?;
        } else {
            for line in &lines {
                let by = if line.signed_by.is_empty() {
                    "nobody known".to_owned()
                } else {
                    line.signed_by.join(", ")
                };
                let text = format!(
                    "{:<10} version {:<4} until {}  signed by {by}",
                    line.role, line.version, line.expires
                );
                writeln!(out.out, "{}", printable(&text))?;
            }
            for (target, role) in &vouched {
                writeln!(
                    out.out,
                    "{}",
                    printable(&format!("{target:<14} vouched for by {role}"))
                )?;
            }
            if let Some(version) = policy {
                writeln!(out.out, "policy version {version}")?;
            }
            for flaw in &flaws {
                let text = format!("{}: error[{}]: {}", flaw.place, flaw.code, flaw.message);
                writeln!(out.err, "{}", printable(&text).replace('\n', " "))?;
            }
            writeln!(
                out.out,
                "{}",
                if flaws.is_empty() {
                    "good".to_owned()
                } else {
                    count(flaws.len(), "problem")
                }
            )?;
        }
        Ok(if flaws.is_empty() {
            Exit::Clean
        } else {
            Exit::Refused
        })
    }

    fn object(
        &self,
        lines: &[Line],
        vouched: &BTreeMap<String, String>,
        policy: Option<u64>,
        flaws: &[Flaw],
        out: &mut Out<'_>,
    ) -> io::Result<()> {
        let roles = lines.iter().map(|line| {
            json!({"role": line.role, "version": line.version, "expires": line.expires, "signed_by": line.signed_by})
        });
        let problems = flaws
            .iter()
            .map(|flaw| json!({"place": flaw.place, "code": flaw.code, "message": flaw.message}));
        let object = json!({
            "good": flaws.is_empty(),
            "policy_version": policy,
            "roles": roles.collect::<Vec<_>>(),
            "targets": vouched,
            "problems": problems.collect::<Vec<_>>(),
        });
        writeln!(out.out, "{object}")
    }
}

/// Every role with who signed it, by the newest root and what hands on to it.
fn lines(repository: &Repository, name: &dyn Fn(&String) -> String) -> Result<Vec<Line>, Stop> {
    let mut lines = Vec::new();
    let mut keys = BTreeMap::new();
    for bytes in repository.roots.values() {
        let root = Metadata::<Root>::from_bytes(bytes)?;
        keys.extend(root.signed.keys.clone());
        lines.push(line("root", &root, &keys, name));
    }
    lines.push(line(
        "timestamp",
        &Metadata::<Timestamp>::from_bytes(&repository.timestamp)?,
        &keys,
        name,
    ));
    lines.push(line(
        "snapshot",
        &Metadata::<Snapshot>::from_bytes(&repository.snapshot)?,
        &keys,
        name,
    ));
    let mut roles = Vec::new();
    for (role, bytes) in &repository.metadata {
        let targets = Metadata::<Targets>::from_bytes(bytes)?;
        keys.extend(
            targets
                .signed
                .delegations
                .iter()
                .flat_map(|delegations| delegations.keys.clone()),
        );
        roles.push((role, targets));
    }
    roles.sort_by_key(|(role, _)| (*role != "targets", *role == BRAKE_ROLE));
    for (role, targets) in roles {
        lines.push(line(role, &targets, &keys, name));
    }
    Ok(lines)
}

fn line<T: Signed>(
    role: &str,
    metadata: &Metadata<T>,
    keys: &BTreeMap<String, PublicKey>,
    name: &dyn Fn(&String) -> String,
) -> Line {
    let header = metadata.signed.header();
    let mut signed_by: Vec<String> = metadata.signed_by(keys).iter().map(name).collect();
    signed_by.sort_unstable();
    Line {
        role: role.to_owned(),
        version: header.version,
        expires: header.expires.clone(),
        signed_by,
    }
}
