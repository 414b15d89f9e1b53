//! What a clause compares with: values with their variables filled in, named lists, and what `except` leaves out.

use std::sync::Arc;

use super::{Builder, Filled};
use crate::{
    facts::{Kind, Value},
    policy::{
        APP_LISTS, Except, FactTest, Fault, MAX_LIST_ITEMS, MAX_TEXT_BYTES, Side,
        matcher::{
            comparison::Asks,
            items::{Each, ItemTest},
        },
        operator::{Base, Operator, Quantifier},
        predicate::{self, Fold, Predicate, TextTest},
        regex,
        variables::Unfilled,
    },
};

impl Builder<'_> {
    /// A clause about one value or the items of a list.
    pub(super) fn values(
        &mut self,
        operator: Operator,
        compared: Kind,
        test: &FactTest,
        path: &str,
    ) -> Option<Filled<Asks>> {
        let predicate = self.predicate(operator, compared, test.value.as_ref(), path);
        let except = match &test.except {
            Some(_) if operator.quantifier.is_none() => {
                self.fail(format_args!("{path}.except"), Fault::ExceptUnexpected);
                return None;
            }
            except => self.except_items(except.as_ref(), path),
        };
        let (Filled::Yes(predicate), Filled::Yes(except)) = (predicate?, except?) else {
            return Some(Filled::No);
        };
        let each = match operator.quantifier {
            Some(Quantifier::Any) => Some(Each::Any),
            Some(Quantifier::All) => Some(Each::All),
            Some(Quantifier::None) => Some(Each::None),
            Some(Quantifier::Count) | None => None,
        };
        Some(Filled::Yes(match (predicate, each, operator.quantifier) {
            (Predicate::Text(test), Some(each), _) => Asks::Items { each, test, except },
            (Predicate::Integer(test), _, Some(Quantifier::Count)) => Asks::Count { test, except },
            (Predicate::Text(test), None, _) => Asks::Text(test),
            (Predicate::Integer(test), _, _) => Asks::Integer(test),
            (Predicate::Boolean(expected), _, _) => Asks::Boolean(expected),
            (Predicate::Exists, _, _) => Asks::Exists,
        }))
    }

    /// What leaves items of a list out.
    pub(super) fn except_items(
        &mut self,
        except: Option<&Except>,
        path: &str,
    ) -> Option<Filled<Option<ItemTest>>> {
        let Some(except) = except else {
            return Some(Filled::Yes(None));
        };
        let path = format!("{path}.except");
        if except.column.is_some() {
            let kind = Kind::List.as_str();
            self.fail(format_args!("{path}.column"), Fault::ColumnUnexpected { kind });
        }
        Some(self.item(&except.op, &except.value, &path)?.map(Some))
    }

    /// A test of one text.
    pub(super) fn item(&mut self, op: &str, value: &Value, path: &str) -> Option<Filled<ItemTest>> {
        let operator = op.parse::<Operator>().ok().filter(|operator| {
            operator.quantifier.is_none()
                && !matches!(operator.base, Base::Exists | Base::Differs)
                && predicate::expected(operator.base, Kind::Text).is_some()
        });
        let Some(operator) = operator else {
            let op = op.chars().take(40).collect();
            self.fail(format_args!("{path}.op"), Fault::OperatorUnknown { op });
            return None;
        };
        Some(match self.predicate(operator, Kind::Text, Some(value), path)? {
            Filled::Yes(Predicate::Text(test)) => Filled::Yes(ItemTest {
                test,
                negated: operator.negated != (operator.base == Base::Ne),
            }),
            Filled::Yes(Predicate::Exists | Predicate::Integer(_) | Predicate::Boolean(_)) | Filled::No => {
                Filled::No
            }
        })
    }

    pub(super) fn predicate(
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
            (Base::InList, Value::Text(name)) => self.named_list(name, fold),
            (base, value) => {
                let escape = if base == Base::Matches {
                    regex::escape
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

    fn named_list(&self, name: &str, fold: Fold) -> Result<Filled<Predicate>, Fault> {
        let of_apps = APP_LISTS.contains(&name);
        let items = match self.scope.lists.get(name) {
            Some(items) if !of_apps || !items.is_empty() => Arc::clone(items),
            None | Some(_) if of_apps => return Ok(Filled::No),
            None | Some(_) => {
                let name = name.chars().take(80).collect();
                return Err(Fault::ListUnknown { name });
            }
        };
        if items.len() > MAX_LIST_ITEMS {
            return Err(Fault::TooMany {
                what: "items in a list",
                max: MAX_LIST_ITEMS,
            });
        }
        Ok(Filled::Yes(Predicate::Text(match fold {
            Fold::Exact => TextTest::OneOf(items),
            Fold::IgnoreCase => TextTest::OneOfFolded(items),
        })))
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
            Value::Integer(_) | Value::Boolean(_) | Value::Rows(_) => Filled::Yes(value.clone()),
        })
    }

    pub(super) fn fill(
        &mut self,
        text: &str,
        escape: fn(&str) -> String,
        at: &str,
    ) -> Option<Filled<String>> {
        if text.len() > MAX_TEXT_BYTES {
            self.fail(at, Fault::TextTooLong);
            return None;
        }
        match self.scope.variables.fill(text, escape) {
            Ok(text) => Some(Filled::Yes(text)),
            Err(Unfilled::NoValue) if self.scope.side == Side::Gateway => {
                self.fail(at, Fault::VariableOrigin);
                None
            }
            Err(Unfilled::NoValue) => Some(Filled::No),
            Err(Unfilled::Unknown(name)) => {
                self.fail(at, Fault::VariableUnknown { name });
                None
            }
        }
    }
}
