use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::{Compiled, EXAMPLE, compile};

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

/// What the example with these replacements changes, each a line of `group: sentence`; tests are left out, so that any change
/// compiles.
fn told(edits: &[(&str, &str)]) -> Vec<String> {
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

fn check(edits: &[(&str, &str)], expect: &[&str]) {
    assert_eq!(told(edits), expect, "{edits:?}");
}

#[test]
fn rules() {
    check(
        &[("mode: shadow      # change to", "mode: enforce # change to")],
        &["requests: POST /v1/payments/** now denies cloner (rule cloner-on-payments: shadow → enforce)"],
    );
    check(&[], &[]);
}

#[test]
fn a_policy_does_not_differ_from_itself() {
    let policy = compiled(EXAMPLE);
    let difference = diff(&edition(&policy), &edition(&policy));
    assert_eq!((difference.changes, difference.warnings), (vec![], vec![]));
}

#[test]
fn printing() {
    println!("@@rules 0");
    for line in told(&[("mode: shadow      # change to", "mode: enforce # change to")]) {
        println!("{line}");
    }
    println!("@@rules 1");
    for line in told(&[("    rollout_percent: 25\n", "")]) {
        println!("{line}");
    }
    println!("@@rules 2");
    for line in told(&[(
        "mode: shadow\n    rollout_percent: 25",
        "mode: enforce\n    rollout_percent: 10",
    )]) {
        println!("{line}");
    }
    println!("@@rules 3");
    for line in told(&[(
        "  - id: hooked-or-traced\n    mode: enforce",
        "  - id: hooked-or-traced\n    mode: shadow",
    )]) {
        println!("{line}");
    }
    println!("@@rules 4");
    for line in told(&[(
        "  - id: hooked-or-traced\n    mode: enforce",
        "  - id: hooked-or-traced\n    mode: off",
    )]) {
        println!("{line}");
    }
    println!("@@rules 5");
    for line in told(&[(
        "  - id: emulators\n    mode: shadow",
        "  - id: emulators\n    mode: off",
    )]) {
        println!("{line}");
    }
    println!("@@rules 6");
    for line in told(&[(
        "  - id: emulators\n",
        "  - id: rooted\n    why: x\n    when: {fact: findings.category, op: any_eq, value: root}\n    then: {step_up: {kind: proof}}\n\n  - id: emulators\n",
    )]) {
        println!("{line}");
    }
    println!("@@rules 7");
    for line in told(&[(
        "  - id: emulators\n",
        "  - id: rooted\n    mode: shadow\n    routes: [login]\n    why: x\n    when: {fact: patch.age_days, op: gt, value: 900}\n    then: deny\n\n  - id: emulators\n",
    )]) {
        println!("{line}");
    }
    println!("@@rules 8");
    for line in told(&[(
        "  - id: emulators\n    mode: shadow\n    rollout_percent: 25\n    why: We have no customers on emulators, but want to see how many there seem to be.\n    when: {fact: findings.category, op: any_in, value: [emulator, simulator]}\n    then: deny\n",
        "",
    )]) {
        println!("{line}");
    }
    println!("@@rules 9");
    for line in told(&[(
        "value: [hook, debugger, repackaging, resigning]}\n    then: deny",
        "value: [hook, debugger, repackaging]}\n    then: {step_up: {kind: user, issuer: bank-otp}}",
    )]) {
        println!("{line}");
    }
    println!("@@rules 10");
    for line in told(&[(
        "    mode: enforce\n    routes: [login]",
        "    mode: enforce\n    routes: [login, onboarding]",
    )]) {
        println!("{line}");
    }
    println!("@@rules 11");
    for line in told(&[(
        "    mode: enforce\n    routes: [login]",
        "    mode: enforce\n    routes: [balance]",
    )]) {
        println!("{line}");
    }
    println!("@@rules 12");
    for line in told(&[(
        "        - {fact: device.age_s, op: lt, value: 86400}\n        - {fact: counter.device_requests_1m, op: ge, value: 20}",
        "        - {fact: counter.device_requests_1m, op: ge, value: 20}\n        - {fact: device.age_s, op: lt, value: 86400}",
    )]) {
        println!("{line}");
    }
    println!("@@rules 13");
    for line in told(&[(
        "      any:\n        - {fact: device.age_s, op: lt, value: 86400}",
        "      all:\n        - {fact: device.age_s, op: lt, value: 86400}",
    )]) {
        println!("{line}");
    }
    println!("@@rules 14");
    for line in told(&[(
        "value: [hook, debugger, repackaging, resigning]",
        "value: [resigning, hook, debugger, repackaging]",
    )]) {
        println!("{line}");
    }
    println!("@@rules 15");
    for line in told(&[(
        "why: A hooked or traced process may send anything.",
        "why: Hooked.",
    )]) {
        println!("{line}");
    }
    println!("@@order 0");
    for line in told(&[
        (
            "  - id: hooked-or-traced\n    mode: enforce\n    why: A hooked or traced process may send anything.\n    when: {fact: findings.category, op: any_in, value: [hook, debugger, repackaging, resigning]}\n    then: deny\n",
            "",
        ),
        (
            "rules:\n  - id: trusted",
            "rules:\n  - id: hooked-or-traced\n    mode: enforce\n    why: A hooked or traced process may send anything.\n    when: {fact: findings.category, op: any_in, value: [hook, debugger, repackaging, resigning]}\n    then: deny\n  - id: trusted",
        ),
    ]) {
        println!("{line}");
    }
    println!("@@order 1");
    for line in told(&[
        (
            "  - id: emulators\n    mode: shadow\n    rollout_percent: 25\n    why: We have no customers on emulators, but want to see how many there seem to be.\n    when: {fact: findings.category, op: any_in, value: [emulator, simulator]}\n    then: deny\n",
            "",
        ),
        (
            "rules:\n  - id: trusted",
            "rules:\n  - id: emulators\n    mode: shadow\n    rollout_percent: 25\n    why: We have no customers on emulators, but want to see how many there seem to be.\n    when: {fact: findings.category, op: any_in, value: [emulator, simulator]}\n    then: deny\n  - id: trusted",
        ),
    ]) {
        println!("{line}");
    }
    println!("@@routes 0");
    for line in told(&[(
        "    require: enforce\n    apps: [bank-android, bank-ios]\n    token: session\n    bind: [authorization]\n",
        "    require: none\n",
    )]) {
        println!("{line}");
    }
    println!("@@routes 1");
    for line in told(&[("require: observe          #", "require: enforce #")]) {
        println!("{line}");
    }
    println!("@@routes 2");
    for line in told(&[(
        "    require: enforce\n    apps: [bank-android, bank-ios]\n    token: session            #",
        "    require: observe\n    apps: [bank-android, bank-ios]\n    token: session            #",
    )]) {
        println!("{line}");
    }
    println!("@@routes 3");
    for line in told(&[("    single_use: true\n    min_policy: 5", "    min_policy: 6")]) {
        println!("{line}");
    }
    println!("@@routes 4");
    for line in told(&[("token: proof              #", "token: session #")]) {
        println!("{line}");
    }
    println!("@@routes 5");
    for line in told(&[("bind: [body, query, authorization]", "bind: [body, query]")]) {
        println!("{line}");
    }
    println!("@@routes 6");
    for line in told(&[(
        "    apps: [bank-android, bank-ios]\n    token: proof ",
        "    apps: [bank-ios]\n    token: proof ",
    )]) {
        println!("{line}");
    }
    println!("@@routes 7");
    for line in told(&[
        (
            "limits: {per_device_per_minute: 10}",
            "limits: {per_device_per_minute: 5}",
        ),
        ("when_store_down: open ", "when_store_down: closed "),
        ("step_up_valid_s: 300", "step_up_valid_s: 60"),
    ]) {
        println!("{line}");
    }
    println!("@@routes 8");
    for line in told(&[(
        "path: /v1/login\n    upstream: bank",
        "path: /v2/login\n    upstream: bank2",
    )]) {
        println!("{line}");
    }
    println!("@@routes 9");
    for line in told(&[(
        "    methods: [POST]\n    path: /v1/login",
        "    methods: [POST, PUT]\n    path: /v1/login",
    )]) {
        println!("{line}");
    }
    println!("@@routes 10");
    for line in told(&[(
        "routes:\n  - id: health",
        "routes:\n  - id: free\n    methods: [POST]\n    path: /v1/payments/free\n    upstream: bank\n    require: none\n  - id: health",
    )]) {
        println!("{line}");
    }
    println!("@@routes 11");
    for line in told(&[(
        "  - id: health\n    methods: [GET]\n    path: /health\n    upstream: bank\n    require: none             # public\n",
        "",
    )]) {
        println!("{line}");
    }
    println!("@@routes 12");
    for line in told(&[("  - id: balance-legacy\n", "  - id: balance-old\n")]) {
        println!("{line}");
    }
    println!("@@routes 13");
    for line in told(&[(
        "    bind: [authorization]\n    when",
        "    bind: [authorization]\n    origins: ['https://api.bank.example', 'https://b.example']\n    when",
    )]) {
        println!("{line}");
    }
    println!("@@phones 0");
    for line in told(&[(
        "detectors:\n",
        "detectors:\n  - id: clone.x\n    platform: android\n    category: cloner\n    severity: high\n    mode: shadow\n    why: x\n    when: {fact: id.user_id, op: gt, value: 5}\n",
    )]) {
        println!("{line}");
    }
    println!("@@phones 1");
    for line in told(&[(
        "detectors:\n",
        "detectors:\n  - id: clone.x\n    platform: android\n    category: cloner\n    severity: high\n    why: x\n    when: {fact: id.user_id, op: gt, value: 5}\n",
    )]) {
        println!("{line}");
    }
    println!("@@phones 2");
    for line in told(&[(
        "    severity: info\n    mode: shadow ",
        "    severity: low\n    mode: enforce ",
    )]) {
        println!("{line}");
    }
    println!("@@phones 3");
    for line in told(&[(
        "    severity: info\n    mode: shadow ",
        "    severity: info\n    mode: off ",
    )]) {
        println!("{line}");
    }
    println!("@@phones 4");
    for line in told(&[(
        "  - id: debug.tracer\n    platform: android\n    category: debugger\n    severity: high\n    why: Another process traces ours.\n    when: {fact: proc.tracer_pid@syscall, op: gt, value: 0}\n",
        "",
    )]) {
        println!("{line}");
    }
    println!("@@phones 5");
    for line in told(&[("value: .jbroot-}", "value: .jb}")]) {
        println!("{line}");
    }
    println!("@@phones 6");
    for line in told(&[("      bind: [body]\n      single_use: true", "      bind: [body]")]) {
        println!("{line}");
    }
    println!("@@phones 7");
    for line in told(&[("why: Another process traces ours.", "why: Traced.")]) {
        println!("{line}");
    }
    println!("@@enrolment 0");
    for line in told(&[
        (
            "    min_version: '2.4.0'      #",
            "    min_version: '2.5.0'      #",
        ),
        (
            "patch_min: {os: 2022-01-01}",
            "patch_min: {os: 2023-01-01, vendor: 2022-05-01}",
        ),
    ]) {
        println!("{line}");
    }
    println!("@@enrolment 1");
    for line in told(&[
        ("evidence: [software, android_key]", "evidence: [android_key]"),
        (
            "signers: ['3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011']",
            "signers: ['00001c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011']",
        ),
    ]) {
        println!("{line}");
    }
    println!("@@enrolment 2");
    for line in told(&[
        ("key_level_min: hardware", "key_level_min: strongbox"),
        ("      require: verified  ", "      require: any  "),
    ]) {
        println!("{line}");
    }
    println!("@@enrolment 3");
    for line in told(&[("# revocation: {file", "revocation: {file")]) {
        println!("{line}");
    }
    println!("@@enrolment 4");
    for line in told(&[
        (
            "apps:\n",
            "apps:\n  - {id: web, platform: ios, team: A1B2C3D4E5, bundle: com.example.web, evidence: [app_attest]}\n",
        ),
        (
            "    apps: [bank-android, bank-ios]\n    token: proof ",
            "    apps: [bank-android, bank-ios, web]\n    token: proof ",
        ),
    ]) {
        println!("{line}");
    }
    println!("@@bounds 0");
    for line in told(&[
        ("session_lifetime_s: 900", "session_lifetime_s: 600"),
        ("token_lifetime_max_s: 300", "token_lifetime_max_s: 120"),
    ]) {
        println!("{line}");
    }
    println!("@@bounds 1");
    for line in told(&[(
        "emulator-hardware: [goldfish, ranchu, vbox86, nox, ttVM_x86]",
        "emulator-hardware: [ranchu, goldfish, vbox86, nox, andy]",
    )]) {
        println!("{line}");
    }
    println!("@@bounds 2");
    for line in told(&[
        ("lists:\n", "lists:\n  others: [a, b, c, d, e, f]\n"),
        (
            "test-lab: [lab-phone-01, lab-phone-02]",
            "test-lab: [lab-phone-02, lab-phone-01]",
        ),
    ]) {
        println!("{line}");
    }
    println!("@@bounds 3");
    for line in told(&[(
        "issuer: https://otp.bank.example",
        "issuer: https://otp2.bank.example",
    )]) {
        println!("{line}");
    }
    println!("@@bounds 4");
    for line in told(&[(
        "origins: ['https://api.bank.example']",
        "origins: ['https://api.bank.example', 'https://api2.bank.example']",
    )]) {
        println!("{line}");
    }
    println!("@@bounds 5");
    for line in told(&[
        ("lists:\n", "lists:\n  # nothing but words\n"),
        (
            "test-lab: [lab-phone-01, lab-phone-02]",
            "test-lab:\n  - lab-phone-01\n  - lab-phone-02",
        ),
    ]) {
        println!("{line}");
    }
}
