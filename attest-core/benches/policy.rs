//! What a decision costs: 50 rules over 64 facts, one rule over 64 facts, a phone's scan, rows and lists of a phone's size, and
//! finding one of 500 routes.
//! It prints; it never judges.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking and speaks by printing"
)]

mod measure;

use std::collections::BTreeMap;
use std::hint::black_box;

use attest_core::facts::{FactId, FactMap, FactRef, Kind, Observation, Origin, Platform, Row, Value};
use attest_core::policy::{
    CompiledGateway, Completed, Condition, DetectorSet, GatewayPolicy, Matcher, Scope, Side, Subject,
    Variables,
};
use criterion::{Criterion, Throughput};
use ring::hmac;
use serde_json::{Value as Json, json};

const RULES: usize = 50;
const FACTS: usize = 64;
const ROUTES: usize = 500;

fn main() {
    let mut criterion = measure::criterion();
    decision(&mut criterion);
    one_rule(&mut criterion);
    scan(&mut criterion);
    rows(&mut criterion);
    patterns();
    differs(&mut criterion);
    route(&mut criterion);
    criterion.final_summary();
}

/// Every question that a gateway can ask, answered, and system properties up to [`FACTS`].
fn gateway_facts() -> FactMap {
    let mut facts = FactMap::default();
    for fact in FactId::all().filter(|fact| fact.entry().origin != Origin::Device) {
        let views = fact.entry().views.iter().copied().map(Some);
        for view in views.chain([None]) {
            facts.insert(FactRef::new(fact, None, view).unwrap(), answer(fact));
        }
    }
    assert!(facts.len() <= FACTS, "{} facts", facts.len());
    while facts.len() < FACTS {
        let name = format!("prop(ro.property.{})", facts.len());
        facts.insert(name.parse().unwrap(), Value::Text("none".to_owned()));
    }
    facts
}

fn answer(fact: FactId) -> Observation {
    let list = || (0..4).map(|item| format!("item.number.{item}")).collect();
    match fact.entry().kind {
        Kind::Text => Value::Text("a text of usual length".to_owned()).into(),
        Kind::Integer => Value::Integer(7).into(),
        Kind::Boolean => Value::Boolean(false).into(),
        Kind::List => Value::List(list()).into(),
        Kind::Rows => Value::Rows((0..4).map(|_| Row::default()).collect()).into(),
    }
}

/// A clause about `fact` that never holds.
fn clause(fact: &FactRef, rule: usize) -> Json {
    let fact_text = fact.to_string();
    match fact.fact().entry().kind {
        Kind::Text => json!({"fact": fact_text, "op": "eq", "value": format!("another text {rule}")}),
        Kind::Integer => json!({"fact": fact_text, "op": "gt", "value": 1000 + rule}),
        Kind::Boolean => json!({"fact": fact_text, "op": "eq", "value": true}),
        Kind::Rows => json!({"fact": fact_text, "op": "count_gt", "value": 1000}),
        Kind::List => json!({"fact": fact_text, "op": "any_prefix", "value": format!("nothing.{rule}")}),
    }
}

fn gateway(facts: &FactMap) -> CompiledGateway {
    let known: Vec<&FactRef> = facts
        .iter()
        .map(|(fact, _)| fact)
        .filter(|fact| fact.fact().entry().origin != Origin::Device)
        .collect();
    let rule = |rule: usize| {
        let clauses: Vec<Json> = (0..3)
            .map(|n| clause(known[(rule * 3 + n) % known.len()], rule))
            .collect();
        json!({"id": format!("rule-{rule}"), "why": "measured", "when": {"any": clauses}, "then": "deny"})
    };
    let policy: GatewayPolicy = serde_json::from_value(json!({
        "version": 1, "environment": "development", "origins": ["https://a.example"],
        "apps": [{"id": "app", "platform": "ios", "team": "T", "bundle": "b", "evidence": ["app_attest"]}],
        "rules": (0..RULES).map(rule).collect::<Vec<_>>(),
        "routes": [{"id": "pay", "methods": ["POST"], "path": "/pay", "upstream": "u", "require": "enforce", "apps": ["app"]}],
    }))
    .unwrap();
    policy.compile().unwrap()
}

fn decision(criterion: &mut Criterion) {
    let facts = gateway_facts();
    let policy = gateway(&facts);
    let route = policy.routes().by_id("pay").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let subject = Subject {
        device: b"device",
        rollout_key: &key,
        completed: Completed::default(),
    };
    let decided = policy.decide(route, &facts, &subject);
    assert!(
        decided.cause.is_none() && decided.inconclusive == 0,
        "every rule is decided and none fires: {decided:?}"
    );

    let mut group = criterion.benchmark_group("decision");
    group.throughput(Throughput::Elements(RULES as u64));
    group.bench_function("50 rules of 3 clauses over 64 facts, none fires", |b| {
        b.iter(|| policy.decide(route, black_box(&facts), &subject));
    });
    group.finish();
    let decide = || policy.decide(route, black_box(&facts), &subject);
    let [whole, _] = measure::side_by_side(200, decide, decide);
    println!("  per rule: {:.0} ns\n", whole / 50.0);
}

/// Properties of a phone, as many as there are facts.
fn phone_facts() -> FactMap {
    (0..FACTS)
        .map(|n| {
            let fact = format!("prop(ro.property.{n})").parse().unwrap();
            (
                fact,
                Observation::from(Value::Text("a text of usual length".to_owned())),
            )
        })
        .collect()
}

fn one_rule(criterion: &mut Criterion) {
    let facts = phone_facts();
    let clauses: Vec<Json> = facts
        .iter()
        .enumerate()
        .map(|(n, (fact, _))| clause(fact, n))
        .collect();
    let condition: Condition = serde_json::from_value(json!({"any": clauses})).unwrap();
    let lists = BTreeMap::new();
    let scope = Scope::new(Side::Device(Platform::Android), &lists, Variables::default());
    let matcher = Matcher::compile(&condition, &scope).unwrap();
    let mut group = criterion.benchmark_group("rule");
    group.throughput(Throughput::Elements(FACTS as u64));
    group.bench_function("one rule of 64 clauses over 64 facts", |b| {
        b.iter(|| matcher.evaluate(black_box(&facts)));
    });
    group.finish();
}

fn scan(criterion: &mut Criterion) {
    let facts = phone_facts();
    let asked: Vec<&FactRef> = facts.iter().map(|(fact, _)| fact).collect();
    let detectors: Vec<_> = (0..RULES)
        .map(|n| {
            let clauses: Vec<Json> = (0..3).map(|at| clause(asked[(n * 3 + at) % FACTS], n)).collect();
            serde_json::from_value(json!({
                "id": format!("d.{n}"), "platform": "android", "category": "root", "severity": "low", "why": "measured",
                "when": {"any": clauses},
            }))
            .unwrap()
        })
        .collect();
    let lists = BTreeMap::new();
    let scope = Scope::new(Side::Device(Platform::Android), &lists, Variables::default());
    let set = DetectorSet::compile(&detectors, Platform::Android, &scope).unwrap();
    let mut group = criterion.benchmark_group("scan");
    group.throughput(Throughput::Elements(RULES as u64));
    group.bench_function("50 detectors of 3 clauses over 64 facts", |b| {
        b.iter(|| set.scan(black_box(&facts)).count());
    });
    group.finish();
}

/// The map of a large app: so many rows, none of which is foreign.
const ROWS: usize = 4_000;

fn phone_matcher(condition: Json) -> Matcher {
    let condition: Condition = serde_json::from_value(condition).unwrap();
    let lists = BTreeMap::new();
    let variables = Variables::default().with("package", "com.example.bank");
    let scope = Scope::new(Side::Device(Platform::Android), &lists, variables);
    Matcher::compile(&condition, &scope).unwrap()
}

fn rows(criterion: &mut Criterion) {
    let row = |n: usize| {
        let cells = [
            ("path", format!("/system/lib64/lib.number.{n}.so")),
            ("perm", "r-xp".to_owned()),
            ("dev", "fe:00".to_owned()),
            ("ino", n.to_string()),
        ];
        cells
            .into_iter()
            .map(|(column, text)| (column.to_owned(), text))
            .collect()
    };
    let rows = Value::Rows((0..ROWS).map(row).collect());
    let facts: FactMap = [("maps.rows".parse().unwrap(), Observation::from(rows))]
        .into_iter()
        .collect();
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(ROWS as u64));
    for (what, path) in [
        (
            "prefix",
            json!({"column": "path", "op": "prefix", "value": "/data/"}),
        ),
        (
            "pattern",
            json!({"column": "path", "op": "matches", "value": r"^/data/(data|user/\d+)/[a-z.]+/.*\.so$"}),
        ),
    ] {
        let perm = json!({"column": "perm", "op": "contains", "value": "x"});
        let matcher = phone_matcher(json!({"fact": "maps.rows", "op": "any_row", "where": [perm, path]}));
        group.bench_function(format!("two columns of {ROWS} rows, {what}"), |b| {
            b.iter(|| matcher.evaluate(black_box(&facts)));
        });
    }
    group.finish();
}

/// Patterns over the paths of such a map, beside `regex-lite`, whose language ours has.
fn patterns() {
    let paths: Vec<String> = (0..ROWS)
        .map(|n| format!("/data/app/~~{n}==/com.example.bank-1/lib/arm64/lib.number.so"))
        .collect();
    let facts: FactMap = [("maps.path".parse().unwrap(), Value::List(paths.clone()).into())]
        .into_iter()
        .collect();
    for pattern in [
        r"^/data/(data|user/\d+)/[a-z.]+/.*\.so$",
        r"^/data/app/.*/lib/[a-z0-9]+/[a-z.]+\.dex$",
        "frida|gadget|substrate",
    ] {
        let matcher = phone_matcher(json!({"fact": "maps.path", "op": "any_matches", "value": pattern}));
        let other = regex_lite::Regex::new(pattern).unwrap();
        let [ours, other] = measure::side_by_side(
            20,
            || black_box(matcher.evaluate(black_box(&facts))),
            || black_box(paths.iter().any(|path| other.is_match(black_box(path)))),
        );
        println!(
            "  {pattern} over {ROWS} paths: {:.2} of regex-lite's time",
            ours / other
        );
    }
    println!();
}

fn differs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("differs");
    let clause = |fact: &str| json!({"fact": format!("{fact}@libc"), "op": "differs", "from": format!("{fact}@syscall")});
    let same = |fact: &str, value: Value| -> FactMap {
        let view = |view: &str| (format!("{fact}@{view}").parse().unwrap(), value.clone().into());
        [view("libc"), view("syscall")].into_iter().collect()
    };
    let facts = same(
        "app.data_dir",
        Value::Text("/data/user/0/com.example.bank".to_owned()),
    );
    let matcher = phone_matcher(clause("app.data_dir"));
    group.bench_function("two texts", |b| b.iter(|| matcher.evaluate(black_box(&facts))));
    let matcher = phone_matcher(clause("maps.path"));
    for size in [16, 256, 4_096] {
        let paths = (0..size).map(|n| format!("/system/lib64/lib.number.{}.so", n * 7_919 % 10_007));
        let facts = same("maps.path", Value::List(paths.collect()));
        group.bench_function(format!("two lists of {size}"), |b| {
            b.iter(|| matcher.evaluate(black_box(&facts)))
        });
    }
    group.finish();
}

fn route(criterion: &mut Criterion) {
    let path = |n: usize| match n % 3 {
        0 => format!("/v1/area-{n}/things"),
        1 => format!("/v1/area-{n}/*"),
        _ => format!("/v1/area-{n}/**"),
    };
    let route = |n: usize| json!({"id": format!("r-{n}"), "methods": ["GET"], "path": path(n), "upstream": "u", "require": "none"});
    let policy: GatewayPolicy = serde_json::from_value(json!({
        "version": 1, "environment": "development", "routes": (0..ROUTES).map(route).collect::<Vec<_>>(),
    }))
    .unwrap();
    let policy = policy.compile().unwrap();
    let mut group = criterion.benchmark_group("route of 500");
    for (what, path, found) in [
        ("the first", "/v1/area-0/things", true),
        ("the last", "/v1/area-497/a/b", true),
        ("none", "/v2/area-1/things/or/not", false),
    ] {
        assert_eq!(policy.routes().find("GET", path).is_some(), found, "{path}");
        group.bench_function(what, |b| {
            b.iter(|| policy.routes().find("GET", black_box(path)).is_some())
        });
    }
    group.finish();
}
