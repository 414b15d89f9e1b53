//! The evaluator against tables and against a naive reference.

mod bounds;
mod forms;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    facts::{FactMap, Observation, Row, Value},
    policy::{AtLeast, ColumnTest, Except, FactTest},
};

fn condition(json: &str) -> Condition {
    serde_json::from_str(json).unwrap()
}

fn lists() -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([("vips".into(), vec!["zoe".into(), "Ann".into()])])
}

fn facts(json: &str) -> FactMap {
    let map: BTreeMap<String, Observation> = serde_json::from_str(json).unwrap();
    map.into_iter()
        .map(|(fact, observation)| (fact.parse().unwrap(), observation))
        .collect()
}

fn variables() -> Variables {
    Variables::default()
        .with("package", "com.bank")
        .with("user_id", "0")
        .with("data_dir", "/data/user/0/com.bank")
}

fn device() -> Side {
    Side::Device(Platform::Android)
}

const T: Outcome = Outcome::True;
const F: Outcome = Outcome::False;
const I: Outcome = Outcome::Inconclusive;

fn check(side: Side, clause: &str, known: &str, expect: Outcome) {
    let lists = lists();
    let matcher = Matcher::compile(&condition(clause), &Scope::new(side, &lists, variables())).unwrap();
    assert_eq!(matcher.evaluate(&facts(known)), expect, "{clause} over {known}");
}

/// `fact op value` at the gateway, over one answer.
fn compare(fact: &str, op: &str, value: &str, answer: &str, expect: Outcome) {
    let clause = format!(r#"{{"fact":"{fact}","op":"{op}","value":{value}}}"#);
    check(
        Side::Gateway,
        &clause,
        &format!(r#"{{"{fact}":{answer}}}"#),
        expect,
    );
}

#[test]
fn text_operators() {
    let text = |op: &str, value: &str, answer: &str, expect| compare("device.id", op, value, answer, expect);
    text("eq", r#""a""#, r#""a""#, T);
    text("eq", r#""a""#, r#""A""#, F);
    text("eq_ci", r#""a""#, r#""A""#, T);
    text("ne", r#""a""#, r#""b""#, T);
    text("not_ne", r#""a""#, r#""b""#, F);
    text("in", r#"["b","a"]"#, r#""a""#, T);
    text("not_in", r#"["b","a"]"#, r#""a""#, F);
    text("in_ci", r#"["b","a"]"#, r#""B""#, T);
    text("in_list", r#""vips""#, r#""Ann""#, T);
    text("in_list", r#""vips""#, r#""ann""#, F);
    text("in_list_ci", r#""vips""#, r#""ann""#, T);
    text("prefix", r#""ab""#, r#""abc""#, T);
    text("prefix", r#"["x","ab"]"#, r#""abc""#, T);
    text("prefix", r#""abcd""#, r#""abc""#, F);
    text("prefix_ci", r#""AB""#, r#""abc""#, T);
    text("suffix", r#""bc""#, r#""abc""#, T);
    text("suffix", r#""ß""#, r#""aß""#, T);
    text("suffix", r#""abcd""#, r#""abc""#, F);
    text("contains", r#""b""#, r#""abc""#, T);
    text("contains_ci", r#""B""#, r#""abc""#, T);
    text("not_contains", r#""x""#, r#""abc""#, T);
    text("contains", r#""abcd""#, r#""abc""#, F);
    text("matches", r#""^a.c$""#, r#""abc""#, T);
    text("matches_ci", r#""^A.C$""#, r#""abc""#, T);
    text("not_matches", r#""^a""#, r#""abc""#, F);
    text("version_lt", r#""2.10""#, r#""2.9.9""#, T);
    text("version_ge", r#""2.10""#, r#""2.10.0""#, T);
    text("version_lt", r#""2.10""#, r#""2.9-beta""#, T);
    text("version_ge", r#""2.10""#, r#""x""#, I);
    text("eq", r#""a""#, "null", I);
    text("eq", r#""a""#, r#"{"error":13}"#, I);
    text("not_eq", r#""a""#, "null", I);
    text("eq", r#""1""#, "1", I);
}

#[test]
fn integer_operators() {
    let number =
        |op: &str, value: &str, answer: &str, expect| compare("device.age_s", op, value, answer, expect);
    number("eq", "3", "3", T);
    number("ne", "3", "3", F);
    number("lt", "3", "3", F);
    number("le", "3", "3", T);
    number("gt", "3", "4", T);
    number("ge", "3", "2", F);
    number("not_ge", "3", "2", T);
    number("between", "[3,5]", "5", T);
    number("between", "[3,5]", "6", F);
    number("in", "[10,999]", "999", T);
    number("any_bits", "6", "4", T);
    number("all_bits", "6", "4", F);
    number("lt", "3", r#""2""#, I);
}

#[test]
fn list_operators() {
    let list =
        |op: &str, value: &str, answer: &str, expect| compare("findings.hit", op, value, answer, expect);
    list("any_eq", r#""a""#, r#"["b","a"]"#, T);
    list("any_eq", r#""a""#, "[]", F);
    list("any_not_eq", r#""a""#, r#"["a","a"]"#, F);
    list("all_prefix", r#""a""#, r#"["ab","ac"]"#, T);
    list("all_prefix", r#""a""#, r#"["ab","x"]"#, F);
    list("all_eq", r#""a""#, "[]", T);
    list("none_eq", r#""a""#, r#"["b"]"#, T);
    list("none_eq", r#""a""#, r#"["b","a"]"#, F);
    list("count_gt", "1", r#"["b","a"]"#, T);
    list("count_not_gt", "1", r#"["b","a"]"#, F);
    list("count_eq", "0", "[]", T);
    list("any_version_lt", r#""2""#, r#"["x","1"]"#, T);
    list("any_version_lt", r#""2""#, r#"["x","3"]"#, I);
    list("any_eq", r#""a""#, "null", I);
    list("any_eq", r#""a""#, r#""a""#, I);
}

#[test]
fn existence_and_flags() {
    let exists = |op: &str, answer: &str, expect| {
        let clause = format!(r#"{{"fact":"prop(a)","op":"{op}"}}"#);
        check(device(), &clause, &format!("{{{answer}}}"), expect);
    };
    exists("exists", r#""prop(a)":"x""#, T);
    exists("exists", r#""prop(a)":null"#, F);
    exists("not_exists", r#""prop(a)":null"#, T);
    exists("exists", r#""prop(a)":{"error":1}"#, I);
    exists("exists", r#""prop(b)":"x""#, I);
    let flag = r#"{"fact":"path.exists(/su)","op":"eq","value":true}"#;
    check(device(), flag, r#"{"path.exists(/su)":true}"#, T);
    check(device(), flag, r#"{"path.exists(/su)":false}"#, F);
}

#[test]
fn exceptions_and_variables() {
    let clause = r#"{"fact":"maps.path","op":"any_matches","value":"^/data/user/${user_id}/.*\\.so$",
        "except":{"op":"matches","value":"^/data/user/0/(${package}|com\\.gms)/"}}"#;
    let lists = lists();
    let matcher = Matcher::compile(&condition(clause), &Scope::new(device(), &lists, variables())).unwrap();
    let check = |paths: &str, expect: Outcome| {
        assert_eq!(
            matcher.evaluate(&facts(&format!(r#"{{"maps.path":{paths}}}"#))),
            expect,
            "{paths}"
        );
    };
    check(r#"["/data/user/0/com.bank/a.so"]"#, Outcome::False);
    check(r#"["/data/user/0/comxbank/a.so"]"#, Outcome::True);
    check(
        r#"["/data/user/0/com.gms/a.so","/data/user/0/host/a.so"]"#,
        Outcome::True,
    );
    let without = Scope::new(device(), &lists, Variables::default());
    let matcher = Matcher::compile(&condition(clause), &without).unwrap();
    assert_eq!(
        matcher.evaluate(&facts(r#"{"maps.path":[]}"#)),
        Outcome::Inconclusive
    );
    let param = r#"{"fact":"path.exists(${data_dir}/x)","op":"eq","value":true}"#;
    let matcher = Matcher::compile(&condition(param), &Scope::new(device(), &lists, variables())).unwrap();
    assert_eq!(
        matcher.facts().next().unwrap().to_string(),
        "path.exists(/data/user/0/com.bank/x)"
    );
}

#[rustfmt::skip]
const PROBLEMS: &[(&str, &str, &str)] = &[
    (r#"{"fact":"x.y","op":"eq"}"#, "when.fact", "fact-unknown"),
    (r#"{"fact":"maps.path","op":"any_eq","value":"a"}"#, "when.fact", "fact-origin"),
    (r#"{"fact":"app.id","op":"equals","value":"a"}"#, "when.op", "operator-unknown"),
    (r#"{"fact":"app.id","op":"lt","value":1}"#, "when.op", "operator-kind"),
    (r#"{"fact":"app.id","op":"any_eq","value":"a"}"#, "when.op", "quantifier-unexpected"),
    (r#"{"fact":"findings.hit","op":"eq","value":"a"}"#, "when.op", "quantifier-missing"),
    (r#"{"fact":"findings.hit","op":"count_prefix","value":"a"}"#, "when.op", "operator-kind"),
    (r#"{"fact":"app.id","op":"eq"}"#, "when", "value-missing"),
    (r#"{"fact":"app.id","op":"exists","value":1}"#, "when.value", "value-unexpected"),
    (r#"{"fact":"app.id","op":"eq","value":1}"#, "when.value", "value-kind"),
    (r#"{"fact":"app.version","op":"version_lt","value":"two"}"#, "when.value", "value-kind"),
    (r#"{"fact":"device.age_s","op":"between","value":[5,3]}"#, "when.value", "value-kind"),
    (r#"{"fact":"app.id","op":"in","value":[]}"#, "when.value", "empty"),
    (r#"{"fact":"app.id","op":"contains","value":""}"#, "when.value", "empty"),
    (r#"{"fact":"app.id","op":"matches","value":"("}"#, "when.value", "regex"),
    (r#"{"fact":"app.id","op":"matches","value":"(a{100}){100}{100}"}"#, "when.value", "regex"),
    (r#"{"fact":"app.id","op":"matches","value":"(?=a)"}"#, "when.value", "regex"),
    (r#"{"fact":"app.id","op":"in_list","value":"none"}"#, "when.value", "list-unknown"),
    (r#"{"fact":"app.id","op":"eq","value":"${who}"}"#, "when.value", "variable-unknown"),
    (r#"{"fact":"app.id","op":"differs"}"#, "when", "from-missing"),
    (r#"{"fact":"app.id","op":"differs","from":"x.y"}"#, "when.from", "fact-unknown"),
    (r#"{"fact":"app.id","op":"differs","from":"device.age_s"}"#, "when.from", "from-kind"),
    (r#"{"fact":"app.id","op":"differs","from":"app.id"}"#, "when.from", "from-same"),
    (r#"{"fact":"app.id","op":"differs","from":"app.data_dir"}"#, "when.from", "fact-origin"),
    (r#"{"fact":"app.id","op":"differs","from":"key.level","value":"a"}"#, "when.value", "value-unexpected"),
    (r#"{"fact":"app.id","op":"differs","from":"key.level","except":{"op":"eq","value":"b"}}"#, "when.except", "except-unexpected"),
    (r#"{"fact":"app.id","op":"eq","value":"a","from":"key.level"}"#, "when.from", "from-unexpected"),
    (r#"{"fact":"findings.hit","op":"any_differs","from":"findings.category"}"#, "when.op", "operator-unknown"),
    (r#"{"fact":"findings.hit","op":"any_row","where":[]}"#, "when.op", "operator-kind"),
    (r#"{"fact":"findings.hit","op":"any_eq","value":"a","where":[]}"#, "when.where", "where-unexpected"),
    (r#"{"fact":"findings.hit","op":"any_eq","value":"a","except":{"column":"path","op":"eq","value":"b"}}"#, "when.except.column", "column-unexpected"),
    (r#"{"fact":"app.id","op":"eq","value":"${package}"}"#, "when.value", "variable-origin"),
    (r#"{"all":[]}"#, "when.all", "empty"),
    (r#"{"at_least":{"n":2,"of":[{"fact":"app.id","op":"exists"}]}}"#, "when.at_least.n", "out-of-range"),
    (r#"{"fact":"app.id","op":"eq","value":"a","except":{"op":"eq","value":"b"}}"#, "when.except", "except-unexpected"),
    (r#"{"fact":"findings.hit","op":"any_eq","value":"a","except":{"op":"any_eq","value":"b"}}"#, "when.except.op", "operator-unknown"),
];

fn check_problems(side: Side, json: &str, expect: &[(&str, &str)]) {
    let lists = lists();
    let result = Matcher::compile(&condition(json), &Scope::new(side, &lists, Variables::default()));
    let errors = result.map(|_| ()).unwrap_err();
    let got: Vec<(&str, &str)> = errors
        .iter()
        .map(|error| (error.path.as_str(), error.code()))
        .collect();
    assert_eq!(got, expect, "{json}");
}

#[test]
fn problems_have_a_place_and_a_code() {
    for (json, path, code) in PROBLEMS {
        check_problems(Side::Gateway, json, &[(path, code)]);
    }
    check_problems(
        device(),
        r#"{"fact":"app.id","op":"exists"}"#,
        &[("when.fact", "fact-origin")],
    );
    check_problems(
        device(),
        r#"{"fact":"macho.cryptid","op":"exists"}"#,
        &[("when.fact", "fact-platform")],
    );
    check_problems(
        Side::Gateway,
        r#"{"all":[{"not":{"fact":"x","op":"eq"}},{"any":[{"fact":"app.id","op":"??"},{"fact":"y","op":"eq"}]}]}"#,
        &[
            ("when.all[0].not.fact", "fact-unknown"),
            ("when.all[1].any[0].op", "operator-unknown"),
            ("when.all[1].any[1].fact", "fact-unknown"),
        ],
    );
    let deep = format!(
        "{}{}{}",
        r#"{"not":"#.repeat(20),
        r#"{"fact":"app.id","op":"exists"}"#,
        "}".repeat(20)
    );
    check_problems(
        Side::Gateway,
        &deep,
        &[(&format!("when{}", ".not".repeat(16)), "too-deep")],
    );
    let wide = vec![r#"{"fact":"app.id","op":"exists"}"#; 600].join(",");
    check_problems(
        Side::Gateway,
        &format!(r#"{{"all":[{wide}]}}"#),
        &[("when.all[511]", "too-many-clauses")],
    );
}

#[test]
fn an_explanation_names_clause_fact_and_value() {
    let lists = lists();
    let check = |json: &str, known: &str, expect: (u16, &str, &str, &str)| {
        let matcher =
            Matcher::compile(&condition(json), &Scope::new(Side::Gateway, &lists, variables())).unwrap();
        let source = facts(known);
        let clause = matcher.explain(matcher.verdict(&source).clause, &source);
        let fact = clause.fact.unwrap_or_default();
        assert_eq!(
            (clause.ordinal, &*clause.path, &*fact, &*clause.value),
            expect,
            "{json}"
        );
    };
    let both = r#"{"all":[{"fact":"app.id","op":"exists"},{"any":[{"fact":"key.level","op":"eq","value":"tee"},
        {"fact":"findings.category","op":"any_in","value":["root","cloner"]}]}]}"#;
    let known = r#"{"app.id":"a","key.level":"software","findings.category":["app","cloner"]}"#;
    check(both, known, (4, "all[1].any[1]", "findings.category", "cloner"));
    check(
        both,
        r#"{"app.id":"a","key.level":"tee"}"#,
        (3, "all[1].any[0]", "key.level", "tee"),
    );
    check(both, r#"{"app.id":null}"#, (1, "all[0]", "app.id", "absent"));
    let not = r#"{"not":{"at_least":{"n":1,"of":[{"fact":"app.id","op":"eq","value":"b"}]}}}"#;
    check(not, r#"{"app.id":"a"}"#, (2, "not.at_least.of[0]", "app.id", "a"));
    let all = r#"{"fact":"findings.hit","op":"all_prefix","value":"a"}"#;
    check(
        all,
        r#"{"findings.hit":["ab","x"]}"#,
        (0, "", "findings.hit", "x"),
    );
    check(
        all,
        r#"{"findings.hit":["ab"]}"#,
        (0, "", "findings.hit", "1 items"),
    );
    check(
        all,
        r#"{"findings.hit":{"error":5}}"#,
        (0, "", "findings.hit", "error 5"),
    );
    let long = "x".repeat(500);
    let matcher = Matcher::compile(
        &condition(r#"{"fact":"app.id","op":"exists"}"#),
        &Scope::new(Side::Gateway, &lists, variables()),
    )
    .unwrap();
    let source = facts(&format!(r#"{{"app.id":"{long}"}}"#));
    assert_eq!(matcher.explain(0, &source).value.len(), 120);
    assert_eq!(matcher.explain(77, &source).fact, None);
    let parts = r#"{"not":{"all":[{"fact":"app.id","op":"exists"},{"fact":"app.id","op":"eq","value":"b"},
        {"fact":"key.level","op":"exists"}]}}"#;
    let matcher =
        Matcher::compile(&condition(parts), &Scope::new(Side::Gateway, &lists, variables())).unwrap();
    let outcomes: Vec<Outcome> = (0..6).map(|clause| matcher.outcome_of(clause, &source)).collect();
    assert_eq!(outcomes, [T, F, T, F, I, I]);
}

/// The same language, said as plainly as possible, for a subset of operators.
fn reference(condition: &Condition, source: &FactMap) -> Outcome {
    let tally = |children: &[Condition]| {
        let outcomes: Vec<Outcome> = children.iter().map(|child| reference(child, source)).collect();
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        (
            count(Outcome::True),
            count(Outcome::False),
            count(Outcome::Inconclusive),
        )
    };
    match condition {
        Condition::All(children) => match tally(children) {
            (_, 1.., _) => Outcome::False,
            (_, 0, 1..) => Outcome::Inconclusive,
            (_, 0, 0) => Outcome::True,
        },
        Condition::Any(children) => match tally(children) {
            (1.., _, _) => Outcome::True,
            (0, _, 1..) => Outcome::Inconclusive,
            (0, _, 0) => Outcome::False,
        },
        Condition::Not(child) => match reference(child, source) {
            Outcome::True => Outcome::False,
            Outcome::False => Outcome::True,
            Outcome::Inconclusive => Outcome::Inconclusive,
        },
        Condition::AtLeast(AtLeast { n, of }) => match tally(of) {
            (held, _, _) if held >= usize::from(*n) => Outcome::True,
            (held, _, open) if held + open >= usize::from(*n) => Outcome::Inconclusive,
            _ => Outcome::False,
        },
        Condition::Fact(test) => compared(test, source),
    }
}

fn compared(test: &FactTest, source: &FactMap) -> Outcome {
    let fact = test.fact.parse().unwrap();
    let said = |holds: bool| if holds { Outcome::True } else { Outcome::False };
    if let Some(from) = &test.from {
        return different(test, &fact, &from.parse().unwrap(), source);
    }
    let answer = match source.iter().find(|(known, _)| **known == fact) {
        Some((_, Observation::Value(value))) => value,
        Some((_, Observation::Absent)) if test.op == "exists" => return Outcome::False,
        _ => return Outcome::Inconclusive,
    };
    let kept = |items: &[String]| kept(test, items);
    match (test.op.as_str(), answer, &test.value) {
        ("exists", _, _) => Outcome::True,
        ("eq", Value::Text(left), Some(Value::Text(right))) => said(left == right),
        ("ne", Value::Text(left), Some(Value::Text(right))) => said(left != right),
        ("prefix", Value::Text(left), Some(Value::Text(right))) => said(left.starts_with(right)),
        ("contains", Value::Text(left), Some(Value::Text(right))) => said(left.contains(right)),
        ("matches", Value::Text(left), Some(Value::Text(right))) => said(left.contains(right)),
        ("lt", Value::Integer(left), Some(Value::Integer(right))) => said(left < right),
        ("any_eq", Value::List(left), Some(Value::Text(right))) => {
            said(kept(left).iter().any(|item| item == right))
        }
        ("all_eq", Value::List(left), Some(Value::Text(right))) => {
            said(kept(left).iter().all(|item| item == right))
        }
        ("none_suffix", Value::List(left), Some(Value::Text(right))) => {
            said(!kept(left).iter().any(|item| item.ends_with(right)))
        }
        ("count_gt", Value::List(left), Some(Value::Integer(right))) => {
            said(i64::try_from(kept(left).len()).unwrap() > *right)
        }
        _ => Outcome::Inconclusive,
    }
}

fn kept(test: &FactTest, items: &[String]) -> Vec<String> {
    let gone =
        |item: &String| matches!(&test.except, Some(Except { value: Value::Text(text), .. }) if item == text);
    items.iter().filter(|item| !gone(item)).cloned().collect()
}

fn different(test: &FactTest, fact: &FactRef, from: &FactRef, source: &FactMap) -> Outcome {
    let observed = |asked: &FactRef| {
        source
            .iter()
            .find(|(known, _)| *known == asked)
            .map(|(_, seen)| seen.clone())
    };
    let set = |items: &[String]| {
        kept(test, items)
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
    };
    let differ = match (observed(fact), observed(from)) {
        (None | Some(Observation::Error(_)), _) | (_, None | Some(Observation::Error(_))) => {
            return Outcome::Inconclusive;
        }
        (Some(Observation::Value(Value::List(left))), Some(Observation::Value(Value::List(right)))) => {
            set(&left) != set(&right)
        }
        (left, right) => left != right,
    };
    if differ { Outcome::True } else { Outcome::False }
}

fn word() -> impl Strategy<Value = String> {
    "[ab]{1,2}"
}

fn clause() -> impl Strategy<Value = Condition> {
    let text = prop::sample::select(vec!["eq", "ne", "prefix", "contains", "matches"]);
    let list = prop::sample::select(vec!["any_eq", "all_eq", "none_suffix"]);
    let except = || {
        prop::option::of(word().prop_map(|text| Except {
            column: None,
            op: "eq".into(),
            value: Value::Text(text),
        }))
    };
    let test = |fact: &str, op: &str, value: Option<Value>, except: Option<Except>| {
        Condition::Fact(FactTest {
            fact: fact.into(),
            op: op.into(),
            value,
            except,
            ..FactTest::default()
        })
    };
    let differs = |fact: &str, from: &str, except: Option<Except>| {
        Condition::Fact(FactTest {
            fact: fact.into(),
            op: "differs".into(),
            from: Some(from.into()),
            except,
            ..FactTest::default()
        })
    };
    prop_oneof![
        Just(test("device.id", "exists", None, None)),
        (text, word()).prop_map(move |(op, value)| test("device.id", op, Some(Value::Text(value)), None)),
        (0i64..4).prop_map(move |value| test("device.age_s", "lt", Some(Value::Integer(value)), None)),
        (list, word(), except()).prop_map(move |(op, value, except)| test(
            "findings.hit",
            op,
            Some(Value::Text(value)),
            except
        )),
        (0i64..4, except()).prop_map(move |(value, except)| test(
            "findings.hit",
            "count_gt",
            Some(Value::Integer(value)),
            except
        )),
        Just(differs("device.id", "app.id", None)),
        except().prop_map(move |except| differs("findings.hit", "findings.category", except)),
    ]
}

fn tree() -> impl Strategy<Value = Condition> {
    clause().prop_recursive(5, 40, 4, |inner| {
        let many = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many().prop_map(Condition::All),
            many().prop_map(Condition::Any),
            inner.clone().prop_map(|child| Condition::Not(Box::new(child))),
            (many(), 0usize..4).prop_map(|(of, n)| {
                let n = u16::try_from(1 + n % of.len()).unwrap();
                Condition::AtLeast(AtLeast { n, of })
            }),
        ]
    })
}

fn observations() -> impl Strategy<Value = FactMap> {
    let or_not = |value: BoxedStrategy<Value>| {
        prop_oneof![
            4 => value.prop_map(|value| Some(Observation::Value(value))),
            1 => Just(Some(Observation::Absent)),
            1 => Just(Some(Observation::Error(13))),
            1 => Just(None),
        ]
    };
    let text = or_not(word().prop_map(Value::Text).boxed()).boxed();
    let number = or_not((0i64..4).prop_map(Value::Integer).boxed());
    let list = or_not(prop::collection::vec(word(), 0..4).prop_map(Value::List).boxed()).boxed();
    (text.clone(), text, number, list.clone(), list).prop_map(|(text, other, number, list, further)| {
        [
            ("device.id", text),
            ("app.id", other),
            ("device.age_s", number),
            ("findings.hit", list),
            ("findings.category", further),
        ]
        .into_iter()
        .filter_map(|(fact, answer)| answer.map(|answer| (fact.parse().unwrap(), answer)))
        .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_evaluator_agrees_with_the_reference(written in tree(), source in observations()) {
        let lists = BTreeMap::new();
        let matcher = Matcher::compile(&written, &Scope::new(Side::Gateway, &lists, Variables::default())).unwrap();
        let verdict = matcher.verdict(&source);
        prop_assert_eq!(verdict.outcome, reference(&written, &source));
        // The deciding clause is always one that asks a fact.
        prop_assert!(matcher.explain(verdict.clause, &source).fact.is_some());
    }

    #[test]
    fn a_condition_prints_as_it_is_read(written in tree()) {
        let json = serde_json::to_string(&written).unwrap();
        prop_assert_eq!(serde_json::from_str::<Condition>(&json).unwrap(), written);
    }

    #[test]
    fn any_clause_compiles_or_is_refused_and_never_panics(
        fact in "(app.id|findings.hit|device.age_s|prop\\(a\\)|\\PC{0,12})",
        op in "((any_|all_|none_|count_)?(not_)?(eq|in|lt|between|prefix|matches|version_lt|any_bits)(_ci)?|\\PC{0,8})",
        value in prop_oneof![
            "\\PC{0,16}".prop_map(Value::Text),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            prop::collection::vec("\\PC{0,8}", 0..4).prop_map(Value::List),
        ],
        source in observations(),
    ) {
        let lists = BTreeMap::new();
        let written = Condition::Fact(FactTest { fact, op, value: Some(value), ..FactTest::default() });
        if let Ok(matcher) = Matcher::compile(&written, &Scope::new(Side::Gateway, &lists, Variables::default())) {
            let clause = matcher.verdict(&source).clause;
            prop_assert_eq!(matcher.explain(clause, &source).ordinal, 0);
        }
    }
}
