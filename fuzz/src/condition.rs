//! The matching language over made-up facts.

use std::collections::BTreeMap;

use attest_core::facts::{FactMap, FactRef, Observation};
use attest_core::policy::{Condition, Matcher, Scope, Side, Variables};

/// `{"when": condition, "facts": {question: answer}}`: whatever compiles has an outcome, the same each time, and the clause
/// behind it can be explained.
pub fn condition(data: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Input {
        when: Condition,
        facts: BTreeMap<String, Observation>,
    }
    let Ok(Input { when, facts }) = serde_json::from_slice(data) else { return false };
    let asked = |(name, answer): (String, _)| Some((name.parse::<FactRef>().ok()?, answer));
    let facts: FactMap = facts.into_iter().filter_map(asked).collect();
    let lists = BTreeMap::from([("known".to_owned(), vec!["com.example.bank".to_owned()])]);
    let Ok(matcher) = Matcher::compile(&when, &Scope::new(Side::Gateway, &lists, Variables::default())) else { return false };
    let verdict = matcher.verdict(&facts);
    assert_eq!(matcher.evaluate(&facts), verdict.outcome, "two outcomes for one question");
    drop(matcher.explain(verdict.clause, &facts));
    true
}
