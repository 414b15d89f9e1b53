//! The table at the end: a line for each target, and what was not done is a dash, never a blank.

use super::sizes::Judgement;

/// What was seen of one target.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// As rustc calls it.
    pub(crate) target: &'static str,
    /// Whether the lints held.
    pub(crate) clippy: Option<bool>,
    /// Whether the library was built.
    pub(crate) link: Option<bool>,
    /// How big it is, bytes.
    pub(crate) size: Option<u64>,
    /// How big the part below the surface is, where that has a limit of its own.
    pub(crate) core: Option<u64>,
    /// How many symbols it uses of the platform.
    pub(crate) symbols: Option<usize>,
    /// What is wrong with it.
    pub(crate) problems: Vec<String>,
    /// What somebody should know of it and nothing fails by.
    pub(crate) warnings: Vec<String>,
}

impl Row {
    /// Takes what is to be said of a size, `of` this part.
    pub(crate) fn sized(&mut self, judgement: Judgement, of: &str) {
        match judgement {
            Judgement::Steady => {}
            Judgement::Jump(warning) => self.warnings.push(format!("{of}{warning}")),
            Judgement::TooBig(problem) => self.problems.push(format!("{of}{problem}")),
        }
    }

    /// Whether nothing is wrong.
    pub(crate) fn held(&self) -> bool {
        self.problems.is_empty() && self.clippy == Some(true) && self.link != Some(false)
    }
}

/// The lines.
pub(crate) fn table(rows: &[Row]) -> String {
    let word = |held: Option<bool>| match held {
        None => "-",
        Some(true) => "passed",
        Some(false) => "FAILED",
    };
    let dashed = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let line = |cells: [&str; 7]| {
        let [target, clippy, link, core, size, symbols, rules] = cells;
        format!("{target:<26} {clippy:<8} {link:<8} {core:>10} {size:>10} {symbols:>8}  {rules}")
    };
    let mut lines = vec![line([
        "target", "clippy", "link", "core", "size", "symbols", "rules",
    ])];
    for row in rows {
        let rules = match (row.link, row.problems.len()) {
            (Some(true), 0) => "passed".to_owned(),
            (_, 0) => "-".to_owned(),
            (_, count) => format!("FAILED: {count}"),
        };
        let [core, size] = [row.core, row.size].map(|size| dashed(size.map(|bytes| format!("{bytes} B"))));
        let symbols = dashed(row.symbols.map(|count| count.to_string()));
        lines.push(line([
            row.target,
            word(row.clippy),
            word(row.link),
            &core,
            &size,
            &symbols,
            &rules,
        ]));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Row, table};

    #[test]
    fn every_target_has_a_line_that_says_what_was_done() {
        let check = |row: Row, held, expect: &str| {
            assert_eq!(row.held(), held, "{row:?}");
            assert_eq!(
                table(&[row])
                    .lines()
                    .nth(1)
                    .unwrap()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" "),
                expect
            );
        };
        let linked = |problems| Row {
            target: "arm",
            clippy: Some(true),
            link: Some(true),
            core: None,
            size: Some(512_000),
            symbols: Some(61),
            problems,
            warnings: vec!["grew".into()],
        };
        check(linked(vec![]), true, "arm passed passed - 512000 B 61 passed");
        check(
            linked(vec!["is too big".into()]),
            false,
            "arm passed passed - 512000 B 61 FAILED: 1",
        );
        let linted = |clippy, link| Row {
            target: "arm",
            clippy,
            link,
            ..Row::default()
        };
        check(linted(Some(true), None), true, "arm passed - - - - -");
        check(linted(Some(false), None), false, "arm FAILED - - - - -");
        check(
            linted(Some(true), Some(false)),
            false,
            "arm passed FAILED - - - -",
        );
        check(linted(None, None), false, "arm - - - - - -");
    }
}
