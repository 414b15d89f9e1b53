//! The facts of a test: what it states, and what a gateway would derive from that.

use std::collections::{BTreeMap, BTreeSet};

use attest_core::{
    facts::{Answer, FactId, FactRef, FactSource, Head, Kind, Observation, Row, Value, View},
    policy::{CompiledGateway, Mode},
};

use crate::report::Report;

/// The stated facts, if every one is a known fact with an answer of its type.
pub(super) fn read_facts(
    written: &BTreeMap<String, Observation>,
    path: &str,
    report: &mut Report,
) -> Option<BTreeMap<FactRef, Observation>> {
    let mut stated = BTreeMap::new();
    let mut good = true;
    for (text, observation) in written {
        let place = format!("{path}.facts.{text}");
        match text.parse::<FactRef>() {
            Err(error) => {
                good = false;
                report.error(place, error.code(), error);
            }
            Ok(fact) if !fits(fact.fact().entry().kind, observation) => {
                good = false;
                let kind = fact.fact().entry().kind.as_str();
                report.error(
                    place,
                    "value-kind",
                    format_args!("`{text}` is {kind}, null or {{error: number}}"),
                );
            }
            Ok(fact) if let Some((row, column)) = strange_column(fact.fact(), observation) => {
                good = false;
                let known = fact.fact().entry().columns.join(", ");
                report.error(
                    format_args!("{place}[{row}].{column}"),
                    "column-unknown",
                    format_args!("unknown column `{column}`, expected {known}"),
                );
            }
            Ok(fact) => {
                stated.insert(fact, observation.clone());
            }
        }
    }
    good.then_some(stated)
}

/// A column that the fact does not have, and its row.
pub(crate) fn strange_column(fact: FactId, observation: &Observation) -> Option<(usize, &str)> {
    let (Observation::Value(Value::Rows(rows)) | Observation::RowsHead(Head(rows))) = observation else {
        return None;
    };
    let known = fact.entry().columns;
    rows.iter().enumerate().find_map(|(index, row)| {
        let strange = row
            .iter()
            .find(|(column, _)| !known.contains(&column.as_str()))?
            .0;
        Some((index, strange.as_str()))
    })
}

/// True if an observation is one that such a fact can have. Rows of which there are none are written as an empty list.
pub(crate) fn fits(kind: Kind, observation: &Observation) -> bool {
    matches!((kind, observation), (Kind::Rows, Observation::Value(Value::List(items)) | Observation::ListHead(Head(items))) if items.is_empty())
        || matches!(
            (kind, observation),
            (_, Observation::Absent | Observation::Error(_))
                | (Kind::Text, Observation::Value(Value::Text(_)))
                | (Kind::Integer, Observation::Value(Value::Integer(_)))
                | (Kind::Boolean, Observation::Value(Value::Boolean(_)))
                | (
                    Kind::List,
                    Observation::Value(Value::List(_)) | Observation::ListHead(_)
                )
                | (
                    Kind::Rows,
                    Observation::Value(Value::Rows(_)) | Observation::RowsHead(_)
                )
        )
}

pub(super) fn default(stated: &mut BTreeMap<FactRef, Observation>, fact: FactId, value: Value) {
    if let Some(fact) = FactRef::plain(fact) {
        stated.entry(fact).or_insert(Observation::Value(value));
    }
}

/// What a gateway derives from the hits, per view: categories and severities of those detectors that are in force, apart and
/// together. What a detector in shadow found is known by its id alone; one that is off finds nothing.
pub(super) fn complete_findings(stated: &mut BTreeMap<FactRef, Observation>, policy: &CompiledGateway) {
    let index = &policy.policy().detectors;
    for view in [None, Some(View::Ticket), Some(View::Token)] {
        let at = |fact| FactRef::new(fact, None, view).ok();
        let (Some(hit), Some(category), Some(severity), Some(row)) = (
            at(FactId::FINDINGS_HIT),
            at(FactId::FINDINGS_CATEGORY),
            at(FactId::FINDINGS_SEVERITY),
            at(FactId::FINDINGS_ROWS),
        ) else {
            continue;
        };
        let Some(Observation::Value(Value::List(hits))) = stated.get_mut(&hit) else {
            continue;
        };
        hits.retain(|id| index.get(id).is_none_or(|entry| entry.mode != Mode::Off));
        let entries: Vec<_> = hits
            .iter()
            .filter_map(|id| index.get(id).map(|entry| (id, entry)))
            .filter(|(_, entry)| entry.counts())
            .collect();
        let rows = entries.iter().map(|(id, entry)| {
            [
                ("id", id.as_str()),
                ("category", entry.category.as_str()),
                ("severity", entry.severity.as_str()),
            ]
            .into_iter()
            .map(|(column, word)| (column.to_owned(), word.to_owned()))
            .collect()
        });
        let rows = Observation::Value(Value::Rows(rows.collect()));
        let distinct = |words: BTreeSet<&str>| {
            Observation::Value(Value::List(words.into_iter().map(str::to_owned).collect()))
        };
        let categories = distinct(entries.iter().map(|(_, entry)| entry.category.as_str()).collect());
        let severities = distinct(entries.iter().map(|(_, entry)| entry.severity.as_str()).collect());
        stated.entry(category).or_insert(categories);
        stated.entry(severity).or_insert(severities);
        stated.entry(row).or_insert(rows);
    }
}

/// Stated facts; a view that is not stated answers as the plain fact, and findings that nobody stated are none.
#[derive(Debug)]
pub(super) struct Union(pub(super) BTreeMap<FactRef, Observation>);

static NOTHING: [&str; 0] = [];
static NO_ROWS: Vec<Row> = Vec::new();

impl FactSource for Union {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        let plain = FactRef::new(fact.fact(), fact.param(), None).ok();
        let stated = self
            .0
            .get(fact)
            .or_else(|| plain.as_ref().and_then(|plain| self.0.get(plain)));
        let of_view = |view| FactRef::new(fact.fact(), fact.param(), Some(view)).ok();
        let views = [View::Ticket, View::Token].into_iter().filter_map(of_view);
        let none = match fact.fact() {
            FactId::FINDINGS_HIT
            | FactId::FINDINGS_INCONCLUSIVE
            | FactId::FINDINGS_CATEGORY
            | FactId::FINDINGS_SEVERITY => Some(Answer::List(&NOTHING)),
            FactId::FINDINGS_ROWS => Some(Answer::Rows(&NO_ROWS)),
            _ => None,
        };
        match (stated, none) {
            (Some(observation), _) => observation.answer(),
            (None, Some(none)) => views
                .filter(|_| fact.view().is_none())
                .find_map(|view| self.0.get(&view))
                .map_or(none, Observation::answer),
            (None, None) => Answer::Absent,
        }
    }
}
