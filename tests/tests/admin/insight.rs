//! What an operator sees: metrics that are documented and true, decisions with their reasons, readiness.

use std::collections::BTreeSet;
use std::path::Path;

use attest_tests::request::Request;
use attest_tests::scene::START_S;
use serde_json::Value;

use crate::operator::Operated;

/// Names of the families on a page.
fn families(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    // The decision log has metrics of its own.
    let operated = Operated::with("", "[decision_log]\nrecord = \"full\"\n", |_| ()).await;
    let page = operated.metrics().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let operations = std::fs::read_to_string(path).unwrap();
    let documented: BTreeSet<_> = operations
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split(['`', '{'])
                .next()
                .map(str::to_owned)
        })
        .filter(|name| name.starts_with("attest_") || name.starts_with("process_"))
        .collect();
    assert_eq!(families(&page), documented);
    for line in page.lines().filter(|line| line.starts_with("# HELP ")) {
        assert!(line.ends_with('.'), "{line}");
    }
}

fn value(page: &str, sample: &str) -> Option<f64> {
    page.lines()
        .find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
}

#[tokio::test]
async fn what_happens_is_counted_where_it_belongs() {
    let mut operated = Operated::with("metrics_without_token = true", "", |policy| {
        policy.more_routes = "- {id: open, methods: [GET], path: /v1/open, upstream: shown, require: none}";
    })
    .await;
    let (attacker, client, login) = (
        operated.scene.attacker(),
        operated.scene.client(),
        Request::login(),
    );
    let session = attacker.session(None).await;
    for _ in 0..3 {
        let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
        assert_eq!(login.send(&client, &token).await.status, 200);
    }
    assert_eq!(login.send(&client, &vec![]).await.status, 401);
    let open = Request::new("GET", "/v1/open", "", &[]);
    assert_eq!(open.send(&client, &vec![]).await.status, 200);
    assert_eq!(
        Request::new("GET", "/nowhere", "", &[])
            .send(&client, &vec![])
            .await
            .status,
        404
    );
    operated.scene.backend.goes_down().await;
    assert_eq!(open.send(&client, &vec![]).await.status, 502);
    let reply = operated.call("GET", "/metrics", None, &Value::Null).await;
    let page = crate::operator::text(&reply);
    for (sample, expect) in [
        (
            "attest_requests_admitted_total{decision=\"allow\",route=\"login\"}",
            3.0,
        ),
        (
            "attest_requests_admitted_total{decision=\"public\",route=\"open\"}",
            2.0,
        ),
        (
            "attest_requests_refused_total{code=\"token-missing\",route=\"login\"}",
            1.0,
        ),
        (
            "attest_requests_refused_total{code=\"route-unknown\",route=\"\"}",
            1.0,
        ),
        (
            "attest_requests_refused_total{code=\"upstream-unavailable\",route=\"open\"}",
            1.0,
        ),
        (
            "attest_upstream_responses_total{class=\"2xx\",upstream=\"shown\"}",
            4.0,
        ),
        ("attest_upstream_duration_seconds_count{upstream=\"shown\"}", 4.0),
        (
            "attest_upstream_errors_total{code=\"upstream-unreachable\",upstream=\"shown\"}",
            1.0,
        ),
        ("attest_enrolments_total", 1.0),
        ("attest_devices", 1.0),
        ("attest_policy_version", 1.0),
        ("attest_policy_problem", 0.0),
        ("attest_policy_stale", 0.0),
        ("attest_ticket_epoch", (START_S / 3600) as f64),
        // Challenge, enrolment and the seven requests.
        ("attest_request_duration_seconds_count", 9.0),
    ] {
        let found = value(&page, sample).or_else(|| value(&page, &reordered(sample)));
        assert_eq!(found, Some(expect), "{sample} in\n{page}");
    }
    assert!(value(&page, "process_resident_memory_bytes").is_none_or(|bytes| bytes > 1e6));
    // Nothing of a device or a client is on the page.
    for secret in [session.device.to_text(), "127.0.0.1".to_owned()] {
        assert!(!page.contains(&secret));
    }
    assert_eq!(
        operated.call("GET", "/policy", None, &Value::Null).await.status,
        401
    );
}

/// The same sample with its two labels in the other order.
fn reordered(sample: &str) -> String {
    let Some((name, labels)) = sample.trim_end_matches('}').split_once('{') else {
        return sample.to_owned();
    };
    let labels: Vec<_> = labels.split(',').rev().collect();
    format!("{name}{{{}}}", labels.join(","))
}

#[tokio::test]
async fn decisions_say_why() {
    let operated = Operated::with("", "", |policy| policy.cloner_rule = "enforce").await;
    let (attacker, client, payment) = (
        operated.scene.attacker(),
        operated.scene.client(),
        Request::payment(),
    );
    let session = attacker.session(None).await;
    let proof = |findings: &[&str]| {
        let mut claims = attacker.claims(&payment, START_S);
        claims.findings.hit = findings.iter().map(|id| (*id).to_owned()).collect();
        attacker.proof_token(&session, &claims)
    };
    assert_eq!(payment.send(&client, &proof(&[])).await.status, 200);
    let pseudonym = operated.scene.backend.only().all("attest-device").join("");
    let denied = payment.send(&client, &proof(&["clone.data_dir"])).await;
    assert_eq!(denied.status, 403);
    let support = operated.scene.refused(&denied).problem.support;
    assert_eq!(payment.send(&client, &vec![]).await.status, 401);

    let listed = operated.read("/decisions").await;
    let decisions = listed["decisions"].as_array().unwrap();
    let told: Vec<_> = decisions
        .iter()
        .map(|decision| {
            (
                decision["decision"].as_str().unwrap(),
                decision["code"].as_str(),
                decision["route"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("refused", Some("token-missing"), Some("payments")),
            ("refused", Some("denied"), Some("payments")),
            ("allow", None, Some("payments")),
        ]
    );
    let denial = &decisions[1];
    assert_eq!(
        (denial["support"].as_str(), denial["pseudonym"].as_str()),
        (Some(support.as_str()), Some(pseudonym.as_str()))
    );
    assert_eq!(
        (denial["at_s"].as_u64(), denial["policy_version"].as_u64()),
        (Some(START_S), Some(1))
    );
    let because = &denial["because"];
    assert_eq!(because["rule"], "cloner-on-payments");
    assert!(
        because["clause"].as_str().unwrap().starts_with("rules["),
        "{because}"
    );
    assert_eq!(decisions[0]["because"]["reason"], "token-missing");
    assert!(decisions[0].get("app").is_none());

    let explained = operated.read(&format!("/explain/{support}")).await;
    assert_eq!(
        (&explained["because"], &explained["route"]),
        (because, &denial["route"])
    );
    assert_eq!(explained["same_version"], true);

    let count = async |query: &str| {
        operated.read(&format!("/decisions?{query}")).await["decisions"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count("code=denied").await, 1);
    assert_eq!(count("code=allow").await, 1);
    assert_eq!(count("route=payments&limit=2").await, 2);
    assert_eq!(count("route=login").await, 0);
    assert!(
        !listed.to_string().contains(&session.device.to_text()),
        "the id itself stays"
    );
}

#[tokio::test]
async fn it_is_ready_until_it_drains() {
    let operated = Operated::open().await;
    let ready = async |operated: &Operated| operated.call("GET", "/ready", None, &Value::Null).await.status;
    assert_eq!(ready(&operated).await, 200);
    let status = operated.read("/status").await;
    assert_eq!(
        (&status["ready"], &status["environment"]),
        (&Value::Bool(true), &Value::from("development"))
    );
    // A request that the backend does not answer yet holds the drain up.
    operated.scene.backend.falls_silent();
    let attacker = operated.scene.attacker();
    let session = attacker.session(None).await;
    let login = Request::login();
    let token = attacker.session_token(&session, &attacker.claims(&login, START_S));
    let client = operated.scene.client();
    let waiting = tokio::spawn(async move { login.send(&client, &token).await.status });
    while operated.scene.backend.take().is_empty() {
        tokio::task::yield_now().await;
    }
    let Operated { scene, admin, .. } = operated;
    let draining = tokio::spawn(scene.world.stop());
    let mut statuses = BTreeSet::new();
    while !statuses.contains(&503) {
        let reply = admin.app("GET", "/admin/v1/ready", &vec![], &[]).await.unwrap();
        statuses.insert(reply.status);
    }
    assert_eq!(
        admin
            .app("GET", "/admin/v1/health", &vec![], &[])
            .await
            .unwrap()
            .status,
        200
    );
    waiting.abort();
    draining.await.unwrap();
    assert!(
        admin.app("GET", "/admin/v1/health", &vec![], &[]).await.is_err(),
        "the listener ends with the gateway"
    );
}
