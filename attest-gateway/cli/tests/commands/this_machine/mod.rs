//! `attest device --self`: what it says of a machine on which nothing is wrong, of one on which something was planted, and what
//! becomes of it in a file. Nothing here depends on how long a scan takes.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::document::Stage;
use crate::support::{Ended, attest, command, text};

/// So much that no probe is ever left out.
const PATIENT: [&str; 4] = ["device", "--self", "--budget-ms", "600000"];

/// Asks all that takes no parameter, by the detectors that come with it.
fn look(options: &[&str], environment: &[(&str, &str)]) -> Ended {
    let output = command()
        .args(PATIENT)
        .args(options)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    Ended {
        code: output.status.code(),
        out: output.stdout,
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The ids of the detectors with this outcome and one of these severities.
fn found(report: &Value, outcome: &str, severities: &[&str]) -> Vec<String> {
    let all = report["findings"].as_array().unwrap().iter();
    let chosen = all.filter(|finding| {
        finding["outcome"] == outcome && severities.contains(&finding["severity"].as_str().unwrap())
    });
    chosen
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect()
}

const GRAVE: [&str; 2] = ["high", "critical"];

/// A library that plants; the folder holds it.
fn plant(folder: &Path) -> String {
    let (source, library) = (folder.join("plant.c"), folder.join("plant.so"));
    fs::write(&source, include_str!("plant.c")).unwrap();
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-lpthread")
        .status()
        .unwrap();
    assert!(compiled.success());
    text(&library).to_owned()
}

#[test]
fn nothing_grave_is_found_where_nothing_is_wrong() {
    let ended = look(&["--json", "--all"], &[]);
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    let report = ended.json();
    // What lies in /tmp is code from /tmp.
    let ours = Path::new(env!("CARGO_BIN_EXE_attest")).starts_with("/tmp");
    let expect: &[&str] = if ours { &["hook.code_from_tmp"] } else { &[] };
    assert_eq!(found(&report, "hit", &GRAVE), expect, "{report:#}");
    assert!(found(&report, "clear", &GRAVE).len() > 10, "{report:#}");

    // Whatever was not observed says why, and so does every detector without a conclusion.
    let silent = report["not_observed"].as_array().unwrap();
    let why = |fact: &str| {
        let one = silent.iter().find(|silent| silent["fact"] == fact);
        one.unwrap_or_else(|| panic!("{fact} is observed"))["why"]
            .as_str()
            .unwrap()
    };
    assert_eq!(
        why("build.tags@java"),
        "asked of Android's Java API, which is not here"
    );
    assert_eq!(
        why("mounts.line@isolated"),
        "asked of Android's isolated process, which is not here"
    );
    assert_eq!(why("app.data_dir@libc"), "needs --variable data_dir=PATH");
    assert_eq!(
        why("prop.names@syscall"),
        "error 38: this machine has no such view"
    );
    assert!(
        silent
            .iter()
            .all(|silent| !silent["why"].as_str().unwrap().contains("budget"))
    );
    for finding in report["findings"].as_array().unwrap() {
        assert!(finding["because"].as_str().unwrap().len() > 3, "{finding}");
    }

    // Every fact is either observed or listed.
    let facts = report["facts"].as_object().unwrap();
    let values = facts
        .values()
        .filter(|value| value.get("error").is_none())
        .count();
    let probes = report["probes"].as_array().unwrap();
    let questions: u64 = probes
        .iter()
        .map(|probe| probe["questions"].as_u64().unwrap())
        .sum();
    let taken = silent.iter().filter(|silent| {
        let why = silent["why"].as_str().unwrap();
        !why.starts_with("asked of") && !why.starts_with("no probe")
    });
    assert_eq!(
        u64::try_from(values + taken.count()).unwrap(),
        questions,
        "{report:#}"
    );
    assert!(facts["maps.path@syscall"].as_array().unwrap().len() > 2);
    assert_eq!(facts["proc.tracer_pid@syscall"], 0);
}

#[test]
fn what_is_planted_shows() {
    let folder = tempfile::tempdir().unwrap();
    let library = plant(folder.path());
    let check = |what: &str, detector: &str, because: &str| {
        let ended = look(&["--json"], &[("LD_PRELOAD", &library), ("PLANT", what)]);
        let report = ended.json();
        if what == "tracer" && report["facts"]["proc.tracer_pid@syscall"] == 0 {
            eprintln!("absent: 1 debugger is not played, for a child may not trace its parent here");
            return;
        }
        let hits = found(&report, "hit", &["medium", "high", "critical"]);
        assert!(hits.contains(&detector.to_owned()), "{what}: {hits:?}");
        let findings = report["findings"].as_array().unwrap();
        let finding = findings.iter().find(|finding| finding["id"] == detector).unwrap();
        assert!(
            finding["because"].as_str().unwrap().starts_with(because),
            "{finding}"
        );
    };
    check(
        "thread",
        "hook.frida_threads",
        "proc.threads@syscall: gum-js-loop",
    );
    check("tracer", "debug.tracer", "proc.tracer_pid@syscall: ");

    // The loader goes on without a library that is not there; the wish for it stays.
    let library = "/data/local/tmp/inject.so";
    let report = look(&["--json"], &[("LD_PRELOAD", library)]).json();
    assert_eq!(report["facts"]["env(LD_PRELOAD)"], library);
    assert_eq!(found(&report, "hit", &["medium"]), ["hook.preload"]);
}

/// What is written is read by `policy scan` with the same conclusions.
#[test]
fn the_file_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (library, file) = (plant(folder.path()), folder.path().join("facts.json"));
    fs::create_dir(folder.path().join("cache")).unwrap();
    let home = format!("data_dir={}", text(folder.path()));
    let options = ["--json", "--all", "--variable", &home, "--facts-out", text(&file)];
    let ended = look(&options, &[("LD_PRELOAD", &library), ("PLANT", "thread")]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report = ended.json();
    // A directory that no app of Android has: with a name for it, the detectors of cloners decide.
    let hits = found(&report, "hit", &GRAVE);
    for detector in ["hook.frida_threads", "clone.parent_writable"] {
        assert!(hits.contains(&detector.to_owned()), "{detector}: {hits:?}");
    }

    let scanned = attest(&[
        "policy",
        "scan",
        "--platform",
        "android",
        "--json",
        "--facts",
        text(&file),
    ]);
    assert_eq!((scanned.code, scanned.err.as_str()), (Some(0), ""));
    let theirs = scanned.json();
    let theirs = theirs[0]["findings"].as_array().unwrap();
    let ours: Vec<Value> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["outcome"] != "clear")
        .map(|finding| {
            let mut finding = finding.clone();
            finding.as_object_mut().unwrap().remove("because");
            finding
        })
        .collect();
    assert_eq!(theirs, &ours);
}

#[test]
fn what_cannot_be_done_is_said() {
    let check = |arguments: &[&str], told: &str| {
        let ended = attest(&[&["device"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(ended.err.contains(told), "{arguments:?}: {ended:?}");
        assert_eq!(ended.text(), "", "{arguments:?}");
    };
    check(&[], "--gateway <URL>");
    check(&["--all"], "--self");
    check(
        &["--self", "--gateway", "http://127.0.0.1:1"],
        "cannot be used with",
    );
    check(
        &["--self", "--variable", "colour=red"],
        "known variables are package, ",
    );
    check(&["--self", "--budget-ms", "0"], "1..=600000");
    check(
        &["--self", "--policy", "/nowhere/p.yaml"],
        "/nowhere/p.yaml: cannot be read",
    );
    check(
        &["--self", "--facts-out", "/nowhere/facts.json"],
        "/nowhere/facts.json: cannot be written",
    );
}

/// Costs differ from run to run.
fn steady(line: &str) -> String {
    let is_cost = line.starts_with("environment ") || line.starts_with("the whole scan ");
    if !is_cost {
        return line.to_owned();
    }
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let at = if line.starts_with("the") { 4 } else { 2 };
    words[at] = "9";
    match words.as_slice() {
        ["environment", questions, took] => format!("{:<15} {questions:>9} {took:>9}", "environment"),
        ["the", "whole", "scan", answered, took, rest @ ..] => {
            format!(
                "{:<15} {answered:>9} {took:>9}  {}",
                "the whole scan",
                rest.join(" ")
            )
        }
        _ => panic!("{line}"),
    }
}

#[test]
fn the_page_shows_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage {
        folder: folder.path(),
        prepare: |_, _, _| {},
        steady,
    };
    assert_eq!(stage.play("probes/this-machine.md"), 3);
}
