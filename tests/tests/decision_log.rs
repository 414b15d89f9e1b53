//! The decision log of a real gateway under a genuine and a hostile session: what it holds, what it never holds, and that the
//! policy that made it finds nothing new in it.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::path::Path;

use attest_core::encoding::base64url;
use attest_mobile::Headers;
use attest_policy::replay::{Change, Decided, Effect, Facts, Line, Options, Replay, Report, Standing};
use attest_testkit::phone::Phone;
use attest_testkit::profile::Profile;
use attest_tests::request::{Request, header};
use attest_tests::scene::{START_S, Scene};

const FULL: &str = "[decision_log]\nrecord = \"full\"\n";

/// What must not be found.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn text(&mut self, what: &'static str, text: impl Into<String>) {
        let text = text.into();
        assert!(text.len() >= 5, "{what} is too short to be looked for: {text}");
        self.0.push((what, text));
    }

    fn bytes(&mut self, what: &'static str, bytes: &[u8]) {
        let hex = |byte: &u8| format!("{byte:02x}");
        self.text(what, base64url(bytes));
        self.text(what, bytes.iter().map(hex).collect::<String>());
        // A part of it would do, too.
        self.text(what, bytes.iter().take(8).map(hex).collect::<String>());
    }

    fn tokens(&mut self, headers: &Headers) {
        for (_, token) in headers {
            for part in token.split('.').filter(|part| part.len() >= 8) {
                self.text("a token", part);
            }
        }
    }

    fn found(&self, text: &str) -> Vec<&'static str> {
        let found = self.0.iter().filter(|(_, secret)| text.contains(secret.as_str()));
        found.map(|(what, _)| *what).collect()
    }
}

/// Four requests of each kind of phone, and some that no token vouches for.
async fn session(scene: &Scene, secrets: &mut Secrets) {
    for profile in [Profile::Genuine, Profile::Cloner, Profile::Rooted] {
        let mut options = scene.world.phone();
        options.profile = profile;
        let phone = Phone::new(options).unwrap();
        for mut request in [
            Request::onboarding(),
            Request::login(),
            Request::balance(),
            Request::payment(),
        ] {
            request.headers = vec![
                header("authorization", "Bearer customer-secret-token"),
                header("x-forwarded-for", "203.0.113.77"),
            ];
            let body = request.body.as_bytes();
            let tokens = phone
                .token_headers(request.method, &request.target, &request.headers, body)
                .await
                .unwrap();
            secrets.tokens(&tokens);
            let reply = request.send(&scene.client(), &tokens).await;
            assert!(matches!(reply.status, 200 | 403), "{}", reply.status);
            for arrived in scene.backend.take() {
                secrets.text("a pseudonym", arrived.all("attest-device").join(","));
            }
            secrets.text("a path or query", request.target.clone());
        }
        secrets.bytes("a device id", phone.attestor().device().unwrap().as_bytes());
        secrets.text("a device id", phone.attestor().device().unwrap().to_text());
    }
    secrets.text("an authorization", "customer-secret");
    secrets.text("an address", "203.0.113.77");
    secrets.text("an address", "127.0.0.1");
    for request in [Request::new("GET", "/health", "", &[]), Request::payment()] {
        request.send(&scene.client(), &Headers::new()).await;
    }
    for raw in ["GET /secret-path-8472?code=secret-query-8472 HTTP/1.1\r\nhost: {host}\r\n\r\n"] {
        scene.raw(raw).await;
    }
    secrets.text("what a stranger sent", "-8472");
}

/// The log of a gateway that has ended, and its policy.
async fn ended(scene: Scene) -> (String, String) {
    let folder = scene.world.folder().to_owned();
    let read = |name: &str| std::fs::read_to_string(Path::new(&folder).join(name)).unwrap();
    let policy = read("policy.yaml");
    let log = scene.gateway().decision_log().is_some();
    assert!(log);
    // The folder goes with the world.
    let restarted = scene.restarted().await;
    let text = read("decisions.jsonl");
    drop(restarted);
    (text, policy)
}

fn replay(policy: &str, log: &str) -> Report {
    let compiled = attest_policy::compile("policy.yaml", policy).unwrap();
    let options = Options {
        if_enforced: false,
        examples: 3,
    };
    let mut replay = Replay::new(compiled.gateway, options).unwrap();
    for (number, line) in (1..).zip(log.lines()) {
        replay.line("decisions.jsonl", number, line.as_bytes());
    }
    let report = replay.finish();
    assert_eq!(report.bad_lines, []);
    report
}

fn line(text: &str) -> Line<'_, Facts> {
    Line::read(text.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_is_there_and_nobody_is_named() {
    let scene = Scene::with(FULL, |policy| policy.cloner_rule = "enforce").await;
    let mut secrets = Secrets::default();
    session(&scene, &mut secrets).await;
    let written = scene.gateway().decision_log().unwrap().dropped();
    assert_eq!(written, 0);
    let (log, policy) = Box::pin(ended(scene)).await;
    assert_eq!(secrets.found(&log), [""; 0], "found in the log:\n{log}");
    let lines: Vec<_> = log.lines().map(line).collect();
    let attested: Vec<_> = lines
        .iter()
        .filter(|line| line.standing == Standing::Attested)
        .collect();
    assert_eq!(attested.len(), 12, "{log}");
    assert!(
        lines
            .iter()
            .any(|line| line.standing == Standing::Public && line.route == "health"),
        "{log}"
    );
    let denied: Vec<_> = attested
        .iter()
        .filter(|line| line.decision == Decided::Deny)
        .collect();
    let cloner = denied
        .iter()
        .find(|line| line.rule.as_deref() == Some("cloner-on-payments"))
        .unwrap();
    assert_eq!(
        (&*cloner.route, cloner.at_s, cloner.share),
        ("payments", START_S, 1.0)
    );
    assert_eq!(cloner.held.last().unwrap().effect, Effect::Decided);
    assert_eq!(cloner.facts["findings.hit@ticket"][0], "clone.data_dir");
    let tags = |route: &str| -> Vec<_> {
        let of_route = attested.iter().filter(|line| line.route == route);
        of_route.map(|line| line.device.clone().unwrap()).collect()
    };
    assert_eq!(
        tags("login"),
        tags("payments"),
        "a device keeps its tag within the day"
    );
    let shown = |wanted: &dyn Fn(&Line<'_, Facts>) -> bool| {
        let text = log.lines().find(|text| wanted(&line(text))).unwrap();
        let tag = line(text).device.map(std::borrow::Cow::into_owned);
        tag.map_or_else(|| text.to_owned(), |tag| text.replace(&tag, "0123456789abcdef"))
    };
    let wire = [
        shown(&|line| line.rule.as_deref() == Some("cloner-on-payments")),
        shown(&|line| line.route == "login"),
        shown(&|line| line.standing == Standing::Public),
    ];
    insta::assert_snapshot!(wire.join("\n"));
    // The policy that decided finds nothing new.
    let report = replay(&policy, &log);
    let changed: Vec<_> = report
        .groups
        .iter()
        .filter(|group| group.change != Change::IfEnforced)
        .collect();
    assert_eq!(changed, Vec::<&attest_policy::replay::Group>::new());
    assert_eq!(report.lines, u64::try_from(lines.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_is_put_to_what_happened() {
    let scene = Scene::with(FULL, |_| ()).await;
    session(&scene, &mut Secrets::default()).await;
    let (log, policy) = Box::pin(ended(scene)).await;
    assert_eq!(replay(&policy, &log).newly_denied, 0.0, "the rule is in shadow");
    let candidate = policy.replace("mode: shadow", "mode: enforce");
    assert_ne!(candidate, policy);
    let report = replay(&candidate, &log);
    let cloner = report
        .groups
        .iter()
        .find(|group| group.change == Change::Denied)
        .unwrap();
    assert_eq!(
        (cloner.name.as_str(), cloner.requests, cloner.devices.count),
        ("cloner-on-payments", 1.0, 1)
    );
    assert_eq!(cloner.examples[0].route, "payments");
}

#[tokio::test(flavor = "multi_thread")]
async fn passes_are_sampled_and_what_matters_is_not() {
    let config = "[decision_log]\nrecord = \"sampled\"\nsample_ratio = 0.0\nfacts = \"asked\"\n";
    let scene = Scene::with(config, |_| ()).await;
    session(&scene, &mut Secrets::default()).await;
    let (log, _) = Box::pin(ended(scene)).await;
    let lines: Vec<_> = log.lines().map(line).collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(
            line.decision != Decided::Allow || !line.held.is_empty(),
            "{line:?}"
        );
        assert!(
            !line.facts.contains_key("os.attested_version"),
            "no rule asks it: {line:?}"
        );
        assert_eq!(line.share, 1.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_unless_somebody_wants_it() {
    let scene = Scene::open().await;
    session(&scene, &mut Secrets::default()).await;
    assert!(scene.gateway().decision_log().is_none());
    let folder = scene.world.folder().to_owned();
    let restarted = scene.restarted().await;
    assert!(!folder.join("decisions.jsonl").exists());
    drop(restarted);
}

/// Rules that ask for what is not in the log, and one that is rolled out to some.
const SEALED_RULES: &str = "
  - {id: banned, why: w, when: {fact: device.id, op: eq, value: nobody}, then: deny}
  - {id: by-path, mode: shadow, why: w, when: {fact: request.path, op: prefix, value: /v1/log}, then: deny}
  - {id: by-age, rollout_percent: 50, why: w, routes: [login], when: {fact: device.age_s, op: lt, value: 160000}, then: deny}
  - {id: unsure, why: w, when: {all: [{fact: findings.inconclusive, op: count_gt, value: 40}, {fact: evidence.age_s, op: gt, value: 100000}]}, then: deny}
";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withheld_is_decided_as_it_was() {
    let scene = Scene::with(FULL, |policy| policy.more_rules = SEALED_RULES).await;
    let mut phones = Vec::new();
    for _ in 0..12 {
        let phone = scene.phone();
        let balance = Request::balance();
        let sent = phone.send(balance.method, &balance.target, &balance.headers, b"");
        assert_eq!(sent.await.unwrap().reply.status, 200);
        phones.push(phone);
    }
    // Ages are told by the day from now on, and the limit lies within that day.
    scene.clock.advance_s(150_000);
    for phone in &phones {
        let login = Request::login();
        let sent = phone.send(login.method, &login.target, &login.headers, login.body.as_bytes());
        assert!(matches!(sent.await.unwrap().reply.status, 200 | 403));
    }
    let (log, policy) = Box::pin(ended(scene)).await;
    let lines: Vec<_> = log.lines().map(line).collect();
    let by_age = |effect: Effect| {
        let held = lines.iter().flat_map(|line| &line.held);
        held.filter(|held| held.rule == "by-age" && held.effect == effect && held.percent == Some(50))
            .count()
    };
    assert!(
        by_age(Effect::Decided) > 0 && by_age(Effect::RolloutOutside) > 0,
        "{log}"
    );
    let rounded = |line: &&Line<'_, Facts>| line.facts.get("device.age_s") == Some(&86_400.into());
    assert!(lines.iter().filter(rounded).count() >= 12, "{log}");
    let report = replay(&policy, &log);
    let changed: Vec<_> = report
        .groups
        .iter()
        .filter(|group| group.change != Change::IfEnforced)
        .collect();
    assert_eq!(changed, Vec::<&attest_policy::replay::Group>::new());
    // Of another condition, the log tells nothing within the day.
    let other = policy.replace("value: 160000", "value: 165000");
    assert!(replay(&other, &log).undecided >= 12.0);
    let certain = policy.replace("value: 160000", "value: 80000");
    assert_eq!(
        replay(&certain, &log).newly_allowed,
        f64::from(u32::try_from(by_age(Effect::Decided)).unwrap())
    );
}
