//! `attest policy sign`: a policy becomes something that gateways and phones take, signature by signature.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use attest_gateway::clock::{Clock as _, SystemClock};
use attest_policy::repository::{
    DEVICE_TARGET, Described, GATEWAY_TARGET, Header, Metadata, PublishedPolicy, Signed as _, TESTS_TARGET,
    Targets,
};
use attest_policy::{Compiled, EmbeddedTests, to_canonical_json};
use clap::Args;

use super::input;
use super::signing::{Document, Draft, Expiries, Folder, Keyring, Request, Signatures, Stop, settle};
use crate::out::{Exit, Out, printable};

/// Sign a policy, or what others ask you to sign.
///
/// With a folder and a policy: looks through the policy, runs its tests, says what it changes, signs it with your keys, and writes a
/// request for each signature that is missing. With a request: says in words what you would sign, signs it, and writes the signatures
/// to a file that goes back. Nothing is published by signing.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy sign policy policy.yaml --keys keys --with-undo\n  \
                  attest policy sign targets-2.json --keys keys\n  attest policy sign policy --attach targets-2.bob.json\n\n\
                  Without a terminal, ATTEST_PASSPHRASE_FILE names a file that holds the passphrase.\n\n\
                  Exit codes: 0 signed, whether more signatures are needed or not; 1 the policy has errors, or nothing of yours is asked \
                  for; 2 wrong use or unreadable file."
)]
pub(super) struct Sign {
    /// The folder that `init` made, or a request from it.
    #[arg(value_name = "DIR|REQUEST")]
    place: PathBuf,
    /// The policy to be signed; without it, what is open is signed.
    #[arg(value_name = "POLICY")]
    policy: Option<PathBuf>,
    /// The folder of your own keys.
    #[arg(long, value_name = "KEYDIR")]
    keys: Option<PathBuf>,
    /// Sign the way back too: the policy before this one, under the next version. `attest policy undo` publishes it.
    #[arg(long, requires = "policy")]
    with_undo: bool,
    /// Take signatures in that others made; may be given several times.
    #[arg(long, value_name = "FILE", conflicts_with = "policy")]
    attach: Vec<PathBuf>,
    /// Where the signatures of a request go [default: beside it].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Sign {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let signed = if self.place.is_file() {
            self.request(out)
        } else {
            self.folder(out)
        };
        match signed {
            Ok(exit) => Ok(exit),
            Err(stop) => stop.show(out),
        }
    }

    fn keyring(&self) -> Result<Option<Keyring>, Stop> {
        self.keys.as_deref().map(Keyring::open).transpose()
    }

    fn request(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        if self.policy.is_some() || !self.attach.is_empty() {
            return Err(Stop::unusable(
                "a request is signed alone; a policy is signed, and signatures taken in, with the folder",
            ));
        }
        let keyring = self
            .keyring()?
            .ok_or_else(|| Stop::unusable("whose keys? Name their folder with --keys"))?;
        let request = Request::read(&self.place)?;
        let signatures = request.sign(&keyring, out)?;
        let ids = signatures
            .values()
            .flatten()
            .map(|signature| signature.keyid.as_str());
        let mut names: Vec<&str> = ids.filter_map(|id| keyring.name(id)).collect();
        names.sort_unstable();
        names.dedup();
        let stem = self.place.file_stem().unwrap_or_default().to_string_lossy();
        let beside = self
            .place
            .with_file_name(format!("{stem}.{}.json", names.join("+")));
        let file = self.output.as_ref().unwrap_or(&beside);
        let written = Signatures {
            signatures_of: request.request,
            signatures,
        };
        written.write(file)?;
        let file = printable(&file.display().to_string());
        writeln!(
            out.out,
            "  signed by {}\nCarry {file} back to who asked.",
            names.join(", ")
        )?;
        Ok(Exit::Clean)
    }

    fn folder(&self, out: &mut Out<'_>) -> Result<Exit, Stop> {
        let mut folder = Folder::open(&self.place)?;
        let mut news = vec![Draft::Targets, Draft::Undo];
        if self.policy.is_none() {
            news.clear();
        }
        for file in &self.attach {
            let signatures = Signatures::read(file)?;
            signatures.attach(&mut folder)?;
            news.extend(signatures.signatures.into_keys());
        }
        let keyring = self.keyring()?;
        if let Some(policy) = &self.policy {
            let Some(compiled) = compiled(policy, out)? else {
                return Ok(Exit::Refused);
            };
            self.draft(&mut folder, &compiled)?;
        }
        if folder.drafts.is_empty() {
            return Err(Stop::refused(format!(
                "{}: nothing is waiting to be signed",
                folder.display()
            )));
        }
        let whole = settle(&mut folder, keyring.as_ref(), &Draft::ALL, &news, out)?;
        if whole {
            let next = if folder.drafts.contains_key(&Draft::Targets) || folder.published.is_some() {
                "publish"
            } else {
                "sign"
            };
            let policy = if next == "sign" { " POLICY.yaml" } else { "" };
            writeln!(
                out.out,
                "\nNext: attest policy {next} {}{policy} --keys KEYDIR",
                folder.display()
            )?;
        }
        Ok(Exit::Clean)
    }

    /// The next version of `targets`, and with it the way back.
    fn draft(&self, folder: &mut Folder, compiled: &Compiled) -> Result<(), Stop> {
        let now_s = SystemClock::new().now_s();
        let before = match &folder.published {
            Some(published) => published.policy().ok(),
            None => None,
        };
        let undo = folder.undo()?;
        let reserved = match &undo {
            Some(undo) => {
                let artifacts = folder.artifacts("undo", &undo.signed)?;
                version_of(&artifacts).unwrap_or(0)
            }
            None => 0,
        };
        let version = compiled.gateway.version;
        let last = before
            .as_ref()
            .map_or(0, |before| before.gateway.version)
            .max(reserved);
        if version <= last {
            let why = if reserved == last
                && reserved > 0
                && before.is_some_and(|before| before.gateway.version < reserved)
            {
                format!("version {last} is kept for the signed undo")
            } else {
                format!("version {last} is published")
            };
            return Err(Stop::refused(format!(
                "the policy has version {version}, and {why}; make it {} or more",
                last.saturating_add(1)
            )));
        }
        let back = match (self.with_undo, before, &folder.published) {
            (false, _, _) => None,
            (true, Some(before), Some(published)) => {
                Some(again(before, &published.artifacts, version.saturating_add(1))?)
            }
            (true, _, _) => {
                return Err(Stop::refused(
                    "there is no policy before this one to go back to; sign it without --with-undo",
                ));
            }
        };
        let next = folder.last_targets()?.saturating_add(1);
        let artifacts = artifacts(compiled)?;
        folder.drop_draft(Draft::Undo)?;
        let targets = targets(folder, next, &artifacts, now_s)?;
        folder.put(
            Draft::Targets,
            Document::Targets(Metadata::new(targets)),
            &artifacts,
        )?;
        if let Some(back) = back {
            let targets = self::targets(folder, next.saturating_add(1), &back, now_s)?;
            folder.put(Draft::Undo, Document::Targets(Metadata::new(targets)), &back)?;
        }
        Ok(())
    }
}

/// The policy, if it is good; its problems were printed otherwise.
fn compiled(path: &Path, out: &mut Out<'_>) -> Result<Option<Compiled>, Stop> {
    let analysed = input::analysed(path).map_err(|error| Stop::unusable(error.to_string()))?;
    if analysed.is_pack {
        return Err(Stop::unusable(format!(
            "{}: this is a pack; sign the policy that takes it",
            analysed.name
        )));
    }
    input::show(&analysed.analysis.problems, out.err)?;
    if analysed.analysis.compiled.is_none() {
        writeln!(
            out.err,
            "{}: not signed while it has errors",
            printable(&analysed.name)
        )?;
    }
    Ok(analysed.analysis.compiled)
}

fn artifacts(compiled: &Compiled) -> Result<BTreeMap<String, Vec<u8>>, Stop> {
    let made = |json: Result<String, serde_json::Error>| {
        json.map(String::into_bytes)
            .map_err(|error| Stop::unusable(error.to_string()))
    };
    Ok(BTreeMap::from([
        (DEVICE_TARGET.to_owned(), made(compiled.device_json())?),
        (GATEWAY_TARGET.to_owned(), made(compiled.gateway_json())?),
        (TESTS_TARGET.to_owned(), made(compiled.tests_json())?),
    ]))
}

/// The policy of before under another version.
fn again(
    before: PublishedPolicy,
    artifacts: &BTreeMap<String, Vec<u8>>,
    version: u64,
) -> Result<BTreeMap<String, Vec<u8>>, Stop> {
    let PublishedPolicy {
        mut device,
        mut gateway,
    } = before;
    let tests = artifacts.get(TESTS_TARGET).map_or(&[][..], Vec::as_slice);
    let mut tests: EmbeddedTests = serde_json::from_slice(tests)
        .map_err(|error| Stop::unusable(format!("the published {TESTS_TARGET}: {error}")))?;
    (device.version, gateway.version, tests.version) = (version, version, version);
    let compiled = Compiled {
        device,
        gateway,
        tests,
        warnings: Vec::new(),
    };
    self::artifacts(&compiled)
}

/// The policy version of what a role names.
pub(super) fn version_of(artifacts: &BTreeMap<String, Vec<u8>>) -> Option<u64> {
    let tests: EmbeddedTests = serde_json::from_slice(artifacts.get(TESTS_TARGET)?).ok()?;
    Some(tests.version)
}

/// A version of `targets` that names these, and hands on what the settings say.
pub(super) fn targets(
    folder: &Folder,
    version: u64,
    artifacts: &BTreeMap<String, Vec<u8>>,
    now_s: u64,
) -> Result<Targets, Stop> {
    let delegations = &folder.settings.delegations;
    Ok(Targets {
        header: Header::new(
            version,
            Expiries::at(folder.settings.expiries.targets_days, now_s),
        )?,
        targets: artifacts
            .iter()
            .map(|(name, bytes)| (name.clone(), Described::of(bytes)))
            .collect(),
        delegations: (!delegations.roles.is_empty()).then(|| delegations.clone()),
        other: BTreeMap::new(),
    })
}

/// The canonical JSON of a brake.
pub(super) fn brake_json(brake: &attest_core::policy::Brake) -> Result<Vec<u8>, Stop> {
    let json = to_canonical_json(brake).map_err(|error| Stop::unusable(error.to_string()))?;
    Ok(json.into_bytes())
}

/// The version of a targets role.
pub(super) fn version(metadata: &Metadata<Targets>) -> u64 {
    metadata.signed.header().version
}
