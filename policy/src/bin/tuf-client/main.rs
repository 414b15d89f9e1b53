//! `tuf-client`: a TUF client for the command line, over plain files and HTTP. Exit 0: done; 1: refused or failed, with the reason on
//! standard error.
//!
//! The metadata directory holds what was verified, byte for byte as served, one file a role; nothing else is ever trusted from it but
//! its root, which `init` puts there.

mod clock;
mod disk;
mod fetch;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use attest_core::tuf::{Bounds, Supply, TufError, Updater, Want};
use clap::{Parser, Subcommand};

use self::disk::Disk;
use self::fetch::{Fetched, Fetcher};

/// Fetches metadata and targets from a TUF repository, and trusts only what its roles signed.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:\n  tuf-client --metadata-dir trusted init root.json\n  \
                  tuf-client --metadata-url https://example.org/metadata --metadata-dir trusted refresh"
)]
struct Arguments {
    /// Where the repository's metadata is
    #[arg(long, value_name = "URL")]
    metadata_url: Option<String>,
    /// Where verified metadata is kept
    #[arg(long, value_name = "DIR")]
    metadata_dir: PathBuf,
    /// A target to download; may be repeated
    #[arg(long, value_name = "NAME")]
    target_name: Vec<String>,
    /// Where downloaded targets go
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Where the repository's targets are
    #[arg(long, value_name = "URL")]
    target_base_url: Option<String>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Trusts a root from now on; no request is made
    Init {
        /// The root's file
        root: PathBuf,
    },
    /// Brings the metadata up to date
    Refresh,
    /// Brings the metadata up to date and downloads targets in their order; stops at the first that fails
    Download,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Refused(#[from] TufError),
    #[error("{path}: {error}", path = .path.display())]
    File { path: PathBuf, error: std::io::Error },
    #[error("{url}: {reason}")]
    Fetch { url: String, reason: String },
    #[error("{0} is needed here")]
    Missing(&'static str),
    #[error("no asynchronous runtime: {0}")]
    Runtime(std::io::Error),
}

impl Failure {
    /// The stable code of this failure; those of the framework's own refusals are [`TufError::code`].
    const fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::File { .. } => "file",
            Self::Fetch { .. } => "tuf-unavailable",
            Self::Missing(_) => "usage",
            Self::Runtime(_) => "runtime",
        }
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => {
            let asked_for = !told.use_stderr();
            // Nobody may be listening any more.
            let _told = told.print().is_ok();
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let (told, code) = (plain(&failure.to_string()), failure.code());
            let _told = writeln!(std::io::stderr(), "tuf-client: {told} [{code}]").is_ok();
            ExitCode::FAILURE
        }
    }
}

/// A message that moves no cursor and fills no log: names of roles and targets in it are a stranger's.
fn plain(message: &str) -> String {
    message
        .chars()
        .take(MESSAGE_CHARS)
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .collect()
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let disk = Disk::at(&arguments.metadata_dir);
    match &arguments.verb {
        Verb::Init { root } => disk.begin(root),
        Verb::Refresh => {
            refresh(arguments, &disk)?;
            Ok(())
        }
        Verb::Download => download(arguments, &disk),
    }
}

fn refresh(arguments: &Arguments, disk: &Disk) -> Result<(Fetcher, Updater), Failure> {
    let url = arguments
        .metadata_url
        .as_deref()
        .ok_or(Failure::Missing("--metadata-url"))?;
    let fetcher = Fetcher::new()?;
    let root = disk.root()?;
    let mut updater = Updater::new(&root, clock::now_s(), Bounds::HOST)?;
    advance(&mut updater, &fetcher, url, disk)?;
    Ok((fetcher, updater))
}

/// Gives the updater what it wants until it wants nothing.
fn advance(updater: &mut Updater, fetcher: &Fetcher, url: &str, disk: &Disk) -> Result<(), Failure> {
    loop {
        let mut reason = None;
        let found = match updater.want()? {
            Want::Nothing => return Ok(()),
            Want::Kept(role) => disk.kept(&role).map_or(Fetched::Missing, Fetched::Bytes),
            Want::Fetch { name, max_bytes, .. } => {
                let url = format!("{}/{name}", url.trim_end_matches('/'));
                match fetcher.fetch(&url, max_bytes) {
                    Ok(found) => found,
                    Err(failure) => {
                        reason = Some(failure);
                        Fetched::Missing
                    }
                }
            }
        };
        let supply = match (&found, &reason) {
            (_, Some(_)) => Supply::Failed,
            (Fetched::Bytes(bytes), None) => Supply::Bytes(bytes),
            (Fetched::Missing, None) => Supply::Missing,
        };
        let kept = match (updater.supply(supply), reason) {
            (Err(TufError::Unavailable { .. }), Some(reason)) => return Err(reason),
            (outcome, _) => outcome?,
        };
        if let (Some(role), Fetched::Bytes(bytes)) = (kept, found) {
            disk.keep(&role, &bytes)?;
        }
    }
}

fn download(arguments: &Arguments, disk: &Disk) -> Result<(), Failure> {
    let folder = arguments
        .target_dir
        .as_deref()
        .ok_or(Failure::Missing("--target-dir"))?;
    let base = arguments
        .target_base_url
        .as_deref()
        .ok_or(Failure::Missing("--target-base-url"))?;
    let url = arguments
        .metadata_url
        .as_deref()
        .ok_or(Failure::Missing("--metadata-url"))?;
    if arguments.target_name.is_empty() {
        return Err(Failure::Missing("--target-name"));
    }
    let (fetcher, mut updater) = refresh(arguments, disk)?;
    disk::folder(folder)?;
    for name in &arguments.target_name {
        updater.seek(name);
        advance(&mut updater, &fetcher, url, disk)?;
        let (_, file) = updater.found()?;
        let place = folder.join(disk::quoted(name));
        if std::fs::read(&place).is_ok_and(|bytes| file.verify(name, &bytes).is_ok()) {
            continue;
        }
        let prefix = file
            .hash_prefix()
            .filter(|_| updater.trusted().consistent_snapshot());
        let url = format!(
            "{}/{}",
            base.trim_end_matches('/'),
            published(name, prefix.as_deref())
        );
        let bytes = match fetcher.fetch(&url, file.length)? {
            Fetched::Bytes(bytes) => bytes,
            Fetched::Missing => {
                return Err(Failure::Fetch {
                    url,
                    reason: "not there".to_owned(),
                });
            }
        };
        file.verify(name, &bytes)?;
        disk::place(&place, &bytes)?;
    }
    Ok(())
}

/// The path of a target in a repository: the hash stands in front of its last segment.
fn published(name: &str, prefix: Option<&str>) -> String {
    match (prefix, name.rsplit_once('/')) {
        (None, _) => name.to_owned(),
        (Some(prefix), None) => format!("{prefix}.{name}"),
        (Some(prefix), Some((folder, last))) => format!("{folder}/{prefix}.{last}"),
    }
}

/// A longer message is cut.
const MESSAGE_CHARS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_name_is_shown_plainly() {
        assert_eq!(plain("role \u{1b}[2J\nok"), "role \u{fffd}[2J\u{fffd}ok");
        assert_eq!(plain(&"é".repeat(5_000)).chars().count(), MESSAGE_CHARS);
    }

    #[test]
    fn a_targets_hash_stands_before_its_last_segment() {
        let check =
            |name: &str, prefix: Option<&str>, expect: &str| assert_eq!(published(name, prefix), expect);
        check("x", None, "x");
        check("x", Some("ab"), "ab.x");
        check("a/b/x", Some("ab"), "a/b/ab.x");
        check("a/", Some("ab"), "a/ab.");
    }
}
