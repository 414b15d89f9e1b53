//! `attest evidence inspect`: what a piece of evidence says, whatever it is. It verifies nothing.

use std::io;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::apple_view::{self, Object};
use super::verdict::{Unusable, outline};
use super::{android, android_view, input, play};
use crate::out::{Exit, Out, printable};

/// Show what a piece of evidence says: any kind, without any parameter.
///
/// The kind is found out: a PEM chain of Android Key Attestation, an App Attest attestation or assertion (CBOR or base64), a Play
/// Integrity token. NOTHING IS VERIFIED: anybody can write such a file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  attest evidence inspect chain.pem\n\n\
                        Exit codes: 0 shown, 1 no kind of evidence that is known, 2 unreadable file.")]
pub(super) struct Inspect {
    /// The evidence.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Evidence of a kind that was found out.
struct Seen {
    kind: &'static str,
    title: &'static str,
    /// What a reader may not know.
    notes: Vec<String>,
    facts: Value,
}

impl Inspect {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let bytes = match input::evidence(&self.file) {
            Ok(bytes) => bytes,
            Err(unusable) => return unusable.show(out),
        };
        let Some(seen) = seen(bytes) else {
            let problem = format!("{}: no kind of evidence that is known", self.file.display());
            Unusable::new("kind-unknown", problem).show(out)?;
            return Ok(Exit::Refused);
        };
        if self.json {
            let json =
                json!({ "kind": seen.kind, "proven": false, "facts": seen.facts, "notes": seen.notes });
            writeln!(out.out, "{json}")?;
            return Ok(Exit::Clean);
        }
        writeln!(out.out, "{}; NOT verified\n", seen.title)?;
        write!(out.out, "{}", printable(&outline(&seen.facts)))?;
        for note in &seen.notes {
            writeln!(out.out, "\n{}", printable(note))?;
        }
        Ok(Exit::Clean)
    }
}

fn seen(bytes: Vec<u8>) -> Option<Seen> {
    if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        let chain = android::chain(&bytes).ok()?;
        return Some(android_chain(&chain));
    }
    let text = std::str::from_utf8(&bytes).ok().map(str::trim_ascii);
    if let Some(facts) = text.and_then(play::view) {
        return Some(play_token(facts));
    }
    let object = input::binary(bytes);
    let (kind, facts) = apple_view::view(&object)?;
    Some(apple_object(kind, facts))
}

fn android_chain(chain: &[Vec<u8>]) -> Seen {
    let facts = android_view::view(chain);
    let mut notes = Vec::new();
    let said = |name: &str| facts.get(name).filter(|value| !value.is_null());
    if said("challenge").is_none() && said("key_description").is_none() {
        notes.push("The first certificate has no KeyDescription: it attests nothing.".to_owned());
    }
    if said("key_descriptions_at").is_some() {
        notes.push("A certificate above the leaf has a KeyDescription: an attested key was used to issue others. Refused.".to_owned());
    }
    if said("root_is_googles") == Some(&Value::Bool(false)) {
        notes.push("The last certificate's key is none of Google's roots: software keys, another vendor, or a forgery.".to_owned());
    }
    if let Some(boot) = said("boot") {
        let locked = boot.get("locked") == Some(&Value::Bool(true));
        let verified = boot.get("state").and_then(Value::as_str) == Some("verified");
        notes.push(match (locked, verified) {
            (true, true) => "The phone is locked and runs its maker's system, so package and signers can be believed.".to_owned(),
            (true, false) => "The phone is locked, and runs a system that is not its maker's: believe package and signers only if policy lists its boot key.".to_owned(),
            (false, _) => "The phone is unlocked: its system can claim any package and signer.".to_owned(),
        });
    }
    notes.push("To verify: attest evidence verify --kind android-key ...".to_owned());
    Seen {
        kind: "android-key",
        title: "Android Key Attestation",
        notes,
        facts,
    }
}

fn play_token(facts: Value) -> Seen {
    let expected = |name: &str, value: &str| {
        facts.pointer(&format!("/header/{name}")).and_then(Value::as_str) == Some(value)
    };
    let mut notes = Vec::new();
    if !expected("alg", "A256KW") || !expected("enc", "A256GCM") {
        notes.push("Google encrypts with A256KW and A256GCM; anything else is refused.".to_owned());
    }
    notes.push(
        "The verdicts are encrypted with your app's keys. Download them from the Play Console (App integrity, response encryption), \
         then: attest evidence verify --kind play-integrity --decryption-key-b64 ... --verification-key-b64 ... --package ..."
            .to_owned(),
    );
    Seen {
        kind: "play-integrity",
        title: "Play Integrity token",
        notes,
        facts,
    }
}

fn apple_object(object: Object, facts: Value) -> Seen {
    let about_app = "The app is there as SHA-256 of TEAM.bundle only.";
    match object {
        Object::Attestation => Seen {
            kind: "app-attest",
            title: "App Attest attestation",
            notes: vec![
                about_app.to_owned(),
                "Pass the leaf's key_x962_hex as --public-key-x962-hex to verify assertions of this key."
                    .to_owned(),
                "To verify: attest evidence verify --kind app-attest ...".to_owned(),
            ],
            facts,
        },
        Object::Assertion => Seen {
            kind: "app-attest-assertion",
            title: "App Attest assertion",
            notes: vec![
                about_app.to_owned(),
                "To verify: attest evidence verify --kind app-attest-assertion ... with the attested key."
                    .to_owned(),
            ],
            facts,
        },
    }
}
