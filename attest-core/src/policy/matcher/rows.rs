//! Clauses over rows: a row counts if all of `where` hold for its columns and `except` does not.
//!
//! A column that a row does not have, or that cannot be compared, leaves that row undecided. Reads each cell at most once.

use super::{
    MAX_ITEMS_READ, Outcome,
    items::{Each, ItemTest, holds_for},
};
use crate::{facts::RowList, policy::predicate::IntegerTest};

/// What is asked of the rows that count.
#[derive(Debug, Clone)]
pub(super) enum RowsOver {
    Each(Each),
    Count(IntegerTest),
}

/// Which rows count.
#[derive(Debug, Clone)]
pub(super) struct RowTest {
    pub(super) columns: Box<[Cell]>,
    pub(super) except: Option<Cell>,
}

/// What a row has in a column.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) column: &'static str,
    pub(super) test: ItemTest,
}

impl Cell {
    fn holds(&self, rows: &dyn RowList, row: usize) -> Option<bool> {
        self.test.holds(rows.cell(row, self.column)?)
    }
}

impl RowTest {
    /// How many cells of a row are read at most.
    pub(super) fn cells(&self) -> u64 {
        let cells = self.columns.len() + usize::from(self.except.is_some());
        u64::try_from(cells).unwrap_or(u64::MAX)
    }

    /// Whether the row is not left out, and `where` holds as `wanted`.
    fn counts(&self, rows: &dyn RowList, row: usize, wanted: bool) -> Option<bool> {
        let fits = self.fits(rows, row).map(|fits| fits == wanted);
        if fits == Some(false) {
            return fits;
        }
        match self
            .except
            .as_ref()
            .map_or(Some(false), |except| except.holds(rows, row))
        {
            Some(true) => Some(false),
            Some(false) => fits,
            None => None,
        }
    }

    /// Whether all of `where` hold.
    fn fits(&self, rows: &dyn RowList, row: usize) -> Option<bool> {
        let mut fits = Some(true);
        for cell in &self.columns {
            match cell.holds(rows, row) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => fits = None,
            }
        }
        fits
    }
}

impl RowsOver {
    pub(super) fn outcome(&self, rows: &dyn RowList, test: &RowTest) -> Outcome {
        match self {
            Self::Each(Each::Any) => any(rows, test, true),
            Self::Each(Each::None) => any(rows, test, true).negated(),
            Self::Each(Each::All) => any(rows, test, false).negated(),
            Self::Count(number) => {
                let mut open = unread(rows);
                let mut certain = 0;
                for row in 0..rows.len().min(MAX_ITEMS_READ) {
                    match test.counts(rows, row, true) {
                        Some(true) => certain += 1,
                        Some(false) => {}
                        None => open = open.saturating_add(1),
                    }
                }
                Outcome::known(holds_for(number, certain, open))
            }
        }
    }

    /// The first row that matters, else how many there are.
    pub(super) fn shown(&self, rows: &dyn RowList, test: &RowTest, columns: &[&str]) -> String {
        let wanted = !matches!(self, Self::Each(Each::All));
        let telling =
            (0..rows.len().min(MAX_ITEMS_READ)).find(|row| test.counts(rows, *row, wanted) == Some(true));
        let cells = |row: usize| {
            let cells = columns
                .iter()
                .filter_map(|column| Some((column, rows.cell(row, column)?)));
            cells
                .map(|(column, text)| format!("{column}={text}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        telling.map_or_else(|| format!("{} rows", rows.len()), cells)
    }
}

/// How many rows are not read at most.
fn unread(rows: &dyn RowList) -> usize {
    if rows.is_whole() {
        rows.len().saturating_sub(MAX_ITEMS_READ)
    } else {
        usize::MAX
    }
}

fn any(rows: &dyn RowList, test: &RowTest, wanted: bool) -> Outcome {
    let mut open = unread(rows) > 0;
    for row in 0..rows.len().min(MAX_ITEMS_READ) {
        match test.counts(rows, row, wanted) {
            Some(true) => return Outcome::True,
            Some(false) => {}
            None => open = true,
        }
    }
    if open {
        Outcome::Inconclusive
    } else {
        Outcome::False
    }
}
