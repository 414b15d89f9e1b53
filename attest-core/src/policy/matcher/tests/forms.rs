//! Rows and `differs` by table, and rows against a naive reference.

use std::collections::BTreeMap;

use super::*;

const ROWS: &str = r#"[
    {"path": "/system/lib/libc.so", "perm": "r-xp", "dev": "fe:00", "ino": "1"},
    {"path": "/apex/com.android.art/libart.so", "perm": "r-xp", "dev": "07:10", "ino": 2},
    {"path": "/data/app/x/base.apk", "perm": "r--p", "dev": "fe:05"}
]"#;

fn over(clause: &str, known: &str, expect: Outcome) {
    check(device(), clause, known, expect);
}

fn rows(clause: &str, rows: &str, expect: Outcome) {
    let clause = format!(r#"{{"fact":"maps.rows@syscall",{clause}}}"#);
    over(&clause, &format!(r#"{{"maps.rows@syscall":{rows}}}"#), expect);
}

#[test]
fn rows_by_quantifier() {
    let check = |op: &str, columns: &str, expect| {
        rows(&format!(r#""op":"{op}","where":[{columns}]"#), ROWS, expect);
    };
    let column =
        |name: &str, op: &str, value: &str| format!(r#"{{"column":"{name}","op":"{op}","value":{value}}}"#);
    let system = column("path", "prefix", r#""/system/""#);
    let code = column("perm", "contains", r#""x""#);
    let data = column("dev", "eq", r#""fe:05""#);
    check("any_row", &system, T);
    check("any_row", &format!("{system},{code}"), T);
    check("any_row", &format!("{system},{data}"), F);
    check("any_row", &format!("{data},{code}"), F);
    check("none_row", &format!("{system},{data}"), T);
    check("none_row", &system, F);
    check(
        "all_row",
        &column("path", "prefix", r#"["/system/","/apex/","/data/"]"#),
        T,
    );
    check("all_row", &code, F);
    check("all_row", &column("perm", "not_contains", r#""w""#), T);
    check(
        "any_row",
        &column("path", "matches", r#""^/data/app/.*\\.apk$""#),
        T,
    );
    check("any_row", &column("path", "in_list", r#""vips""#), F);
    // The third row has no inode: it decides only where another column of it does.
    check("any_row", &column("ino", "eq", r#""1""#), T);
    check("any_row", &column("ino", "eq", r#""9""#), I);
    check("any_row", &format!("{},{code}", column("ino", "eq", r#""9""#)), F);
    check("none_row", &column("ino", "eq", r#""9""#), I);
    check("all_row", &column("ino", "not_eq", r#""9""#), I);
    check("all_row", &column("ino", "eq", r#""1""#), F);
}

#[test]
fn rows_are_counted_and_left_out() {
    let check = |clause: &str, expect| rows(clause, ROWS, expect);
    check(r#""op":"count_eq","value":3"#, T);
    check(r#""op":"count_not_eq","value":3"#, F);
    check(
        r#""op":"count_gt","value":1,"where":[{"column":"perm","op":"eq","value":"r-xp"}]"#,
        T,
    );
    check(
        r#""op":"count_gt","value":2,"where":[{"column":"perm","op":"eq","value":"r-xp"}]"#,
        F,
    );
    // One row, and one of which nothing is known.
    check(
        r#""op":"count_ge","value":1,"where":[{"column":"ino","op":"eq","value":"1"}]"#,
        T,
    );
    check(
        r#""op":"count_ge","value":2,"where":[{"column":"ino","op":"eq","value":"1"}]"#,
        I,
    );
    check(
        r#""op":"count_ge","value":3,"where":[{"column":"ino","op":"eq","value":"1"}]"#,
        F,
    );
    check(
        r#""op":"count_not_ge","value":3,"where":[{"column":"ino","op":"eq","value":"1"}]"#,
        T,
    );
    check(
        r#""op":"count_eq","value":5,"where":[{"column":"ino","op":"eq","value":"1"}]"#,
        F,
    );
    check(
        r#""op":"count_between","value":[1,2],"where":[{"column":"ino","op":"eq","value":"1"}]"#,
        T,
    );
    let code = r#""where":[{"column":"perm","op":"eq","value":"r-xp"}]"#;
    let except = |op: &str, test: &str| format!(r#""op":"{op}",{code},"except":{test}"#);
    let apex = r#"{"column":"path","op":"prefix","value":"/apex/"}"#;
    check(&except("any_row", apex), T);
    check(
        &except(
            "any_row",
            r#"{"column":"path","op":"prefix","value":["/apex/","/system/"]}"#,
        ),
        F,
    );
    check(&except("all_row", apex), F);
    check(
        &except("all_row", r#"{"column":"path","op":"suffix","value":".apk"}"#),
        T,
    );
    check(&format!("{},{}", r#""value":2"#, except("count_lt", apex)), T);
    // Whether the last row is left out is not known, but it has no code.
    check(&except("any_row", r#"{"column":"ino","op":"ne","value":"9"}"#), F);
    check(&except("all_row", r#"{"column":"ino","op":"ne","value":"9"}"#), I);
}

#[test]
fn rows_that_are_none_or_no_rows() {
    let any = r#""op":"any_row","where":[{"column":"path","op":"prefix","value":"/"}]"#;
    rows(any, "[]", F);
    rows(
        r#""op":"all_row","where":[{"column":"path","op":"prefix","value":"/"}]"#,
        "[]",
        T,
    );
    rows(r#""op":"count_eq","value":0"#, "[]", T);
    rows(r#""op":"exists""#, "[]", T);
    rows(r#""op":"exists""#, "null", F);
    rows(any, "null", I);
    rows(any, r#"{"error":13}"#, I);
    rows(any, r#"["/"]"#, I);
    rows(any, "[{}]", I);
}

#[test]
fn variables_in_columns() {
    let clause = r#"{"fact":"maps.rows","op":"any_row","where":[{"column":"path","op":"matches","value":"/${package}/"}],
        "except":{"column":"path","op":"prefix","value":"${data_dir}"}}"#;
    over(clause, r#"{"maps.rows":[{"path":"/data/user/0/com.bank/a"}]}"#, F);
    over(clause, r#"{"maps.rows":[{"path":"/host/com.bank/a"}]}"#, T);
    over(clause, r#"{"maps.rows":[{"path":"/host/comxbank/a"}]}"#, F);
    let without =
        r#"{"fact":"maps.rows","op":"any_row","where":[{"column":"path","op":"eq","value":"${own_apk}"}]}"#;
    over(without, r#"{"maps.rows":[]}"#, I);
}

#[rustfmt::skip]
const PROBLEMS: &[(&str, &str, &str)] = &[
    (r#""op":"any_row""#, "when", "where-missing"),
    (r#""op":"any_row","where":[]"#, "when", "where-missing"),
    (r#""op":"any_row","value":1,"where":[{"column":"path","op":"eq","value":"a"}]"#, "when.value", "value-unexpected"),
    (r#""op":"any_row","where":[{"column":"file","op":"eq","value":"a"}]"#, "when.where[0].column", "column-unknown"),
    (r#""op":"any_row","where":[{"column":"path","op":"gt","value":"a"}]"#, "when.where[0].op", "operator-unknown"),
    (r#""op":"any_row","where":[{"column":"path","op":"any_eq","value":"a"}]"#, "when.where[0].op", "operator-unknown"),
    (r#""op":"any_row","where":[{"column":"path","op":"exists","value":"a"}]"#, "when.where[0].op", "operator-unknown"),
    (r#""op":"any_row","where":[{"column":"path","op":"matches","value":"("}]"#, "when.where[0].value", "regex"),
    (r#""op":"any_row","where":[{"column":"path","op":"eq","value":1}]"#, "when.where[0].value", "value-kind"),
    (r#""op":"any_row","where":[{"column":"path","op":"eq","value":"a"}],"except":{"op":"eq","value":"a"}"#, "when.except", "column-missing"),
    (r#""op":"any_row","where":[{"column":"path","op":"eq","value":"a"}],"except":{"column":"x","op":"eq","value":"a"}"#, "when.except.column", "column-unknown"),
    (r#""op":"any_eq","value":"a""#, "when.op", "row-operator"),
    (r#""op":"eq","value":"a""#, "when.op", "row-operator"),
    (r#""op":"differs","from":"maps.rows@libc""#, "when.op", "row-operator"),
    (r#""op":"count_prefix","value":"a""#, "when.op", "operator-kind"),
    (r#""op":"count_gt""#, "when", "value-missing"),
    (r#""op":"exists","where":[]"#, "when.where", "where-unexpected"),
];

#[test]
fn problems_of_rows_have_a_place_and_a_code() {
    for (clause, path, code) in PROBLEMS {
        let clause = format!(r#"{{"fact":"maps.rows",{clause}}}"#);
        check_problems(device(), &clause, &[(path, code)]);
    }
    let column = r#"{"column":"path","op":"eq","value":"a"}"#;
    let many = [column; MAX_COLUMN_TESTS + 1].join(",");
    let many = format!(r#"{{"fact":"maps.rows","op":"any_row","where":[{many}]}}"#);
    check_problems(device(), &many, &[("when.where", "too-many")]);
    let each = r#"{"fact":"maps.rows","op":"any_row","where":[{"column":"a","op":"eq","value":"x"},{"column":"path","op":"?","value":"x"}],
        "except":{"column":"b","op":"eq","value":"x"}}"#;
    let places = [
        ("when.where[0].column", "column-unknown"),
        ("when.where[1].op", "operator-unknown"),
        ("when.except.column", "column-unknown"),
    ];
    check_problems(device(), each, &places);
}

#[test]
fn scalars_differ() {
    let check = |left: &str, right: &str, expect: Outcome| {
        let known = format!(r#"{{"app.data_dir@libc":{left},"app.data_dir@syscall":{right}}}"#);
        let clause = |op: &str, one: &str, other: &str| {
            format!(r#"{{"fact":"app.data_dir@{one}","op":"{op}","from":"app.data_dir@{other}"}}"#)
        };
        over(&clause("differs", "libc", "syscall"), &known, expect);
        over(&clause("differs", "syscall", "libc"), &known, expect);
        over(
            &clause("not_differs", "libc", "syscall"),
            &known,
            expect.negated(),
        );
    };
    check(r#""/data/a""#, r#""/data/a""#, F);
    check(r#""/data/a""#, r#""/data/b""#, T);
    check(r#""/data/a""#, "null", T);
    check("null", "null", F);
    check(r#""/data/a""#, r#"{"error":13}"#, I);
    check("null", r#"{"error":13}"#, I);
    check(r#"{"error":13}"#, r#"{"error":13}"#, I);
    check(r#""1""#, "1", I);
    let unobserved = r#"{"fact":"app.data_dir@libc","op":"differs","from":"app.data_dir@syscall"}"#;
    over(unobserved, r#"{"app.data_dir@libc":"/a"}"#, I);
    over(unobserved, r#"{"app.data_dir@syscall":null}"#, I);
    let numbers =
        r#"{"fact":"path.ino(${data_dir})@libc","op":"differs","from":"path.ino(${data_dir})@syscall"}"#;
    let inode = |right: u8| {
        format!(
            r#"{{"path.ino(/data/user/0/com.bank)@libc":7,"path.ino(/data/user/0/com.bank)@syscall":{right}}}"#
        )
    };
    over(numbers, &inode(7), F);
    over(numbers, &inode(8), T);
}

#[test]
fn lists_differ_as_sets() {
    let clause = r#"{"fact":"maps.path@libc","op":"differs","from":"maps.path@syscall","except":{"op":"prefix","value":"/x"}}"#;
    let check = |left: &[&str], right: &[&str], expect: Outcome| {
        let known = |left: &[&str], right: &[&str]| {
            format!(
                r#"{{"maps.path@libc":{},"maps.path@syscall":{}}}"#,
                serde_json::to_string(left).unwrap(),
                serde_json::to_string(right).unwrap()
            )
        };
        over(clause, &known(left, right), expect);
        over(clause, &known(right, left), expect);
    };
    check(&[], &[], F);
    check(&["a", "b", "a"], &["b", "a"], F);
    check(&["a", "b", "b", "b"], &["b", "a", "a"], F);
    check(&["a", "a", "b"], &["a", "a", "c"], T);
    check(&["a", "b"], &["a"], T);
    check(&["a", "a"], &["a", "b"], T);
    check(&[], &["a"], T);
    check(&[""], &[], T);
    check(&["a", "/x1"], &["/x2", "a", "/x3"], F);
    over(clause, r#"{"maps.path@libc":null,"maps.path@syscall":[]}"#, T);
    for size in [63, 64, 65, 511, 512, 513, 4_095, MAX_DIFFERING_ITEMS] {
        let names: Vec<String> = (0..size)
            .map(|item| format!("{}", item * 7_919 % 10_007))
            .collect();
        let mut one: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut other = one.clone();
        other.reverse();
        check(&one, &other, F);
        other.extend(["0", "7919"]);
        check(&one, &other, F);
        one[size / 2] = "else";
        check(&one, &other, T);
    }
    let many = vec!["a"; MAX_DIFFERING_ITEMS + 1];
    check(&many, &many, I);
    check(&many, &["a"], F);
    check(&many, &["b"], T);
}

#[test]
fn an_explanation_names_the_row_and_the_difference() {
    let lists = lists();
    let check = |json: &str, known: &str, expect: &str| {
        let matcher = Matcher::compile(&condition(json), &Scope::new(device(), &lists, variables())).unwrap();
        assert_eq!(matcher.explain(0, &facts(known)).value, expect, "{json}");
    };
    let any = r#"{"fact":"maps.rows","op":"any_row","where":[{"column":"perm","op":"eq","value":"r--p"}]}"#;
    let known = format!(r#"{{"maps.rows":{ROWS}}}"#);
    check(any, &known, "path=/data/app/x/base.apk perm=r--p dev=fe:05");
    check(&any.replace("r--p", "rwxp"), &known, "3 rows");
    check(any, r#"{"maps.rows":{"error":13}}"#, "error 13");
    let differs = r#"{"fact":"app.data_dir@libc","op":"differs","from":"app.data_dir@syscall"}"#;
    let known = r#"{"app.data_dir@libc":"/a","app.data_dir@syscall":"/b"}"#;
    check(differs, known, "/a; app.data_dir@syscall: /b");
    let differs = r#"{"fact":"fd.path@libc","op":"differs","from":"fd.path@syscall"}"#;
    check(
        differs,
        r#"{"fd.path@libc":["/a","/c"],"fd.path@syscall":["/a","/b","/c"]}"#,
        "only in one: /b",
    );
    check(
        differs,
        r#"{"fd.path@libc":["/a"],"fd.path@syscall":["/a"]}"#,
        "1 items; fd.path@syscall: 1 items",
    );
}

/// Rows by the words of the language: the number of rows that count, may count, and the outcome of a quantifier.
fn counted(columns: &[ColumnTest], except: Option<&Except>, rows: &[Row], wanted: bool) -> (usize, usize) {
    let holds = |column: &str, value: &Value, row: &Row| match (row.get(column), value) {
        (Some(cell), Value::Text(text)) => Some(cell == text),
        _ => None,
    };
    let both = |left: Option<bool>, right: Option<bool>| match (left, right) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    };
    let verdicts: Vec<Option<bool>> = rows
        .iter()
        .map(|row| {
            let fits = columns
                .iter()
                .map(|test| holds(&test.column, &test.value, row))
                .fold(Some(true), both)
                .map(|fits| fits == wanted);
            let kept = except.map_or(Some(true), |except| {
                holds(except.column.as_deref().unwrap(), &except.value, row).map(|gone| !gone)
            });
            both(fits, kept)
        })
        .collect();
    let count = |what| verdicts.iter().filter(|verdict| **verdict == what).count();
    (count(Some(true)), count(None))
}

fn column() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["path", "perm", "dev"]).prop_map(str::to_owned)
}

fn some_rows() -> impl Strategy<Value = Vec<Row>> {
    let row = prop::collection::vec((column(), word()), 0..4);
    prop::collection::vec(row.prop_map(Row::from_iter), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn rows_agree_with_the_reference(
        columns in prop::collection::vec((column(), word()), 1..3),
        except in prop::option::of((column(), word())),
        rows in some_rows(),
        bound in 0i64..4,
    ) {
        let columns: Vec<ColumnTest> = columns
            .into_iter()
            .map(|(column, value)| ColumnTest { column, op: "eq".into(), value: Value::Text(value) })
            .collect();
        let except = except.map(|(column, value)| Except {
            column: Some(column),
            op: "eq".into(),
            value: Value::Text(value),
        });
        let (held, open) = counted(&columns, except.as_ref(), &rows, true);
        let (failed, unsure) = counted(&columns, except.as_ref(), &rows, false);
        let some = |certain: usize, open: usize| match (certain, open) {
            (1.., _) => Outcome::True,
            (0, 1..) => Outcome::Inconclusive,
            (0, 0) => Outcome::False,
        };
        let least = i64::try_from(held).unwrap();
        let most = i64::try_from(held + open).unwrap();
        let more = match (least > bound, most > bound) {
            (true, _) => Outcome::True,
            (false, true) => Outcome::Inconclusive,
            (false, false) => Outcome::False,
        };
        let outcomes = [
            ("any_row", some(held, open)),
            ("none_row", some(held, open).negated()),
            ("all_row", some(failed, unsure).negated()),
            ("count_gt", more),
        ];
        let lists = BTreeMap::new();
        let source: FactMap = [("maps.rows".parse().unwrap(), Observation::Value(Value::Rows(rows)))].into_iter().collect();
        for (op, expect) in outcomes {
            let written = Condition::Fact(FactTest {
                fact: "maps.rows".into(),
                op: op.into(),
                value: (op == "count_gt").then_some(Value::Integer(bound)),
                columns: Some(columns.clone()),
                except: except.clone(),
                ..FactTest::default()
            });
            let matcher = Matcher::compile(&written, &Scope::new(device(), &lists, Variables::default())).unwrap();
            prop_assert_eq!(matcher.evaluate(&source), expect, "{}", op);
        }
    }
}
