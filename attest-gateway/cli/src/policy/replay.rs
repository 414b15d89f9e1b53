//! `attest policy replay`: what a candidate would have made of recorded decisions. Reads logs of any size line by line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use attest_core::policy::Mode;
use attest_policy::replay::{
    Budget, Change, Count, Decided, Group, LineError, MAX_LINE_BYTES, Options, Replay as Run, Report, Verdict,
};
use clap::Args;
use serde_json::{Value, json};

use super::input;
use crate::out::{Exit, Out, printable};
use crate::when::rfc3339;

/// Say what a candidate policy would have made of recorded decisions: who would newly be refused, by which rule.
///
/// LOG is what gateways write with `[decision_log]`; a line of a sampled log counts for the requests that it stands for. What the log
/// does not tell is counted as not decided, never guessed. Phones are not asked again: a changed detector shows only once they run it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy replay --candidate new.yaml --log decisions.jsonl\n  \
                  attest policy replay --candidate new.yaml --log decisions.jsonl --log decisions.jsonl.1 --budget 0.1%\n  \
                  attest policy replay --candidate new.yaml --log decisions.jsonl --if-enforced --json\n\n\
                  Exit codes: 0 replayed and within the budget; 1 the budget is not kept or not shown to be, the candidate has errors, \
                  or no line could be used; 2 wrong use or unreadable file."
)]
pub(super) struct Replay {
    /// The policy to come.
    #[arg(long, value_name = "FILE")]
    candidate: PathBuf,
    /// A decision log; repeat it for more. `-` is standard input.
    #[arg(long, value_name = "FILE", required = true)]
    log: Vec<PathBuf>,
    /// The most requests that were allowed and may newly be refused or asked for more: a share such as `0.1%`, or a number.
    #[arg(long, value_name = "N%|N")]
    budget: Option<Budget>,
    /// Take every rule that is not off as enforced for everybody.
    #[arg(long)]
    if_enforced: bool,
    /// Examples of each change.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=100))]
    examples: u8,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let analysed = match input::analysed(&self.candidate) {
            Ok(analysed) => analysed,
            Err(error) => return error.show(out),
        };
        let name = analysed.name.clone();
        let (compiled, _) = match input::whole(analysed, "replayed", out)? {
            Ok(whole) => whole,
            Err(exit) => return Ok(exit),
        };
        let options = Options {
            if_enforced: self.if_enforced,
            examples: usize::from(self.examples),
        };
        let mut run = match Run::new(compiled.gateway, options) {
            Ok(run) => run,
            Err(problems) => {
                for problem in problems {
                    writeln!(
                        out.err,
                        "{}: {}",
                        printable(&name),
                        printable(&problem.to_string())
                    )?;
                }
                return Ok(Exit::Refused);
            }
        };
        for log in &self.log {
            if let Err(error) = read(log, &mut run) {
                let reason = format!("{}: cannot be read: {error}", log.display());
                writeln!(out.err, "{}", printable(&reason))?;
                return Ok(Exit::Unusable);
            }
        }
        let report = run.finish();
        let verdict = self.budget.map(|budget| budget.verdict(&report));
        if self.json {
            writeln!(out.out, "{}", object(&report, verdict)?)?;
        } else {
            show(&name, &report, out)?;
            if let (Some(budget), Some(verdict)) = (self.budget, verdict) {
                show_budget(budget, verdict, &report, out)?;
            }
        }
        for bad in &report.bad_lines {
            let text = format!("{}:{}: error[{}]: {}", bad.file, bad.line, bad.code, bad.message);
            writeln!(out.err, "{}", printable(&text).replace('\n', " "))?;
        }
        if report.bad > 0 {
            writeln!(out.err, "{} could not be used", lines(report.bad))?;
        }
        if report.lines == 0 {
            writeln!(out.err, "no line could be used: nothing was replayed")?;
            return Ok(Exit::Refused);
        }
        Ok(match verdict {
            None | Some(Verdict::Kept) => Exit::Clean,
            Some(Verdict::Exceeded | Verdict::Unproven) => Exit::Refused,
        })
    }
}

/// Puts every line of a file to the candidate.
fn read(log: &Path, run: &mut Run) -> io::Result<()> {
    if log == Path::new("-") {
        return read_lines("<stdin>", io::stdin().lock(), run);
    }
    let name = log.display().to_string();
    read_lines(&name, BufReader::with_capacity(1 << 16, File::open(log)?), run)
}

/// No line takes more memory than the longest that can be used.
fn read_lines(name: &str, mut reader: impl BufRead, run: &mut Run) -> io::Result<()> {
    let longest = u64::try_from(MAX_LINE_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(2);
    let mut text = Vec::new();
    for number in 1.. {
        text.clear();
        if reader.by_ref().take(longest).read_until(b'\n', &mut text)? == 0 {
            return Ok(());
        }
        if text.last() != Some(&b'\n') && text.len() > MAX_LINE_BYTES {
            reader.skip_until(b'\n')?;
            run.bad(name, number, &LineError::TooLong);
        } else {
            run.line(name, number, &text);
        }
    }
    Ok(())
}

fn show(name: &str, report: &Report, out: &mut Out<'_>) -> io::Result<()> {
    let taken = if report.if_enforced {
        ", every rule enforced for everybody"
    } else {
        ""
    };
    let policies: Vec<_> = report.policies.iter().map(u64::to_string).collect();
    writeln!(
        out.out,
        "{} (version {}{taken}) over {} that stand for {}",
        printable(name),
        report.candidate,
        lines(report.lines),
        requests(report.requests),
    )?;
    if let (Some(from_s), Some(to_s)) = (report.from_s, report.to_s) {
        writeln!(
            out.out,
            "  from {} to {}, decided by policy {}",
            rfc3339(from_s),
            rfc3339(to_s),
            policies.join(", ")
        )?;
    }
    writeln!(out.out, "  {} were allowed\n", amount(report.allowed))?;
    let of_allowed = |number: f64| {
        if number > 0.0 && report.allowed > 0.0 {
            format!(" ({:.3} % of those allowed)", 100.0 * number / report.allowed)
        } else {
            String::new()
        }
    };
    for (change, title, number) in [
        (Change::Denied, "newly refused", report.newly_denied),
        (Change::SteppedUp, "newly asked for more", report.newly_stepped_up),
        (Change::Allowed, "newly allowed", report.newly_allowed),
        (Change::Eased, "asked for more instead of refused", report.eased),
        (Change::Undecided, "not decided by the log", report.undecided),
    ] {
        let share = if matches!(change, Change::Denied | Change::SteppedUp) {
            of_allowed(number)
        } else {
            String::new()
        };
        let always = matches!(change, Change::Denied | Change::SteppedUp);
        if number > 0.0 || always {
            writeln!(out.out, "{title}: {}{share}", amount(number))?;
        }
        for group in report.groups.iter().filter(|group| group.change == change) {
            show_group(group, out)?;
        }
    }
    let enforced = || {
        report
            .groups
            .iter()
            .filter(|group| group.change == Change::IfEnforced && !is_in_effect(group))
    };
    if enforced().next().is_some() {
        writeln!(out.out, "if they were enforced for everybody:")?;
    }
    for group in enforced() {
        let verb = if group.then == Some(Decided::StepUp) {
            "ask more for"
        } else {
            "refuse"
        };
        writeln!(
            out.out,
            "  {}: would newly {verb} {}{}{}",
            printable(&group.name),
            requests(group.requests),
            devices(group.devices),
            of_allowed(group.requests),
        )?;
    }
    Ok(())
}

/// True if a rule counts for everybody as it is.
fn is_in_effect(group: &Group) -> bool {
    group.mode == Some(Mode::Enforce) && group.percent == Some(100)
}

fn show_group(group: &Group, out: &mut Out<'_>) -> io::Result<()> {
    let mut about = Vec::new();
    match (group.mode, group.percent) {
        (Some(Mode::Enforce), Some(percent)) if percent < 100 => {
            about.push(format!("enforced for {percent} %"))
        }
        (Some(Mode::Shadow), _) => about.push("shadow".to_owned()),
        _ => {}
    }
    let named = |words: &[(String, f64)]| {
        let named = words
            .iter()
            .take(5)
            .map(|(word, number)| format!("{word} ×{}", amount(*number)));
        named.collect::<Vec<_>>().join(", ")
    };
    if group.change == Change::Undecided && !group.missing.is_empty() {
        about.push(format!("the log lacks {}", named(&group.missing)));
    }
    for words in [&group.apps, &group.versions] {
        if !words.is_empty() {
            about.push(named(words));
        }
    }
    let about = if about.is_empty() {
        String::new()
    } else {
        format!("; {}", about.join("; "))
    };
    let text = format!(
        "  {}: {}{}{about}",
        group.name,
        requests(group.requests),
        devices(group.devices)
    );
    writeln!(out.out, "{}", printable(&text).replace('\n', " "))?;
    if group.change == Change::Undecided {
        return Ok(());
    }
    for example in &group.examples {
        let because = match (&example.fact, &example.value) {
            (Some(fact), Some(value)) => format!(": {fact} = {value}"),
            (Some(fact), None) => format!(": {fact}"),
            (None, _) => String::new(),
        };
        let text = format!(
            "    {}:{} on `{}`{because}",
            example.file, example.line, example.route
        );
        writeln!(out.out, "{}", printable(&text).replace('\n', " "))?;
    }
    Ok(())
}

fn show_budget(budget: Budget, verdict: Verdict, report: &Report, out: &mut Out<'_>) -> io::Result<()> {
    let budget = match budget {
        Budget::Share(share) => format!("{} % of those allowed", share * 100.0),
        Budget::Requests(number) => requests(number),
    };
    let newly = amount(report.newly_denied + report.newly_stepped_up);
    let said = match verdict {
        Verdict::Kept => "kept".to_owned(),
        Verdict::Exceeded => "exceeded".to_owned(),
        Verdict::Unproven => {
            let undecided = amount(report.undecided_of_allowed);
            let unused = match report.bad {
                0 => String::new(),
                bad => format!(", {} could not be used", lines(bad)),
            };
            format!("not shown to be kept: {undecided} that were allowed are not decided{unused}")
        }
    };
    writeln!(
        out.out,
        "\nbudget of {budget}: {newly} newly refused or asked for more, {said}"
    )
}

fn object(report: &Report, verdict: Option<Verdict>) -> io::Result<Value> {
    let mut object = serde_json::to_value(report)?;
    let verdict = verdict.map(|verdict| match verdict {
        Verdict::Kept => "kept",
        Verdict::Exceeded => "exceeded",
        Verdict::Unproven => "unproven",
    });
    if let Some(members) = object.as_object_mut() {
        members.insert("budget".to_owned(), json!(verdict));
    }
    Ok(object)
}

/// Whole where it is whole.
fn amount(number: f64) -> String {
    if (number - number.round()).abs() < 1e-6 {
        format!("{number:.0}")
    } else {
        format!("{number:.1}")
    }
}

fn requests(number: f64) -> String {
    let amount = amount(number);
    let end = if amount == "1" { "" } else { "s" };
    format!("{amount} request{end}")
}

fn lines(number: u64) -> String {
    format!("{number} line{}", if number == 1 { "" } else { "s" })
}

/// A device counts once for each day.
fn devices(Count { count, exact }: Count) -> String {
    match (count, exact) {
        (0, _) => String::new(),
        (1, true) => " of 1 device".to_owned(),
        (count, true) => format!(" of {count} devices"),
        (count, false) => format!(" of about {count} devices"),
    }
}
