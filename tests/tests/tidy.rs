//! The house rules that no lint knows: how long files get, how they start, how things are called, where the clock is
//! read, where refusals are made, and that the documents name commands that exist and no machine's paths.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "tidy/documents.rs"]
mod documents;
#[path = "tidy/source.rs"]
mod source;

use source::{Source, sources};

/// Past this many lines, a file is split.
const MAX_LINES: usize = 800;

/// Each part that ships or runs, with the name of the one file in it that may read the clock. Tests may too.
const CLOCKS: &[(&str, Option<&str>)] = &[
    ("attest-core/src/", None),
    ("attest-gateway/src/", Some("/clock.rs")),
    ("attest-gateway/cli/src/", Some("/clock.rs")),
    ("attest-mobile/src/", Some("/clock.rs")),
    ("fuzz/src/", None),
    ("policy/src/bin/", Some("/clock.rs")),
    ("policy/src/", None),
    ("testkit/src/", Some("/clock.rs")),
    ("xtask/src/", Some("/stopwatch.rs")),
];

const CLOCK_READS: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "UNIX_EPOCH.elapsed",
];

/// Where a refusal gets its status and its words: one file for clients, one for operators, whose codes are of another kind.
const REFUSALS: [&str; 2] = [
    "attest-gateway/src/refusal.rs",
    "attest-gateway/src/admin/problem.rs",
];

/// The statuses that are no refusal.
const FRIENDLY: &[&str] = &[
    "ACCEPTED",
    "CONTINUE",
    "CREATED",
    "NOT_MODIFIED",
    "NO_CONTENT",
    "OK",
    "SWITCHING_PROTOCOLS",
];

/// The words that name nothing, as the end of a type's name.
const EMPTY_WORDS: &[&str] = &[
    "Data", "Handler", "Helper", "Helpers", "Info", "Manager", "Util", "Utils",
];

/// The words that name nothing, as the start of a function's name.
const EMPTY_VERBS: &[&str] = &["get_", "handle_", "validate"];

/// Applies a rule to every Rust file and reports each line that breaks it.
fn rule(broken: impl Fn(&Source) -> Vec<String>) {
    let found: Vec<_> = sources()
        .iter()
        .flat_map(|source| {
            broken(source)
                .into_iter()
                .map(|what| format!("{}: {what}", source.path))
        })
        .collect();
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

fn too_long(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    (lines > MAX_LINES)
        .then(|| format!("{lines} lines"))
        .into_iter()
        .collect()
}

fn without_promise(source: &Source) -> Vec<String> {
    let exempt = source.path.ends_with("/tests.rs") || source.text.starts_with("//!");
    (!exempt)
        .then(|| "does not start with `//!`".to_owned())
        .into_iter()
        .collect()
}

fn empty_names(source: &Source) -> Vec<String> {
    source
        .definitions()
        .filter(|(kind, name)| match *kind {
            // webpki calls it so.
            "fn" if *name == "validate" => false,
            "fn" => EMPTY_VERBS.iter().any(|verb| name.starts_with(verb)),
            // http_body calls it so.
            "type" if *name == "Data" => false,
            "mod" => EMPTY_WORDS.iter().any(|word| name.eq_ignore_ascii_case(word)),
            _ => EMPTY_WORDS.iter().any(|word| name.ends_with(word)),
        })
        .map(|(kind, name)| format!("`{kind} {name}` says nothing"))
        .collect()
}

/// Error types end in `Error`, their variants never do; only the ends of variants are looked at.
fn misnamed_errors(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in source.shipped().lines() {
        if line.trim_start().starts_with("pub enum ") {
            inside = line.contains("Error ") || line.contains("Error<");
        } else if line.starts_with('}') {
            inside = false;
        }
        let variant: String = line
            .trim_start()
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let declares = variant.starts_with(|first: char| first.is_ascii_uppercase());
        if inside
            && line.starts_with("    ")
            && !line.starts_with("     ")
            && declares
            && variant.ends_with("Error")
        {
            found.push(format!("variant `{variant}` of an error type ends in `Error`"));
        }
    }
    found
}

fn clock_reads(source: &Source) -> Vec<String> {
    let Some((_, clock)) = CLOCKS.iter().find(|(folder, _)| source.path.starts_with(folder)) else {
        return vec![];
    };
    if clock.is_some_and(|name| source.path.ends_with(name)) {
        return vec![];
    }
    // The runtime's timers, which tests pause: timeouts, never the time that tokens are compared with.
    let timers = source
        .text
        .lines()
        .any(|line| line.starts_with("use tokio::time::") && line.contains("Instant"));
    source
        .uses(CLOCK_READS)
        .filter(|line| !timers || !line.contains("Instant::now") || line.contains("std::time"))
        .map(|line| format!("reads the clock: {line}"))
        .collect()
}

fn stray_refusals(source: &Source) -> Vec<String> {
    if !source.path.starts_with("attest-gateway/src/") || REFUSALS.contains(&source.path.as_str()) {
        return vec![];
    }
    let made = |line: &&str| {
        let statuses = line.split("StatusCode::").skip(1);
        let unfriendly = |after: &str| {
            let name: String = after
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect();
            (!name.is_empty() && !FRIENDLY.contains(&name.as_str())) || after.starts_with("from_u16")
        };
        statuses.into_iter().any(unfriendly) || line.contains("urn:attest:problem:")
    };
    source
        .code_lines()
        .filter(made)
        .map(|line| format!("makes a refusal: {}", line.trim()))
        .collect()
}

#[test]
fn no_file_is_too_long() {
    rule(too_long);
}

#[test]
fn every_file_starts_with_what_it_guarantees() {
    rule(without_promise);
}

#[test]
fn names_say_something() {
    rule(empty_names);
}

#[test]
fn error_variants_do_not_repeat_the_type() {
    rule(misnamed_errors);
}

#[test]
fn one_file_per_crate_reads_the_clock() {
    rule(clock_reads);
    for (folder, name) in CLOCKS
        .iter()
        .filter_map(|(folder, name)| Some((folder, (*name)?)))
    {
        let of_crate = |source: &Source| source.path.starts_with(folder) && source.path.ends_with(name);
        let clocks: Vec<_> = sources()
            .into_iter()
            .filter(of_crate)
            .map(|source| source.path)
            .collect();
        assert!(
            clocks.len() <= 1,
            "one file per crate reads the clock, not {clocks:?}"
        );
    }
}

#[test]
fn refusals_are_made_in_one_file() {
    rule(stray_refusals);
    for place in REFUSALS {
        assert!(
            sources().iter().any(|source| source.path == place),
            "{place} does not exist"
        );
    }
}

/// How often the rule is broken by a file of this path and text.
fn check(broken: fn(&Source) -> Vec<String>, path: &str, text: &str, expect: usize) {
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    assert_eq!(broken(&source).len(), expect, "{path}: {text}");
}

#[test]
fn the_rules_on_form_see_what_breaks_them() {
    check(too_long, "a.rs", &"\n".repeat(MAX_LINES + 1), 1);
    check(too_long, "a.rs", &"\n".repeat(MAX_LINES), 0);
    check(without_promise, "a.rs", "use std::fs;", 1);
    check(without_promise, "a/tests.rs", "use super::x;", 0);
    check(
        empty_names,
        "a.rs",
        "pub fn get_key() {}\n    pub(crate) async fn validate_it() {}",
        2,
    );
    check(
        empty_names,
        "a.rs",
        "pub struct KeyManager;\nenum TokenInfo {}\nmod utils {}",
        3,
    );
    check(
        empty_names,
        "a.rs",
        "// fn get_key()\nfn target() {}\nstruct Database;",
        0,
    );
    check(
        misnamed_errors,
        "a.rs",
        "pub enum KeyError {\n    IoError(u8),\n    Absent,\n}\n",
        1,
    );
    check(misnamed_errors, "a.rs", "pub enum Outcome {\n    Error,\n}\n", 0);
}

#[test]
fn the_rules_on_place_see_what_breaks_them() {
    let tested = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { Instant::now(); } }";
    check(
        clock_reads,
        "attest-core/src/a.rs",
        "let t = SystemTime::now();",
        1,
    );
    check(clock_reads, "attest-core/src/a.rs", "// SystemTime::now()", 0);
    check(clock_reads, "attest-core/src/a.rs", tested, 0);
    check(clock_reads, "attest-gateway/src/clock.rs", "Instant::now()", 0);
    check(clock_reads, "attest-gateway/src/a.rs", "Instant::now()", 1);
    check(
        clock_reads,
        "attest-gateway/src/a.rs",
        "use tokio::time::Instant;\nInstant::now()",
        0,
    );
    check(
        clock_reads,
        "attest-gateway/src/a.rs",
        "use tokio::time::Instant;\nSystemTime::now()",
        1,
    );
    check(
        stray_refusals,
        "attest-gateway/src/a.rs",
        "StatusCode::FORBIDDEN",
        1,
    );
    check(
        stray_refusals,
        "attest-gateway/src/a.rs",
        "if status == StatusCode::OK {}",
        0,
    );
    check(
        stray_refusals,
        "attest-gateway/src/a.rs",
        "StatusCode::from_u16(403)",
        1,
    );
    for place in REFUSALS {
        check(stray_refusals, place, "StatusCode::FORBIDDEN", 0);
    }
}
