//! docs/probes: one page per family, held to the table of facts and to the probes. `ATTEST_BLESS=1` writes anew what stands between
//! the marks; the rest is written by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use attest_core::facts::{FactId, Origin, Platforms, View};

use super::isolated::Isolated;
use super::{Lifetime, Probe, ios, java, linux};

const BEGIN: &str = "<!-- written by ATTEST_BLESS=1 cargo test -p attest-mobile pages -->\n";
const END: &str = "<!-- end -->";
/// The page of the facts that no probe answers.
const NOBODY: &str = "no-probe";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/probes")
}

/// Name and text of every page but the first.
fn pages() -> BTreeMap<String, String> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let named = pages.map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    named.filter(|(name, _)| name != "README").collect()
}

/// The page on which a fact has its row.
fn page_of(fact: FactId, probes: &[Box<dyn Probe>]) -> &'static str {
    let entry = fact.entry();
    if entry.origin != Origin::Device || fact == FactId::POLICY_STALE {
        NOBODY
    } else if entry.platforms == Platforms::Ios {
        "ios"
    } else if entry.views == [View::Java] {
        "java"
    } else {
        let own = probes.iter().find(|probe| probe.facts().contains(&fact));
        own.unwrap_or_else(|| panic!("no probe answers {fact}")).name()
    }
}

/// The rows of a page's facts.
fn facts_of(page: &str, probes: &[Box<dyn Probe>]) -> String {
    let mut text = "| fact | answer | views | what it is |\n| --- | --- | --- | --- |\n".to_owned();
    for fact in FactId::all().filter(|fact| page_of(*fact, probes) == page) {
        let entry = fact.entry();
        let param = entry.param.map(|param| format!("({param})")).unwrap_or_default();
        let views: Vec<_> = entry.views.iter().map(|view| view.as_str()).collect();
        let (name, kind, about) = (entry.name, entry.kind.as_str(), fact.about());
        writeln!(
            text,
            "| `{name}{param}` | {kind} | {} | {about} |",
            views.join(", ")
        )
        .unwrap();
    }
    text
}

/// The family that another process answers; its facts have their rows where this process answers them.
fn isolated() -> Isolated {
    Isolated::new(Arc::new(ring::rand::SystemRandom::new()))
}

/// Those families that iOS does not share.
fn of_ios() -> impl Iterator<Item = Box<dyn Probe>> {
    let all = ios::probes().into_iter();
    all.filter(|probe| probe.name().starts_with("ios."))
}

fn kept(lifetime: Lifetime) -> String {
    match lifetime {
        Lifetime::Process => "the process".to_owned(),
        Lifetime::Seconds(seconds) => format!("{seconds} s"),
        Lifetime::Scan => "one scan".to_owned(),
    }
}

/// The rows of all families, as the first page has them.
fn families(probes: &[Box<dyn Probe>]) -> String {
    let mut text =
        "| family | page | facts | kept | cost µs |\n| --- | --- | ---: | --- | ---: |\n".to_owned();
    let mut row = |name: &str, page: &str, facts: &[FactId], cost_us: u32, lifetime| {
        let (facts, kept) = (facts.len(), kept(lifetime));
        writeln!(
            text,
            "| `{name}` | [{page}]({page}.md) | {facts} | {kept} | {cost_us} |"
        )
        .unwrap();
    };
    for probe in probes {
        row(
            probe.name(),
            probe.name(),
            probe.facts(),
            probe.cost_us(),
            probe.lifetime(),
        );
    }
    let other = isolated();
    row(
        other.name(),
        other.name(),
        other.facts(),
        other.cost_us(),
        other.lifetime(),
    );
    for (name, facts, cost_us, lifetime) in java::families() {
        row(name, "java", facts, cost_us, lifetime);
    }
    for probe in of_ios() {
        row(
            probe.name(),
            "ios",
            probe.facts(),
            probe.cost_us(),
            probe.lifetime(),
        );
    }
    text
}

/// A page with what stands between its marks as it is now.
fn renewed(text: &str, ours: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("the first mark");
    let (_, after) = rest.split_once(END).expect("the second mark");
    format!("{before}{BEGIN}{ours}{END}{after}")
}

/// Whether the pages are being written, and so not to be read.
fn is_blessing() -> bool {
    std::env::var_os("ATTEST_BLESS").is_some()
}

fn check(name: &str, ours: &str) {
    let path = folder().join(format!("{name}.md"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let renewed = renewed(&text, ours);
    if is_blessing() {
        fs::write(path, renewed).unwrap();
    } else {
        assert!(
            text == renewed,
            "run this test with ATTEST_BLESS=1 to write docs/probes/{name}.md"
        );
    }
}

#[test]
fn the_tables_are_the_facts_and_the_probes() {
    let probes = linux::probes();
    let names = probes.iter().map(|probe| probe.name());
    for page in names.chain(["ios", "java", NOBODY]) {
        check(page, &facts_of(page, &probes));
    }
    check("README", &families(&probes));
}

#[test]
fn every_fact_has_one_row_on_one_page() {
    if is_blessing() {
        return;
    }
    let pages = pages();
    for fact in FactId::all() {
        let rows = pages.values().flat_map(|text| text.lines()).filter(|line| {
            let rest = line
                .strip_prefix("| `")
                .and_then(|row| row.strip_prefix(fact.name()));
            rest.is_some_and(|rest| rest.starts_with(['`', '(']))
        });
        assert_eq!(rows.count(), 1, "{fact}");
    }
}

/// A native family of Android, which may be one of iOS too, has a page by its name; those of Java and of iOS alone have a row on theirs.
#[test]
fn every_family_has_one_place() {
    let pages = pages();
    let native = linux::probes();
    let names = native.iter().map(|probe| probe.name());
    for name in names.chain([isolated().name()]) {
        let page = pages.get(name);
        let titled = page.is_some_and(|page| page.starts_with(&format!("# {name}\n")));
        assert!(titled, "{name}");
    }
    let check = |page: &str, name: &str| {
        let row = format!("| `{name}` |");
        let rows = pages[page].lines().filter(|line| line.starts_with(&row));
        assert_eq!(rows.count(), 1, "{name}");
    };
    java::families().for_each(|(name, ..)| check("java", name));
    of_ios().for_each(|probe| check("ios", probe.name()));
}
