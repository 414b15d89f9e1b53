//! `attest gateway status`, `bans` and `token` against a running gateway, and what they say when there is none to ask.
#![cfg(test)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::gateway::{Running, change, init};
use crate::support::*;

/// A gateway of a fresh directory, on free ports.
struct Operated {
    folder: tempfile::TempDir,
    child: Child,
}

impl Operated {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = attest(&["gateway", "init", text(folder.path()), "--listen", "127.0.0.1:0"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let config = folder.path().join("attest.toml");
        let mut child = command()
            .args(["gateway", "run", "--config", text(&config)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let admin = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("operators on http://").map(str::to_owned));
        // What an operator has: a configuration that names the port.
        let source = fs::read_to_string(&config).unwrap();
        let port = source.rfind("127.0.0.1:0").unwrap();
        let mut source = source;
        source.replace_range(port..port + "127.0.0.1:0".len(), &admin.unwrap());
        fs::write(&config, source).unwrap();
        Self { folder, child }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let config = self.folder.path().join("attest.toml");
        attest(&[&["gateway"], arguments, &["--config", text(&config)]].concat())
    }
}

impl Drop for Operated {
    fn drop(&mut self) {
        let _gone = self.child.kill().is_err();
        let _reaped = self.child.wait().is_err();
    }
}

#[test]
fn an_operator_looks_bans_and_unbans() {
    let operated = Operated::start();
    let status = operated.run(&["status"]);
    assert_eq!((status.code, status.err.as_str()), (Some(0), ""));
    for part in [
        "State        ready",
        "version 7, in force since",
        "Devices      0",
        "0 refused",
    ] {
        assert!(
            status.text().contains(part),
            "{part} is not in\n{}",
            status.text()
        );
    }
    assert_eq!(operated.run(&["status", "--json"]).json()["ready"], true);

    assert_eq!(operated.run(&["bans", "list"]).text(), "No bans.\n");
    let device = "AAECAwQFBgcICQoLDA0ODw";
    let added = operated.run(&[
        "bans",
        "add",
        "--device",
        device,
        "--reason",
        "stolen",
        "--until",
        "2999-01-01T00:00:00Z",
    ]);
    assert_eq!((added.code, added.err.as_str()), (Some(0), ""), "{added:?}");
    let listed = operated.run(&["bans", "list"]);
    for part in [device, "banned since", "until 2999-01-01T00:00:00Z: stolen"] {
        assert!(listed.text().contains(part), "{}", listed.text());
    }
    let cut = operated.run(&["bans", "add", "--all", "--sessions", "--reason", "incident 7"]);
    assert!(cut.text().starts_with("all  sessions before "), "{cut:?}");
    assert_eq!(
        operated.run(&["bans", "remove", "--device", device]).code,
        Some(0)
    );
    let again = operated.run(&["bans", "remove", "--device", device]);
    assert!(
        again.code == Some(1) && again.err.contains("urn:attest:admin:not-found"),
        "{again:?}"
    );
    assert_eq!(
        operated.run(&["bans", "list", "--json"]).json()["bans"][0]["kind"],
        "sessions_not_before"
    );
    for wrong in [
        &["bans", "add", "--reason", "x"][..],
        &["bans", "remove"],
        &["bans", "add", "--all", "--app", "x", "--reason", "x"],
    ] {
        assert_eq!(operated.run(wrong).code, Some(2), "{wrong:?}");
    }

    let token_file = operated.folder.path().join("admin.token");
    let made = attest(&[
        "gateway", "token", "--name", "other", "--scope", "read", "--scope", "operate",
    ]);
    assert_eq!(made.code, Some(0));
    fs::write(&token_file, &made.out).unwrap();
    let refused = operated.run(&["status"]);
    assert!(
        refused.code == Some(1) && refused.err.contains("[[admin.tokens]]"),
        "{refused:?}"
    );
    assert!(
        !refused.err.contains(made.text().trim()),
        "the token is not shown"
    );
    let elsewhere = operated.folder.path().join("none");
    let unreadable = operated.run(&["status", "--token-file", text(&elsewhere)]);
    assert!(
        unreadable.code == Some(2) && unreadable.err.contains("--token-file"),
        "{unreadable:?}"
    );
}

#[cfg(unix)]
#[test]
fn a_reload_takes_new_tokens_ends_old_ones_and_keeps_all_when_one_is_bad() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    init(folder, &["--listen", "127.0.0.1:0"]);
    let toml = folder.join("attest.toml");
    let mut running = Running::start(folder);
    for address in [running.address, running.operators()] {
        change(
            &toml,
            "address = \"127.0.0.1:0\"",
            &format!("address = \"{address}\""),
        );
    }
    let first = folder.join("admin.token");
    let second = folder.join("second.token");
    let made = attest(&["gateway", "token", "--name", "second", "--scope", "read"]);
    fs::write(&second, &made.out).unwrap();
    let status = |token: &Path| {
        let arguments = [
            "gateway",
            "status",
            "--config",
            text(&toml),
            "--token-file",
            text(token),
        ];
        attest(&arguments).code
    };
    let fresh = fs::read_to_string(&toml).unwrap();
    let both = format!("{fresh}\n{}", made.err);
    fs::write(&toml, &both).unwrap();
    assert_eq!(
        (status(&first), status(&second)),
        (Some(0), Some(1)),
        "nobody said so"
    );
    running.signal("HUP");
    running.logged("reloaded settings=\"admin.tokens\"");
    assert_eq!((status(&first), status(&second)), (Some(0), Some(0)));
    // A token that cannot be read beside a good change: nothing is taken.
    let digest = |text: &str| {
        let mut lines = text.lines();
        lines
            .find_map(|line| line.strip_prefix("sha256 = ").map(str::to_owned))
            .unwrap()
    };
    let (old, new) = (digest(&fresh), digest(&made.err));
    let bad = "[[admin.tokens]]\nname = 'third'\nscopes = ['read']\nhash_file = 'third.sha256'\n";
    fs::write(folder.join("third.sha256"), "no hash").unwrap();
    fs::write(&toml, format!("{}\n{bad}", fresh.replace(&old, &new))).unwrap();
    running.signal("HUP");
    running.logged("not reloaded, nothing was changed");
    assert_eq!((status(&first), status(&second)), (Some(0), Some(0)));
    fs::write(&toml, fresh.replace(&old, &new)).unwrap();
    running.signal("HUP");
    running.logged("reloaded settings=\"admin.tokens\"");
    assert_eq!((status(&first), status(&second)), (Some(1), Some(0)));
}

/// The command ends so, and says this.
fn check(folder: &Path, code: i32, part: &str) {
    let config = folder.join("attest.toml");
    let ended = attest(&["gateway", "status", "--config", text(&config)]);
    assert!(ended.code == Some(code) && ended.err.contains(part), "{ended:?}");
}

#[test]
fn without_a_listener_it_is_said_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    attest(&["gateway", "init", text(folder.path())]);
    let config = folder.path().join("attest.toml");
    let fresh = fs::read_to_string(&config).unwrap();
    let change = |from: &str, to: &str| {
        assert!(fresh.contains(from), "{from}");
        fs::write(&config, fresh.replace(from, to)).unwrap();
    };
    change("enabled = true", "enabled = false");
    check(folder.path(), 2, "the admin listener is off");
    change("address = \"127.0.0.1:8081\"", "address = \"127.0.0.1:0\"");
    check(folder.path(), 2, "fixed port");
    // Nobody listens on a port that was just given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    change("127.0.0.1:8081", &free.to_string());
    check(folder.path(), 1, "Is the gateway running");
    change("address = \"127.0.0.1:8081\"", "address = \"0.0.0.0:8081\"");
    check(folder.path(), 2, "admin.address: beyond loopback");
}

#[test]
fn a_token_is_shown_once_and_its_lines_are_configuration() {
    let folder = tempfile::tempdir().unwrap();
    attest(&["gateway", "init", text(folder.path())]);
    let made = attest(&["gateway", "token", "--name", "prometheus", "--scope", "read"]);
    assert_eq!((made.code, made.text().trim().len()), (Some(0), 43));
    let config = folder.path().join("attest.toml");
    let source = fs::read_to_string(&config).unwrap() + &made.err;
    fs::write(&config, source).unwrap();
    let checked = attest(&["gateway", "check", "--config", text(&config)]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for wrong in [
        &["--name", "a b", "--scope", "read"][..],
        &["--name", "a"],
        &["--name", "a", "--scope", "root"],
    ] {
        assert_eq!(
            attest(&[&["gateway", "token"], wrong].concat()).code,
            Some(2),
            "{wrong:?}"
        );
    }
}
