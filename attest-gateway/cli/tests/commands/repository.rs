//! `attest policy init|keys|sign|publish|undo|verify`: several people with keys of their own, and everything that can go wrong between
//! them.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::gateway::{Running, change};
use crate::office::{Office, PASSPHRASE, check, ended, founded, policy};
use crate::support::*;

#[test]
fn two_people_make_one_policy() {
    let office = founded();
    check(
        office.sign(1, "shadow", &[]),
        &[
            "policy version 1 for development",
            "1 of 2 signatures for targets; missing: bob-targets",
        ],
    );
    office.refused(
        &["publish", "policy", "--keys", "keys"],
        &["targets has 1 of 2 signatures", "bob-targets"],
    );
    // A signature of the wrong machine, or of somebody else, does not help.
    office.copy("policy/requests/targets-1.json", "targets-1.json");
    office.refused(&["sign", "targets-1.json", "--keys", "nobody"], &["no keys here"]);
    office.good(&["keys", "new", "mallory", "--keys", "mallory"]);
    office.refused(
        &["sign", "targets-1.json", "--keys", "mallory"],
        &["none of your keys is asked for", "bob-targets"],
    );
    check(
        office.good(&["sign", "targets-1.json", "--keys", "bob"]),
        &[
            "it is the first policy here",
            "signed by bob-targets",
            "targets-1.bob-targets.json",
        ],
    );
    office.good(&["sign", "policy", "--attach", "targets-1.bob-targets.json"]);
    check(
        office.good(&["publish", "policy", "--keys", "keys", "--to", "web"]),
        &["policy version 1, root 1, timestamp 1", "written to web"],
    );
    let verified = office.verified();
    assert_eq!(verified["good"], true, "{verified}");
    assert_eq!(verified["policy_version"], 1);
    let web = office.good(&["verify", "web", "--root", "policy/root.json"]);
    assert!(web.text().ends_with("policy version 1\ngood\n"), "{}", web.text());
    two_people_change_it(&office);
}

/// The second policy says what it changes, on both machines.
fn two_people_change_it(office: &Office) {
    let second = office.sign(2, "enforce", &["--with-undo"]);
    check(
        second,
        &[
            "changes from policy version 1",
            "undo, as targets version 3",
            "requests/targets-2.json",
        ],
    );
    office.copy("policy/requests/targets-2.json", "targets-2.json");
    check(
        office.good(&["sign", "targets-2.json", "--keys", "bob"]),
        &[
            "changes from policy version 1",
            "cloner-on-payments",
            "undo, as targets version 3",
        ],
    );
    office.good(&["sign", "policy", "--attach", "targets-2.bob-targets.json"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    assert_eq!(office.verified()["policy_version"], 2);
    office.good(&["undo", "policy", "--keys", "keys"]);
    let undone = office.verified();
    assert_eq!(
        (&undone["policy_version"], &undone["good"]),
        (&3.into(), &true.into())
    );
}

#[test]
fn nothing_secret_leaves_the_keys() {
    let office = Office::published();
    for file in ["root.pem", "targets.pem", "brake.pem", "online.pem"] {
        let path = format!("keys/{file}");
        assert_eq!(
            fs::metadata(office.path(&path)).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            office
                .read(&path)
                .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        );
    }
    let mut folders = vec![office.path("policy")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
                assert!(
                    !text.contains("PRIVATE KEY") && !text.contains(PASSPHRASE),
                    "{path:?}"
                );
            }
        }
    }
    // Keys are made once, and open to their owner alone, by their passphrase alone.
    office.refused(&["keys", "new", "root", "--keys", "keys"], &["never replaced"]);
    office.write("passphrase", "another passphrase");
    office.refused(
        &["publish", "policy", "--keys", "keys", "--refresh"],
        &["passphrase is not that of this key"],
    );
    office.write("passphrase", "short");
    office.refused(
        &["keys", "new", "more", "--keys", "more"],
        &["at least 12 characters"],
    );
    assert!(!office.path("more").exists());
    office.write("passphrase", PASSPHRASE);
    fs::set_permissions(office.path("keys/online.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    office.refused(
        &["publish", "policy", "--keys", "keys", "--refresh"],
        &["others may read it", "chmod 600"],
    );
    let mut without = office.command(&["keys", "new", "more", "--keys", "more"]);
    without.env_remove("ATTEST_PASSPHRASE_FILE");
    let asked = ended(without);
    assert_eq!(asked.code, Some(2));
    assert!(
        asked.err.contains("ATTEST_PASSPHRASE_FILE names a file"),
        "{}",
        asked.err
    );
}

#[test]
fn an_undo_keeps_its_numbers() {
    let office = Office::published();
    office.refused(&["undo", "policy", "--keys", "keys"], &["no undo was signed"]);
    office.write("policy.yaml", &policy(1, "shadow"));
    office.refused(
        &["sign", "policy", "policy.yaml", "--keys", "keys"],
        &["version 1 is published; make it 2 or more"],
    );
    office.sign(2, "shadow", &["--with-undo"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    office.write("policy.yaml", &policy(3, "shadow"));
    office.refused(
        &["sign", "policy", "policy.yaml", "--keys", "keys"],
        &["version 3 is kept for the signed undo; make it 4 or more"],
    );
    let targets = |office: &Office| -> u64 {
        let verified = office.verified();
        let roles = verified["roles"].as_array().unwrap().clone();
        roles.iter().find(|role| role["role"] == "targets").unwrap()["version"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(targets(&office), 2);
    let undone = office.good(&["undo", "policy", "--keys", "keys"]);
    assert!(
        undone
            .text()
            .starts_with("undo: the content of the policy before, as policy version 3\n")
    );
    assert_eq!(
        (targets(&office), office.verified()["policy_version"].clone()),
        (3, 3.into())
    );
    let gateway = office.published_files().into_iter().find(|(path, bytes)| {
        path.to_string_lossy().ends_with(".gateway.json")
            && String::from_utf8_lossy(bytes).contains(r#""version":3"#)
    });
    assert!(
        String::from_utf8(gateway.unwrap().1)
            .unwrap()
            .contains(r#""mode":"enforce""#)
    );
    office.refused(&["undo", "policy", "--keys", "keys"], &["no undo was signed"]);
    office.sign(4, "shadow", &[]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    assert_eq!((targets(&office), office.codes(&[])), (4, Vec::new()));
}

#[test]
fn a_brake_stays_within_its_limits() {
    let office = Office::published();
    let brake = |rule| vec!["undo", "policy", "--keys", "keys", "--brake", rule];
    office.refused(&brake("software-keys=off"), &["[brake-unlisted]"]);
    office.refused(&brake("no-such-rule=off"), &["[brake-unknown-rule]"]);
    office.refused(&brake("cloner-on-payments=enforce"), &["RULE=shadow or RULE=off"]);
    office.refused(
        &[brake("cloner-on-payments=off"), vec!["--for", "25h"]].concat(),
        &["at most 24h"],
    );
    let braked = office.good(&[brake("cloner-on-payments=shadow"), vec!["--for", "90m"]].concat());
    assert!(
        braked
            .text()
            .contains("cloner-on-payments is set to shadow until "),
        "{}",
        braked.text()
    );
    let verified = office.verified();
    assert_eq!(
        (&verified["good"], &verified["targets"]["brake.json"]),
        (&true.into(), &"brake".into())
    );
    // A policy without that rule is no matter for a brake whose time is over, and none for publishing it now.
    office.good(&["undo", "policy", "--keys", "keys", "--lift"]);
    assert_eq!(office.codes(&[]), Vec::<String>::new());
    let brakes: Vec<String> = office
        .published_files()
        .into_iter()
        .filter(|(path, _)| {
            path.to_string_lossy().ends_with(".brake.json") && path.to_string_lossy().contains("targets/")
        })
        .map(|(_, bytes)| String::from_utf8(bytes).unwrap())
        .collect();
    assert!(
        brakes
            .iter()
            .any(|brake| brake.contains(r#""rules":{},"version":2"#)),
        "{brakes:?}"
    );
    // The brake's key signs nothing else: a policy needs its own.
    fs::create_dir(office.path("braker")).unwrap();
    for file in ["brake.pem", "brake.pub.json"] {
        office.copy(&format!("keys/{file}"), &format!("braker/{file}"));
    }
    office.write("policy.yaml", &policy(2, "shadow"));
    office.good(&["sign", "policy", "policy.yaml", "--keys", "braker"]);
    office.refused(
        &["publish", "policy", "--keys", "keys"],
        &["targets has 0 of 1 signatures"],
    );
    // And a policy that waits does not hold up a brake.
    office.good(&brake("cloner-on-payments=off"));
    assert_eq!(office.verified()["policy_version"], 1);
}

#[test]
fn a_stolen_online_key_is_taken_away() {
    let office = Office::published();
    office.good(&["keys", "new", "online-2", "--keys", "keys", "--plain"]);
    office.refused(
        &["keys", "remove", "policy", "--role", "online", "--key", "online"],
        &["online: 1 of 0 keys can never sign"],
    );
    office.refused(
        &[
            "keys",
            "add",
            "policy",
            "--role",
            "root",
            "--key",
            "keys/online.pub.json",
        ],
        &["cannot be a root or targets key too"],
    );
    let rotated = office.good(&[
        "keys",
        "rotate",
        "policy",
        "--role",
        "online",
        "--old",
        "online",
        "--new",
        "keys/online-2.pub.json",
        "--keys",
        "keys",
    ]);
    assert!(
        rotated
            .text()
            .contains("online   1 of 1: online-2; new: online-2; removed: online"),
        "{}",
        rotated.text()
    );
    // The old one alone cannot publish any more, and is not asked.
    fs::create_dir(office.path("thief")).unwrap();
    for file in ["online.pem", "online.pub.json"] {
        office.copy(&format!("keys/{file}"), &format!("thief/{file}"));
    }
    office.refused(&["publish", "policy", "--keys", "thief"], &["it is online-2"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    office.refused(
        &["publish", "policy", "--keys", "thief", "--refresh"],
        &["it is online-2"],
    );
    let verified = office.verified();
    assert_eq!(verified["good"], true, "{verified}");
    assert_eq!(verified["roles"][1]["version"], 2);
}

#[test]
fn a_root_is_handed_on_by_old_and_new() {
    let office = Office::published();
    office.good(&["keys", "new", "carol-root", "--keys", "carol"]);
    office.good(&["keys", "new", "carol-targets", "--keys", "carol"]);
    office.good(&[
        "keys",
        "add",
        "policy",
        "--role",
        "root",
        "--key",
        "carol/carol-root.pub.json",
        "--keys",
        "keys",
    ]);
    // Another change before it is published goes into the same root; the policy's signature does not count any more.
    let rotated = office.good(&[
        "keys",
        "rotate",
        "policy",
        "--role",
        "targets",
        "--old",
        "targets",
        "--new",
        "carol/carol-targets.pub.json",
        "--keys",
        "keys",
    ]);
    assert!(rotated.text().contains("targets version 2"), "{}", rotated.text());
    office.refused(
        &["publish", "policy", "--keys", "keys"],
        &["targets has 0 of 1 signatures", "carol-targets"],
    );
    office.copy("policy/requests/targets-2.json", "targets-2.json");
    office.good(&["sign", "targets-2.json", "--keys", "carol"]);
    office.good(&["sign", "policy", "--attach", "targets-2.carol-targets.json"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    let verified = office.verified();
    assert_eq!(verified["good"], true, "{verified}");
    let listed = office.good(&["keys", "list", "policy"]);
    assert!(
        listed
            .text()
            .starts_with("root     1 of 2: carol-root, root\ntargets  1 of 1: carol-targets\n"),
        "{}",
        listed.text()
    );
    // Two of two from now on: the old threshold and the new one both have to be met.
    office.good(&[
        "keys",
        "add",
        "policy",
        "--role",
        "root",
        "--threshold",
        "2",
        "--keys",
        "keys",
    ]);
    office.refused(
        &["publish", "policy", "--keys", "keys"],
        &["root has 1 of 2 signatures for root; missing: carol-root"],
    );
    office.copy("policy/requests/root-3.json", "root-3.json");
    office.good(&["sign", "root-3.json", "--keys", "carol"]);
    office.good(&["sign", "policy", "--attach", "root-3.carol-root.json"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    assert_eq!(office.verified()["roles"][2]["version"], 3);
}

#[test]
fn what_comes_back_changed_is_not_taken() {
    let office = Office::new();
    office.good(&["keys", "new", "bob", "--keys", "bob"]);
    office.good(&[
        "init",
        "policy",
        "--keys",
        "keys",
        "--targets-key",
        "bob/bob.pub.json",
    ]);
    office.sign(1, "shadow", &[]);
    let request = office.read("policy/requests/targets-1.json");
    office.write("targets-1.json", &request);
    office.good(&["sign", "targets-1.json", "--keys", "bob"]);
    let signed = office.read("targets-1.bob.json");
    let spoilt: String = signed.replacen("\"sig\": \"", "\"sig\": \"00", 1);
    office.write("spoilt.json", &spoilt);
    office.refused(
        &["sign", "policy", "--attach", "spoilt.json"],
        &["the signature of bob is not of this draft"],
    );
    office.write("spoilt.json", &signed.replace("targets-1", "targets-9"));
    office.refused(
        &["sign", "policy", "--attach", "spoilt.json"],
        &["targets-9: nothing of this name is being signed"],
    );
    office.write("spoilt.json", "{}");
    office.refused(
        &["sign", "policy", "--attach", "spoilt.json"],
        &["expected signatures as"],
    );
    // The policy was changed after the request was made.
    office.sign(1, "enforce", &[]);
    office.refused(
        &["sign", "policy", "--attach", "targets-1.bob.json"],
        &["is not of this draft; it was changed"],
    );
    // A request whose policy is not the one that would be signed shows nothing and signs nothing.
    let mut other: serde_json::Value = serde_json::from_str(&request).unwrap();
    other["artifacts"] = serde_json::json!({});
    office.write("other.json", &other.to_string());
    office.refused(
        &["sign", "other.json", "--keys", "bob"],
        &["does not carry the `device.json`"],
    );
    other = serde_json::from_str(&request).unwrap();
    other["request"] = "targets-7".into();
    office.write("other.json", &other.to_string());
    office.refused(
        &["sign", "other.json", "--keys", "bob"],
        &["calls itself targets-7"],
    );
    // Nobody signs a policy with errors.
    office.write(
        "policy.yaml",
        &policy(1, "shadow").replace("decision: allow", "decision: deny"),
    );
    office.refused(
        &["sign", "policy", "policy.yaml", "--keys", "keys"],
        &["error[test-failed]", "not signed while it has errors"],
    );
}

#[test]
fn everything_wrong_with_a_repository_is_named() {
    let office = Office::published();
    assert_eq!(office.codes(&[]), Vec::<String>::new());
    assert_eq!(
        office.codes(&["--at", "2099-01-01T00:00:00Z"]),
        [
            "root tuf-expired",
            "timestamp tuf-expired",
            "snapshot tuf-expired",
            "targets tuf-expired"
        ]
    );
    // Somebody else's root.
    let other = Office::published();
    let strange = other.run(&[
        "verify",
        text(&office.path("policy")),
        "--root",
        "policy/root.json",
    ]);
    assert_eq!(strange.code, Some(1));
    assert!(strange.err.contains("error[tuf-threshold]"), "{}", strange.err);
    // A file that was changed, and one that is gone.
    let artifact = |name: &str| {
        let files = office.published_files().into_iter().map(|(path, _)| path);
        let mut of_name = files.filter(|path| path.to_string_lossy().ends_with(name));
        of_name.next().unwrap()
    };
    let device = artifact(".device.json");
    let whole = fs::read(&device).unwrap();
    fs::write(&device, "{}").unwrap();
    office.refused(
        &["verify", "policy", "--root", "policy/root.json"],
        &["device.json"],
    );
    fs::remove_file(&device).unwrap();
    office.refused(
        &["verify", "policy", "--root", "policy/root.json"],
        &["is missing"],
    );
    fs::write(&device, whole).unwrap();
    assert_eq!(office.codes(&[]), Vec::<String>::new());
    office.refused(
        &["verify", "nowhere", "--root", "policy/root.json"],
        &["timestamp.json is missing"],
    );
    office.refused(&["verify", "policy", "--root", "nowhere.json"], &["nowhere.json"]);
}

#[test]
fn what_a_client_would_refuse_is_not_published() {
    let office = Office::published();
    let targets = "policy/repository/metadata/1.targets.json";
    let whole = office.read(targets);
    office.write(targets, &whole.replacen("\"sig\":\"", "\"sig\":\"00", 1));
    office.refused(
        &["publish", "policy", "--keys", "keys", "--refresh"],
        &["not published: ", "[tuf-threshold]"],
    );
    office.write(targets, &whole);
    office.good(&["publish", "policy", "--keys", "keys", "--refresh"]);
}

#[test]
fn a_gateway_says_beforehand_what_it_would_refuse() {
    let office = Office::published();
    let gateway = office.path("gateway");
    assert_eq!(attest(&["gateway", "init", text(&gateway)]).code, Some(0));
    let config = text(&gateway.join("attest.toml")).to_owned();
    let signed = "repository = \"../policy/repository\"\nroot = \"../policy/root.json\"";
    change(Path::new(&config), "file = \"policy.yaml\"", signed);
    let said = |expect: i32| {
        let said = attest(&["gateway", "check", "--config", &config]);
        assert_eq!(said.code, Some(expect), "{said:?}");
        format!("{}{}", said.text(), said.err)
    };
    let without = said(1);
    assert!(without.contains("[policy-response-keys]"), "{without}");
    let keys = attest(&["gateway", "keys", "list", "--policy", "--config", &config]);
    office.write("policy.yaml", &format!("{}{}", policy(2, "shadow"), keys.text()));
    office.good(&["sign", "policy", "policy.yaml", "--keys", "keys"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    let good = said(0);
    assert!(good.contains("root.json: root version 1\n"), "{good}");
    assert!(good.contains("repository: version 2, "), "{good}");
    let other = Office::published();
    fs::copy(other.path("policy/root.json"), office.path("policy/root.json")).unwrap();
    let foreign = said(1);
    assert!(foreign.contains("[tuf-threshold]"), "{foreign}");
    fs::write(office.path("policy/root.json"), "{}").unwrap();
    let none = said(1);
    assert!(none.contains("[tuf-field]"), "{none}");
}

#[test]
fn a_gateway_that_refuses_says_why() {
    let office = Office::published();
    let gateway = office.path("gateway");
    let made = ["gateway", "init", text(&gateway), "--listen", "127.0.0.1:0"];
    assert_eq!(attest(&made).code, Some(0));
    let config = gateway.join("attest.toml");
    let signed = "repository = \"../policy/repository\"\nroot = \"../policy/root.json\"";
    change(&config, "file = \"policy.yaml\"", signed);
    let keys = attest(&["gateway", "keys", "list", "--policy", "--config", text(&config)]);
    office.write("policy.yaml", &format!("{}{}", policy(2, "shadow"), keys.text()));
    office.good(&["sign", "policy", "policy.yaml", "--keys", "keys"]);
    office.good(&["publish", "policy", "--keys", "keys"]);
    let mut running = Running::start(&gateway);
    let admin = format!("http://{}", running.operators());
    let at = [
        "--admin",
        &admin,
        "--token-file",
        text(&gateway.join("admin.token")),
    ]
    .map(str::to_owned);
    let at: Vec<&str> = at.iter().map(String::as_str).collect();
    let pushed = |office: &Office, words: &[&str]| office.run(&[words, &at].concat());

    let again = pushed(&office, &["publish", "policy"]);
    assert_eq!(
        (again.code, again.text()),
        (Some(0), format!("{admin}  ACK  policy version 2\n").as_str())
    );
    let foreign = pushed(&Office::published(), &["publish", "policy"]);
    assert_eq!(foreign.code, Some(1), "{foreign:?}");
    check(foreign, &["NACK", "[tuf-threshold]"]);
    let status = pushed(&office, &["status"]);
    assert_eq!(status.code, Some(1), "{status:?}");
    check(
        status,
        &[
            "policy version 2\n",
            "\n  ACK version 2 ",
            "\n  NACK by push ",
            "[tuf-threshold]: ",
        ],
    );
    let told = pushed(&office, &["status", "--json"]).json();
    assert_eq!(told[0]["policy"]["version"], 2);
    assert_eq!(
        told[0]["policy"]["repository"]["last_nack"]["code"],
        "tuf-threshold"
    );
    // One of two that does not answer is named, and the other one is served all the same.
    let both = office.run(
        &[
            &["publish", "policy", "--admin", "http://127.0.0.1:1"],
            at.as_slice(),
        ]
        .concat(),
    );
    assert_eq!(both.code, Some(1), "{both:?}");
    check(
        both,
        &[
            "http://127.0.0.1:1  not asked: nothing answers",
            "ACK  policy version 2",
        ],
    );
    office.write("token", "wrong");
    let wrong = office.run(&["status", "--admin", &admin, "--token-file", "token"]);
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    check(wrong, &["SHA-256 must be one of [[admin.tokens]]"]);
    office.refused(&["status"], &["--admin"]);
    office.refused(&["status", "--admin", &admin], &["--token-file"]);
    office.refused(
        &["status", "--admin", "ftp://x", "--token-file", "token"],
        &["expected http://HOST:PORT"],
    );
}

#[test]
fn what_was_interrupted_is_just_run_again() {
    let office = Office::published();
    office.sign(2, "shadow", &[]);
    let draft = office.read("policy/drafts/targets.json");
    office.good(&["publish", "policy", "--keys", "keys"]);
    // As if it had been stopped before it cleaned up.
    office.write("policy/drafts/targets.json", &draft);
    office.refused(
        &["publish", "policy", "--keys", "keys"],
        &["nothing new is signed"],
    );
    office.good(&["publish", "policy", "--keys", "keys", "--refresh"]);
    assert_eq!(office.verified()["policy_version"], 2);
    // As if it had been stopped between metadata and timestamp: the files of the next publication lie there already.
    office.sign(3, "enforce", &[]);
    let timestamp = office.read("policy/repository/metadata/timestamp.json");
    let draft = office.read("policy/drafts/targets.json");
    office.good(&["publish", "policy", "--keys", "keys"]);
    office.write("policy/repository/metadata/timestamp.json", &timestamp);
    office.write("policy/drafts/targets.json", &draft);
    assert_eq!(office.verified()["policy_version"], 2);
    office.good(&["publish", "policy", "--keys", "keys"]);
    assert_eq!(
        (office.verified()["policy_version"].clone(), office.codes(&[])),
        (3.into(), Vec::new())
    );
}

#[test]
fn a_folder_that_is_none_is_told_how_to_become_one() {
    let office = Office::new();
    office.refused(
        &["publish", "policy", "--keys", "keys"],
        &["there is no policy repository", "attest policy init policy"],
    );
    office.write("file", "");
    office.refused(&["init", ".", "--keys", "keys"], &["there is something already"]);
    assert!(!Path::new(&office.path("keys")).exists());
    office.refused(
        &["init", "policy", "--keys", "keys", "--root-threshold", "2"],
        &["root: 2 of 1 key can never sign"],
    );
    office.refused(
        &["init", "policy", "--keys", "keys", "--root-key", "file"],
        &["expected a public key"],
    );
}
