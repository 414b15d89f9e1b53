//! What rules can ask about one request: every fact is authentic by now. Lists are made on first use, so that a rule costs what it
//! asks.

mod platform;

use std::cell::OnceCell;

use attest_core::appraisal::AppraisalResult;
use attest_core::device::{DeviceId, TokenKind};
use attest_core::facts::{Answer, FactId, FactRef, FactSource, NOT_OBSERVED, RowList, TextList, View};
use attest_core::finding::{FindingSource, Findings, United};
use attest_core::policy::{CompiledGateway, DetectorEntry, MAX_DETECTORS, Mode};
use attest_core::token::binding::Bound;

pub(super) use self::platform::PlatformFacts;
use super::route::RouteHandle;
use crate::revocations::Revocations;

/// The facts of one request.
pub(super) struct RequestFacts<'a> {
    pub(super) token: &'a Bound,
    pub(super) policy: &'a CompiledGateway,
    pub(super) route: &'a RouteHandle,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) device: &'a LazyText<'a>,
    pub(super) now_s: u64,
    pub(super) platform: PlatformFacts<'a>,
    pub(super) revocations: &'a Revocations,
    pub(super) requests_last_minute: u32,
    pub(super) step_ups: Vec<&'static str>,
    pub(super) lists: Lists<'a>,
}

/// A device's id as text, made when it is first asked for.
pub(super) struct LazyText<'a> {
    device: &'a DeviceId,
    text: OnceCell<String>,
}

impl<'a> LazyText<'a> {
    pub(super) const fn new(device: &'a DeviceId) -> Self {
        Self {
            device,
            text: OnceCell::new(),
        }
    }

    pub(super) fn get(&self) -> &str {
        self.text.get_or_init(|| self.device.to_text())
    }
}

/// Lists that were asked for, by view: union, ticket, token.
#[derive(Default)]
pub(super) struct Lists<'a> {
    hit: [OnceCell<Vec<&'a str>>; 3],
    inconclusive: [OnceCell<Reported<'a>>; 3],
    category: [OnceCell<Vec<&'a str>>; 3],
    severity: [OnceCell<Vec<&'a str>>; 3],
    rows: [OnceCell<Rows<'a>>; 3],
}

/// Ids of detectors that hit, with what policy says of them.
#[derive(Debug)]
struct Rows<'a>(Vec<(&'a str, &'a DetectorEntry)>);

impl RowList for Rows<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn cell(&self, row: usize, column: &str) -> Option<&str> {
        let (id, entry) = self.0.get(row)?;
        match column {
            "id" => Some(id),
            "category" => Some(entry.category.as_str()),
            "severity" => Some(entry.severity.as_str()),
            _ => None,
        }
    }
}

/// Ids, and how many more there are that were only counted.
#[derive(Debug)]
struct Reported<'a> {
    ids: Vec<&'a str>,
    more: usize,
}

impl Reported<'_> {
    /// No more than a policy has detectors, because a token may say any number.
    fn more(findings: &Findings) -> usize {
        usize::try_from(findings.inconclusive_more).map_or(MAX_DETECTORS, |more| more.min(MAX_DETECTORS))
    }
}

impl TextList for Reported<'_> {
    fn len(&self) -> usize {
        self.ids.len() + self.more
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.ids.get(index).copied()
    }
}

impl<'a> RequestFacts<'a> {
    fn result(&self) -> &'a AppraisalResult {
        self.token.token().result()
    }

    fn united(&self) -> United<'a> {
        United::new(&self.result().findings, &self.token.token().claims().findings)
    }

    fn list<'s, T: TextList + 's>(
        cells: &'s [OnceCell<T>; 3],
        view: Option<View>,
        make: impl FnOnce(Option<FindingSource>) -> T,
    ) -> Answer<'s> {
        kept(cells, view, make).map_or(Answer::Error(NOT_OBSERVED), |list| Answer::List(list))
    }

    /// Phones on an older policy still report detectors that are off or killed by now: those move no rule any more.
    fn hits(&self, source: Option<FindingSource>) -> Vec<&'a str> {
        let mut hits: Vec<&str> = match source {
            // A token reports what it reports, even what was sealed before.
            Some(FindingSource::Token) => texts(&self.token.token().claims().findings.hit),
            Some(FindingSource::Ticket) => texts(&self.result().findings.hit),
            None => self.united().hits().map(|(id, _)| id).collect(),
        };
        let known = &self.policy.policy().detectors;
        hits.retain(|id| known.get(*id).is_none_or(|entry| entry.mode != Mode::Off));
        hits
    }

    fn inconclusive(&self, source: Option<FindingSource>) -> Reported<'a> {
        let (ticket, token) = (&self.result().findings, &self.token.token().claims().findings);
        let of = |findings: &'a Findings| Reported {
            ids: texts(&findings.inconclusive),
            more: Reported::more(findings),
        };
        match source {
            Some(FindingSource::Token) => of(token),
            Some(FindingSource::Ticket) => of(ticket),
            None => Reported {
                ids: self.united().inconclusive().map(|(id, _)| id).collect(),
                // Both count the same detectors as a rule.
                more: Reported::more(ticket).max(Reported::more(token)),
            },
        }
    }

    /// Hits that count. One of a detector that this policy does not know (any more), or runs in shadow, moves no rule by what it is.
    fn entries(&self, source: Option<FindingSource>) -> Vec<(&'a str, &'a DetectorEntry)> {
        let known = &self.policy.policy().detectors;
        let counted = |id| {
            known
                .get(id)
                .filter(|entry| entry.counts())
                .map(|entry| (id, entry))
        };
        self.hits(source).into_iter().filter_map(counted).collect()
    }

    fn of_entries(
        &self,
        source: Option<FindingSource>,
        word: impl Fn(&'a DetectorEntry) -> &'a str,
    ) -> Vec<&'a str> {
        let mut words: Vec<&str> = Vec::new();
        for (_, entry) in self.entries(source) {
            let word = word(entry);
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    fn integer(value: impl TryInto<i64>) -> Answer<'static> {
        Answer::Integer(value.try_into().unwrap_or(i64::MAX))
    }
}

/// What a view asked for, made once; `None` for the views of probes.
fn kept<T>(
    cells: &[OnceCell<T>; 3],
    view: Option<View>,
    make: impl FnOnce(Option<FindingSource>) -> T,
) -> Option<&T> {
    let [union, ticket, token] = cells;
    let (cell, source) = match view {
        None => (union, None),
        Some(View::Ticket) => (ticket, Some(FindingSource::Ticket)),
        Some(View::Token) => (token, Some(FindingSource::Token)),
        Some(View::Java | View::Libc | View::Syscall | View::Isolated) => return None,
    };
    Some(cell.get_or_init(|| make(source)))
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

impl FactSource for RequestFacts<'_> {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        let result = self.result();
        let age = |since_s: u64| Self::integer(self.now_s.saturating_sub(since_s));
        match fact.fact() {
            FactId::APP_ID => Answer::Text(&result.app),
            FactId::APP_PLATFORM => Answer::Text(result.platform.as_str()),
            FactId::APP_VERSION => Answer::Text(&result.app_version),
            FactId::KEY_LEVEL => Answer::Text(result.key_level.as_str()),
            FactId::EVIDENCE_CLASS => Answer::Text(result.evidence_class.as_str()),
            FactId::EVIDENCE_AGE_S => age(result.evidence_at_s),
            FactId::DEVICE_ID => Answer::Text(self.device.get()),
            FactId::DEVICE_GENERATION => Self::integer(result.generation),
            FactId::DEVICE_AGE_S => age(result.enrolled_at_s),
            FactId::POLICY_VERSION => Self::integer(result.policy_version),
            FactId::FINDINGS_HIT => Self::list(&self.lists.hit, fact.view(), |source| self.hits(source)),
            FactId::FINDINGS_INCONCLUSIVE => Self::list(&self.lists.inconclusive, fact.view(), |source| {
                self.inconclusive(source)
            }),
            FactId::FINDINGS_CATEGORY => Self::list(&self.lists.category, fact.view(), |source| {
                self.of_entries(source, |entry| entry.category.as_str())
            }),
            FactId::FINDINGS_SEVERITY => Self::list(&self.lists.severity, fact.view(), |source| {
                self.of_entries(source, |entry| entry.severity.as_str())
            }),
            FactId::FINDINGS_ROWS => kept(&self.lists.rows, fact.view(), |source| Rows(self.entries(source)))
                .map_or(Answer::Error(NOT_OBSERVED), |rows| Answer::Rows(rows)),
            FactId::REQUEST_METHOD => Answer::Text(self.method),
            FactId::REQUEST_PATH => Answer::Text(self.path),
            FactId::ROUTE_ID => self
                .route
                .route()
                .map_or(Answer::Absent, |route| Answer::Text(&route.route().id)),
            FactId::TOKEN_KIND => Answer::Text(match self.token.token().kind() {
                TokenKind::Session => "session",
                TokenKind::Proof => "proof",
            }),
            FactId::COUNTER_DEVICE_REQUESTS_1M => Self::integer(self.requests_last_minute),
            FactId::STEP_UP_DONE => Answer::List(&self.step_ups),
            FactId::REVOCATION_AGE_S => match self.revocations.active() {
                Some(listed) => age(listed.as_of_s),
                None => Answer::Absent,
            },
            other => self.platform.answer(other).unwrap_or(Answer::Error(NOT_OBSERVED)),
        }
    }
}
