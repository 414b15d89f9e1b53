//! Property areas: what the system makes, and what only somebody else would.

use super::super::ParseError;
use super::super::properties::{MAX_AREA_BYTES, properties};
use super::cuts;
use super::forge::Area;

const AREA_BYTES: usize = 128 << 10;

fn area(entries: &[(&str, &str)]) -> Area {
    let mut area = Area::new();
    for (name, value) in entries {
        area.add(name, value);
    }
    area
}

/// Names and values, sorted, and whether that is all.
fn read(file: &[u8]) -> (Vec<(String, Option<String>)>, bool) {
    let parsed = properties(file).unwrap();
    let mut found: Vec<_> = parsed
        .value
        .into_iter()
        .map(|property| {
            (
                property.name.into_owned(),
                property.value.map(|value| value.into_owned()),
            )
        })
        .collect();
    found.sort();
    (found, parsed.truncated)
}

fn expected(entries: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    let mut expected: Vec<_> = entries
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
        .collect();
    expected.sort();
    expected
}

#[test]
fn names_and_values() {
    let (short, long, longest) = ("v".repeat(91), "w".repeat(92), "l".repeat(60_000));
    let entries = [
        ("ro.product.model", "Pixel 7"),
        ("ro.product.brand", "google"),
        ("ro", "a node that has children"),
        ("ro.build.fingerprint", long.as_str()),
        ("ro.debuggable", "0"),
        ("init.svc.adbd", ""),
        ("persist.sys.x", short.as_str()),
        ("log.tag.stats_log", "I"),
        ("a.b.c.d.e.f.g", "deep"),
        ("b", longest.as_str()),
    ];
    let file = area(&entries).file(AREA_BYTES);
    assert_eq!(read(&file), (expected(&entries), false));
    let model = properties(&file).unwrap().value;
    let model = model
        .iter()
        .find(|property| property.name == "ro.product.model")
        .unwrap();
    assert_eq!(model.serial, 7 << 24);
    assert_eq!(read(&Area::new().file(AREA_BYTES)), (vec![], false));
}

#[test]
fn as_many_as_an_area_holds_are_read_and_more_are_not_believed() {
    let names: Vec<_> = (0..5_000)
        .map(|number| format!("ro.p{}.x{number}", number % 61))
        .collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let file = area(&entries).file(MAX_AREA_BYTES);
    assert_eq!(read(&file), (expected(&entries), false));
    let large = properties(&[file, vec![0]].concat()).map(|parsed| parsed.value.len());
    assert_eq!(large, Err(ParseError::Bound));
}

#[test]
fn what_is_being_written_has_no_value_yet() {
    let at = 128 + 112 + 24;
    let file = area(&[("a", "one")]).file(1024);
    assert_eq!(
        file[at..at + 4],
        (3_u32 << 24).to_le_bytes(),
        "where the test expects the serial"
    );
    let check = |change: &dyn Fn(&mut Vec<u8>), value: Option<&str>| {
        let mut file = file.clone();
        change(&mut file);
        assert_eq!(
            read(&file),
            (vec![("a".to_owned(), value.map(str::to_owned))], true)
        );
    };
    check(&|file| file[at] |= 1, None);
    // The stated length is another one than the value's.
    check(&|file| file[at + 3] = 2, Some("one"));
    check(&|file| file[at + 6] = 0, Some("on"));
    // No end; a long value beyond the area.
    check(&|file| file[at + 4..at + 96].fill(b'v'), None);
    check(&|file| file[at + 2] = 1, None);
    check(
        &|file| {
            file[at + 2] = 1;
            file[at + 60..at + 64].fill(0xff)
        },
        None,
    );
}

#[test]
fn nodes_are_visited_once_and_only_inside() {
    let entries = [("b", "1"), ("a", "2"), ("c", "3")];
    // Where the nodes of these three lie: each is followed by its property.
    let [b, a, c] = [0, 1, 2].map(|number| 112 + number * (24 + 100));
    let check = |place: usize, number: usize, names: &[&str]| {
        let mut area = area(&entries);
        area.put(place, u32::try_from(number).unwrap());
        let (found, truncated) = read(&area.file(1024));
        let found: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            (found.as_slice(), truncated),
            (names, true),
            "{number} at {place}"
        );
    };
    // To oneself, to the parent, to a sibling, to the same place from two.
    check(a + 8, a, &["a", "b", "c"]);
    check(a + 16, b, &["a", "b", "c"]);
    check(c + 12, a, &["a", "b", "c"]);
    check(b + 12, a, &["a", "b"]);
    // Outside, between places, of a wrong name, of none.
    check(b + 8, 0xffff_fff0, &["b", "c"]);
    check(b + 8, 4096, &["b", "c"]);
    check(b + 8, a + 1, &["b", "c"]);
    check(a + 4, c + 24, &["b"]);
    check(c, 200_000, &["a", "b"]);
    // The root is nobody's child, but a link to place 0 is no link.
    let mut without = area(&entries);
    without.put(c + 4, 0);
    assert_eq!(read(&without.file(1024)), (expected(&entries[..2]), false));
}

#[test]
fn what_is_no_area_or_cut_is_told() {
    let file = area(&[("a.b", "1"), ("a.c", "2"), ("d", &"x".repeat(300))]).file(0);
    let whole = read(&file);
    assert!(!whole.1);
    for cut in cuts(&file) {
        match properties(cut) {
            Ok(parsed) => assert!(parsed.truncated, "cut at {}", cut.len()),
            Err(error) => assert!(
                cut.len() < 128 && error == ParseError::Short,
                "cut at {}",
                cut.len()
            ),
        }
    }
    let spoiled = |at: usize| {
        let mut file = file.clone();
        file[at] ^= 1;
        properties(&file).map(|parsed| parsed.value.len())
    };
    assert_eq!(spoiled(8), Err(ParseError::OtherFormat));
    assert_eq!(spoiled(12), Err(ParseError::Variant));
}

#[test]
fn overlapping_values_do_not_multiply_the_work() {
    // Every word points to every other: links, names and values of whatever lies there.
    let mut data = vec![0_u8; MAX_AREA_BYTES - 128];
    for (number, word) in data.chunks_exact_mut(4).enumerate() {
        let to = u32::try_from(number * 16 % (MAX_AREA_BYTES - 256)).unwrap();
        word.copy_from_slice(&(to & !3).to_le_bytes());
    }
    let file = [Area::new().file(128)[..128].to_vec(), data].concat();
    let parsed = properties(&file).unwrap();
    let bytes: usize = parsed.value.iter().map(|property| property.name.len()).sum();
    assert!(parsed.truncated && bytes <= 2 * MAX_AREA_BYTES);
}
