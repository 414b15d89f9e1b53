//! The matching language over made-up facts.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use attest_core::facts::{Answer, FactMap, FactRef, FactSource, NOT_OBSERVED, Observation, Platform, Row, RowList, TextList, Value};
use attest_core::policy::{
    Completed, Condition, Decision, Detection, DevicePolicy, GatewayPolicy, Matcher, Outcome, Scope, Side, Subject, Variables,
};
use serde_json::json;

/// `{"when": condition, "facts": {question: answer}, "platform": "android"}`, without platform at the gateway: whatever
/// compiles has an outcome, the same each time and the same as in a policy that a phone or a gateway reads; it reads no more
/// than it says beforehand, and the clause behind it can be explained.
pub fn condition(data: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Input {
        when: Condition,
        facts: BTreeMap<String, Observation>,
        platform: Option<Platform>,
    }
    let Ok(Input { when, facts, platform }) = serde_json::from_slice(data) else { return false };
    let asked = |(name, answer): (String, _)| Some((name.parse::<FactRef>().ok()?, answer));
    let facts: FactMap = facts.into_iter().filter_map(asked).collect();
    let lists = BTreeMap::from([("known".to_owned(), vec!["com.example.bank".to_owned()])]);
    let side = platform.map_or(Side::Gateway, Side::Device);
    let variables = || Variables::default().with("package", "com.example.bank");
    let given = if platform.is_some() { variables() } else { Variables::default() };
    let Ok(matcher) = Matcher::compile(&when, &Scope::new(side, &lists, given)) else { return false };
    let verdict = matcher.verdict(&facts);
    assert_eq!(matcher.evaluate(&facts), verdict.outcome, "two outcomes for one question");
    drop(matcher.explain(verdict.clause, &facts));
    bounded(&matcher, &facts, verdict.outcome);
    match platform {
        Some(platform) => on_phone(&when, platform, variables(), &facts, verdict.outcome),
        None => at_gateway(&when, &facts, verdict.outcome),
    }
    true
}

fn bounded(matcher: &Matcher, facts: &FactMap, outcome: Outcome) {
    let reads = Rc::new(Cell::new(0));
    let counted = |(fact, answer): (&FactRef, &Observation)| (fact.clone(), Counted { answer: answer.clone(), reads: Rc::clone(&reads) });
    let source = Counting { facts: facts.iter().map(counted).collect(), reads: Rc::clone(&reads) };
    let items = |observation: &Observation| match observation.answer() {
        Answer::List(items) => items.len(),
        Answer::Rows(rows) => rows.len(),
        Answer::Text(_) | Answer::Integer(_) | Answer::Boolean(_) | Answer::Absent | Answer::Error(_) => 0,
    };
    let most = facts.iter().map(|(_, answer)| items(answer)).max().unwrap_or_default();
    assert_eq!(matcher.evaluate(&source), outcome, "counting changes the outcome");
    assert!(reads.get() <= matcher.cost_bound(most), "{} reads of {}", reads.get(), matcher.cost_bound(most));
}

fn on_phone(when: &Condition, platform: Platform, variables: Variables, facts: &FactMap, outcome: Outcome) {
    let detector = json!({"id": "d", "platform": platform.as_str(), "category": "root", "severity": "low", "why": "w", "when": when});
    let policy = json!({"version": 1, "environment": "development", "detectors": [detector], "lists": {"known": ["com.example.bank"]}});
    let policy = DevicePolicy::from_json(policy.to_string().as_bytes());
    let compiled = policy.ok().and_then(|policy| policy.compile(platform, variables).ok());
    assert!(compiled.is_some(), "a phone refuses a condition that compiles");
    let Some(compiled) = compiled else { return };
    let found = compiled.detectors().scan(facts).next().map(|scanned| scanned.detection);
    let expect = match outcome {
        Outcome::True => Detection::Hit,
        Outcome::False => Detection::Clear,
        Outcome::Inconclusive => Detection::Inconclusive,
    };
    assert_eq!(found, Some(expect), "a phone concludes otherwise");
}

fn at_gateway(when: &Condition, facts: &FactMap, outcome: Outcome) {
    let policy = json!({
        "version": 1, "environment": "development", "origins": ["https://a.example"], "lists": {"known": ["com.example.bank"]},
        "apps": [{"id": "app", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"]}],
        "rules": [{"id": "r", "why": "w", "when": when, "then": "deny"}],
        "routes": [{"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["app"]}],
    });
    let policy = GatewayPolicy::from_json(policy.to_string().as_bytes());
    let compiled = policy.ok().and_then(|policy| policy.compile().ok());
    assert!(compiled.is_some(), "a gateway refuses a condition that compiles");
    let Some(compiled) = compiled else { return };
    let rollout_key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[3; 32]);
    let subject = Subject { device: &[7; 16], rollout_key: &rollout_key, completed: Completed::default() };
    let Some(route) = compiled.routes().by_id("pay") else { return };
    let decided = compiled.decide(route, facts, &subject);
    let said = (decided.decision == Decision::Deny, decided.inconclusive);
    assert_eq!(said, (outcome == Outcome::True, u16::from(outcome == Outcome::Inconclusive)), "a gateway decides otherwise");
}

/// Facts that count what is read of them.
struct Counting {
    facts: BTreeMap<FactRef, Counted>,
    reads: Rc<Cell<u64>>,
}

#[derive(Debug)]
struct Counted {
    answer: Observation,
    reads: Rc<Cell<u64>>,
}

impl Counted {
    fn read(&self) {
        self.reads.set(self.reads.get() + 1);
    }

    fn rows(&self) -> &[Row] {
        if let Observation::Value(Value::Rows(rows)) = &self.answer { rows } else { &[] }
    }

    fn items(&self) -> &[String] {
        if let Observation::Value(Value::List(items)) = &self.answer { items } else { &[] }
    }
}

impl FactSource for Counting {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        self.reads.set(self.reads.get() + 1);
        let Some(counted) = self.facts.get(fact) else { return Answer::Error(NOT_OBSERVED) };
        match &counted.answer {
            Observation::Value(Value::List(_)) => Answer::List(counted),
            Observation::Value(Value::Rows(_)) => Answer::Rows(counted),
            Observation::Value(Value::Text(_) | Value::Integer(_) | Value::Boolean(_))
            | Observation::ListHead(_)
            | Observation::RowsHead(_)
            | Observation::Absent
            | Observation::Error(_) => {
                counted.answer.answer()
            }
        }
    }
}

impl TextList for Counted {
    fn len(&self) -> usize {
        self.items().len()
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.read();
        self.items().get(index).map(String::as_str)
    }
}

impl RowList for Counted {
    fn len(&self) -> usize {
        self.rows().len()
    }

    fn cell(&self, row: usize, column: &str) -> Option<&str> {
        self.read();
        self.rows().get(row)?.get(column).map(String::as_str)
    }
}
