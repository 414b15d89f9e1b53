//! From a written condition to the flat tree: names resolved, types compared, variables filled in, patterns compiled.
//!
//! Reports every problem of a condition at its place; never builds a tree that is too deep or too large.

mod forms;
mod values;

use super::{Comparison, MAX_DEPTH, MAX_NODES, Node, NodeKind, Scope, Side};
use crate::{
    facts::{Fact, FactRef, Kind, Origin},
    policy::{
        AtLeast, Condition, FactTest, Fault,
        error::Errors,
        operator::{Base, Operator, Quantifier},
        predicate,
    },
};

pub(super) struct Builder<'a> {
    scope: &'a Scope<'a>,
    errors: &'a mut Errors,
    nodes: Vec<Node>,
    failed: bool,
}

impl<'a> Builder<'a> {
    pub(super) const fn new(scope: &'a Scope<'a>, errors: &'a mut Errors) -> Self {
        Self {
            scope,
            errors,
            nodes: Vec::new(),
            failed: false,
        }
    }

    /// The tree of a condition; `None` if there was a problem, all of which are recorded.
    pub(super) fn finish(mut self, condition: &Condition, path: &str) -> Option<Vec<Node>> {
        self.add(condition, &mut path.to_owned(), 0);
        (!self.failed).then_some(self.nodes)
    }

    fn fail(&mut self, path: impl std::fmt::Display, fault: impl Into<Fault>) {
        self.failed = true;
        self.errors.push(path, fault);
    }

    fn add(&mut self, condition: &Condition, path: &mut String, depth: usize) {
        if depth >= MAX_DEPTH {
            return self.fail(path, Fault::TooDeep);
        }
        if self.nodes.len() >= MAX_NODES {
            if !self.failed {
                self.fail(path, Fault::TooManyClauses);
            }
            return;
        }
        let at = self.nodes.len();
        let (word, kind, children) = match condition {
            Condition::Fact(test) => {
                let kind = self.test(test, path).unwrap_or(NodeKind::Unfilled);
                self.nodes.push(Node { kind, end: at + 1 });
                return;
            }
            Condition::All(children) => (".all", NodeKind::All, children.as_slice()),
            Condition::Any(children) => (".any", NodeKind::Any, children.as_slice()),
            Condition::Not(child) => (".not", NodeKind::Not, std::slice::from_ref(&**child)),
            Condition::AtLeast(AtLeast { n, of }) => {
                if *n == 0 || usize::from(*n) > of.len() {
                    let max = of.len().try_into().unwrap_or(u64::MAX);
                    self.fail(
                        format_args!("{path}.at_least.n"),
                        Fault::OutOfRange { min: 1, max },
                    );
                }
                (".at_least.of", NodeKind::AtLeast(*n), of.as_slice())
            }
        };
        if children.is_empty() {
            self.fail(format_args!("{path}{word}"), Fault::Empty);
        }
        let indexed = !matches!(kind, NodeKind::Not);
        self.nodes.push(Node { kind, end: at + 1 });
        let length = path.len();
        for (index, child) in children.iter().enumerate() {
            path.push_str(word);
            if indexed {
                path.push_str(&format!("[{index}]"));
            }
            self.add(child, path, depth + 1);
            path.truncate(length);
        }
        let end = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(at) {
            node.end = end;
        }
    }

    fn test(&mut self, test: &FactTest, path: &str) -> Option<NodeKind> {
        let asked = self.fact(&test.fact, &format!("{path}.fact"))?;
        let Ok(operator) = test.op.parse::<Operator>() else {
            let op = test.op.chars().take(40).collect();
            self.fail(format_args!("{path}.op"), Fault::OperatorUnknown { op });
            return None;
        };
        let compared = match item_kind(operator, asked.entry.kind, &test.op) {
            Ok(compared) => compared,
            Err(fault) => {
                self.fail(format_args!("{path}.op"), fault);
                return None;
            }
        };
        if test.from.is_some() && operator.base != Base::Differs {
            self.fail(format_args!("{path}.from"), Fault::FromUnexpected);
        }
        if test.columns.is_some() && (asked.entry.kind != Kind::Rows || operator.base == Base::Exists) {
            let kind = asked.entry.kind.as_str();
            self.fail(format_args!("{path}.where"), Fault::WhereUnexpected { kind });
        }
        let asks = match (operator.base, asked.entry.kind) {
            (Base::Differs, _) => self.differs(test, &asked, path),
            (base, Kind::Rows) if base != Base::Exists => self.rows(operator, test, asked.entry, path),
            _ => self.values(operator, compared, test, path),
        }?;
        let (Filled::Yes(fact), Filled::Yes(asks)) = (asked.fact, asks) else {
            return Some(NodeKind::Unfilled);
        };
        Some(NodeKind::Test(Box::new(Comparison {
            fact,
            negated: operator.negated != (operator.base == Base::Ne),
            asks,
        })))
    }

    /// The question; its table entry alone if a variable in its parameter has no value here.
    fn fact(&mut self, text: &str, at: &str) -> Option<Asked> {
        let fact = match text.parse::<FactRef>() {
            Ok(fact) => fact,
            Err(error) => {
                self.fail(at, error);
                return None;
            }
        };
        let entry = fact.fact().entry();
        let fault = match self.scope.side {
            Side::Device(_) if entry.origin != Origin::Device => Some(Fault::FactOrigin {
                fact: entry.name,
                side: "on the phone",
            }),
            Side::Gateway if entry.origin == Origin::Device => Some(Fault::FactOrigin {
                fact: entry.name,
                side: "at the gateway, ask for the detector's finding",
            }),
            Side::Device(platform) if !entry.platforms.include(platform) => Some(Fault::FactPlatform {
                fact: entry.name,
                platform: platform.as_str(),
            }),
            Side::Device(_) | Side::Gateway => None,
        };
        if let Some(fault) = fault {
            self.fail(at, fault);
            return None;
        }
        let asked = |fact| Some(Asked { entry, fact });
        let Some(param) = fact.param() else {
            return asked(Filled::Yes(fact));
        };
        match self.fill(param, str::to_owned, at)? {
            Filled::No => asked(Filled::No),
            Filled::Yes(param) => match FactRef::new(fact.fact(), Some(&param), fact.view()) {
                Ok(fact) => asked(Filled::Yes(fact)),
                Err(error) => {
                    self.fail(at, error);
                    None
                }
            },
        }
    }
}

/// A question, and what the table says about it.
struct Asked {
    entry: &'static Fact,
    fact: Filled<FactRef>,
}

/// Whether the variables of a text have values here.
enum Filled<T> {
    Yes(T),
    No,
}

impl<T> Filled<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Filled<U> {
        match self {
            Self::Yes(value) => Filled::Yes(change(value)),
            Self::No => Filled::No,
        }
    }
}

/// The kind that the operator compares: an item, a count or the whole answer.
fn item_kind(operator: Operator, kind: Kind, op: &str) -> Result<Kind, Fault> {
    let op = || op.chars().take(40).collect::<String>();
    let compared = match (operator.quantifier, kind) {
        (None, _) if operator.base == Base::Exists => return Ok(kind),
        (None, _) if operator.base == Base::Differs && kind != Kind::Rows => return Ok(kind),
        (Some(Quantifier::Count), Kind::List | Kind::Rows) => Kind::Integer,
        (Some(_), Kind::Rows) if operator.base == Base::Row => return Ok(kind),
        (_, Kind::Rows) => return Err(Fault::RowOperator { op: op() }),
        (Some(_), Kind::List) => Kind::Text,
        (Some(_), Kind::Text | Kind::Integer | Kind::Boolean) => {
            return Err(Fault::QuantifierUnexpected {
                op: op(),
                kind: kind.as_str(),
            });
        }
        (None, Kind::List) => return Err(Fault::QuantifierMissing { op: op() }),
        (None, Kind::Text | Kind::Integer | Kind::Boolean) => kind,
    };
    if predicate::expected(operator.base, compared).is_none() {
        return Err(Fault::OperatorKind {
            op: op(),
            kind: compared.as_str(),
        });
    }
    Ok(compared)
}
