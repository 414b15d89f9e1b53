//! A condition as a tree of clauses, each with its outcome and what it found.

use attest_core::{
    facts::{Answer, FactRef, FactSource, NOT_OBSERVED},
    policy::{AtLeast, Condition, Matcher, Outcome},
};

use crate::diff::condition;

/// A clause and those within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clauses {
    /// Its path within the condition, such as `all[1].any[0]`; empty for the whole condition.
    pub path: String,
    /// `all`, `any`, `not`, `at least 2 of`, or the clause itself.
    pub text: String,
    /// Whether it holds by itself.
    pub outcome: Outcome,
    /// Of a clause about a fact: the fact, if its variables have values, and what it found.
    pub found: Option<(String, String)>,
    /// True for the clause that decided the whole condition.
    pub decides: bool,
    /// The clauses within it.
    pub within: Vec<Self>,
}

/// The tree of a condition and its compiled form, over these facts.
pub(super) fn clauses(condition: &Condition, matcher: &Matcher, facts: &dyn FactSource) -> Clauses {
    let mut walk = Walk {
        matcher,
        facts,
        deciding: matcher.verdict(facts).clause,
        next: 0,
    };
    walk.clauses(condition)
}

struct Walk<'a> {
    matcher: &'a Matcher,
    facts: &'a dyn FactSource,
    deciding: u16,
    /// The position in preorder, as the compiled form counts.
    next: u16,
}

impl Walk<'_> {
    fn clauses(&mut self, condition: &Condition) -> Clauses {
        let ordinal = self.next;
        self.next = self.next.saturating_add(1);
        let clause = self.matcher.explain(ordinal, self.facts);
        let mut each = |children: &[Condition]| children.iter().map(|child| self.clauses(child)).collect();
        let (text, within) = match condition {
            Condition::Fact(_) => {
                let written = serde_json::to_value(condition).unwrap_or_default();
                (condition::clause(&written), Vec::new())
            }
            Condition::All(children) => ("all".to_owned(), each(children)),
            Condition::Any(children) => ("any".to_owned(), each(children)),
            Condition::Not(child) => ("not".to_owned(), vec![self.clauses(child)]),
            Condition::AtLeast(AtLeast { n, of }) => (format!("at least {n} of"), each(of)),
        };
        let found = match (condition, clause.fact) {
            (Condition::Fact(_), Some(fact)) => {
                let value = self.said(&fact, clause.value);
                Some((fact, value))
            }
            (Condition::Fact(test), None) => {
                Some((test.fact.clone(), "a variable has no value here".to_owned()))
            }
            (Condition::All(_) | Condition::Any(_) | Condition::Not(_) | Condition::AtLeast(_), _) => None,
        };
        Clauses {
            path: clause.path,
            text,
            outcome: self.matcher.outcome_of(ordinal, self.facts),
            found,
            decides: ordinal == self.deciding,
            within,
        }
    }

    /// What a clause found, in words; of a list without a telling item, its first ones.
    fn said(&self, fact: &str, value: String) -> String {
        const SHOWN: usize = 3;
        if value == format!("error {NOT_OBSERVED}") {
            return "not observed".to_owned();
        }
        let asked = fact.parse::<FactRef>();
        let Ok(Answer::List(items)) = asked.as_ref().map(|fact| self.facts.answer(fact)) else {
            return value;
        };
        if value != format!("{} items", items.len()) {
            return value;
        }
        let first: Vec<&str> = (0..items.len().min(SHOWN))
            .filter_map(|at| items.item(at))
            .collect();
        let first = first.join(", ");
        match items.len().saturating_sub(SHOWN) {
            0 => format!("[{first}]"),
            more => format!("[{first} and {more} more]"),
        }
    }
}
