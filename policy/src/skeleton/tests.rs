use std::collections::BTreeSet;

use super::*;
use crate::{EXAMPLE, compile};

/// A policy with every section but packs, which take their time.
const PLAIN: &str = include_str!("../../tests/policies/without-packs.yaml");

/// A policy with each piece directly under its section's name.
fn pasted(source: &str, pieces: &[Piece]) -> String {
    pieces.iter().fold(source.to_owned(), |source, piece| {
        let heading = format!("\n{}:\n", piece.section);
        assert_eq!(source.matches(&heading).count(), 1, "{heading}");
        source.replacen(&heading, &format!("{heading}{}", piece.text), 1)
    })
}

/// Pasted into the example it compiles, its tests pass, and nobody warns.
fn check(pieces: &[Piece]) {
    check_in(PLAIN, pieces);
}

fn check_in(source: &str, pieces: &[Piece]) {
    let source = pasted(source, pieces);
    match compile("policy.yaml", &source) {
        Ok(compiled) => assert_eq!(compiled.warnings, [], "{source}"),
        Err(problems) => panic!("{problems:#?}\n{pieces:#?}"),
    }
}

const CATEGORIES: [Category; 11] = [
    Category::Cloner,
    Category::Emulator,
    Category::Root,
    Category::Hook,
    Category::Debugger,
    Category::Repackaging,
    Category::Jailbreak,
    Category::Simulator,
    Category::Resigning,
    Category::Policy,
    Category::App,
];

#[test]
fn every_kind_fits_the_example() {
    let mut found = BTreeSet::new();
    for platform in [Platform::Android, Platform::Ios] {
        for category in categories(platform) {
            found.insert(category);
            check(&detector(None, platform, category).unwrap());
        }
    }
    assert_eq!(found, BTreeSet::from(CATEGORIES));
    for category in CATEGORIES {
        check(&rule(None, category).unwrap());
    }
    check(&route(None).unwrap());
    let all = [
        detector(Some("mine.a"), Platform::Ios, Category::Hook).unwrap(),
        rule(Some("mine_1"), Category::Root).unwrap(),
        route(Some("r2-d2")).unwrap(),
    ];
    check(&all.concat());
    check_in(EXAMPLE, &all.concat());
}

#[test]
fn only_plain_ids_and_what_a_platform_has() {
    for id in [
        "",
        "1a",
        "A",
        "a b",
        "a:b",
        "a\nb: c",
        "ä",
        "${x}",
        &"a".repeat(65),
    ] {
        assert_eq!(route(Some(id)).unwrap_err().code(), "id-unfit", "{id}");
        assert_eq!(rule(Some(id), Category::App).unwrap_err().code(), "id-unfit");
        let error = detector(Some(id), Platform::Android, Category::App).unwrap_err();
        assert_eq!(error.code(), "id-unfit");
    }
    let error = detector(None, Platform::Android, Category::Jailbreak).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nothing on android finds a jailbreak: android has cloner, emulator, root, hook, debugger, repackaging, app, policy"
    );
}
