//! The clauses that compare two facts, and those over rows.

use super::{Asked, Builder, Filled};
use crate::{
    facts::{Fact, Kind},
    policy::{
        ColumnTest, FactTest, Fault,
        matcher::{
            MAX_COLUMN_TESTS,
            comparison::Asks,
            items::Each,
            rows::{Cell, RowTest, RowsOver},
        },
        operator::{Base, Operator, Quantifier},
        predicate::Predicate,
    },
};

impl Builder<'_> {
    /// `{fact, op: differs, from, except}`.
    pub(super) fn differs(&mut self, test: &FactTest, asked: &Asked, path: &str) -> Option<Filled<Asks>> {
        let kind = asked.entry.kind;
        let op = || test.op.chars().take(40).collect::<String>();
        if test.value.is_some() {
            self.fail(format_args!("{path}.value"), Fault::ValueUnexpected { op: op() });
        }
        if test.except.is_some() && kind != Kind::List {
            self.fail(format_args!("{path}.except"), Fault::ExceptUnexpected);
        }
        let Some(from) = &test.from else {
            self.fail(path, Fault::FromMissing { op: op() });
            return None;
        };
        let at = format!("{path}.from");
        let from = self.fact(from, &at)?;
        if from.entry.kind != kind {
            let fault = Fault::FromKind {
                from: from.entry.kind.as_str(),
                kind: kind.as_str(),
            };
            self.fail(&at, fault);
        }
        if let (Filled::Yes(from), Filled::Yes(fact)) = (&from.fact, &asked.fact)
            && from == fact
        {
            self.fail(&at, Fault::FromSame);
        }
        let except = self.except_items(test.except.as_ref(), path)?;
        Some(match (from.fact, except) {
            (Filled::Yes(from), Filled::Yes(except)) => Filled::Yes(Asks::Differs { from, except }),
            _ => Filled::No,
        })
    }

    /// `{fact, op, where, except}`.
    pub(super) fn rows(
        &mut self,
        operator: Operator,
        test: &FactTest,
        entry: &'static Fact,
        path: &str,
    ) -> Option<Filled<Asks>> {
        let over = self.rows_over(operator, test, path);
        let columns = self.columns(operator, test, entry, path);
        let except = match &test.except {
            None => Some(Filled::Yes(None)),
            Some(except) => {
                let at = format!("{path}.except");
                let column = match &except.column {
                    Some(column) => self.column(column, entry, &at),
                    None => {
                        let known = entry.columns;
                        self.fail(&at, Fault::ColumnMissing { known });
                        None
                    }
                };
                let test = self.item(&except.op, &except.value, &at);
                column
                    .zip(test)
                    .map(|(column, test)| test.map(|test| Some(Cell { column, test })))
            }
        };
        Some(match (over?, columns?, except?) {
            (Filled::Yes(over), Filled::Yes(columns), Filled::Yes(except)) => Filled::Yes(Asks::Rows {
                over,
                test: RowTest { columns, except },
            }),
            _ => Filled::No,
        })
    }

    fn rows_over(&mut self, operator: Operator, test: &FactTest, path: &str) -> Option<Filled<RowsOver>> {
        let each = match operator.quantifier {
            Some(Quantifier::Count) => {
                let number = self.predicate(operator, Kind::Integer, test.value.as_ref(), path)?;
                return Some(match number {
                    Filled::Yes(Predicate::Integer(test)) => Filled::Yes(RowsOver::Count(test)),
                    Filled::Yes(Predicate::Exists | Predicate::Text(_) | Predicate::Boolean(_))
                    | Filled::No => Filled::No,
                });
            }
            Some(Quantifier::All) => Each::All,
            Some(Quantifier::None) => Each::None,
            Some(Quantifier::Any) | None => Each::Any,
        };
        if test.value.is_some() {
            let op = operator.to_string();
            self.fail(format_args!("{path}.value"), Fault::ValueUnexpected { op });
            return None;
        }
        Some(Filled::Yes(RowsOver::Each(each)))
    }

    fn columns(
        &mut self,
        operator: Operator,
        test: &FactTest,
        entry: &'static Fact,
        path: &str,
    ) -> Option<Filled<Box<[Cell]>>> {
        let columns: &[ColumnTest] = test.columns.as_deref().unwrap_or_default();
        if columns.is_empty() && operator.base == Base::Row {
            let op = operator.to_string();
            self.fail(path, Fault::WhereMissing { op });
            return None;
        }
        if columns.len() > MAX_COLUMN_TESTS {
            let fault = Fault::TooMany {
                what: "columns",
                max: MAX_COLUMN_TESTS,
            };
            self.fail(format_args!("{path}.where"), fault);
            return None;
        }
        let mut cells = Some(Filled::Yes(Vec::new()));
        for (index, written) in columns.iter().enumerate() {
            let at = format!("{path}.where[{index}]");
            let column = self.column(&written.column, entry, &at);
            let test = self.item(&written.op, &written.value, &at);
            cells = match (cells, column.zip(test)) {
                (Some(Filled::Yes(mut cells)), Some((column, Filled::Yes(test)))) => {
                    cells.push(Cell { column, test });
                    Some(Filled::Yes(cells))
                }
                (Some(_), Some(_)) => Some(Filled::No),
                _ => None,
            };
        }
        cells.map(|cells| cells.map(Vec::into_boxed_slice))
    }

    fn column(&mut self, written: &str, entry: &'static Fact, path: &str) -> Option<&'static str> {
        let known = entry.columns;
        let found = known.iter().find(|column| **column == written);
        if found.is_none() {
            let column = written.chars().take(40).collect();
            self.fail(
                format_args!("{path}.column"),
                Fault::ColumnUnknown { column, known },
            );
        }
        found.copied()
    }
}
