//! Regular expressions that begin with what changes nothing but their cost.

use attest_core::facts::Value;

use super::walk::{clauses, conditions};
use crate::{report::Report, source::PolicySource};

pub(super) fn patterns(source: &PolicySource, report: &mut Report) {
    for (path, condition) in conditions(source) {
        clauses(condition, &path, &mut |test, path| {
            let mut look = |place: String, op: &str, value: Option<&Value>| {
                if let Some(Value::Text(pattern)) = value
                    && op.contains("matches")
                    && pattern.starts_with(".*")
                {
                    let message =
                        "a pattern without `^` finds its text anywhere: leave out the `.*` at its start";
                    report.warning(place, "regex-leading-any", message);
                }
            };
            look(format!("{path}.value"), &test.op, test.value.as_ref());
            for (at, column) in test.columns.iter().flatten().enumerate() {
                look(
                    format!("{path}.where[{at}].value"),
                    &column.op,
                    Some(&column.value),
                );
            }
            if let Some(except) = &test.except {
                look(format!("{path}.except.value"), &except.op, Some(&except.value));
            }
        });
    }
}
