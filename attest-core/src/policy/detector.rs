//! Detectors: named conditions over what probes observed on the phone, and the set that one phone runs.
//!
//! A detector that this engine does not understand is `unsupported` and reported so; it is never skipped and never
//! counts as clear.

use serde::{Deserialize, Serialize};

use super::{
    Condition, ENGINE_VERSION, Fault, Matcher, Outcome, PolicyError, Scope,
    error::Errors,
    matcher::{Clause, Verdict},
};
use crate::{
    encoding,
    facts::{FactRef, FactSource, Platform},
};

/// A named condition over what probes observe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// The id that findings carry.
    pub id: String,
    /// The platform on which it runs.
    pub platform: Platform,
    /// What it finds.
    pub category: Category,
    /// How bad that is.
    pub severity: Severity,
    /// Whether its findings count.
    #[serde(default)]
    pub mode: Mode,
    /// The engine it needs.
    #[serde(default = "first_engine")]
    pub engine_min: u32,
    /// Why it exists, for the person who meets its finding.
    pub why: String,
    /// When it hits.
    pub when: Condition,
}

pub(super) const fn first_engine() -> u32 {
    1
}

macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$attribute:meta])+ $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum $name {
            $($(#[$attribute])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word used in a policy.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// What a detector finds.
    Category {
        /// The app runs inside another app.
        Cloner = "cloner",
        /// The phone is not a phone.
        Emulator = "emulator",
        /// The Android system is rooted.
        Root = "root",
        /// Code of the process was replaced.
        Hook = "hook",
        /// A debugger is attached.
        Debugger = "debugger",
        /// The Android app was changed and signed again.
        Repackaging = "repackaging",
        /// The iOS system is jailbroken.
        Jailbreak = "jailbreak",
        /// The app runs in the iOS simulator.
        Simulator = "simulator",
        /// The iOS app was signed again.
        Resigning = "resigning",
        /// Something about the policy on the phone.
        Policy = "policy",
        /// Something about the app's own state.
        App = "app",
    }
}

words! {
    /// How bad a finding is.
    Severity {
        /// Worth knowing; never a reason to refuse by itself.
        Info = "info",
        /// Weak sign.
        Low = "low",
        /// Sign.
        Medium = "medium",
        /// Strong sign.
        High = "high",
        /// Proof.
        Critical = "critical",
    }
}

words! {
    /// Whether a detector or rule counts.
    #[derive(Default)]
    Mode {
        /// Not evaluated.
        Off = "off",
        /// Evaluated and recorded, without effect.
        Shadow = "shadow",
        /// In effect.
        #[default]
        Enforce = "enforce",
    }
}

/// What a gateway knows of a detector: enough to weigh its findings, not how it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DetectorEntry {
    /// The platform on which it runs.
    pub platform: Platform,
    /// What it finds.
    pub category: Category,
    /// How bad that is.
    pub severity: Severity,
    /// Whether its findings count: those of a `shadow` detector are known to rules by id alone.
    pub mode: Mode,
}

impl DetectorEntry {
    /// True if rules may ask what its findings are, not only for its id.
    #[must_use]
    pub const fn counts(&self) -> bool {
        matches!(self.mode, Mode::Enforce)
    }
}

impl From<&Detector> for DetectorEntry {
    fn from(detector: &Detector) -> Self {
        Self {
            platform: detector.platform,
            category: detector.category,
            severity: detector.severity,
            mode: detector.mode,
        }
    }
}

/// What a detector concluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detection {
    /// Its condition holds.
    Hit,
    /// Its condition does not hold.
    Clear,
    /// The facts do not say.
    Inconclusive,
    /// This engine does not understand it.
    Unsupported,
}

impl Detection {
    /// The word used in tests and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Clear => "clear",
            Self::Inconclusive => "inconclusive",
            Self::Unsupported => "unsupported",
        }
    }
}

/// One detector's conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned<'a> {
    /// The detector.
    pub id: &'a str,
    /// What it found or looked for.
    pub category: Category,
    /// What it concluded.
    pub detection: Detection,
}

/// The detectors that one phone runs, compiled, without those that are off.
#[derive(Debug, Clone)]
pub struct DetectorSet {
    detectors: Box<[Compiled]>,
}

#[derive(Debug, Clone)]
struct Compiled {
    id: String,
    category: Category,
    matcher: Option<Matcher>,
}

impl DetectorSet {
    /// The compiled set of the detectors that run on the scope's platform.
    ///
    /// # Errors
    /// Every problem that no newer engine would solve either.
    pub fn compile(
        detectors: &[Detector],
        platform: Platform,
        scope: &Scope<'_>,
    ) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Errors::default();
        let set = Self::compile_at(detectors, platform, scope, false, &mut errors);
        errors.into_result(Some(set))
    }

    /// With `strict`, what this engine does not understand is an error.
    pub(super) fn compile_at(
        detectors: &[Detector],
        platform: Platform,
        scope: &Scope<'_>,
        strict: bool,
        errors: &mut Errors,
    ) -> Self {
        let mut compiled = Vec::new();
        for (index, detector) in detectors.iter().enumerate() {
            if detector.platform != platform {
                continue;
            }
            let mut own = Errors::default();
            let matcher = if detector.engine_min > ENGINE_VERSION {
                // Its condition is for another engine to read.
                let needed = detector.engine_min;
                let path = format!("detectors[{index}].engine_min");
                own.push(path, Fault::EngineUnsupported { needed });
                None
            } else {
                let path = format!("detectors[{index}].when");
                Matcher::compile_at(&detector.when, scope, &path, &mut own).filter(|_| own.is_empty())
            };
            // A newer engine may understand it, so this one says `unsupported`.
            if strict || !own.all(Fault::is_newer) {
                errors.append(own);
            }
            if detector.mode != Mode::Off {
                compiled.push(Compiled {
                    id: detector.id.clone(),
                    category: detector.category,
                    matcher,
                });
            }
        }
        Self {
            detectors: compiled.into(),
        }
    }

    /// What each detector concludes from `source`, in the policy's order.
    pub fn scan<'a>(&'a self, source: &'a dyn FactSource) -> impl Iterator<Item = Scanned<'a>> {
        self.detectors.iter().map(|detector| Scanned {
            id: &detector.id,
            category: detector.category,
            detection: match detector.matcher.as_ref().map(|matcher| matcher.evaluate(source)) {
                None => Detection::Unsupported,
                Some(Outcome::True) => Detection::Hit,
                Some(Outcome::False) => Detection::Clear,
                Some(Outcome::Inconclusive) => Detection::Inconclusive,
            },
        })
    }

    /// The ids of those that this engine does not understand.
    pub fn unsupported(&self) -> impl Iterator<Item = &str> {
        let unsupported = self
            .detectors
            .iter()
            .filter(|detector| detector.matcher.is_none());
        unsupported.map(|detector| detector.id.as_str())
    }

    /// Why a detector concludes what it does; `None` if it is not in the set or not supported.
    #[must_use]
    pub fn explain(&self, id: &str, source: &dyn FactSource) -> Option<Clause> {
        let matcher = self
            .detectors
            .iter()
            .find(|detector| detector.id == id)?
            .matcher
            .as_ref()?;
        let Verdict { clause, .. } = matcher.verdict(source);
        Some(matcher.explain(clause, source))
    }

    /// The condition of a detector; `None` if it is not in the set or not supported.
    #[must_use]
    pub fn condition(&self, id: &str) -> Option<&Matcher> {
        let found = self.detectors.iter().find(|detector| detector.id == id)?;
        found.matcher.as_ref()
    }

    /// Every question that must be answered before a scan, once and in order.
    #[must_use]
    pub fn facts(&self) -> Vec<&FactRef> {
        let matchers = self
            .detectors
            .iter()
            .filter_map(|detector| detector.matcher.as_ref());
        let mut facts: Vec<_> = matchers.flat_map(Matcher::facts).collect();
        facts.sort_unstable();
        facts.dedup();
        facts
    }

    /// The digest of the ids in this set, as tokens carry it: it says which detectors are clear when not reported.
    #[must_use]
    pub fn evaluated_digest(&self) -> String {
        evaluated_digest(self.detectors.iter().map(|detector| detector.id.as_str()))
    }

    /// The number of detectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.detectors.len()
    }

    /// True without any detector.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.detectors.is_empty()
    }
}

/// The first 16 bytes of SHA-256 over the sorted ids, each followed by a zero byte, in base64url.
#[must_use]
pub fn evaluated_digest<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let mut sorted: Vec<&str> = ids.collect();
    sorted.sort_unstable();
    sorted.dedup();
    let parts: Vec<&[u8]> = sorted.iter().flat_map(|id| [id.as_bytes(), &[0]]).collect();
    let digest = encoding::sha256(&parts);
    encoding::base64url(digest.first_chunk::<16>().unwrap_or(&[0; 16]))
}
