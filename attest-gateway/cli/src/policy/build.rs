//! `attest policy build`: the two policies as phones and gateways get them, byte-identical for equal sources on every machine.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use attest_core::encoding::sha256;
use attest_policy::Compiled;
use clap::Args;
use serde_json::json;

use super::input::{self, count};
use crate::out::{Exit, Out, printable};

/// Write what phones get and what gateways get: `device.json` and `gateway.json`, canonical JSON.
///
/// Equal sources give equal bytes on every machine and at any time. A policy with an error is not built, and a file is there as a
/// whole or not at all.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy build policy.yaml -o built\n  attest policy build policy.yaml -o built --check\n\n\
                  Exit codes: 0 written (with --check: equal), 1 the policy has errors (with --check: something differs), \
                  2 wrong use, unreadable file or the folder cannot be written."
)]
pub(super) struct Build {
    /// The policy; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder; it is made if it is not there.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Write nothing: compare with what is in the folder.
    #[arg(long)]
    check: bool,
    /// Print one JSON array.
    #[arg(long)]
    json: bool,
}

/// A file to be written.
struct Built {
    name: &'static str,
    text: String,
}

impl Built {
    fn sha256(&self) -> String {
        let digest = sha256(&[self.text.as_bytes()]);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Build {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let analysed = match input::analysed(&self.file) {
            Ok(analysed) => analysed,
            Err(error) => return error.show(out),
        };
        if analysed.is_pack {
            writeln!(
                out.err,
                "{}: this is a pack; build the policy that takes it",
                printable(&analysed.name)
            )?;
            return Ok(Exit::Unusable);
        }
        input::show(&analysed.analysis.problems, out.err)?;
        let built = analysed.analysis.compiled.as_ref().and_then(built);
        let Some(built) = built else {
            let problems = count(analysed.analysis.problems.len(), "problem");
            writeln!(out.err, "{}: not built: {problems}", printable(&analysed.name))?;
            return Ok(Exit::Refused);
        };
        if self.check {
            return self.compare(&built, out);
        }
        if let Err((path, error)) = write(&self.output, &built) {
            let path = path.display().to_string();
            writeln!(out.err, "{}: cannot be written: {error}", printable(&path))?;
            return Ok(Exit::Unusable);
        }
        self.show(&built, &["written"; 2], out)?;
        Ok(Exit::Clean)
    }

    fn compare(&self, built: &[Built; 2], out: &mut Out<'_>) -> io::Result<Exit> {
        let state = |file: &Built| match fs::read(self.output.join(file.name)) {
            Ok(bytes) if bytes == file.text.as_bytes() => "equal",
            Ok(_) => "differs",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "not there",
            Err(_) => "unreadable",
        };
        let states = built.each_ref().map(state);
        self.show(built, &states, out)?;
        Ok(if states.contains(&"unreadable") {
            Exit::Unusable
        } else if states == ["equal"; 2] {
            Exit::Clean
        } else {
            Exit::Refused
        })
    }

    fn show(&self, built: &[Built; 2], states: &[&str; 2], out: &mut Out<'_>) -> io::Result<()> {
        if self.json {
            let files: Vec<_> = built
                .iter()
                .zip(states)
                .map(|(file, state)| {
                    let (bytes, sha256) = (file.text.len(), file.sha256());
                    json!({ "file": file.name, "bytes": bytes, "sha256": sha256, "state": state })
                })
                .collect();
            return writeln!(out.out, "{}", json!(files));
        }
        for (file, state) in built.iter().zip(states) {
            let (name, bytes, sha256) = (file.name, file.text.len(), file.sha256());
            let state = if self.check {
                format!("  {state}")
            } else {
                String::new()
            };
            writeln!(out.out, "{name:<12}  {bytes:>7} bytes  sha256:{sha256}{state}")?;
        }
        Ok(())
    }
}

fn built(compiled: &Compiled) -> Option<[Built; 2]> {
    Some([
        Built {
            name: "device.json",
            text: compiled.device_json().ok()?,
        },
        Built {
            name: "gateway.json",
            text: compiled.gateway_json().ok()?,
        },
    ])
}

/// Both files beside their places first, then both in place.
fn write(folder: &Path, built: &[Built; 2]) -> Result<(), (PathBuf, io::Error)> {
    fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    let beside = |file: &Built| folder.join(format!(".{}.{}", file.name, std::process::id()));
    let made = built.iter().try_for_each(|file| {
        let path = beside(file);
        put(&path, &file.text).map_err(|error| (path, error))
    });
    let placed = made.and_then(|()| {
        built.iter().try_for_each(|file| {
            let path = folder.join(file.name);
            fs::rename(beside(file), &path).map_err(|error| (path, error))
        })
    });
    if placed.is_err() {
        for file in built {
            // What was placed is not beside its place any more.
            let _gone = fs::remove_file(beside(file)).is_err();
        }
    }
    placed
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
