//! The app's own package, read from the file that is mapped: `apk.signers`, `apk.schemes`, `apk.entry_exists`, `apk.same_file`.
//!
//! The file is opened by the path that the memory map has, never by one that the platform's API states, and read at places: its end,
//! its directory, its signing block. Where the C library is redirected to another package, the views differ.
//!
//! Says who the file claims to be signed by; that the claim holds for all of it was Android's to verify when it installed the app.

use attest_core::facts::{FactId, FactRef, Observation, Value};
use attest_core::policy::Variables;
use attest_core::signing_block::{
    self, Scheme, SchemeKind, SignatureState, Signer, SigningBlock, SigningBlockError,
};

use super::super::answers::{boolean, list};
use super::super::parse::{ParseError, zip};
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::mapped_file::MappedFile;
use super::{by_view, maps, own};

/// The app's own package.
#[derive(Debug, Default)]
pub(super) struct Apk {
    /// The Android API level, by which Android chooses among the schemes; without one the newest scheme counts.
    sdk: Option<u32>,
}

impl Apk {
    /// On this phone. The level is what the C library says; a hook there can only choose among what signed the file.
    pub(super) fn of_this_system() -> Self {
        #[cfg(target_os = "android")]
        let sdk = super::super::sys::property("ro.build.version.sdk")
            .ok()
            .flatten()
            .and_then(|level| std::str::from_utf8(&level).ok()?.parse().ok());
        #[cfg(not(target_os = "android"))]
        let sdk = None;
        Self { sdk }
    }
}

impl Probe for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::APK_SIGNERS,
            FactId::APK_SCHEMES,
            FactId::APK_ENTRY_EXISTS,
            FactId::APK_SAME_FILE,
        ]
    }

    fn cost_us(&self) -> u32 {
        1_500
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(
            questions,
            scope,
            answers,
            &|files, questions| match opened(files, scope.variables) {
                Ok(own) => self.observe(&own, questions),
                Err(observation) => vec![observation; questions.len()],
            },
        );
    }
}

/// The mapped APK; why there is none otherwise.
fn opened<'d>(files: &Files<'d>, variables: &Variables) -> Result<MappedFile<'d>, Observation> {
    maps::with_regions(files, |map| {
        let Some(path) = own::apk(&map.value, variables) else {
            return Err(if map.truncated {
                Errno::CUT.into()
            } else {
                Observation::Absent
            });
        };
        let region = map.value.iter().find(|region| region.path == path);
        let region = region.ok_or(Observation::Absent)?;
        MappedFile::open(files, region).map_err(Observation::from)
    })?
}

impl Apk {
    fn observe(&self, own: &MappedFile<'_>, questions: &[&FactRef]) -> Vec<Observation> {
        let asks = |fact| questions.iter().any(|question| question.fact() == fact);
        let block =
            (asks(FactId::APK_SIGNERS) || asks(FactId::APK_SCHEMES)).then(|| signing_block::parse(own));
        let of_block = |read: &dyn Fn(&SigningBlock) -> Observation, without: Observation| match &block {
            Some(Ok(block)) => read(block),
            Some(Err(SigningBlockError::Absent)) => without,
            Some(Err(SigningBlockError::Unreadable(_))) => own.errno().into(),
            Some(Err(_)) | None => Errno::SENSELESS.into(),
        };
        let entries = Entries::of(own, questions);
        let one = |question: &&FactRef| match question.fact() {
            FactId::APK_SAME_FILE => own.is_same().map_or_else(Observation::from, boolean),
            FactId::APK_SCHEMES => of_block(&schemes, Value::List(Vec::new()).into()),
            FactId::APK_SIGNERS => of_block(&|block| signers(block, self.sdk), Observation::Absent),
            FactId::APK_ENTRY_EXISTS => entries.observe(question),
            _ => Errno::UNFIT.into(),
        };
        questions.iter().map(one).collect()
    }
}

/// Which of the entries that are asked for exist.
struct Entries<'q> {
    wanted: Vec<&'q [u8]>,
    exist: Result<Vec<bool>, Errno>,
}

impl<'q> Entries<'q> {
    fn of(own: &MappedFile<'_>, questions: &[&'q FactRef]) -> Self {
        let asked = questions
            .iter()
            .filter(|question| question.fact() == FactId::APK_ENTRY_EXISTS);
        let wanted: Vec<_> = asked
            .filter_map(|question| question.param())
            .map(str::as_bytes)
            .collect();
        let exist = if wanted.is_empty() {
            Ok(Vec::new())
        } else {
            zip::entries_exist(own, &wanted).map_err(|error| match error {
                ParseError::Unreadable => own.errno(),
                ParseError::Bound => Errno::CUT,
                ParseError::OtherFormat
                | ParseError::Variant
                | ParseError::Short
                | ParseError::Contradiction => Errno::SENSELESS,
            })
        };
        Self { wanted, exist }
    }

    fn observe(&self, question: &FactRef) -> Observation {
        let exist = match &self.exist {
            Ok(exist) => exist,
            Err(errno) => return (*errno).into(),
        };
        let at = self
            .wanted
            .iter()
            .position(|name| question.param().map(str::as_bytes) == Some(*name));
        let exists = at.and_then(|at| exist.get(at));
        exists.map_or_else(|| Errno::UNFIT.into(), |exists| boolean(*exists))
    }
}

fn schemes(block: &SigningBlock) -> Observation {
    let names = block.schemes.iter().map(|scheme| scheme.kind.as_str().to_owned());
    list(names.collect(), false)
}

/// The certificates of those whom Android takes for the signers. One whose own signature is not by its key signed nothing that Android
/// has installed: then nothing is said.
fn signers(block: &SigningBlock, sdk: Option<u32>) -> Observation {
    let Some(signers) = in_force(block, sdk) else {
        return Errno::SENSELESS.into();
    };
    let is_signed = |signer: &&Signer| {
        matches!(
            signer.signature,
            SignatureState::Verified | SignatureState::Unsupported
        )
    };
    if signers.is_empty() || !signers.iter().all(is_signed) {
        return Errno::SENSELESS.into();
    }
    let digests = signers.iter().map(|signer| hex(&signer.certificate.sha256));
    list(digests.collect(), false)
}

/// The signers that count on this version of Android: of the newest scheme that it knows and that is meant for it.
fn in_force(block: &SigningBlock, sdk: Option<u32>) -> Option<Vec<&Signer>> {
    let Some(sdk) = sdk else {
        return Some(block.newest()?.signers.iter().collect());
    };
    let meant = |scheme: &Scheme, signer: &Signer| {
        let within = |range: &signing_block::SdkRange| (range.min..=range.max).contains(&sdk);
        scheme.kind == SchemeKind::V2 || signer.sdk.as_ref().is_some_and(within)
    };
    for (kind, since) in [(SchemeKind::V31, 33), (SchemeKind::V3, 28), (SchemeKind::V2, 24)] {
        let Some(scheme) = block.scheme(kind).filter(|_| sdk >= since) else {
            continue;
        };
        let signers: Vec<_> = scheme
            .signers
            .iter()
            .filter(|signer| meant(scheme, signer))
            .collect();
        // v3.1 may be meant for later versions alone; an app with a v3 that is not for this one is not installed.
        if !signers.is_empty() || kind != SchemeKind::V31 {
            return Some(signers);
        }
    }
    None
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to text cannot fail.
        let _: std::fmt::Result = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
