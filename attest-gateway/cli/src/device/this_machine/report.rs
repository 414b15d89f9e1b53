//! What a look at this machine says, for people and for machines. A value is cut for people, nothing is left out for machines.

use std::collections::BTreeMap;

use attest_core::facts::{FactMap, Head, Observation, Row, Value};
use attest_core::policy::{Detection, Variables};
use attest_policy::recorded::Finding;
use serde::{Serialize, Serializer};

use crate::out::printable;
use crate::policy::count;

/// The width of the page.
const COLUMNS: usize = 120;
/// The widest column of facts; longer ones push their answers to the right.
const FACT_COLUMNS_MAX: usize = 52;

/// All of it.
#[derive(Serialize)]
pub(super) struct Report {
    #[serde(serialize_with = "by_name")]
    pub(super) variables: Variables,
    #[serde(serialize_with = "by_question")]
    pub(super) facts: FactMap,
    /// The questions without a value.
    #[serde(rename = "not_observed")]
    pub(super) silent: Vec<Silent>,
    /// What every detector concluded.
    #[serde(rename = "findings")]
    pub(super) conclusions: Vec<Conclusion>,
    #[serde(rename = "probes")]
    pub(super) asked: Vec<Asked>,
    pub(super) budget_ms: u64,
    pub(super) took_us: u64,
}

/// A question without a value, and why.
#[derive(Serialize)]
pub(super) struct Silent {
    pub(super) fact: String,
    pub(super) why: String,
}

/// What a probe was asked and took.
#[derive(Serialize)]
pub(super) struct Asked {
    pub(super) probe: &'static str,
    pub(super) questions: usize,
    pub(super) took_us: u64,
}

/// What a detector concluded, and by which clause.
#[derive(Serialize)]
pub(super) struct Conclusion {
    pub(super) id: String,
    category: &'static str,
    severity: &'static str,
    outcome: &'static str,
    pub(super) because: Option<String>,
}

impl From<&Finding<'_>> for Conclusion {
    fn from(finding: &Finding<'_>) -> Self {
        Self {
            id: finding.id.to_owned(),
            category: finding.category.as_str(),
            severity: finding.severity.as_str(),
            outcome: finding.detection.as_str(),
            because: None,
        }
    }
}

fn by_name<S: Serializer>(variables: &Variables, serializer: S) -> Result<S::Ok, S::Error> {
    let names = Variables::NAMES.into_iter();
    serializer.collect_map(names.filter_map(|name| Some((name, variables.value(name)?))))
}

fn by_question<S: Serializer>(facts: &FactMap, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        facts
            .iter()
            .map(|(fact, observation)| (fact.to_string(), observation)),
    )
}

impl Report {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut page = Page::default();
        page.line("Observed");
        let observed: Vec<(String, String)> = self
            .facts
            .iter()
            .filter_map(|(fact, observation)| Some((fact.to_string(), shown(observation)?)))
            .collect();
        let widths = observed.iter().map(|(fact, _)| fact.len());
        let width = widths
            .filter(|width| *width <= FACT_COLUMNS_MAX)
            .max()
            .unwrap_or_default();
        for (fact, shown) in observed {
            page.line(&format!("  {fact:<width$}  {shown}"));
        }
        self.silent(&mut page);
        self.findings(&mut page);
        page.line("\nprobe           questions        µs");
        for Asked {
            probe,
            questions,
            took_us,
        } in &self.asked
        {
            page.line(&format!("{probe:<15} {questions:>9} {took_us:>9}"));
        }
        let answered = self.facts.len();
        page.line(&format!(
            "{:<15} {answered:>9} {:>9}  of {} ms",
            "the whole scan", self.took_us, self.budget_ms
        ));
        page.0
    }

    /// By reason, since many have the same.
    fn silent(&self, page: &mut Page) {
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Silent { fact, why } in &self.silent {
            by_reason.entry(why).or_default().push(fact);
        }
        if !by_reason.is_empty() {
            page.line(&format!(
                "\nNot observed: {}",
                count(self.silent.len(), "question")
            ));
        }
        for (why, facts) in by_reason {
            page.line(&format!("  {why}"));
            page.words(4, &facts);
        }
    }

    fn findings(&self, page: &mut Page) {
        let of = |detection: Detection| {
            let all = self.conclusions.iter();
            all.filter(move |conclusion| conclusion.outcome == detection.as_str())
        };
        page.line("\nFindings");
        let found = of(Detection::Hit).chain(of(Detection::Unsupported));
        let mut any = false;
        for Conclusion {
            id,
            category,
            severity,
            outcome,
            because,
        } in found
        {
            any = true;
            page.line(&format!("  {severity:<8}  {category:<11}  {outcome:<11}  {id}"));
            if let Some(because) = because {
                page.line(&format!("      {because}"));
            }
        }
        if !any {
            page.line("  nothing found");
        }
        page.line(&format!(
            "  {} clear",
            count(of(Detection::Clear).count(), "detector")
        ));
        let open: Vec<_> = of(Detection::Inconclusive).collect();
        page.line(&format!(
            "  {} without a conclusion",
            count(open.len(), "detector")
        ));
        for conclusion in open {
            let because = conclusion.because.as_deref().unwrap_or_default();
            page.line(&format!("    {:<34} {because}", conclusion.id));
        }
    }
}

/// An answer for people; `None` for an error, which is told elsewhere.
fn shown(observation: &Observation) -> Option<String> {
    Some(match observation {
        Observation::Error(_) => return None,
        Observation::Absent => "absent".to_owned(),
        Observation::Value(Value::Text(text)) => text.clone(),
        Observation::Value(Value::Integer(number)) => number.to_string(),
        Observation::Value(Value::Boolean(flag)) => flag.to_string(),
        Observation::Value(Value::List(items)) => several(items, "item", String::clone, ""),
        Observation::ListHead(Head(items)) => several(items, "item", String::clone, AND_MORE),
        Observation::Value(Value::Rows(rows)) => several(rows, "row", cells, ""),
        Observation::RowsHead(Head(rows)) => several(rows, "row", cells, AND_MORE),
    })
}

fn cells(row: &Row) -> String {
    let cells = row.iter().map(|(column, cell)| format!("{column}={cell}"));
    cells.collect::<Vec<_>>().join(" ")
}

/// Of a list that goes on beyond what was read.
const AND_MORE: &str = " and more";
/// Of a list so many are shown; a page has room for no more.
const ITEMS_SHOWN: usize = 8;

fn several<T>(all: &[T], what: &str, shown: impl Fn(&T) -> String, and_more: &str) -> String {
    let first: Vec<String> = all.iter().take(ITEMS_SHOWN).map(shown).collect();
    let rest = if all.len() > first.len() { ", …" } else { "" };
    let colon = if first.is_empty() { "" } else { ": " };
    format!(
        "{}{and_more}{colon}{}{rest}",
        count(all.len(), what),
        first.join(", ")
    )
}

/// Lines that are cut where the page ends.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        let gap = if text.starts_with('\n') { "\n" } else { "" };
        let text = printable(&text.trim_start_matches('\n').replace(['\n', '\t'], " "));
        let cut = text.chars().count() > COLUMNS;
        self.0.push_str(gap);
        if cut {
            self.0.extend(text.chars().take(COLUMNS - 1).chain(['…']));
        } else {
            self.0.push_str(text.trim_end());
        }
        self.0.push('\n');
    }

    /// Words in as many lines as they need.
    fn words(&mut self, indent: usize, words: &[&str]) {
        let mut line = String::new();
        for word in words {
            if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > COLUMNS {
                self.line(&format!("{:indent$}{line}", ""));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.line(&format!("{:indent$}{line}", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_short_and_obeyed_by_nobody() {
        let check = |observation: Observation, expect: Option<&str>| {
            assert_eq!(shown(&observation).as_deref(), expect);
        };
        let list = |items: usize| Value::List((0..items).map(|item| item.to_string()).collect());
        check(Observation::Absent, Some("absent"));
        check(Observation::Error(5), None);
        check(Value::Text("x".into()).into(), Some("x"));
        check(list(0).into(), Some("0 items"));
        check(list(2).into(), Some("2 items: 0, 1"));
        check(
            Observation::ListHead(Head(vec!["a".into()])),
            Some("1 item and more: a"),
        );
        check(list(9).into(), Some("9 items: 0, 1, 2, 3, 4, 5, 6, 7, …"));

        let mut page = Page::default();
        page.line("a\x1b\nb\tc");
        page.line(&"x".repeat(COLUMNS + 1));
        page.words(2, &["y".repeat(60).as_str(), "z".repeat(60).as_str()]);
        let lines: Vec<_> = page.0.lines().collect();
        assert_eq!(lines[0], "a\\u001b b c");
        assert_eq!(lines[1].chars().count(), COLUMNS);
        assert!(lines[1].ends_with('…'));
        assert_eq!(
            lines[2..],
            [format!("  {}", "y".repeat(60)), format!("  {}", "z".repeat(60))]
        );
    }
}
