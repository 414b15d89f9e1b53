//! Facts that were recorded before: property dumps of devices, cases of cloners, and what probes wrote down.
//!
//! [`read`] takes one JSON text in any of these forms and never fails as a whole where a part can be used. What a record
//! does not say is *not observed*, never absent and never clean. It touches no file.

mod case;
mod dump;
mod facts;
mod fields;
mod scan;
mod stated;

use attest_core::{
    facts::{FactRef, Platform},
    policy::Variables,
};
use serde_json::Value as Json;
use thiserror::Error;

pub use self::{
    facts::RecordedFacts,
    scan::{Finding, Scanner},
    stated::Observed,
};

/// The largest recording that is read, in bytes: a phone's full memory map is some hundred KiB.
pub const MAX_RECORDING_BYTES: usize = 16 * 1024 * 1024;

/// What one JSON text recorded.
#[derive(Debug, Default)]
pub struct Recording {
    /// The records that could be read, in the order of the text.
    pub records: Vec<Record>,
    /// What could not be read; each is left out of `records`.
    pub problems: Vec<RecordError>,
    /// What was left unread without harm, such as members that nobody knows.
    pub notes: Vec<String>,
}

/// What one phone said at one time.
#[derive(Debug)]
pub struct Record {
    /// The name of the case; `None` if the text is about one phone as a whole.
    pub case: Option<String>,
    /// What was observed.
    pub facts: RecordedFacts,
    /// The values of `${…}`, as far as they are known.
    pub variables: Variables,
}

/// Why a recording, or one record of it, cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// More than [`MAX_RECORDING_BYTES`].
    #[error("it is larger than {MAX_RECORDING_BYTES} bytes")]
    TooLarge,
    /// Not JSON.
    #[error("it is not JSON: {problem}")]
    Malformed {
        /// What the reader of JSON says, with line and column.
        problem: String,
    },
    /// None of the known forms.
    #[error(
        "{place}: neither a property dump (`props`), nor cases (`cases`), nor facts (`facts`), nor a list of such"
    )]
    FormUnknown {
        /// Where in the text.
        place: String,
    },
    /// A member of the wrong type.
    #[error("{place}: expected {expected}")]
    MemberUnfit {
        /// Where in the text.
        place: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Recorded on a phone of another platform than the one that is asked about.
    #[error("{place}: recorded on `{recorded}`, but `{asked}` is asked about")]
    PlatformDiffers {
        /// Where in the text.
        place: String,
        /// What the record says.
        recorded: String,
        /// What was asked for.
        asked: &'static str,
    },
}

impl RecordError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "recording-too-large",
            Self::Malformed { .. } => "recording-malformed",
            Self::FormUnknown { .. } => "recording-form-unknown",
            Self::MemberUnfit { .. } => "recording-member-unfit",
            Self::PlatformDiffers { .. } => "recording-platform-differs",
        }
    }
}

/// Everything that a JSON text recorded about phones of this platform.
#[must_use]
pub fn read(json: &[u8], platform: Platform) -> Recording {
    let mut recording = Recording::default();
    if json.len() > MAX_RECORDING_BYTES {
        recording.problems.push(RecordError::TooLarge);
        return recording;
    }
    match serde_json::from_slice::<Json>(json) {
        Ok(Json::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                let place = format!("[{index}]");
                recording.add(item, platform, &place, Some(place.clone()));
            }
        }
        Ok(json) => recording.add(&json, platform, "the text", None),
        Err(error) => recording.problems.push(RecordError::Malformed {
            problem: error.to_string(),
        }),
    }
    recording
}

impl Recording {
    fn add(&mut self, json: &Json, platform: Platform, place: &str, case: Option<String>) {
        let Some(members) = json.as_object() else {
            return self.problems.push(RecordError::FormUnknown {
                place: place.to_owned(),
            });
        };
        if let Some(cases) = members.get("cases") {
            return case::read(members, cases, platform, place, self);
        }
        let read = if members.contains_key("props") {
            dump::read(members, platform, place, case, &mut self.notes)
        } else if members.contains_key("facts") {
            stated::read(members, platform, place, case, &mut self.notes)
        } else {
            Err(RecordError::FormUnknown {
                place: place.to_owned(),
            })
        };
        match read {
            Ok(record) => self.records.push(record),
            Err(problem) => self.problems.push(problem),
        }
    }
}

/// A fact of this text that is known to exist.
fn asked(text: &str) -> Option<FactRef> {
    text.parse().ok()
}

#[cfg(test)]
mod tests;
