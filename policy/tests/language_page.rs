//! The page for authors says what the code says: every operator, every fact, every limit.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use attest_core::{
    facts::{FactId, Kind, Origin, Platforms},
    policy::{
        APP_LISTS, MAX_COLUMN_TESTS, MAX_DEPTH, MAX_DETECTORS, MAX_DIFFERING_ITEMS, MAX_ITEMS_READ,
        MAX_LIST_ITEMS, MAX_NODES, MAX_ROUTES, MAX_RULES, Variables,
    },
};
use attest_policy::{MAX_SOURCE_DEPTH, MAX_SOURCE_NODES};

const START: &str = "<!-- facts -->\n";
const END: &str = "<!-- /facts -->";

fn row(id: FactId) -> String {
    let fact = id.entry();
    let param = fact
        .param
        .map(|meaning| format!("({meaning})"))
        .unwrap_or_default();
    let columns = match fact.kind {
        Kind::Rows => format!(": {}", fact.columns.join(", ")),
        Kind::Text | Kind::Integer | Kind::Boolean | Kind::List => String::new(),
    };
    let views: Vec<&str> = fact.views.iter().map(|view| view.as_str()).collect();
    let platforms = match fact.platforms {
        Platforms::Android => "Android",
        Platforms::Ios => "iOS",
        Platforms::Both => "both",
    };
    let origin = match fact.origin {
        Origin::Device => "device",
        Origin::Verifier => "evidence",
        Origin::Request => "request",
        Origin::Gateway => "gateway",
    };
    let kind = fact.kind.as_str();
    format!(
        "| `{}{param}` | {kind}{columns} | {} | {platforms} | {origin} | {} |",
        fact.name,
        views.join(", "),
        id.about()
    )
}

/// `ATTEST_BLESS=1 cargo test -p attest-policy` writes the table anew.
#[test]
fn the_table_of_facts_is_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy-language.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(START).unwrap();
    let (table, tail) = rest.split_once(END).unwrap();
    let mut expect =
        "| fact | type | views | platform | origin | says |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for fact in FactId::all() {
        writeln!(expect, "{}", row(fact)).unwrap();
    }
    if std::env::var_os("ATTEST_BLESS").is_some() {
        fs::write(&path, format!("{head}{START}{expect}{END}{tail}")).unwrap();
    } else {
        assert_eq!(
            table, expect,
            "docs/policy-language.md is older than the registry"
        );
    }
}

#[test]
fn names_and_limits_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy-language.md");
    let page = fs::read_to_string(path).unwrap();
    let of_policy = Variables::OF_EVERY_POLICY.map(|name| format!("policy.{name}"));
    for name in Variables::NAMES
        .into_iter()
        .chain(of_policy.iter().map(String::as_str))
    {
        assert!(page.contains(&format!("${{{name}}}")), "{name}");
    }
    for name in APP_LISTS {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    let (_, limits) = page.split_once("## Limits").unwrap();
    let (limits, _) = limits.split_once("## Errors").unwrap();
    let numbers: BTreeSet<usize> = limits
        .split(|sign: char| !sign.is_ascii_digit() && sign != ',')
        .filter_map(|word| word.replace(',', "").parse().ok())
        .collect();
    for limit in [
        MAX_SOURCE_NODES,
        MAX_SOURCE_DEPTH,
        MAX_DETECTORS,
        MAX_RULES,
        MAX_ROUTES,
        MAX_NODES,
        MAX_DEPTH,
        MAX_COLUMN_TESTS,
        MAX_LIST_ITEMS,
        MAX_ITEMS_READ,
    ] {
        assert!(numbers.contains(&limit), "{limit} is not among the limits");
    }
    assert_eq!(MAX_DIFFERING_ITEMS, 4_096);
    assert!(page.contains("the shorter may have 4,096 items"));
}
