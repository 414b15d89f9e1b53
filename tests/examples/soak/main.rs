//! The load of `cargo xtask soak`: prints what goes on, and at the end a summary in Markdown. Fails if a genuine user was harmed, a
//! hostile one got through, or a bound was missed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of the tests: its own failure is a panic, and what it prints is what it is for"
)]

mod hostile;
mod mixed;
mod slow;

use std::process::ExitCode;
use std::time::Duration;

/// What was asked for on the command line, which `cargo xtask soak` has looked at.
struct Asked {
    minutes: u64,
    slow: usize,
    only: Option<String>,
}

impl Asked {
    fn read() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let value = |name: &str| {
            let mut rest = words.iter().skip_while(|word| *word != name);
            rest.nth(1).cloned()
        };
        Self {
            minutes: value("--minutes").map_or(10, |text| text.parse().unwrap()),
            slow: value("--slow").map_or(1000, |text| text.parse().unwrap()),
            only: value("--only"),
        }
    }
}

/// One line of the summary: what, what was seen, what is asked for, and whether it held.
struct Finding {
    what: &'static str,
    seen: String,
    asked: &'static str,
    held: bool,
}

impl Finding {
    fn new(what: &'static str, seen: impl ToString, asked: &'static str, held: bool) -> Self {
        Self {
            what,
            seen: seen.to_string(),
            asked,
            held,
        }
    }
}

/// More than any part opens.
const DESCRIPTORS: u64 = 1 << 14;

fn main() -> ExitCode {
    let asked = Asked::read();
    // Phones must not wait because the attackers beside them open so many.
    attest_gateway::descriptors::reserve(DESCRIPTORS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let wanted = |part: &str| asked.only.as_deref().is_none_or(|only| only == part);
    let mut findings = Vec::new();
    if wanted("mixed") {
        let length = Duration::from_secs(asked.minutes * 60);
        findings.extend(runtime.block_on(Box::pin(mixed::run(length))));
    }
    if wanted("slow") {
        findings.extend(runtime.block_on(Box::pin(slow::run(asked.slow))));
    }
    println!("\n| what | seen | asked for | held |\n| --- | --- | --- | --- |");
    for Finding {
        what,
        seen,
        asked,
        held,
    } in &findings
    {
        println!(
            "| {what} | {seen} | {asked} | {} |",
            if *held { "yes" } else { "**no**" }
        );
    }
    if findings.iter().all(|finding| finding.held) {
        ExitCode::SUCCESS
    } else {
        println!("\nFAILED");
        ExitCode::FAILURE
    }
}
