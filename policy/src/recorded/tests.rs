use attest_core::facts::{FactSource, Head, Observation, Value};
use proptest::{collection, prelude::*, sample};

use super::*;

/// What a record answers, written shortly.
fn answered(record: &Record, fact: &str) -> String {
    format!("{:?}", record.facts.answer(&fact.parse().unwrap()))
}

fn only(json: &str) -> Record {
    let mut recording = read(json.as_bytes(), Platform::Android);
    assert_eq!(recording.problems, [], "{json}");
    assert_eq!(recording.records.len(), 1, "{json}");
    recording.records.remove(0)
}

#[test]
fn a_dump_answers_as_its_device_would() {
    let check = |json: &str, fact: &str, expect: &str| {
        assert_eq!(answered(&only(json), fact), expect, "{fact} of {json}");
    };
    let some = r#"{"props": {"ro.product.brand": "b", "ro.product.cpu.abi": "x86", "ro.product.cpu.abi2": "armeabi-v7a"}}"#;
    check(some, "prop(ro.product.brand)", r#"Text("b")"#);
    check(some, "prop(ro.product.brand)@syscall", r#"Text("b")"#);
    check(some, "build.brand", r#"Text("b")"#);
    check(some, "build.abis", r#"List(["x86", "armeabi-v7a"])"#);
    check(some, "prop(ro.kernel.qemu)", "Error(-1)");
    check(some, "build.hardware", "Error(-1)");
    check(some, "prop.names", "Error(-1)");
    check(some, "maps.path", "Error(-1)");
    let all = r#"{"complete": true, "props": {"ro.product.vendor.brand": "v", "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a",
        "ro.build.version.sdk": "33", "ro.build.version.release": "13", "ro.product.model": ""}, "cpuinfo": "a\nb"}"#;
    check(all, "prop(ro.kernel.qemu)", "Absent");
    check(all, "prop(ro.kernel.qemu)@libc", "Absent");
    check(all, "build.brand", r#"Text("v")"#);
    check(all, "build.model", r#"Text("unknown")"#);
    check(all, "build.abis", r#"List(["arm64-v8a", "armeabi-v7a"])"#);
    check(all, "build.sdk", "Integer(33)");
    check(all, "os.version", r#"Text("13")"#);
    check(all, "cpuinfo.line@syscall", r#"List(["a", "b"])"#);
    check(all, "path.exists(/su)", "Error(-1)");
    let parts = r#"{"props": {"ro.product.brand": "b", "ro.product.name": "n", "ro.product.device": "d",
        "ro.build.version.release": "13", "ro.build.id": "I", "ro.build.version.incremental": "7", "ro.build.type": "user",
        "ro.build.tags": "release-keys"}}"#;
    check(
        parts,
        "build.fingerprint",
        r#"Text("b/n/d:13/I/7:user/release-keys")"#,
    );
}

#[test]
fn a_case_leaves_unobserved_what_is_null() {
    let json = r#"{"cases": [{"name": "one", "package": "p", "user_id": 10, "data_dir": "/data/user/10/p", "own_apk": null,
        "maps": ["/x"]}]}"#;
    let record = only(json);
    assert_eq!(record.case.as_deref(), Some("one"));
    assert_eq!(record.variables.value("user_id"), Some("10"));
    assert_eq!(record.variables.value("own_apk"), None);
    for (fact, expect) in [
        ("app.data_dir@libc", r#"Text("/data/user/10/p")"#),
        ("maps.own_apk", "Error(-1)"),
        ("maps.path", r#"List(["/x"])"#),
        ("id.user_id", "Integer(10)"),
    ] {
        assert_eq!(answered(&record, fact), expect, "{fact}");
    }
}

#[test]
fn stated_facts_keep_their_views() {
    let record = only(
        r#"{"variables": {"uid": 10123}, "facts": {"app.data_dir@java": "/j", "app.data_dir@syscall": "/s", "id.user_id": 0,
            "prop(ro.x)": null, "fd.path": {"error": 13}}}"#,
    );
    for (fact, expect) in [
        ("app.data_dir", r#"Text("/j")"#),
        ("app.data_dir@syscall", r#"Text("/s")"#),
        ("app.data_dir@libc", "Error(-1)"),
        ("prop(ro.x)@libc", "Absent"),
        ("fd.path", "Error(13)"),
    ] {
        assert_eq!(answered(&record, fact), expect, "{fact}");
    }
    assert_eq!(record.variables.value("uid"), Some("10123"));
    assert_eq!(record.variables.value("user_id"), Some("0"));
    assert_eq!(record.variables.value("data_dir"), Some("/j"));
}

#[test]
fn shipped_packs_are_run_for_their_platform() {
    let json = r#"{"facts": {"env(SIMULATOR_DEVICE_NAME)": "iPhone 17", "id.package": "com.bank.app"}}"#;
    let recording = read(json.as_bytes(), Platform::Ios);
    let mut scanner = Scanner::shipped(Platform::Ios).unwrap();
    let findings = scanner.scan(&recording.records[0]).unwrap();
    let hits: Vec<_> = findings
        .iter()
        .filter(|finding| finding.detection == attest_core::policy::Detection::Hit)
        .map(|finding| finding.id)
        .collect();
    assert_eq!(hits, ["simulator.environment"]);
    assert!(
        findings
            .iter()
            .all(|finding| !finding.id.starts_with("emulator."))
    );
}

/// Variables that differ from one record to the next are those of the record that is scanned.
#[test]
fn each_record_is_scanned_with_its_own_variables() {
    let json = r#"{"cases": [
        {"package": "a.b", "user_id": 0, "data_dir": "/data/user/0/a.b"},
        {"package": "c.d", "user_id": 10, "data_dir": "/data/user/10/c.d"},
        {"package": "c.d", "user_id": 10, "data_dir": "/data/user/0/c.d"},
        {"package": "a.b", "user_id": 0, "data_dir": "/data/user/0/c.d"}]}"#;
    let recording = read(json.as_bytes(), Platform::Android);
    let mut scanner = Scanner::shipped(Platform::Android).unwrap();
    let mut concluded = |record| {
        let findings = scanner.scan(record).unwrap();
        let asked = findings
            .iter()
            .find(|finding| finding.id == "clone.data_dir")
            .unwrap();
        asked.detection.as_str()
    };
    let concluded: Vec<_> = recording.records.iter().map(&mut concluded).collect();
    assert_eq!(concluded, ["clear", "clear", "hit", "hit"]);
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is() {
    let check = |json: &str, records: usize, problems: &[(&str, &str)]| {
        let recording = read(json.as_bytes(), Platform::Android);
        let found: Vec<_> = recording
            .problems
            .iter()
            .map(|problem| (problem.code(), problem.to_string()))
            .collect();
        let found: Vec<_> = found.iter().map(|(code, text)| (*code, text.as_str())).collect();
        assert_eq!(recording.records.len(), records, "{json}");
        assert_eq!(found.len(), problems.len(), "{json}: {found:?}");
        for ((code, text), (expect, part)) in found.into_iter().zip(problems) {
            assert_eq!(code, *expect, "{json}");
            assert!(text.contains(part), "{json}: {text}");
        }
    };
    check("{", 0, &[("recording-malformed", "line 1 column 1")]);
    check("7", 0, &[("recording-form-unknown", "the text")]);
    check(r#"{"id": "x"}"#, 0, &[("recording-form-unknown", "the text")]);
    check(r#"[{"props": {}}, {}]"#, 1, &[("recording-form-unknown", "[1]")]);
    check(
        r#"{"props": {"a": []}}"#,
        0,
        &[("recording-member-unfit", "props.a")],
    );
    check(
        r#"{"props": {}, "complete": "yes"}"#,
        0,
        &[("recording-member-unfit", ".complete")],
    );
    check(r#"{"cases": {}}"#, 0, &[("recording-member-unfit", ".cases")]);
    check(
        r#"{"cases": [{"maps": [1]}, {"name": "good"}, 3]}"#,
        1,
        &[
            ("recording-member-unfit", "cases[0].maps"),
            ("recording-member-unfit", "cases[2]"),
        ],
    );
    check(
        r#"{"facts": {"build.sdk": "x"}}"#,
        0,
        &[("recording-member-unfit", "facts.build.sdk: expected integer")],
    );
    check(
        r#"{"platform": "ios", "facts": {}}"#,
        0,
        &[("recording-platform-differs", "`ios`")],
    );
}

#[test]
fn what_nobody_knows_is_noted_and_does_no_harm() {
    let recording = read(
        br#"[{"props": {}, "moon": 1, "note": "x"}, {"facts": {"new.fact": 1}, "variables": {"colour": "red"}}]"#,
        Platform::Android,
    );
    assert_eq!(recording.records.len(), 2);
    assert_eq!(recording.notes.len(), 3, "{:?}", recording.notes);
    assert_eq!(recording.notes[0], "[0].moon is not known and not read");
}

/// What any phone may have observed of some facts.
fn any_observed() -> impl Strategy<Value = Observed> {
    let text = || "[ -~äß\u{202e}\\n\"]{0,12}";
    let row = collection::btree_map("path|dev|ino", text(), 0..3);
    let observation = move |kind| {
        let value = match kind {
            0 => text().prop_map(Value::Text).boxed(),
            1 => any::<i64>().prop_map(Value::Integer).boxed(),
            2 => collection::vec(text(), 0..4).prop_map(Value::List).boxed(),
            _ => collection::vec(row.clone().prop_map(|cells| cells.into_iter().collect()), 1..4)
                .prop_map(Value::Rows)
                .boxed(),
        };
        let head = collection::vec(text(), 0..4).prop_map(move |items| match kind {
            2 => Observation::ListHead(Head(items)),
            _ => Observation::Absent,
        });
        prop_oneof![
            value.prop_map(Observation::from),
            head,
            Just(Observation::Absent),
            (1..200_i32).prop_map(Observation::Error),
        ]
    };
    let facts = [
        ("prop(a)b)@libc", 0),
        ("proc.tracer_pid@syscall", 1),
        ("id.uid", 1),
        ("maps.path", 2),
        ("maps.rows@libc", 3),
    ]
    .map(|(fact, kind)| (Just(fact.parse::<FactRef>().unwrap()), observation(kind)));
    let variables = collection::hash_map(sample::select(&Variables::NAMES[..]), text(), 0..4);
    (sample::subsequence(facts.to_vec(), 0..=5), variables).prop_flat_map(|(facts, variables)| {
        let variables = variables
            .into_iter()
            .fold(Variables::default(), |all, (name, value)| all.with(name, value));
        facts.prop_map(move |facts| Observed {
            platform: Platform::Android,
            variables: variables.clone(),
            facts: facts.into_iter().collect(),
        })
    })
}

/// JSON that is made of the members that records have, each with any value.
fn any_record() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
        Just(Json::from("/data/user/0/a.b")),
    ];
    let name = sample::select(vec![
        "props",
        "complete",
        "cpuinfo",
        "features",
        "cases",
        "name",
        "package",
        "user_id",
        "data_dir",
        "own_apk",
        "maps",
        "facts",
        "variables",
        "platform",
        "prop(ro.x)",
        "maps.rows",
        "path",
        "error",
        "ro.product.cpu.abilist",
        "uid",
    ]);
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            collection::hash_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_the_same(observed in any_observed()) {
        let written = serde_json::to_string(&observed).unwrap();
        let (record, again) = (observed.record(), only(&written));
        prop_assert_eq!(&record.variables, &again.variables);
        for (fact, _) in observed.facts.iter() {
            let fact = fact.to_string();
            prop_assert_eq!(answered(&record, &fact), answered(&again, &fact), "{}", written);
        }
        prop_assert_eq!(record.facts.len(), again.facts.len());
    }

    #[test]
    fn any_text_is_read_without_panic(bytes in collection::vec(any::<u8>(), 0..200)) {
        drop(read(&bytes, Platform::Android));
    }

    /// Whatever is written, each part of it is a record or a problem.
    #[test]
    fn any_record_is_read_or_refused(json in any_record()) {
        let recording = read(json.to_string().as_bytes(), Platform::Android);
        let parts = |json: &Json| match json.get("cases") {
            Some(Json::Array(cases)) => cases.len(),
            _ => 1,
        };
        let expect = json.as_array().map_or_else(|| parts(&json), |items| items.iter().map(parts).sum());
        prop_assert_eq!(recording.records.len() + recording.problems.len(), expect);
    }
}
