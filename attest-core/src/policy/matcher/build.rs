//! From a written condition to the flat tree: names resolved, types compared, variables filled in, patterns compiled.
//!
//! Reports every problem of a condition at its place; never builds a tree that is too deep or too large.

use super::{MAX_DEPTH, MAX_NODES, Node, NodeKind, Scope, Side, Test};
use crate::{
    facts::{Fact, FactRef, Kind, Origin, Value},
    policy::{
        AtLeast, Condition, Except, FactTest, Fault, MAX_LIST_ITEMS, MAX_TEXT_BYTES,
        error::Errors,
        operator::{Base, Operator, Quantifier},
        predicate::{self, Fold, Predicate, TextTest},
        variables::Unfilled,
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
        let fact = self.fact(&test.fact, path)?;
        let Ok(operator) = test.op.parse::<Operator>() else {
            let op = test.op.chars().take(40).collect();
            self.fail(format_args!("{path}.op"), Fault::OperatorUnknown { op });
            return None;
        };
        let kind = fact
            .as_ref()
            .map_or_else(|name| name.kind, |fact| fact.fact().entry().kind);
        let compared = match item_kind(operator, kind, &test.op) {
            Ok(compared) => compared,
            Err(fault) => {
                self.fail(format_args!("{path}.op"), fault);
                return None;
            }
        };
        let predicate = self.predicate(operator, compared, test.value.as_ref(), path)?;
        let except = match &test.except {
            None => None,
            Some(_) if operator.quantifier.is_none() => {
                self.fail(format_args!("{path}.except"), Fault::ExceptUnexpected);
                return None;
            }
            Some(except) => Some(self.except(except, path)?),
        };
        let (Ok(fact), Filled::Yes(predicate)) = (fact, predicate) else {
            return Some(NodeKind::Unfilled);
        };
        let except = match except {
            None => None,
            Some((Filled::Yes(Predicate::Text(test)), negated)) => Some((test, negated)),
            Some(_) => return Some(NodeKind::Unfilled),
        };
        let negated = operator.negated != (operator.base == Base::Ne);
        Some(NodeKind::Test(Box::new(Test {
            fact,
            quantifier: operator.quantifier,
            negated,
            predicate,
            except,
        })))
    }

    /// The question; its table entry alone if a variable in its parameter has no value here.
    fn fact(&mut self, text: &str, path: &str) -> Option<Result<FactRef, &'static Fact>> {
        let at = format!("{path}.fact");
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
        let Some(param) = fact.param() else {
            return Some(Ok(fact));
        };
        match self.fill(param, str::to_owned, &at)? {
            Filled::No => Some(Err(entry)),
            Filled::Yes(param) => match FactRef::new(fact.fact(), Some(&param), fact.view()) {
                Ok(fact) => Some(Ok(fact)),
                Err(error) => {
                    self.fail(at, error);
                    None
                }
            },
        }
    }

    fn except(&mut self, except: &Except, path: &str) -> Option<(Filled<Predicate>, bool)> {
        let path = format!("{path}.except");
        let operator = except.op.parse::<Operator>().ok().filter(|operator| {
            operator.quantifier.is_none() && predicate::expected(operator.base, Kind::Text).is_some()
        });
        let Some(operator) = operator.filter(|operator| operator.base != Base::Exists) else {
            let op = except.op.chars().take(40).collect();
            self.fail(format_args!("{path}.op"), Fault::OperatorUnknown { op });
            return None;
        };
        let predicate = self.predicate(operator, Kind::Text, Some(&except.value), &path)?;
        Some((predicate, operator.negated != (operator.base == Base::Ne)))
    }

    fn predicate(
        &mut self,
        operator: Operator,
        kind: Kind,
        value: Option<&Value>,
        path: &str,
    ) -> Option<Filled<Predicate>> {
        let at = format!("{path}.value");
        let expected = predicate::expected(operator.base, kind).unwrap_or_default();
        let op = || operator.to_string();
        let fold = if operator.ignore_case {
            Fold::IgnoreCase
        } else {
            Fold::Exact
        };
        let value = match (operator.base, value) {
            (Base::Exists, None) => return Some(Filled::Yes(Predicate::Exists)),
            (Base::Exists, Some(_)) => {
                self.fail(at, Fault::ValueUnexpected { op: op() });
                return None;
            }
            (_, None) => {
                self.fail(path, Fault::ValueMissing { op: op(), expected });
                return None;
            }
            (_, Some(value)) => value,
        };
        let built = match (operator.base, value) {
            (Base::InList, Value::Text(name)) => self.named_list(name, fold).map(Filled::Yes),
            (base, value) => {
                let escape = if base == Base::Matches {
                    regex_lite::escape
                } else {
                    str::to_owned
                };
                match self.fill_value(value, escape, &at)? {
                    Filled::No => Ok(Filled::No),
                    Filled::Yes(value) => predicate::build(base, fold, kind, &value).map(Filled::Yes),
                }
            }
        };
        built.map_err(|fault| self.fail(at, fault)).ok()
    }

    fn named_list(&self, name: &str, fold: Fold) -> Result<Predicate, Fault> {
        let items = self
            .scope
            .lists
            .get(name)
            .ok_or_else(|| Fault::ListUnknown {
                name: name.chars().take(80).collect(),
            })?
            .clone();
        if items.len() > MAX_LIST_ITEMS {
            return Err(Fault::TooMany {
                what: "items in a list",
                max: MAX_LIST_ITEMS,
            });
        }
        Ok(Predicate::Text(match fold {
            Fold::Exact => TextTest::OneOf(items),
            Fold::IgnoreCase => TextTest::OneOfFolded(items),
        }))
    }

    fn fill_value(&mut self, value: &Value, escape: fn(&str) -> String, at: &str) -> Option<Filled<Value>> {
        Some(match value {
            Value::Text(text) => self.fill(text, escape, at)?.map(Value::Text),
            Value::List(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    match self.fill(item, escape, at)? {
                        Filled::Yes(item) => filled.push(item),
                        Filled::No => return Some(Filled::No),
                    }
                }
                Filled::Yes(Value::List(filled))
            }
            Value::Integer(_) | Value::Boolean(_) => Filled::Yes(value.clone()),
        })
    }

    fn fill(&mut self, text: &str, escape: fn(&str) -> String, at: &str) -> Option<Filled<String>> {
        if text.len() > MAX_TEXT_BYTES {
            self.fail(at, Fault::TextTooLong);
            return None;
        }
        match self.scope.variables.fill(text, escape) {
            Ok(text) => Some(Filled::Yes(text)),
            Err(Unfilled::NoValue) => Some(Filled::No),
            Err(Unfilled::Unknown(name)) => {
                self.fail(at, Fault::VariableUnknown { name });
                None
            }
        }
    }
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
        (Some(Quantifier::Count), Kind::List) => Kind::Integer,
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
