//! System properties: `prop`, `prop.names`. The C library's view is bionic's own API; by system call the property area is read,
//! the files that the system shares with every app.
//!
//! Android lets an app read some areas only. A property in another one is absent by either view, as the API has it. Where there
//! is no property area, as on a Linux host, every question is an error.

use attest_core::facts::{FactId, FactRef, Observation};

use super::super::answers::{list, text};
use super::super::parse::properties::{MAX_AREA_BYTES, properties};
use super::super::sys::{Errno, Files, View};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::by_view;

/// Where Android has the area.
const ROOT: &str = "/dev/__properties__";
/// Areas that are read; phones have some three hundred, one for each SELinux context.
const MAX_AREAS: usize = 1_024;
/// Bytes of all of them that are read.
const MAX_BYTES: usize = 16 << 20;
/// How often an area is read again that changes meanwhile.
const TRIES: usize = 3;
/// The head of an area, which says how much of it is used.
const HEAD_BYTES: usize = 128;

#[derive(Debug)]
pub(super) struct Properties {
    root: String,
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            root: ROOT.to_owned(),
        }
    }
}

impl Properties {
    /// With the area at another place.
    #[cfg(test)]
    pub(super) fn at(root: &str) -> Self {
        Self {
            root: root.to_owned(),
        }
    }
}

impl Probe for Properties {
    fn name(&self) -> &'static str {
        "properties"
    }

    fn facts(&self) -> &'static [FactId] {
        &[FactId::PROP, FactId::PROP_NAMES]
    }

    fn cost_us(&self) -> u32 {
        1_200
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Seconds(300)
    }

    fn takes(&self, question: &FactRef) -> bool {
        by_view::native(question).is_some()
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            if files.view() == View::Libc {
                return questions.iter().map(|question| told(question.param())).collect();
            }
            match area(files, &self.root) {
                Ok(area) => {
                    let one = |question: &&FactRef| area.observation(question.param());
                    questions.iter().map(one).collect()
                }
                Err(errno) => vec![errno.into(); questions.len()],
            }
        });
    }
}

/// What the area says. A value that could not be read is `None`.
struct Area {
    /// By name, each of which stands once.
    values: Vec<(String, Option<String>)>,
    truncated: bool,
}

impl Area {
    fn observation(&self, name: Option<&str>) -> Observation {
        let Some(name) = name else {
            let names = self.values.iter().map(|(name, _)| name.clone());
            return list(names.collect(), self.truncated);
        };
        let found = self
            .values
            .binary_search_by(|(known, _)| known.as_str().cmp(name));
        match found.ok().and_then(|at| self.values.get(at)) {
            Some((_, Some(value))) => text(value.as_str()),
            Some((_, None)) => Errno::UNSTEADY.into(),
            None if self.truncated => Errno::CUT.into(),
            None => Observation::Absent,
        }
    }
}

/// All areas that this app may read.
fn area(files: &Files<'_>, root: &str) -> Result<Area, Errno> {
    let names = match files.list(root.as_bytes(), MAX_AREAS) {
        Err(errno) if errno.is_absent() => return Err(Errno::NO_SUCH_VIEW),
        names => names?,
    };
    let mut area = Area {
        values: Vec::new(),
        truncated: names.truncated,
    };
    let mut left = MAX_BYTES;
    for name in &names.value {
        // These two are no areas: an index of them, and serials.
        if matches!(name.as_slice(), b"property_info" | b"properties_serial") {
            continue;
        }
        let path = [root.as_bytes(), b"/", name].concat();
        match add(files, &path, &mut area, left) {
            Ok(bytes) => left = left.saturating_sub(bytes),
            Err(REFUSED) => {}
            Err(errno) if errno.is_absent() => {}
            Err(errno) => return Err(errno),
        }
    }
    // Of a name that stands twice the last value counts.
    area.values.reverse();
    area.values.sort_by(|(left, _), (right, _)| left.cmp(right));
    area.values.dedup_by(|(left, _), (right, _)| left == right);
    Ok(area)
}

const REFUSED: Errno = Errno::new(libc::EACCES);

/// Adds one area's properties, and says how many bytes were read.
fn add(files: &Files<'_>, path: &[u8], area: &mut Area, left: usize) -> Result<usize, Errno> {
    let mut read = 0;
    for attempt in 1..=TRIES {
        let bytes = used(files, path, left.min(MAX_AREA_BYTES))?;
        read += bytes.len();
        let found = properties(&bytes);
        let is_whole = found.as_ref().is_ok_and(|found| !found.truncated);
        if !is_whole && attempt < TRIES {
            continue;
        }
        area.truncated |= !is_whole;
        for property in found.map(|found| found.value).unwrap_or_default() {
            let value = property.value.map(std::borrow::Cow::into_owned);
            area.values.push((property.name.into_owned(), value));
        }
        break;
    }
    Ok(read)
}

/// The used part of an area: most of it is empty.
fn used(files: &Files<'_>, path: &[u8], cap: usize) -> Result<Vec<u8>, Errno> {
    let file = files.open(path)?;
    let head = file.read_at(0, HEAD_BYTES)?;
    let used = head.first_chunk().map_or(0, |used| u32::from_le_bytes(*used));
    let length = usize::try_from(used).map_or(cap, |used| used.saturating_add(HEAD_BYTES));
    file.read_at(0, length.min(cap))
}

/// What the C library says of a property, or of all names.
#[cfg(target_os = "android")]
fn told(name: Option<&str>) -> Observation {
    use super::super::sys::{property, property_names};
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match name.map(property) {
        Some(Ok(Some(value))) => text(shown(&value)),
        Some(Ok(None)) => Observation::Absent,
        Some(Err(errno)) => errno.into(),
        None => {
            let all = property_names();
            let mut names: Vec<String> = all.value.iter().map(|name| shown(name)).collect();
            names.sort_unstable();
            list(names, all.truncated)
        }
    }
}

#[cfg(not(target_os = "android"))]
fn told(_: Option<&str>) -> Observation {
    Errno::NO_SUCH_VIEW.into()
}
