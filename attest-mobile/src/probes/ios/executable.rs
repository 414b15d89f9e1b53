//! The main program's file: `macho.cryptid`, `macho.entitlements`, `id.team`, `id.package@libc`.
//!
//! Load commands and code signature are read at their places, never the whole file. The signature is what the file states; that the
//! kernel has taken it is what `macho.csops_flags` says.

use std::borrow::Cow;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{integer, list, text};
use super::super::parse::macho::{self, Image, MAX_COMMAND_BYTES, Span};
use super::super::parse::{ParseError, entitlements};
use super::super::sys::{Errno, File, Files, View};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::native;

/// The processor whose part of a file is run.
#[cfg(target_arch = "x86_64")]
const CPU: u32 = 0x0100_0007;
#[cfg(not(target_arch = "x86_64"))]
const CPU: u32 = 0x0100_000c;

/// Bytes of a header and of the load commands of most programs: what is read first.
const HEAD_BYTES: usize = 1 << 14;
/// Bytes of a signature that are read: that of a program of half a gigabyte.
const MAX_SIGNATURE_BYTES: u64 = 1 << 22;

/// Finds the program by this function.
#[derive(Debug)]
pub(super) struct Executable(pub(super) fn() -> io::Result<PathBuf>);

impl Default for Executable {
    fn default() -> Self {
        Self(std::env::current_exe)
    }
}

impl Probe for Executable {
    fn name(&self) -> &'static str {
        "ios.executable"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::MACHO_CRYPTID,
            FactId::MACHO_ENTITLEMENTS,
            FactId::ID_TEAM,
            FactId::ID_PACKAGE,
        ]
    }

    fn cost_us(&self) -> u32 {
        1_000
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Process
    }

    fn takes(&self, question: &FactRef) -> bool {
        native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        for view in [View::Libc, View::Syscall] {
            let asked = questions.iter().filter(|question| native(question) == Some(view));
            let asked: Vec<_> = asked.collect();
            if asked.is_empty() {
                continue;
            }
            let wants_signature = asked
                .iter()
                .any(|question| question.fact() != FactId::MACHO_CRYPTID);
            let read =
                Files::through(view, scope.deadline).and_then(|files| self.read(&files, wants_signature));
            for question in asked {
                let observation = match &read {
                    Ok(read) => read.observe(question.fact()),
                    Err(errno) => (*errno).into(),
                };
                answers.put(question, observation);
            }
        }
    }
}

/// What was read of a program.
struct Read {
    image: Image,
    /// What the signature states; `None` if it is not signed.
    signature: Result<Option<Signed>, Errno>,
}

struct Signed {
    entitlements: Vec<String>,
    team: Option<String>,
    identifier: Option<String>,
}

impl Executable {
    fn read(&self, files: &Files<'_>, wants_signature: bool) -> Result<Read, Errno> {
        let program = (self.0)().map_err(|error| Errno::new(error.raw_os_error().unwrap_or(libc::EIO)))?;
        let file = files.open(program.as_os_str().as_bytes())?;
        let part = own_part(&file)?;
        let image = image(&file, part)?;
        let signature = match image.signature {
            Some(span) if wants_signature => signed(&file, part, span).map(Some),
            Some(_) | None => Ok(None),
        };
        Ok(Read { image, signature })
    }
}

impl Read {
    fn observe(&self, fact: FactId) -> Observation {
        if fact == FactId::MACHO_CRYPTID {
            return self.image.cryptid.map_or(Observation::Absent, integer);
        }
        match (&self.signature, fact) {
            (Err(errno), _) => (*errno).into(),
            (Ok(None), _) => Observation::Absent,
            (Ok(Some(signed)), FactId::MACHO_ENTITLEMENTS) => list(signed.entitlements.clone(), false),
            (Ok(Some(signed)), fact) => {
                let stated = match fact {
                    FactId::ID_TEAM => &signed.team,
                    _ => &signed.identifier,
                };
                stated.as_ref().map_or(Observation::Absent, text)
            }
        }
    }
}

/// Where this processor's part of the file begins: at its beginning unless it has several.
fn own_part(file: &File<'_>) -> Result<u64, Errno> {
    let head = file.read_at(0, HEAD_BYTES)?;
    match macho::architectures(&head) {
        Ok(parts) => {
            let own = parts.iter().find(|part| part.cpu == CPU);
            own.map(|part| part.span.offset).ok_or(Errno::SENSELESS)
        }
        Err(ParseError::OtherFormat) => Ok(0),
        Err(_) => Err(Errno::SENSELESS),
    }
}

fn image(file: &File<'_>, at: u64) -> Result<Image, Errno> {
    let all = usize::try_from(MAX_COMMAND_BYTES).unwrap_or(HEAD_BYTES);
    for bytes in [HEAD_BYTES, all] {
        match macho::image(&file.read_at(at, bytes)?) {
            Ok(image) => return Ok(image),
            Err(ParseError::Short) => {}
            Err(ParseError::Bound) => return Err(Errno::CUT),
            Err(_) => return Err(Errno::SENSELESS),
        }
    }
    Err(Errno::SENSELESS)
}

fn signed(file: &File<'_>, part: u64, span: Span) -> Result<Signed, Errno> {
    if span.bytes > MAX_SIGNATURE_BYTES {
        return Err(Errno::CUT);
    }
    let at = part.checked_add(span.offset).ok_or(Errno::UNFIT)?;
    let bytes = file.read_at(at, usize::try_from(span.bytes).map_err(|_| Errno::CUT)?)?;
    let signature = entitlements::signature(&bytes).map_err(|error| match error {
        ParseError::Bound => Errno::CUT,
        ParseError::OtherFormat
        | ParseError::Variant
        | ParseError::Short
        | ParseError::Contradiction
        | ParseError::Unreadable => Errno::SENSELESS,
    })?;
    Ok(Signed {
        entitlements: signature.entitlements().into_iter().map(str::to_owned).collect(),
        team: signature.team.map(Cow::into_owned),
        identifier: signature.identifier.map(Cow::into_owned),
    })
}
