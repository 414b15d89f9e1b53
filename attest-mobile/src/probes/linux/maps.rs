//! The memory map: `maps.path`, `maps.line`, `maps.perm`, `maps.dev`, `maps.own_apk`, `maps.rows`.
//!
//! Each list has each of its items once. Memory without a file is in `maps.line` and `maps.perm` alone.

use attest_core::facts::{FactId, FactRef, Observation, Row};
use attest_core::policy::Variables;

use super::super::answers::{list, rows, text};
use super::super::parse::Parsed;
use super::super::parse::maps::{Backing, Region, regions};
use super::super::sys::{Errno, Files};
use super::super::{Answers, Lifetime, Probe, Scope};
use super::{by_view, own};

/// Bytes that are read; an app's map has some hundred kilobytes, and whoever makes it longer is not to use up a scan's time by that.
const MAX_BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct Maps;

impl Probe for Maps {
    fn name(&self) -> &'static str {
        "maps"
    }

    fn facts(&self) -> &'static [FactId] {
        &[
            FactId::MAPS_PATH,
            FactId::MAPS_LINE,
            FactId::MAPS_PERM,
            FactId::MAPS_DEV,
            FactId::MAPS_OWN_APK,
            FactId::MAPS_ROWS,
        ]
    }

    fn cost_us(&self) -> u32 {
        130
    }

    fn lifetime(&self) -> Lifetime {
        Lifetime::Scan
    }

    fn answer(&self, questions: &[&FactRef], scope: &Scope<'_>, answers: &mut Answers) {
        by_view::answer(questions, scope, answers, &|files, questions| {
            with_regions(files, |map| {
                let one = |question: &&FactRef| observation(question.fact(), &map, scope.variables);
                questions.iter().map(one).collect()
            })
            .unwrap_or_else(|errno| vec![errno.into(); questions.len()])
        });
    }
}

/// Reads the map of this process and hands it over.
pub(super) fn with_regions<T>(
    files: &Files<'_>,
    take: impl FnOnce(Parsed<Vec<Region<'_>>>) -> T,
) -> Result<T, Errno> {
    let read = files.read(b"/proc/self/maps", MAX_BYTES)?;
    let mut map = regions(&read.value);
    map.truncated |= read.truncated;
    Ok(take(map))
}

fn observation(fact: FactId, map: &Parsed<Vec<Region<'_>>>, variables: &Variables) -> Observation {
    let all = || map.value.iter();
    let of_files = || all().filter(|region| region.backing() == Backing::File);
    let distinct = |mut items: Vec<String>| {
        items.sort_unstable();
        items.dedup();
        list(items, map.truncated)
    };
    match fact {
        FactId::MAPS_PATH => distinct(of_files().map(|region| region.path.to_string()).collect()),
        FactId::MAPS_LINE => list(
            all().map(|region| region.line.to_string()).collect(),
            map.truncated,
        ),
        FactId::MAPS_PERM => {
            let row = |region: &Region<'_>| format!("{} {}", region.perm, region.path);
            distinct(all().map(|region| row(region).trim_end().to_owned()).collect())
        }
        FactId::MAPS_DEV => distinct(
            of_files()
                .map(|region| format!("{} {}", region.dev, region.path))
                .collect(),
        ),
        FactId::MAPS_OWN_APK => match own::apk(&map.value, variables) {
            Some(path) => text(path),
            None if map.truncated => Errno::CUT.into(),
            None => Observation::Absent,
        },
        FactId::MAPS_ROWS => {
            let mut distinct: Vec<Row> = of_files().map(row).collect();
            distinct.sort_unstable();
            distinct.dedup();
            rows(distinct, map.truncated)
        }
        _ => Errno::UNFIT.into(),
    }
}

fn row(region: &Region<'_>) -> Row {
    let cells = [
        ("path", region.path.to_string()),
        ("perm", region.perm.to_owned()),
        ("dev", region.dev.to_owned()),
        ("ino", region.ino.to_string()),
    ];
    cells.map(|(column, cell)| (column.to_owned(), cell)).into()
}

/// The region that holds this address.
pub(super) fn around<'m, 't>(map: &'m [Region<'t>], address: u64) -> Option<&'m Region<'t>> {
    map.iter()
        .find(|region| (region.start..region.end).contains(&address))
}
