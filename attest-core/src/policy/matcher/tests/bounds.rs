//! What an evaluation costs: never more reads than it says beforehand, however large the answers are.

use std::{cell::Cell, rc::Rc};

use super::*;
use crate::facts::{Answer, FactSource, Head, Kind, Observation, RowList, TextList};

/// As many items or rows as are wanted, each of them the same; counts what is read.
#[derive(Debug, Clone)]
struct Large {
    items: usize,
    reads: Rc<Cell<u64>>,
}

impl Large {
    fn new(items: usize) -> Self {
        Self {
            items,
            reads: Rc::default(),
        }
    }

    fn read(&self) {
        self.reads.set(self.reads.get() + 1);
    }
}

impl TextList for Large {
    fn len(&self) -> usize {
        self.items
    }

    fn item(&self, index: usize) -> Option<&str> {
        self.read();
        (index < self.items).then_some("ab")
    }
}

impl RowList for Large {
    fn len(&self) -> usize {
        self.items
    }

    fn cell(&self, row: usize, column: &str) -> Option<&str> {
        self.read();
        (row < self.items && column != "dev").then_some("ab")
    }
}

/// Every question is answered by its type.
impl FactSource for Large {
    fn answer(&self, fact: &FactRef) -> Answer<'_> {
        self.read();
        match fact.fact().entry().kind {
            Kind::Text => Answer::Text("ab"),
            Kind::Integer => Answer::Integer(2),
            Kind::Boolean => Answer::Boolean(true),
            Kind::List => Answer::List(self),
            Kind::Rows => Answer::Rows(self),
        }
    }
}

/// The outcome, and how many reads it took.
fn measured(matcher: &Matcher, items: usize) -> (Outcome, u64) {
    let source = Large::new(items);
    let outcome = matcher.evaluate(&source);
    (outcome, source.reads.get())
}

fn on_phone(json: &str) -> Matcher {
    Matcher::compile(&condition(json), &Scope::new(device(), &lists(), variables())).unwrap()
}

#[test]
fn what_lies_beyond_the_cap_is_not_read_and_decides_nothing() {
    let cap = u64::try_from(MAX_ITEMS_READ).unwrap();
    let check = |clause: &str, expect: Outcome, reads: u64| {
        let matcher = on_phone(clause);
        assert_eq!(measured(&matcher, 1_000_000), (expect, reads), "{clause}");
        assert!(reads <= matcher.cost_bound(1_000_000), "{clause}");
    };
    let list = |op: &str, value: &str| format!(r#"{{"fact":"maps.path","op":"{op}","value":{value}}}"#);
    check(&list("any_eq", r#""x""#), I, 1 + cap);
    check(&list("any_eq", r#""ab""#), T, 2);
    check(&list("none_eq", r#""ab""#), F, 2);
    check(&list("none_eq", r#""x""#), I, 1 + cap);
    check(&list("all_eq", r#""ab""#), I, 1 + cap);
    check(&list("all_eq", r#""x""#), F, 2);
    check(&list("count_gt", "5"), T, 1 + cap);
    check(&list("count_gt", "100000"), I, 1 + cap);
    check(&list("count_lt", "2000000"), T, 1 + cap);
    let row = |op: &str, path: &str| {
        format!(
            r#"{{"fact":"maps.rows","op":"{op}","where":[{{"column":"path","op":"eq","value":"{path}"}},
            {{"column":"perm","op":"eq","value":"ab"}}],"except":{{"column":"ino","op":"eq","value":"x"}}}}"#
        )
    };
    check(&row("any_row", "x"), I, 1 + cap);
    check(&row("any_row", "ab"), T, 4);
    check(&row("none_row", "ab"), F, 4);
    check(&row("all_row", "ab"), I, 1 + 2 * cap);
    check(&row("all_row", "x"), F, 3);
    check(r#"{"fact":"maps.rows","op":"count_gt","value":3}"#, T, 1);
    check(r#"{"fact":"maps.rows","op":"count_gt","value":3000000}"#, F, 1);
    check(
        r#"{"fact":"fd.path@libc","op":"differs","from":"fd.path@syscall"}"#,
        I,
        2,
    );
}

/// `a`, and as many items as are wanted of which nothing is known.
#[derive(Debug)]
struct Unknown(usize);

impl TextList for Unknown {
    fn len(&self) -> usize {
        1 + self.0
    }

    fn item(&self, index: usize) -> Option<&str> {
        (index == 0).then_some("a")
    }
}

impl FactSource for Unknown {
    fn answer(&self, _: &FactRef) -> Answer<'_> {
        Answer::List(self)
    }
}

#[test]
fn an_item_that_is_not_known_decides_nothing() {
    let check = |clause: &str, expect: [Outcome; 2]| {
        let outcomes = [0, 2].map(|unknown| on_phone(clause).evaluate(&Unknown(unknown)));
        assert_eq!(outcomes, expect, "{clause}");
    };
    let list = |op: &str, value: &str| format!(r#"{{"fact":"maps.path","op":"{op}","value":{value}}}"#);
    check(&list("any_eq", r#""a""#), [T, T]);
    check(&list("any_eq", r#""b""#), [F, I]);
    check(&list("none_eq", r#""b""#), [T, I]);
    check(&list("none_eq", r#""a""#), [F, F]);
    check(&list("all_eq", r#""a""#), [T, I]);
    check(&list("all_eq", r#""b""#), [F, F]);
    check(&list("count_eq", "3"), [F, T]);
    let except = r#"{"fact":"maps.path","op":"count_ge","value":2,"except":{"op":"eq","value":"b"}}"#;
    check(except, [F, I]);
    check(
        r#"{"fact":"maps.path@libc","op":"differs","from":"maps.path@syscall"}"#,
        [F, I],
    );
}

#[test]
fn of_what_goes_on_only_what_is_there_decides() {
    let check = |clause: &str, expect: Outcome| {
        let items = |items: &[&str]| Head(items.iter().map(|item| (*item).to_owned()).collect());
        let row = Row::from([
            ("path".to_owned(), "a".to_owned()),
            ("perm".to_owned(), "r".to_owned()),
        ]);
        let facts: FactMap = [
            ("maps.path", Observation::ListHead(items(&["a", "b"]))),
            ("maps.line", Value::List(vec!["a".into(), "b".into()]).into()),
            ("maps.dev", Value::List(vec!["c".into()]).into()),
            ("fd.path", Observation::ListHead(items(&[]))),
            ("maps.rows", Observation::RowsHead(Head(vec![row]))),
            ("mounts.rows", Observation::ListHead(items(&[]))),
        ]
        .map(|(fact, observation)| (fact.parse().unwrap(), observation))
        .into_iter()
        .collect();
        assert_eq!(on_phone(clause).evaluate(&facts), expect, "{clause}");
    };
    let list = |op: &str, value: &str| format!(r#"{{"fact":"maps.path","op":"{op}","value":{value}}}"#);
    check(&list("any_eq", r#""b""#), T);
    check(&list("any_eq", r#""c""#), I);
    check(&list("none_eq", r#""b""#), F);
    check(&list("none_eq", r#""c""#), I);
    check(&list("all_eq", r#""a""#), F);
    check(&list("all_in", r#"["a","b"]"#), I);
    check(&list("count_ge", "2"), T);
    check(&list("count_ge", "3"), I);
    check(&list("count_eq", "2"), I);
    check(&list("count_eq", "1"), F);
    check(&list("count_lt", "2"), F);
    let except = r#"{"fact":"maps.path","op":"count_ge","value":2,"except":{"op":"eq","value":"b"}}"#;
    check(except, I);
    let differs = |from: &str| format!(r#"{{"fact":"maps.path","op":"differs","from":"{from}"}}"#);
    check(&differs("maps.line"), I);
    check(&differs("maps.dev"), T);
    check(&differs("fd.path"), I);
    let row = |op: &str, path: &str| {
        format!(
            r#"{{"fact":"maps.rows","op":"{op}","where":[{{"column":"path","op":"eq","value":"{path}"}}]}}"#
        )
    };
    check(&row("any_row", "a"), T);
    check(&row("any_row", "b"), I);
    check(&row("none_row", "a"), F);
    check(&row("none_row", "b"), I);
    check(&row("all_row", "a"), I);
    check(&row("all_row", "b"), F);
    check(r#"{"fact":"maps.rows","op":"count_ge","value":1}"#, T);
    check(r#"{"fact":"maps.rows","op":"count_ge","value":2}"#, I);
    check(
        r#"{"fact":"mounts.rows","op":"none_row","where":[{"column":"type","op":"eq","value":"tmpfs"}]}"#,
        I,
    );
    check(r#"{"fact":"mounts.rows","op":"count_le","value":0}"#, I);
}

/// Clauses of every form, over facts of the phone.
fn form() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec!["ab", "x"]);
    let each = prop::sample::select(vec!["any", "all", "none"]);
    let column = prop::sample::select(vec!["path", "perm", "dev"]);
    let test = (column, value.clone())
        .prop_map(|(column, value)| format!(r#"{{"column":"{column}","op":"eq","value":"{value}"}}"#));
    let except = prop_oneof![
        Just(String::new()),
        value
            .clone()
            .prop_map(|value| format!(r#","except":{{"op":"eq","value":"{value}"}}"#)),
    ];
    prop_oneof![
        value
            .clone()
            .prop_map(|value| format!(r#"{{"fact":"prop(a)","op":"eq","value":"{value}"}}"#)),
        Just(r#"{"fact":"id.uid","op":"gt","value":1}"#.to_owned()),
        Just(r#"{"fact":"id.uid","op":"exists"}"#.to_owned()),
        Just(r#"{"fact":"prop(a)@libc","op":"differs","from":"prop(a)@java"}"#.to_owned()),
        except.clone().prop_map(|except| {
            format!(r#"{{"fact":"fd.path@libc","op":"differs","from":"fd.path@syscall"{except}}}"#)
        }),
        (each.clone(), value, except.clone()).prop_map(|(each, value, except)| {
            format!(r#"{{"fact":"maps.path","op":"{each}_eq","value":"{value}"{except}}}"#)
        }),
        except.prop_map(|except| format!(r#"{{"fact":"maps.path","op":"count_gt","value":5{except}}}"#)),
        (each, prop::collection::vec(test.clone(), 1..4)).prop_map(|(each, tests)| {
            format!(
                r#"{{"fact":"maps.rows","op":"{each}_row","where":[{}]}}"#,
                tests.join(",")
            )
        }),
        (prop::collection::vec(test.clone(), 0..4), test).prop_map(|(tests, except)| {
            let tests = tests.join(",");
            format!(r#"{{"fact":"maps.rows","op":"count_lt","value":5,"where":[{tests}],"except":{except}}}"#)
        }),
    ]
}

fn forms() -> impl Strategy<Value = String> {
    form().prop_recursive(4, 24, 4, |inner| {
        let many = || prop::collection::vec(inner.clone(), 1..4).prop_map(|many| many.join(","));
        prop_oneof![
            many().prop_map(|many| format!(r#"{{"all":[{many}]}}"#)),
            many().prop_map(|many| format!(r#"{{"any":[{many}]}}"#)),
            many().prop_map(|many| format!(r#"{{"at_least":{{"n":1,"of":[{many}]}}}}"#)),
            inner.clone().prop_map(|inner| format!(r#"{{"not":{inner}}}"#)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_evaluation_reads_more_than_it_says(written in forms(), items in 0usize..40) {
        let matcher = on_phone(&written);
        let (_, reads) = measured(&matcher, items);
        prop_assert!(reads <= matcher.cost_bound(items), "{} of {}", reads, matcher.cost_bound(items));
    }
}
