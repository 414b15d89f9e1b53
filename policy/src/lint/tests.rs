//! Each lint where it applies and where it does not, with its place; and what the worst policies cost.

use super::{Steps, routes, rules};
use crate::{PolicySource, compile, report::Report};

/// A policy with two routes and one detector; `rules` and `routes` are more of them.
fn policy(rules: &str, routes: &str) -> String {
    format!(
        "\
version: 1
environment: development
origins: ['https://api.example']
apps: [{{id: app, platform: ios, team: A1B2C3D4E5, bundle: com.example, evidence: [software]}}]
lists: {{vips: [a, b]}}
detectors:
  - {{id: d.one, platform: android, category: root, severity: low, why: W., when: {{fact: id.uid, op: gt, value: 0}}}}
routes:
  - {{id: pay, methods: [POST], path: /pay, upstream: u, require: enforce, apps: [app]}}
  - {{id: see, methods: [GET], path: /see, upstream: u, require: observe, apps: [app]}}
{routes}rules:
{rules}"
    )
}

/// Line, path and code of everything that is told of a source, without what is not tested or not used.
fn told(source: &str) -> Vec<String> {
    let problems = compile("p.yaml", source).map_or_else(|problems| problems, |compiled| compiled.warnings);
    let meant = problems
        .iter()
        .filter(|problem| !problem.code.ends_with("-untested") && problem.code != "list-unused");
    let line =
        |problem: &crate::Problem| format!("{}: {} {}", problem.position.line, problem.path, problem.code);
    meant.map(line).collect()
}

#[test]
#[rustfmt::skip]
fn conditions_that_never_or_always_hold() {
    let check = |when: &str, expect: &[&str]| {
        let source = policy(&format!("  - {{id: r, why: W., when: {when}, then: deny}}\n"), "");
        let expect: Vec<_> = expect.iter().map(|end| format!("12: rules[0].when{end}")).collect();
        assert_eq!(told(&source), expect, "{when}");
    };
    let version = |op: &str| format!("{{fact: app.version, {op}}}");
    let age = |op: &str| format!("{{fact: evidence.age_s, {op}}}");
    let all = |clauses: &[String]| format!("{{all: [{}]}}", clauses.join(", "));
    let any = |clauses: &[String]| format!("{{any: [{}]}}", clauses.join(", "));
    let never = &[" condition-never"][..];
    let always = &[" condition-always"][..];
    check(&all(&[version("op: eq, value: a"), version("op: eq, value: b")]), never);
    check(&all(&[version("op: eq, value: a"), version("op: eq_ci, value: A")]), &[]);
    check(&any(&[version("op: eq, value: a"), version("op: eq, value: b")]), &[]);
    check(&all(&[version("op: eq, value: a"), version("op: ne, value: a")]), never);
    check(&any(&[version("op: eq, value: a"), version("op: ne, value: a")]), always);
    check(&all(&[version("op: in, value: [a, b]"), version("op: in, value: [b, c]")]), &[]);
    check(&all(&[version("op: in, value: [a, b]"), version("op: in, value: [c]")]), never);
    check(&all(&[version("op: in_list, value: vips"), version("op: eq, value: c")]), never);
    check(&all(&[version("op: in, value: [a, b]"), version("op: not_in, value: [b, a]")]), never);
    check(&all(&[version("op: prefix, value: a"), version("op: prefix, value: ab")]), &[]);
    check(&all(&[version("op: prefix, value: ab"), version("op: prefix, value: b")]), never);
    check(&all(&[version("op: suffix, value: a"), version("op: eq, value: b")]), never);
    check(&all(&[version("op: exists"), version("op: not_exists")]), never);
    check(&all(&[version("op: not_exists"), version("op: eq, value: a")]), never);
    check(&any(&[version("op: exists"), version("op: not_exists")]), always);
    check(&all(&[age("op: lt, value: 5"), age("op: gt, value: 3")]), &[]);
    check(&all(&[age("op: lt, value: 5"), age("op: gt, value: 4")]), never);
    check(&all(&[age("op: le, value: 5"), age("op: ge, value: 5")]), &[]);
    check(&all(&[age("op: le, value: 5"), age("op: ge, value: 5"), age("op: ne, value: 5")]), never);
    check(&any(&[age("op: lt, value: 5"), age("op: ge, value: 5")]), always);
    check(&any(&[age("op: lt, value: 5"), age("op: ge, value: 6")]), &[]);
    check(&all(&[age("op: between, value: [1, 3]"), age("op: in, value: [4, 5]")]), never);
    check(&all(&[age("op: gt, value: 9223372036854775807")]), never);
    check(&all(&[version("op: eq, value: a"), "{not: {fact: app.version, op: eq, value: a}}".to_owned()]), never);
    let either = "{any: [{fact: app.version, op: eq, value: a}, {fact: app.id, op: eq, value: b}]}";
    let turned = "{any: [{fact: app.id, op: in, value: [b]}, {fact: app.version, op: eq, value: a}]}";
    check(&format!("{{all: [{either}, {{not: {turned}}}]}}"), never);
    check(&format!("{{any: [{either}, {{not: {turned}}}]}}"), always);
    check(&format!("{{all: [{either}, {turned}]}}"), &[]);
    check(&format!("{{at_least: {{n: 2, of: [{}, {}]}}}}", version("op: eq, value: a"), version("op: eq, value: b")), never);
    check(&format!("{{at_least: {{n: 1, of: [{}, {}]}}}}", version("op: eq, value: a"), version("op: eq, value: b")), &[]);
    // A part of it: the place is the part's.
    check(&format!("{{any: [{{fact: app.id, op: exists}}, {}]}}", all(&[age("op: lt, value: 5"), age("op: gt, value: 5")])), &[".any[1] condition-never"]);
    check(&format!("{{not: {}}}", any(&[age("op: lt, value: 5"), age("op: ge, value: 5")])), &[".not condition-always"]);
    // Lists: of several items one may be a and another b.
    check("{all: [{fact: findings.category, op: any_eq, value: root}, {fact: findings.category, op: any_eq, value: hook}]}", &[]);
    check("{all: [{fact: findings.category, op: any_eq, value: root}, {fact: findings.category, op: none_eq, value: root}]}", never);
    check("{all: [{fact: findings.category, op: all_eq, value: root}, {fact: findings.category, op: any_ne, value: root}]}", never);
    check("{all: [{fact: findings.hit, op: count_gt, value: 3}, {fact: findings.hit, op: count_lt, value: 4}]}", never);
    check("{fact: findings.hit, op: count_lt, value: 0}", never);
    check("{fact: findings.hit, op: count_ge, value: 0}", always);
}

#[test]
#[rustfmt::skip]
fn rules_that_contradict_or_are_never_asked() {
    let check = |rules: &[&str], expect: &[&str]| {
        let line = |rest: &&str| format!("  - {{why: W., {rest}}}\n");
        let rules: String = rules.iter().map(line).collect();
        assert_eq!(told(&policy(&rules, "")), expect, "{rules}");
    };
    let some = "when: {any: [{fact: app.version, op: eq, value: a}, {fact: key.level, op: eq, value: software}]}";
    let same = "when: {any: [{not: {fact: key.level, op: not_eq, value: software}}, {fact: app.version, op: in, value: [a]}, {fact: app.version, op: eq, value: a}]}";
    let rule = |id: &str, when: &str, rest: &str| format!("id: {id}, {when}, {rest}");
    let deny = rule("a", some, "then: deny");
    check(&[&deny, &rule("b", same, "then: allow")], &["13: rules[1].then rule-contradicts"]);
    check(&[&deny, &rule("b", same, "then: allow, routes: [see]")], &[]);
    check(&[&deny, &rule("b", same, "then: allow, routes: [see, pay]")], &["13: rules[1].then rule-contradicts"]);
    check(&[&deny, &rule("b", same, "then: deny")], &["13: rules[1].id rule-repeated"]);
    check(&[&deny, &rule("b", same, "then: deny, routes: [see, pay]")], &[]);
    check(&[&deny, &rule("b", same, "then: allow, mode: off")], &[]);
    check(&[&rule("a", some, "then: deny, mode: shadow"), &rule("b", same, "then: allow")], &[]);
    check(&[&rule("a", some, "then: deny, rollout_percent: 50"), &rule("b", same, "then: allow")], &[]);
    check(&[&rule("a", some, "then: {step_up: {kind: proof}}"), &rule("b", same, "then: deny")], &["13: rules[1].then step-up-in-vain"]);
    check(&[&rule("a", some, "then: {step_up: {kind: proof}}"), &rule("b", same, "then: allow")], &[]);
    let every = "when: {fact: route.id, op: exists}";
    check(&[&rule("a", every, "then: deny"), &deny.replace("id: a", "id: b")], &["13: rules[1].id rule-never-asked"]);
    check(&[&rule("a", every, "then: deny"), &rule("b", some, "then: deny, routes: [see]")], &[]);
    check(&[&rule("a", "when: {any: [{fact: request.path, op: matches, value: '^'}, {fact: key.level, op: eq, value: x}]}", "then: allow"), &rule("b", some, "then: deny")], &["13: rules[1].id rule-never-asked"]);
    check(&[&rule("a", "when: {fact: key.level, op: exists}", "then: deny"), &rule("b", some, "then: deny")], &[]);
    check(&[&rule("a", every, "then: {step_up: {kind: proof}}"), &rule("b", some, "then: deny")], &[]);
    check(&[&rule("a", some, "then: deny, rollout_percent: 0")], &["12: rules[0].rollout_percent rollout-none"]);
}

#[test]
#[rustfmt::skip]
fn routes_that_overlap() {
    let check = |routes: &[(&str, &str)], expect: &[&str]| {
        let line = |(index, (method, path)): (usize, &(&str, &str))| format!("  - {{id: r{index}, methods: [{method}], path: '{path}', upstream: u, require: none}}\n");
        let routes: String = routes.iter().enumerate().map(line).collect();
        assert_eq!(told(&policy("", &routes).replace("rules:\n", "")), expect, "{routes}");
    };
    check(&[("GET", "/a/*/c"), ("GET", "/a/b/*")], &["11: routes[2].path route-overlap"]);
    check(&[("GET", "/a/b/*"), ("GET", "/a/*/c")], &["12: routes[3].path route-overlap"]);
    check(&[("GET", "/a/*/c"), ("POST", "/a/b/*")], &[]);
    check(&[("GET", "/a/*/c"), ("GET", "/a/b/*"), ("GET", "/a/b/c")], &["11: routes[2].path route-overlap"]);
    check(&[("GET", "/a/*"), ("GET", "/a/b")], &[]);
    check(&[("GET", "/a/**"), ("GET", "/*/b")], &["12: routes[3].path route-overlap"]);
    check(&[("GET", "/a/**"), ("GET", "/**")], &[]);
    check(&[("GET", "/a"), ("GET", "/a")], &["12: routes[3].methods[0] route-shadowed"]);
}

#[test]
#[rustfmt::skip]
fn patterns_and_findings() {
    let check = |when: &str, expect: &[&str]| {
        let source = policy(&format!("  - {{id: r, why: W., when: {when}, then: deny}}\n"), "");
        assert_eq!(told(&source), expect, "{when}");
    };
    check("{fact: app.version, op: matches, value: '.*beta'}", &["12: rules[0].when.value regex-leading-any"]);
    check("{fact: app.version, op: matches, value: '^.*beta'}", &[]);
    check("{fact: app.version, op: eq, value: '.*beta'}", &[]);
    check("{any: [{fact: findings.hit, op: none_matches, value: x, except: {op: matches, value: '.*y'}}]}", &["12: rules[0].when.any[0].except.value regex-leading-any"]);
    check("{fact: findings.hit, op: any_eq, value: d.one}", &[]);
    check("{fact: findings.hit@ticket, op: any_eq, value: d.on}", &["12: rules[0].when.value finding-unknown"]);
    check("{fact: findings.hit, op: any_in, value: [d.one, x]}", &["12: rules[0].when.value finding-unknown"]);
    check("{fact: findings.hit, op: any_prefix, value: d.}", &[]);
    check("{fact: findings.category, op: any_eq, value: cloning}", &["12: rules[0].when.value finding-unknown"]);
    check("{fact: findings.severity, op: none_in, value: [high, critical]}", &[]);
}

/// Tests of both kinds, as two lints of the same detector.
#[test]
fn detectors_are_tested_both_ways() {
    let check = |tests: &str, expect: Option<&str>| {
        let source = policy("", "").replace("rules:\n", &format!("tests:\n{tests}"));
        let problems = compile("p.yaml", &source).unwrap().warnings;
        let of_detectors: Vec<_> = problems
            .iter()
            .filter(|problem| problem.code.starts_with("detector-"))
            .map(|problem| problem.code)
            .collect();
        assert_eq!(of_detectors, expect.into_iter().collect::<Vec<_>>(), "{tests}");
    };
    let hit = "  - {name: h, detector: {id: d.one, facts: {id.uid: 1}, expect: hit}}\n";
    let clear = "  - {name: c, detector: {id: d.one, facts: {id.uid: 0}, expect: clear}}\n";
    check(hit, Some("detector-clear-untested"));
    check(clear, Some("detector-hit-untested"));
    check(&format!("{hit}{clear}"), None);
    check(
        "  - {name: i, detector: {id: d.one, expect: inconclusive}}\n",
        Some("detector-hit-untested"),
    );
}

/// The largest policies of the format, each of the shape that costs one lint most.
#[test]
fn lints_are_not_cubic() {
    let base: PolicySource = {
        let source = policy(
            "  - {id: r, why: W., when: {fact: app.id, op: eq, value: x}, then: deny}\n",
            "",
        );
        crate::analyse("p.yaml", &source, &crate::NoPackFiles)
            .source
            .unwrap()
    };
    let spent = |source: &PolicySource| {
        let mut steps = Steps::default();
        let mut report = Report::default();
        routes::routes(&source.routes, &mut steps, &mut report);
        rules::rules(source, &mut steps, &mut report);
        super::conditions::conditions(source, &mut steps, &mut report);
        assert!(!steps.are_spent());
        steps.0
    };
    let mut many = base.clone();
    many.routes = (0..500)
        .map(|index| {
            let mut route = base.routes[0].clone();
            route.id = format!("r{index}");
            // Every second one overlaps with all others.
            route.path = if index % 2 == 0 {
                format!("/a/*/c{index}/**")
            } else {
                format!("/a/b{index}/*/**")
            };
            route
        })
        .collect();
    many.rules = (0..200)
        .map(|index| {
            let mut rule = base.rules[0].clone();
            rule.id = format!("rule{index}");
            rule
        })
        .collect();
    let cost = spent(&many);
    assert!(cost <= 500 * 500 + 200 * 501 + 1_000, "{cost}");
    // Half as many of both: a quarter of the cost, where a cubic one would be an eighth.
    let mut half = many.clone();
    half.routes.truncate(250);
    half.rules.truncate(100);
    assert!(cost < 5 * spent(&half), "{cost}");
    // The deepest and widest condition there can be: every level is looked at with all below it.
    let mut deep = base;
    let text = |levels: usize| {
        let mut text = "{fact: app.id, op: eq, value: x}".to_owned();
        for level in 0..levels {
            let word = if level % 2 == 0 { "any" } else { "all" };
            let leaves = vec!["{\"fact\": \"app.id\", \"op\": \"eq\", \"value\": \"x\"}"; 30].join(", ");
            text = format!("{{\"{word}\": [{text}, {leaves}]}}");
        }
        text.replacen(
            "{fact: app.id, op: eq, value: x}",
            "{\"fact\": \"app.id\", \"op\": \"eq\", \"value\": \"x\"}",
            1,
        )
    };
    deep.rules[0].when = serde_json::from_str(&text(15)).unwrap();
    let cost = spent(&deep);
    assert!(cost < 2 * 16 * 512, "{cost}");
}
