//! The corpus of evidence below `ATTEST_SHARED`, read where it lies and never copied.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value as Json;

/// The vectors with their index.
pub(crate) struct Corpus {
    folder: PathBuf,
    entries: Vec<Json>,
}

/// How many of an origin's cases came out as they should.
#[derive(Default)]
pub(crate) struct Tally(BTreeMap<String, (usize, Vec<String>)>);

/// The corpus; `None` prints how many cases were not run.
pub(crate) fn corpus(cases: usize) -> Option<Corpus> {
    let shared = std::env::var_os("ATTEST_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let folder = shared.join("vectors");
    let Ok(text) = std::fs::read_to_string(folder.join("index.json")) else {
        println!("absent: {cases} cases not run");
        return None;
    };
    let index: Json = serde_json::from_str(&text).unwrap();
    Some(Corpus {
        folder,
        entries: index["entries"].as_array().unwrap().clone(),
    })
}

impl Corpus {
    /// The entries of a kind.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Json> {
        self.entries.iter().filter(move |entry| entry["kind"] == kind)
    }

    /// A file's bytes.
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// A file's text.
    pub(crate) fn text(&self, file: &str) -> String {
        String::from_utf8_lossy(&self.read(file)).into_owned()
    }
}

impl Tally {
    /// Counts one case; what went wrong is told by [`Tally::report`].
    pub(crate) fn count(&mut self, entry: &Json, outcome: Result<(), String>) {
        let (cases, wrong) = self.0.entry(text(entry, "source_repo").to_owned()).or_default();
        *cases += 1;
        wrong.extend(
            outcome
                .err()
                .map(|what| format!("{}: {what}", text(entry, "file"))),
        );
    }

    /// Prints a line for each origin, and fails if any case went wrong or there was none.
    pub(crate) fn report(self, name: &str) {
        println!("{name:<42} passed/total");
        let mut wrong = Vec::new();
        let mut total = 0;
        for (origin, (cases, failed)) in self.0 {
            println!("  {origin:<40} {:>6}/{cases}", cases - failed.len());
            total += cases;
            wrong.extend(failed);
        }
        assert!(
            wrong.is_empty(),
            "{} of {total} cases:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
        assert!(total > 0, "{name}: no case was found");
    }
}

/// A member that is a text.
pub(crate) fn text<'a>(entry: &'a Json, member: &str) -> &'a str {
    entry[member].as_str().unwrap_or_default()
}

/// An RFC 3339 time in UTC as seconds since 1970.
pub(crate) fn seconds(time: &str) -> u64 {
    let number = |range: std::ops::Range<usize>| time.get(range).unwrap().parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days up to a date, with the year begun in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11..13) * 3_600 + number(14..16) * 60 + number(17..19);
    u64::try_from(seconds).unwrap()
}
