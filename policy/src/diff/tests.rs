use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::{Compiled, compile};

/// A policy with every section but packs.
const EXAMPLE: &str = include_str!("../../tests/policies/without-packs.yaml");

fn compiled(source: &str) -> Compiled {
    compile("policy.yaml", source).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn edition(compiled: &Compiled) -> Edition<'_> {
    Edition {
        device: &compiled.device,
        gateway: &compiled.gateway,
        packs: None,
    }
}

/// Replacements.
type Edits = &'static [(&'static str, &'static str)];

/// What the example with these replacements changes, each a line of `group: sentence`; tests are left out, so that any change
/// compiles.
fn told(edits: Edits) -> Vec<String> {
    let (rules, _) = EXAMPLE.split_once("\ntests:\n").unwrap();
    let mut source = rules.replacen("version: 7", "version: 8", 1);
    for (from, to) in edits {
        assert!(source.contains(from), "{from}");
        source = source.replacen(from, to, 1);
    }
    let (old, new) = (compiled(rules), compiled(&source));
    let difference = diff(&edition(&old), &edition(&new));
    assert_eq!((difference.from, difference.to), (7, 8));
    difference
        .changes
        .iter()
        .map(|change| format!("{}: {}", change.group.as_str(), change.text))
        .collect()
}

fn check(edits: Edits, expect: &[&str]) {
    assert_eq!(told(edits), expect, "{edits:?}");
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    let policy = compiled(EXAMPLE);
    let difference = diff(&edition(&policy), &edition(&policy));
    assert_eq!((difference.changes, difference.warnings), (vec![], vec![]));
}

/// Every single value of both policies, changed: whatever still is a policy differs, and is told.
#[test]
fn nothing_is_passed_over() {
    let policy = compiled(EXAMPLE);
    let old = edition(&policy);
    let (mut told, mut untold) = (0, Vec::new());
    let mut note = |side: &str, path: Vec<String>, new: &Edition<'_>| {
        if diff(&old, new).changes.is_empty() {
            untold.push(format!("{side}.{}", path.join(".")));
        } else {
            told += 1;
        }
    };
    for path in leaves(&fields::json(&policy.gateway)) {
        if let Some(gateway) = spoilt(&policy.gateway, &path) {
            let gateway = &gateway;
            note("gateway", path, &Edition { gateway, ..old });
        }
    }
    for path in leaves(&fields::json(&policy.device)) {
        if let Some(device) = spoilt(&policy.device, &path) {
            let device = &device;
            note("device", path, &Edition { device, ..old });
        }
    }
    // The version is told apart from the changes, and a public route looks at no token.
    assert_eq!(
        untold,
        [
            "gateway.version",
            "gateway.routes.0.token",
            "gateway.routes.0.step_up_valid_s",
            "device.version",
        ]
    );
    assert!(told > 300, "{told}");
}

/// With one value changed, if that still is a policy.
fn spoilt<T: serde::Serialize + serde::de::DeserializeOwned>(policy: &T, path: &[String]) -> Option<T> {
    let mut json = fields::json(policy);
    spoil(&mut json, path);
    serde_json::from_value(json).ok()
}

fn leaves(value: &Json) -> Vec<Vec<String>> {
    let children: Vec<(String, &Json)> = match value {
        Json::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, item)| (at.to_string(), item))
            .collect(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => return vec![vec![]],
    };
    let below = |(name, value): (String, &Json)| -> Vec<Vec<String>> {
        let with = |path: Vec<String>| [vec![name.clone()], path].concat();
        leaves(value).into_iter().map(with).collect()
    };
    children.into_iter().flat_map(below).collect()
}

/// Changes one value to another of its type: a word of a closed set to another one of it.
fn spoil(value: &mut Json, path: &[String]) {
    match (value, path) {
        (Json::Object(members), [name, rest @ ..]) => spoil(&mut members[name], rest),
        (Json::Array(items), [at, rest @ ..]) => spoil(&mut items[at.parse::<usize>().unwrap()], rest),
        (Json::Bool(flag), []) => *flag = !*flag,
        (Json::Number(number), []) => *number = (number.as_u64().unwrap() + 1).into(),
        (Json::String(text), []) => {
            *text = match text.as_str() {
                "high" | "info" => "low".to_owned(),
                "session" => "proof".to_owned(),
                "proof" => "session".to_owned(),
                "closed" => "open".to_owned(),
                "open" => "closed".to_owned(),
                "enforce" => "shadow".to_owned(),
                "shadow" => "off".to_owned(),
                "none" | "observe" => "enforce".to_owned(),
                "deny" => "allow".to_owned(),
                "android" => "ios".to_owned(),
                "ios" => "android".to_owned(),
                "development" => "production".to_owned(),
                "hardware" => "strongbox".to_owned(),
                "user" => "proof".to_owned(),
                "body" | "query" => "authorization".to_owned(),
                other => format!("{other}x"),
            };
        }
        _ => {}
    }
}

/// Every list in another order, but those whose order decides.
fn turn(value: &mut Json, by: usize) {
    match value {
        Json::Object(members) => {
            for (name, value) in members.iter_mut() {
                if !["rules", "routes"].contains(&name.as_str()) {
                    turn(value, by);
                }
            }
        }
        Json::Array(items) => {
            items.iter_mut().for_each(|item| turn(item, by));
            let by = by % items.len().max(1);
            items.rotate_left(by);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn order_without_effect_is_not_told(by in 0usize..100) {
        let policy = compiled(EXAMPLE);
        let (mut gateway, mut device) = (fields::json(&policy.gateway), fields::json(&policy.device));
        turn(&mut gateway, by);
        turn(&mut device, by);
        let gateway = serde_json::from_value(gateway).unwrap();
        let device = serde_json::from_value(device).unwrap();
        let new = Edition { device: &device, gateway: &gateway, packs: None };
        prop_assert_eq!(diff(&edition(&policy), &new).changes, vec![]);
        prop_assert_eq!(diff(&new, &new).changes, vec![]);
    }
}

#[test]
fn a_version_that_is_not_raised_and_another_environment_are_warned_about() {
    let old = compiled(EXAMPLE);
    let mut new = old.clone();
    new.gateway.limits.session_lifetime_s = 60;
    new.gateway.environment = attest_core::environment::Environment::Production;
    let difference = diff(&edition(&old), &edition(&new));
    assert_eq!(
        difference.warnings,
        [
            "the version is not raised (7 → 7): gateways and phones that have version 7 will refuse this; make it 8",
            "the environment changes (development → production): gateways of the old one will refuse this",
        ]
    );
    let (one, other) = (["android/root".to_owned()], ["android/hook".to_owned()]);
    let with = |packs| Edition {
        packs: Some(packs),
        ..edition(&old)
    };
    let difference = diff(&with(&one), &with(&other));
    let told: Vec<_> = difference
        .changes
        .iter()
        .map(|change| change.text.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "pack android/hook is used now (8 → 8 detectors in all)",
            "pack android/root is no longer used (8 → 8 detectors in all)",
        ]
    );
}

#[test]
fn rules_by_what_they_do_to_requests() {
    for (edits, expect) in RULES {
        check(edits, expect);
    }
}

const RULES: &[(Edits, &[&str])] = &[
    (
        &[("mode: shadow      # change to", "mode: enforce # change to")],
        &["requests: POST /v1/payments/** now denies cloner (rule cloner-on-payments: shadow → enforce)"],
    ),
    (
        &[("    rollout_percent: 25\n", "")],
        &["requests: rule emulators (shadow) is counted for 100 % of devices (roll-out 25 % → 100 %)"],
    ),
    (
        &[(
            "mode: shadow\n    rollout_percent: 25",
            "mode: enforce\n    rollout_percent: 10",
        )],
        &[
            "requests: every route that needs a token now denies emulator or simulator (rule emulators: shadow for 25 % of devices → enforce for 10 % of devices)",
        ],
    ),
    (
        &[(
            "  - id: hooked-or-traced\n    mode: enforce",
            "  - id: hooked-or-traced\n    mode: shadow",
        )],
        &[
            "requests: every route that needs a token no longer denies debugger, hook, repackaging or resigning (rule hooked-or-traced: enforce → shadow)",
        ],
    ),
    (
        &[(
            "  - id: hooked-or-traced\n    mode: enforce",
            "  - id: hooked-or-traced\n    mode: off",
        )],
        &[
            "requests: every route that needs a token no longer denies debugger, hook, repackaging or resigning (rule hooked-or-traced: enforce → off)",
        ],
    ),
    (
        &[(
            "  - id: emulators\n    mode: shadow",
            "  - id: emulators\n    mode: off",
        )],
        &["requests: rule emulators is no longer counted (rule emulators: shadow for 25 % of devices → off)"],
    ),
    (
        &[(
            "  - id: emulators\n",
            "  - id: rooted\n    why: x\n    when: {fact: findings.category, op: any_eq, value: root}\n    then: {step_up: {kind: proof}}\n\n  - id: emulators\n",
        )],
        &[
            "requests: every route that needs a token now asks root for a proof token (rule rooted: new, enforce)",
        ],
    ),
    (
        &[(
            "  - id: emulators\n",
            "  - id: rooted\n    mode: shadow\n    routes: [login]\n    why: x\n    when: {fact: patch.age_days, op: gt, value: 900}\n    then: deny\n\n  - id: emulators\n",
        )],
        &[
            "requests: rule rooted is new, shadow: would deny requests where patch.age_days gt 900 on POST /v1/login",
        ],
    ),
    (
        &[(
            "  - id: emulators\n    mode: shadow\n    rollout_percent: 25\n    why: We have no customers on emulators, but want to see how many there seem to be.\n    when: {fact: findings.category, op: any_in, value: [emulator, simulator]}\n    then: deny\n",
            "",
        )],
        &["requests: rule emulators is removed (was shadow)"],
    ),
    (
        &[(
            "value: [hook, debugger, repackaging, resigning]}\n    then: deny",
            "value: [hook, debugger, repackaging]}\n    then: {step_up: {kind: user, issuer: bank-otp}}",
        )],
        &[
            "requests: rule hooked-or-traced `findings.category any_in`: value − resigning",
            "requests: every route that needs a token now asks debugger, hook or repackaging for a confirmation by bank-otp (rule hooked-or-traced: deny → ask for a confirmation by bank-otp)",
        ],
    ),
    (
        &[(
            "    mode: enforce\n    routes: [login]",
            "    mode: enforce\n    routes: [login, onboarding]",
        )],
        &["requests: rule old-findings-need-proof is asked on POST /v1/onboarding too"],
    ),
    (
        &[(
            "    mode: enforce\n    routes: [login]",
            "    mode: enforce\n    routes: [balance]",
        )],
        &[
            "requests: rule old-findings-need-proof is asked on GET /v1/balance and no longer on POST /v1/login",
        ],
    ),
    (
        &[(
            "        - {fact: device.age_s, op: lt, value: 86400}\n        - {fact: counter.device_requests_1m, op: ge, value: 20}",
            "        - {fact: counter.device_requests_1m, op: ge, value: 20}\n        - {fact: device.age_s, op: lt, value: 86400}",
        )],
        &[],
    ),
    (
        &[(
            "      any:\n        - {fact: device.age_s, op: lt, value: 86400}",
            "      all:\n        - {fact: device.age_s, op: lt, value: 86400}",
        )],
        &[
            "requests: rule new-device-payment combines its clauses differently: `counter.device_requests_1m ge 20 or device.age_s lt 86400` → `counter.device_requests_1m ge 20 and device.age_s lt 86400`",
        ],
    ),
    (
        &[(
            "value: [hook, debugger, repackaging, resigning]",
            "value: [resigning, hook, debugger, repackaging]",
        )],
        &[],
    ),
    (
        &[(
            "why: A hooked or traced process may send anything.",
            "why: Hooked.",
        )],
        &["words: rule hooked-or-traced has another reason: Hooked."],
    ),
];

#[test]
fn order_of_rules_where_it_decides() {
    for (edits, expect) in ORDER {
        check(edits, expect);
    }
}

const ORDER: &[(Edits, &[&str])] = &[
    (
        &[
            (
                "  - id: hooked-or-traced\n    mode: enforce\n    why: A hooked or traced process may send anything.\n    when: {fact: findings.category, op: any_in, value: [hook, debugger, repackaging, resigning]}\n    then: deny\n",
                "",
            ),
            (
                "rules:\n  - id: trusted",
                "rules:\n  - id: hooked-or-traced\n    mode: enforce\n    why: A hooked or traced process may send anything.\n    when: {fact: findings.category, op: any_in, value: [hook, debugger, repackaging, resigning]}\n    then: deny\n  - id: trusted",
            ),
        ],
        &[
            "requests: rule hooked-or-traced is asked before trusted-testers now: where both fire, deny instead of allow, on every route that needs a token",
        ],
    ),
    (
        &[
            (
                "  - id: emulators\n    mode: shadow\n    rollout_percent: 25\n    why: We have no customers on emulators, but want to see how many there seem to be.\n    when: {fact: findings.category, op: any_in, value: [emulator, simulator]}\n    then: deny\n",
                "",
            ),
            (
                "rules:\n  - id: trusted",
                "rules:\n  - id: emulators\n    mode: shadow\n    rollout_percent: 25\n    why: We have no customers on emulators, but want to see how many there seem to be.\n    when: {fact: findings.category, op: any_in, value: [emulator, simulator]}\n    then: deny\n  - id: trusted",
            ),
        ],
        &[
            "requests: rule emulators is asked before trusted-testers, hooked-or-traced now: emulators (shadow) is counted even where those decide, on every route that needs a token",
        ],
    ),
];

#[test]
fn routes_by_what_requests_need() {
    for (edits, expect) in ROUTES {
        check(edits, expect);
    }
}

const ROUTES: &[(Edits, &[&str])] = &[
    (
        &[(
            "    require: enforce\n    apps: [bank-android, bank-ios]\n    token: session\n    bind: [authorization]\n",
            "    require: none\n",
        )],
        &[
            "phones: GET https://api.bank.example/v1/balance: phones no longer send a token",
            "requests: GET /v1/balance no longer needs a token (enforce → none)",
        ],
    ),
    (
        &[("require: observe          #", "require: enforce #")],
        &["requests: GET /v1/balance/legacy now needs a token (observe → enforce)"],
    ),
    (
        &[(
            "    require: enforce\n    apps: [bank-android, bank-ios]\n    token: session            #",
            "    require: observe\n    apps: [bank-android, bank-ios]\n    token: session            #",
        )],
        &[
            "requests: POST /v1/onboarding lets requests without a good token pass, counted and marked (enforce → observe)",
        ],
    ),
    (
        &[("    single_use: true\n    min_policy: 5", "    min_policy: 6")],
        &[
            "phones: POST https://api.bank.example/v1/payments/**: phones send a proof token bound to authorization, body, query (was a proof token bound to authorization, body, query, a new one each time)",
            "requests: POST /v1/payments/** counts findings from device policy 6 on, older ones must renew (5 → 6)",
            "requests: POST /v1/payments/** now lets a token pass more than once",
        ],
    ),
    (
        &[("token: proof              #", "token: session #")],
        &[
            "phones: POST https://api.bank.example/v1/payments/**: phones send a session token bound to authorization, body, query, a new one each time (was a proof token bound to authorization, body, query, a new one each time)",
            "requests: POST /v1/payments/** is content with a session token (proof → session)",
        ],
    ),
    (
        &[("bind: [body, query, authorization]", "bind: [body, query]")],
        &[
            "phones: POST https://api.bank.example/v1/payments/**: phones send a proof token bound to body, query, a new one each time (was a proof token bound to authorization, body, query, a new one each time)",
            "requests: POST /v1/payments/** no longer wants tokens bound to authorization",
        ],
    ),
    (
        &[(
            "    apps: [bank-android, bank-ios]\n    token: proof ",
            "    apps: [bank-ios]\n    token: proof ",
        )],
        &["requests: POST /v1/payments/** no longer accepts app bank-android"],
    ),
    (
        &[
            (
                "limits: {per_device_per_minute: 10}",
                "limits: {per_device_per_minute: 5}",
            ),
            ("when_store_down: open ", "when_store_down: closed "),
            ("step_up_valid_s: 300", "step_up_valid_s: 60"),
        ],
        &[
            "requests: POST /v1/onboarding lets a device make 5 requests a minute (was 10)",
            "requests: GET /v1/balance is refused while the store is down (open → closed)",
            "requests: POST /v1/payments/** counts a confirmed step-up for 60 s (was 300 s)",
        ],
    ),
    (
        &[(
            "path: /v1/login\n    upstream: bank",
            "path: /v2/login\n    upstream: bank2",
        )],
        &[
            "phones: POST https://api.bank.example/v2/login: phones now send a session token",
            "phones: POST https://api.bank.example/v1/login: phones no longer send a token",
            "requests: POST /v2/login goes to route login now; POST /v1/login is refused from now on",
            "requests: POST /v2/login goes to upstream bank2 (was bank)",
        ],
    ),
    (
        &[(
            "    methods: [POST]\n    path: /v1/login",
            "    methods: [POST, PUT]\n    path: /v1/login",
        )],
        &[
            "phones: POST|PUT https://api.bank.example/v1/login: phones now send a session token",
            "phones: POST https://api.bank.example/v1/login: phones no longer send a token",
            "requests: POST|PUT /v1/login now answers PUT (route login)",
        ],
    ),
    (
        &[(
            "routes:\n  - id: health",
            "routes:\n  - id: free\n    methods: [POST]\n    path: /v1/payments/free\n    upstream: bank\n    require: none\n  - id: health",
        )],
        &[
            "requests: POST /v1/payments/free is a new route, free: public, no token is looked at, goes to upstream bank; so far route payments answered",
        ],
    ),
    (
        &[(
            "  - id: health\n    methods: [GET]\n    path: /health\n    upstream: bank\n    require: none             # public\n",
            "",
        )],
        &["requests: GET /health is refused from now on (route health is removed)"],
    ),
    (
        &[("  - id: balance-legacy\n", "  - id: balance-old\n")],
        &["requests: GET /v1/balance/legacy is called balance-old (was balance-legacy)"],
    ),
    (
        &[(
            "    bind: [authorization]\n    when",
            "    bind: [authorization]\n    origins: ['https://api.bank.example', 'https://b.example']\n    when",
        )],
        &[
            "phones: GET https://b.example/v1/balance: phones now send a session token bound to authorization",
            "requests: GET /v1/balance is reached under other origins: + https://b.example",
        ],
    ),
];

#[test]
fn phones_by_what_they_look_for_and_send() {
    for (edits, expect) in PHONES {
        check(edits, expect);
    }
}

const PHONES: &[(Edits, &[&str])] = &[
    (
        &[(
            "detectors:\n",
            "detectors:\n  - id: clone.x\n    platform: android\n    category: cloner\n    severity: high\n    mode: shadow\n    why: x\n    when: {fact: id.user_id, op: gt, value: 5}\n",
        )],
        &["phones: detector clone.x is new, shadow: android cloner, high"],
    ),
    (
        &[(
            "detectors:\n",
            "detectors:\n  - id: clone.x\n    platform: android\n    category: cloner\n    severity: high\n    why: x\n    when: {fact: id.user_id, op: gt, value: 5}\n",
        )],
        &[
            "phones: detector clone.x is new, enforce: android cloner, high; asked for by cloner-on-payments (shadow)",
        ],
    ),
    (
        &[(
            "    severity: info\n    mode: shadow ",
            "    severity: low\n    mode: enforce ",
        )],
        &[
            "phones: detector profile.second_user: shadow → enforce: its hits count now; asked for by cloner-on-payments (shadow)",
            "phones: detector profile.second_user: severity info → low",
        ],
    ),
    (
        &[(
            "    severity: info\n    mode: shadow ",
            "    severity: info\n    mode: off ",
        )],
        &["phones: detector profile.second_user: shadow → off: phones no longer look for it"],
    ),
    (
        &[(
            "  - id: debug.tracer\n    platform: android\n    category: debugger\n    severity: high\n    why: Another process traces ours.\n    when: {fact: proc.tracer_pid@syscall, op: gt, value: 0}\n",
            "",
        )],
        &[
            "phones: detector debug.tracer is removed (was enforce): android debugger, high; asked for by hooked-or-traced",
        ],
    ),
    (
        &[("value: .jbroot-}", "value: .jb}")],
        &["phones: detector jailbreak.paths `path.entries(/var)@syscall any_prefix`: value .jbroot- → .jb"],
    ),
    (
        &[("      bind: [body]\n      single_use: true", "      bind: [body]")],
        &[
            "phones: POST https://partners.bank.example/v1/transfers/**: phones send a proof token bound to body (was a proof token bound to body, a new one each time)",
        ],
    ),
    (
        &[("why: Another process traces ours.", "why: Traced.")],
        &["words: detector debug.tracer has another reason: Traced."],
    ),
];

#[test]
fn apps_and_proof() {
    for (edits, expect) in ENROLMENT {
        check(edits, expect);
    }
}

const ENROLMENT: &[(Edits, &[&str])] = &[
    (
        &[
            (
                "    min_version: '2.4.0'      #",
                "    min_version: '2.5.0'      #",
            ),
            (
                "patch_min: {os: 2022-01-01}",
                "patch_min: {os: 2023-01-01, vendor: 2022-05-01}",
            ),
        ],
        &[
            "enrolment: app bank-android: phones with version before 2.5.0 can no longer enrol (was 2.4.0)",
            "enrolment: app bank-android: phones with system patch before 2023-01-01 can no longer enrol (was 2022-01-01)",
            "enrolment: app bank-android: phones with vendor patch before 2022-05-01 can no longer enrol (was none)",
        ],
    ),
    (
        &[
            ("evidence: [software, android_key]", "evidence: [android_key]"),
            (
                "signers: ['3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011']",
                "signers: ['00001c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011']",
            ),
        ],
        &[
            "enrolment: app bank-android: accepted evidence: − software",
            "enrolment: app bank-android: accepted signing certificates: + 00001c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011; − 3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011",
        ],
    ),
    (
        &[
            ("key_level_min: hardware", "key_level_min: strongbox"),
            ("      require: verified  ", "      require: any  "),
        ],
        &[
            "enrolment: app bank-android: boot.require: verified → any",
            "enrolment: app bank-android: keys must live at least in strongbox (was hardware)",
        ],
    ),
    (
        &[("# revocation: {file", "revocation: {file")],
        &["enrolment: revoked keys are refused now, by {file: revoked.json, max_age_s: 259200}"],
    ),
    (
        &[
            (
                "apps:\n",
                "apps:\n  - {id: web, platform: ios, team: A1B2C3D4E5, bundle: com.example.web, evidence: [app_attest]}\n",
            ),
            (
                "    apps: [bank-android, bank-ios]\n    token: proof ",
                "    apps: [bank-android, bank-ios, web]\n    token: proof ",
            ),
        ],
        &[
            "requests: POST /v1/payments/** now accepts app web",
            "enrolment: app web is new: ios com.example.web by app_attest",
        ],
    ),
];

#[test]
fn limits_lists_and_the_rest() {
    for (edits, expect) in BOUNDS {
        check(edits, expect);
    }
}

const BOUNDS: &[(Edits, &[&str])] = &[
    (
        &[
            ("session_lifetime_s: 900", "session_lifetime_s: 600"),
            ("token_lifetime_max_s: 300", "token_lifetime_max_s: 120"),
        ],
        &[
            "bounds: session_lifetime_s 900 → 600",
            "bounds: token_lifetime_max_s 300 → 120",
        ],
    ),
    (
        &[(
            "emulator-hardware: [goldfish, ranchu, vbox86, nox, ttVM_x86]",
            "emulator-hardware: [ranchu, goldfish, vbox86, nox, andy]",
        )],
        &["bounds: list emulator-hardware: + andy; − ttVM_x86 (detector emulator.qemu_properties)"],
    ),
    (
        &[
            ("lists:\n", "lists:\n  others: [a, b, c, d, e, f]\n"),
            (
                "test-lab: [lab-phone-01, lab-phone-02]",
                "test-lab: [lab-phone-02, lab-phone-01]",
            ),
        ],
        &["bounds: list others is new: + a, b, c, d and 2 more"],
    ),
    (
        &[(
            "issuer: https://otp.bank.example",
            "issuer: https://otp2.bank.example",
        )],
        &[
            "requests: who may confirm a step-up: step_up_issuers.bank-otp.issuer: https://otp.bank.example → https://otp2.bank.example",
        ],
    ),
    (
        &[(
            "origins: ['https://api.bank.example']",
            "origins: ['https://api.bank.example', 'https://api2.bank.example']",
        )],
        &[
            "phones: POST https://api2.bank.example/v1/onboarding: phones now send a session token bound to body",
            "phones: POST https://api2.bank.example/v1/login: phones now send a session token",
            "phones: GET https://api2.bank.example/v1/balance: phones now send a session token bound to authorization",
            "phones: GET https://api2.bank.example/v1/balance/legacy: phones now send a session token",
            "phones: POST https://api2.bank.example/v1/payments/**: phones now send a proof token bound to authorization, body, query, a new one each time",
            "requests: clients reach the routes under other origins: + https://api2.bank.example",
        ],
    ),
    (
        &[
            ("lists:\n", "lists:\n  # nothing but words\n"),
            (
                "test-lab: [lab-phone-01, lab-phone-02]",
                "test-lab:\n  - lab-phone-01\n  - lab-phone-02",
            ),
        ],
        &[],
    ),
    (
        &[(
            "    step_up_valid_s: 300",
            "    when_policy_stale: closed\n    step_up_valid_s: 300",
        )],
        &["requests: POST /v1/payments/** is refused once the policy has expired (open → closed)"],
    ),
    (
        &[("origins:", "kill_switch: [debug.tracer, emulators]\norigins:")],
        &[
            "phones: detector debug.tracer: enforce → off: phones no longer look for it",
            "requests: rule emulators is no longer counted (rule emulators: shadow for 25 % of devices → off)",
            "requests: switched off by kill_switch: + debug.tracer, emulators",
        ],
    ),
    // Nobody asks for it, so nobody gets it.
    (&[("origins:", "values: {host: api.bank.example}\norigins:")], &[]),
];
