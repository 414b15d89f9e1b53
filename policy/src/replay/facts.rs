//! The facts of a line, as the rules of a candidate ask for them. What the log does not say is remembered as missing, and
//! never taken for absent.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use attest_core::{
    facts::{Answer, FactId, FactRef, FactSource, Kind, NOT_OBSERVED, Row, TextList, View},
    policy::{DetectorEntry, GatewayPolicy, Mode},
};
use serde_json::Value as Json;

use super::{
    line::{Facts, Line, LineError},
    privacy::{DAY_S, Written, written},
};

/// How a gateway writes the id of a detector that its policy does not know.
pub const UNKNOWN_DETECTOR: &str = "?";

/// What is known about one request.
#[derive(Debug)]
pub(super) struct LoggedFacts {
    known: BTreeMap<FactRef, Known>,
    by_the_day: Vec<Aged>,
    missing: RefCell<Option<FactRef>>,
}

/// A fact that is told by the day, and the second that is tried.
#[derive(Debug)]
pub(super) struct Aged {
    pub(super) fact: FactId,
    /// The least value that it can have.
    pub(super) from: i64,
    /// The greatest.
    pub(super) to: i64,
    tried: Cell<i64>,
}

#[derive(Debug)]
enum Known {
    Absent,
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Items),
    Rows(Vec<Row>),
}

/// Items of which some may not be known: to the gateway (`None`), or only to this log.
#[derive(Debug, Clone, Default)]
struct Items {
    items: Vec<Option<String>>,
    /// True if an item was known to the gateway and is not in the log.
    incomplete: bool,
}

impl TextList for Items {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.items.get(index)?.as_deref()
    }
}

impl LoggedFacts {
    /// The facts of a line, findings as the detectors of `policy` make them.
    pub(super) fn new(line: &Line<'_, Facts>, policy: &GatewayPolicy) -> Result<Self, LineError> {
        let mut known = BTreeMap::new();
        let mut by_the_day = Vec::new();
        for (name, value) in &line.facts {
            let unfit = || LineError::Fact {
                fact: name.chars().take(80).collect(),
            };
            let fact: FactRef = name.parse().map_err(|_| unfit())?;
            let value = read(&fact, value).ok_or_else(unfit)?;
            if let (Known::Integer(from), true) = (&value, line.by_the_day.iter().any(|aged| aged == name)) {
                by_the_day.push(Aged {
                    fact: fact.fact(),
                    from: *from,
                    to: from.saturating_add(i64::try_from(DAY_S).unwrap_or(i64::MAX) - 1),
                    tried: Cell::new(*from),
                });
            }
            known.insert(fact, value);
        }
        let mut facts = Self {
            known,
            by_the_day,
            missing: RefCell::default(),
        };
        facts.complete(line);
        facts.findings(policy);
        Ok(facts)
    }

    /// What other parts of the line say.
    fn complete(&mut self, line: &Line<'_, Facts>) {
        let mut text = |fact: FactId, text: Option<&str>| {
            if let (Some(fact), Some(text)) = (FactRef::plain(fact), text) {
                self.known.insert(fact, Known::Text(text.to_owned()));
            }
        };
        text(FactId::APP_ID, line.app.as_deref());
        text(FactId::APP_VERSION, line.app_version.as_deref());
        text(FactId::REQUEST_METHOD, Some(&line.method));
        text(FactId::ROUTE_ID, Some(&line.route));
    }

    /// Unites both sources, and says of the hits what the policy's detectors say of them, as gateways do.
    fn findings(&mut self, policy: &GatewayPolicy) {
        let of = |facts: &Self, fact, view| match facts.known.get(&FactRef::new(fact, None, Some(view)).ok()?)
        {
            Some(Known::List(items)) => Some(items.clone()),
            _ => None,
        };
        let (ticket, token) = (
            of(self, FactId::FINDINGS_HIT, View::Ticket),
            of(self, FactId::FINDINGS_HIT, View::Token),
        );
        let hits = united(ticket.as_ref(), token.as_ref());
        let unsure = [View::Ticket, View::Token].map(|view| of(self, FactId::FINDINGS_INCONCLUSIVE, view));
        if let ([Some(of_ticket), Some(of_token)], Some(hits)) = (&unsure, &hits)
            && let Some(items) = undecided(of_ticket, of_token, hits)
        {
            self.set(FactId::FINDINGS_INCONCLUSIVE, None, Known::List(items));
        }
        for (view, hits) in [
            (Some(View::Ticket), ticket),
            (Some(View::Token), token),
            (None, hits),
        ] {
            if let Some(hits) = hits {
                self.of_hits(view, hits, policy);
            }
        }
    }

    fn of_hits(&mut self, view: Option<View>, mut hits: Items, policy: &GatewayPolicy) {
        let entry = |id: &Option<String>| policy.detectors.get(id.as_deref()?);
        hits.items
            .retain(|id| entry(id).is_none_or(|entry| entry.mode != Mode::Off));
        // What an unknown detector would add is unknown, too: then these are missing.
        if !hits.incomplete {
            let ids = hits.items.iter().flatten();
            let counted: Vec<_> = ids
                .filter_map(|id| Some((id, policy.detectors.get(id).filter(|entry| entry.counts())?)))
                .collect();
            let words = |word: fn(&DetectorEntry) -> &'static str| {
                let mut words: Vec<&str> = Vec::new();
                for (_, entry) in &counted {
                    if !words.contains(&word(entry)) {
                        words.push(word(entry));
                    }
                }
                Known::List(Items {
                    items: words.into_iter().map(|word| Some(word.to_owned())).collect(),
                    incomplete: false,
                })
            };
            let rows = counted.iter().map(|(id, entry)| {
                let columns = [
                    ("id", id.as_str()),
                    ("category", entry.category.as_str()),
                    ("severity", entry.severity.as_str()),
                ];
                Row::from(columns.map(|(column, cell)| (column.to_owned(), cell.to_owned())))
            });
            let rows = Known::Rows(rows.collect());
            let (categories, severities) = (
                words(|entry| entry.category.as_str()),
                words(|entry| entry.severity.as_str()),
            );
            self.set(FactId::FINDINGS_ROWS, view, rows);
            self.set(FactId::FINDINGS_CATEGORY, view, categories);
            self.set(FactId::FINDINGS_SEVERITY, view, severities);
        }
        self.set(FactId::FINDINGS_HIT, view, Known::List(hits));
    }

    fn set(&mut self, fact: FactId, view: Option<View>, value: Known) {
        if let Ok(fact) = FactRef::new(fact, None, view) {
            self.known.insert(fact, value);
        }
    }

    /// Facts that are told by the day.
    pub(super) fn aged(&self) -> &[Aged] {
        &self.by_the_day
    }

    /// The question that was asked and has no answer here, since the last call.
    pub(super) fn take_missing(&self) -> Option<FactRef> {
        self.missing.take()
    }

    fn miss(&self, fact: &FactRef) {
        self.missing.borrow_mut().get_or_insert_with(|| fact.clone());
    }
}

impl Aged {
    /// Answers with this second from now on.
    pub(super) fn try_second(&self, second: i64) {
        self.tried.set(second);
    }
}

impl FactSource for LoggedFacts {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        match self.known.get(fact) {
            None => {
                self.miss(fact);
                Answer::Error(NOT_OBSERVED)
            }
            Some(Known::Absent) => Answer::Absent,
            Some(Known::Text(text)) => Answer::Text(text),
            Some(Known::Integer(number)) => {
                let aged = self.by_the_day.iter().find(|aged| aged.fact == fact.fact());
                Answer::Integer(aged.map_or(*number, |aged| aged.tried.get()))
            }
            Some(Known::Boolean(flag)) => Answer::Boolean(*flag),
            Some(Known::List(items)) => {
                if items.incomplete {
                    self.miss(fact);
                }
                Answer::List(items)
            }
            Some(Known::Rows(rows)) => Answer::Rows(rows),
        }
    }
}

/// A value as the log writes it, if the fact can have it and is one that is written.
fn read(fact: &FactRef, value: &Json) -> Option<Known> {
    if !matches!(written(fact.fact()), Some(Written::Plain | Written::ByTheDay)) {
        return None;
    }
    Some(match (fact.fact().entry().kind, value) {
        (_, Json::Null) => Known::Absent,
        (Kind::Text, Json::String(text)) => Known::Text(text.clone()),
        (Kind::Integer, Json::Number(number)) => Known::Integer(number.as_i64()?),
        (Kind::Boolean, Json::Bool(flag)) => Known::Boolean(*flag),
        (Kind::List, Json::Array(written)) => {
            let mut items = Items::default();
            for item in written {
                items.items.push(match item {
                    Json::String(text) if text == UNKNOWN_DETECTOR => {
                        items.incomplete = true;
                        None
                    }
                    Json::String(text) => Some(text.clone()),
                    Json::Null => None,
                    Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => return None,
                });
            }
            Known::List(items)
        }
        _ => return None,
    })
}

/// Hits of both sources, each id once; `None` if the log does not tell which of them are the same.
fn united(ticket: Option<&Items>, token: Option<&Items>) -> Option<Items> {
    let (ticket, token) = (ticket?, token?);
    if ticket.incomplete && token.incomplete {
        return None;
    }
    let mut hits = ticket.clone();
    let added = token
        .items
        .iter()
        .filter(|id| id.is_none() || !ticket.items.contains(id));
    hits.items.extend(added.cloned());
    hits.incomplete |= token.incomplete;
    Some(hits)
}

/// What neither source decided; `None` if the log does not tell.
fn undecided(ticket: &Items, token: &Items, hits: &Items) -> Option<Items> {
    if ticket.incomplete || token.incomplete || hits.incomplete {
        return None;
    }
    let named = |items: &Items| items.items.iter().flatten().cloned().collect::<Vec<_>>();
    let counted = |items: &Items| items.items.iter().filter(|item| item.is_none()).count();
    let mut ids = named(ticket);
    ids.extend(
        named(token)
            .into_iter()
            .filter(|id| !ticket.items.contains(&Some(id.clone()))),
    );
    ids.retain(|id| !hits.items.contains(&Some(id.clone())));
    let mut items: Vec<_> = ids.into_iter().map(Some).collect();
    // Both count the same detectors.
    let more = counted(ticket).max(counted(token));
    items.resize(items.len() + more, None);
    Some(Items {
        items,
        incomplete: false,
    })
}
