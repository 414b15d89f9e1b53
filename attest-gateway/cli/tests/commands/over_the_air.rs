//! docs/policy-over-the-air.md shows what happens: two people, a gateway that runs, a brake, an undo and another key.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use crate::document::Stage;
use crate::gateway::{Running, change};

/// The gateway of the page, once a command has asked for it, and where its operators are answered.
static GATEWAY: Mutex<Option<(Running, String)>> = Mutex::new(None);

/// When the page was written.
const THEN_S: i64 = 1_800_000_000;

fn prepare(folder: &Path, line: &str, command: &mut Command) {
    let mut above = folder.ancestors();
    let passphrase = above.find_map(|above| Some(above.join("passphrase")).filter(|file| file.exists()));
    command.env("ATTEST_PASSPHRASE_FILE", passphrase.unwrap());
    if line.contains("$ADMIN") {
        let mut gateway = GATEWAY.lock().unwrap();
        let (_, admin) = gateway.get_or_insert_with(|| start(&folder.join("gateway")));
        command.env("ADMIN", admin);
    }
}

fn start(folder: &Path) -> (Running, String) {
    let config = folder.join("attest.toml");
    change(&config, "127.0.0.1:8080", "127.0.0.1:0");
    change(&config, "127.0.0.1:8081", "127.0.0.1:0");
    let mut running = Running::start(folder);
    let admin = format!("http://{}", running.operators());
    (running, admin)
}

/// Times as far from then as they are from now, and the ports that the page's reader has. Whether a gateway saw the folder first or
/// was pushed is a matter of milliseconds.
fn steady(line: &str) -> String {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now_s = i64::try_from(now_s).unwrap();
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let bare = word.trim_end_matches(',');
        let moved = match bare.parse::<Timestamp>() {
            Ok(moment) if bare.ends_with('Z') => {
                let hours = (moment.as_second() - now_s + 1_800).div_euclid(3_600);
                Timestamp::from_second(THEN_S + hours * 3_600)
                    .unwrap()
                    .to_string()
            }
            _ if bare.starts_with("http://127.0.0.1:") => "http://127.0.0.1:8081".to_owned(),
            _ => bare.to_owned(),
        };
        words.push(moved + word.strip_prefix(bare).unwrap());
    }
    let line = words.join(" ");
    match line
        .split_once(" by ")
        .filter(|_| line.trim_start().starts_with("ACK "))
    {
        Some((head, _)) => format!("{head} by push 2 seconds ago [activated]"),
        None => line,
    }
}

#[test]
fn the_page_shows_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("passphrase"), "correct horse battery staple").unwrap();
    let stage = Stage {
        folder: folder.path(),
        prepare,
        steady,
    };
    let shown = stage.play("policy-over-the-air.md");
    let gateway = GATEWAY.lock().unwrap().take();
    assert!(shown > 40 && gateway.is_some(), "{shown}");
}
