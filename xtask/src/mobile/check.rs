//! `cargo xtask mobile check`: lints and links for every phone target and looks at what came out. It passes only if everything was done:
//! a tool that is missing is a failure. What it makes is marked as not for shipping, in its name and in itself.

use std::fs;
use std::path::Path;

use clap::Args;

use super::archive::Static;
use super::build::{self, Part};
use super::elf::Shared;
use super::rules::{self, ANDROID_LIST, EXPORT_LIST, IOS_LIST};
use super::sizes::{self, History};
use super::stubs;
use super::symbols::{self, Symbols, Undefined, unused};
use super::table::{Row, table};
use super::target::{IOS, Product, TARGETS, Target};
use super::tools::{self, Tools};
use crate::console::say;
use crate::marker;
use crate::native::ENTRIES;
use crate::stopwatch::{Stopwatch, words};
use crate::workspace::Workspace;

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// One target only; repeat it for more.
    #[arg(long, value_name = "TRIPLE", value_parser = TARGETS.map(|target| target.triple), conflicts_with = "record")]
    target: Vec<String>,
    /// Keep the sizes in the history, with the reason for the change.
    #[arg(long, value_name = "WHY")]
    record: Option<String>,
}

/// What libraries are compared with.
struct Expected {
    android: Symbols,
    ios: Symbols,
    exports: String,
    history: History,
    markers: Vec<String>,
}

impl Expected {
    fn read(workspace: &Workspace) -> Result<Self, String> {
        let at = |file: &str| workspace.root.join(file);
        let markers = marker::all(workspace).ok_or("testkit/src/lib.rs declares no marker to search for")?;
        let entries = fs::read_to_string(at(ENTRIES)).map_err(|error| format!("{ENTRIES}: {error}"))?;
        let entries = marker::declared(&entries)
            .ok_or_else(|| format!("{ENTRIES} declares no marker to search for"))?;
        Ok(Self {
            android: symbols::read(&at(ANDROID_LIST))?,
            ios: symbols::read(&at(IOS_LIST))?,
            exports: fs::read_to_string(at(EXPORT_LIST))
                .map_err(|error| format!("{EXPORT_LIST}: {error}"))?,
            history: History::read(&at(sizes::FILE))?,
            markers: markers.into_iter().chain([entries]).collect(),
        })
    }
}

/// Does it; whether everything held.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> bool {
    let watch = Stopwatch::start();
    let expected = match Expected::read(workspace) {
        Ok(expected) => expected,
        Err(problem) => {
            say(format!("FAILED: {problem}"));
            return false;
        }
    };
    say("looking for tools; what is fetched stays below target/mobile");
    let tools = match tools::prepare(workspace) {
        Ok(tools) => tools,
        Err(missing) => {
            say(format!("FAILED: {} not found; {}", missing.tool, missing.enable));
            return false;
        }
    };
    let asked = |target: &&Target| {
        arguments.target.is_empty() || arguments.target.iter().any(|name| name == target.triple)
    };
    let targets: Vec<&'static Target> = TARGETS.iter().filter(asked).collect();
    let count = targets.len();
    let mut rows = Vec::with_capacity(count);
    for (index, target) in targets.into_iter().enumerate() {
        let watch = Stopwatch::start();
        let what = match target.product {
            Product::Nothing => "lints",
            Product::Shared | Product::Static => "lints, then the library and its rules",
        };
        say(format!("\n[{}/{count}] {}: {what}", index + 1, target.triple));
        rows.push(look(workspace, &tools, target, &expected));
        say(format!("{} took {}", target.triple, words(watch.read())));
    }
    say(format!("\n{}\n", table(&rows)));
    for row in &rows {
        for problem in &row.problems {
            say(format!("{}: {problem}", row.target));
        }
        for warning in &row.warnings {
            say(format!("warning: {} {warning}", row.target));
        }
    }
    let recorded = record(workspace, arguments, &expected, &rows);
    let held = recorded && rows.iter().all(Row::held);
    let verdict = if held { "everything held" } else { "FAILED" };
    say(format!("{verdict}, {}", words(watch.read())));
    held
}

fn look(workspace: &Workspace, tools: &Tools, target: &'static Target, expected: &Expected) -> Row {
    let mut row = Row {
        target: target.triple,
        clippy: Some(build::lint(workspace, tools, target)),
        ..Row::default()
    };
    if target.product == Product::Nothing {
        return row;
    }
    // Nothing is resolved in a library that an app links.
    let stand_ins = match target.product {
        Product::Shared => match stubs::make(workspace, tools, target, &expected.android) {
            Ok(folder) => Some(folder),
            Err(problem) => {
                row.problems.push(problem);
                return row;
            }
        },
        Product::Static | Product::Nothing => None,
    };
    let link = |part| {
        let archive = build::archive(workspace, tools, target, part).ok_or("does not build")?;
        let Some(stand_ins) = &stand_ins else {
            return Ok(archive);
        };
        let exports = match part {
            Part::All => rules::exports(&expected.exports, "android"),
            Part::Core => vec![
                "attest_whole".to_owned(),
                "Java_attest_mobile_Native_serve".to_owned(),
            ],
        };
        build::share(tools, target, &archive, stand_ins, &exports)
    };
    if expected.history.knows(&core_of(target)) {
        match link(Part::Core).map(|core| fs::metadata(core).map(|file| file.len())) {
            Ok(Ok(size)) => {
                say(format!("  {}: {size} bytes", core_of(target)));
                row.core = Some(size);
                row.sized(
                    expected.history.judge(&core_of(target), size),
                    "below the surface ",
                );
            }
            Ok(Err(error)) => row.problems.push(error.to_string()),
            Err(problem) => row.problems.push(problem),
        }
    }
    let built = link(Part::All);
    row.link = Some(built.is_ok());
    let judged = built.and_then(|built| judge(workspace, tools, target, expected, &built, &mut row));
    row.problems.extend(judged.err());
    row
}

/// What the part below the surface is called in the history.
fn core_of(target: &Target) -> String {
    format!("{} core", target.triple)
}

/// Puts what was built under a name that nobody ships, and looks at it.
fn judge(
    workspace: &Workspace,
    tools: &Tools,
    target: &Target,
    expected: &Expected,
    built: &Path,
    row: &mut Row,
) -> Result<(), String> {
    let folder = tools.folder.join("checked").join(target.triple);
    let name = if target.is_apple() {
        "libattest.not-for-shipping.a"
    } else {
        "libattest.not-for-shipping.so"
    };
    let checked = folder.join(name);
    let failed = |error: std::io::Error| format!("{}: {error}", checked.display());
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(built, &checked))
        .map_err(failed)?;
    let bytes = fs::read(&checked).map_err(failed)?;
    let (used, size) = if target.is_apple() {
        let library = Static::read(&bytes).map_err(|error| error.to_string())?;
        let exports = rules::exports(&expected.exports, "ios");
        let oldest = IOS
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .unwrap_or_default();
        row.problems
            .extend(rules::archive(&library, &expected.ios, &exports, oldest));
        (library.undefined, library.loaded_bytes)
    } else {
        let library = Shared::read(&bytes).map_err(|error| error.to_string())?;
        let exports = rules::exports(&expected.exports, "android");
        row.problems
            .extend(rules::shared(&library, &expected.android, &exports));
        (library.undefined, bytes.len().try_into().unwrap_or(u64::MAX))
    };
    for marker in &expected.markers {
        if marker::occurs(&checked, marker).map_err(failed)? {
            row.problems.push(format!(
                "holds {marker:?}: something for tests is linked; look at its features"
            ));
        }
    }
    let root = workspace.root.display().to_string();
    if marker::occurs(&checked, &root).map_err(failed)? {
        row.problems.push(format!(
            "holds {root:?}, a path of this machine: build with --remap-path-prefix"
        ));
    }
    row.sized(expected.history.judge(target.triple, size), "");
    say(format!("  {}: {size} bytes", workspace.shown(&checked)));
    tell_unused(
        if target.is_apple() {
            &expected.ios
        } else {
            &expected.android
        },
        &used,
    );
    (row.size, row.symbols) = (Some(size), Some(used.len()));
    Ok(())
}

fn tell_unused(listed: &Symbols, used: &[Undefined]) {
    let names: Vec<&str> = unused(used, listed).collect();
    if !names.is_empty() {
        say(format!("  listed and not used: {}", names.join(" ")));
    }
}

/// Adds the sizes to the history, if that was asked for and every library was built.
fn record(workspace: &Workspace, arguments: &Arguments, expected: &Expected, rows: &[Row]) -> bool {
    let Some(why) = &arguments.record else {
        return true;
    };
    let all = rows
        .iter()
        .filter_map(|row| Some((row.target.to_owned(), row.size?)));
    let cores = rows
        .iter()
        .filter_map(|row| Some((format!("{} core", row.target), row.core?)));
    let mut sizes: Vec<(String, u64)> = all.chain(cores).collect();
    sizes.sort();
    if sizes.len()
        < TARGETS
            .iter()
            .filter(|target| target.product != Product::Nothing)
            .count()
    {
        say("nothing is recorded: not every library was built");
        return false;
    }
    let text = expected
        .history
        .clone()
        .with(env!("CARGO_PKG_VERSION"), why, sizes)
        .text();
    let path = workspace.root.join(sizes::FILE);
    match fs::write(&path, text) {
        Ok(()) => {
            say(format!("recorded in {}", sizes::FILE));
            true
        }
        Err(error) => {
            say(format!("{}: {error}", sizes::FILE));
            false
        }
    }
}
