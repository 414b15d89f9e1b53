//! The passphrase of private keys: asked for on the terminal without showing it, or read from the file that `ATTEST_PASSPHRASE_FILE`
//! names. It is asked for once, and never shown or logged.

use std::{cell::OnceCell, env, path::PathBuf};

use attest_core::redacted::Redacted;
use console::Term;

use super::Stop;
use crate::input;

/// Names the file with the passphrase, for machines without a terminal.
pub(super) const PASSPHRASE_FILE: &str = "ATTEST_PASSPHRASE_FILE";

/// No passphrase is longer.
const MAX_BYTES: usize = 4096;

/// Shorter ones are guessed, whatever stretches them.
const MIN_CHARS: usize = 12;

/// One passphrase for all keys of a folder.
#[derive(Debug, Default)]
pub(super) struct Passphrase(OnceCell<Redacted<String>>);

impl Passphrase {
    /// That of keys that exist. `what` is said where it is asked for.
    pub(super) fn known(&self, what: &str) -> Result<&str, Stop> {
        self.once(|| ask(&format!("Passphrase of {what}: ")))
    }

    /// One for new keys: asked for twice, and not short.
    pub(super) fn chosen(&self, what: &str) -> Result<&str, Stop> {
        self.once(|| {
            let chosen = ask(&format!("Passphrase for {what}: "))?;
            if ask("The same again: ")? != chosen {
                return Err(Stop::refused("the two passphrases differ; nothing was made"));
            }
            Ok(chosen)
        })
        .and_then(|chosen| {
            if chosen.chars().count() < MIN_CHARS {
                return Err(Stop::refused(format!(
                    "a passphrase has at least {MIN_CHARS} characters; five random words are a good one"
                )));
            }
            Ok(chosen)
        })
    }

    fn once(&self, ask: impl FnOnce() -> Result<String, Stop>) -> Result<&str, Stop> {
        if self.0.get().is_none() {
            let text = match env::var_os(PASSPHRASE_FILE) {
                Some(path) => from_file(PathBuf::from(path))?,
                None => ask()?,
            };
            // It was empty a moment ago, and nobody else fills it.
            let _filled = self.0.set(Redacted::new(text)).is_err();
        }
        Ok(self.0.get().map_or("", |text| text.reveal().as_str()))
    }
}

fn ask(question: &str) -> Result<String, Stop> {
    let term = Term::stderr();
    let failed = |error| {
        Stop::unusable(format!(
            "the passphrase cannot be asked for: {error}\n  Without a terminal, {PASSPHRASE_FILE} names a file that holds it."
        ))
    };
    if !term.is_term() {
        return Err(failed(std::io::Error::other("this is no terminal")));
    }
    term.write_str(question).map_err(failed)?;
    let answer = term.read_secure_line();
    // The line end that was typed was not shown.
    term.write_line("").map_err(failed)?;
    answer.map_err(failed)
}

fn from_file(path: PathBuf) -> Result<String, Stop> {
    let read = input::file(&path, MAX_BYTES)
        .map_err(|error| Stop::file(&path, format!("{error} ({PASSPHRASE_FILE})")))?;
    let text = read.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| Stop::file(&path, format!("this is no passphrase ({PASSPHRASE_FILE})")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
