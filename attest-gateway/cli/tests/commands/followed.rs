//! `attest gateway check` and `doctor` where admins sign the policy: what they find in a repository, good and spoilt, and beside it
//! a gateway that runs.
#![cfg(test)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use attest_gateway::keys::Keys;
use attest_policy::Compiled;
use attest_policy::repository::Repository;
use attest_testkit::publisher::{Forgery, Publisher};
use ring::rand::SystemRandom;

use crate::gateway::{Running, backend, change, config, init};
use crate::support::*;

const SOURCE: &str = "file = \"policy.yaml\"";
const FOLDER: &str = "repository = \"published\"\nroot = \"root.json\"";

/// A gateway's place whose policy admins sign.
struct Place {
    folder: tempfile::TempDir,
    admins: Publisher,
    /// The gateway's keys, as a policy lists them.
    response_keys: Vec<serde_json::Value>,
    /// When what they publish is signed.
    signed_s: u64,
}

impl Place {
    /// One that has published policy 7, which lists the gateway's key.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (upstream, arrivals) = backend(Some("healthy"));
        // It answers for as long as the test's process lives.
        std::thread::spawn(move || arrivals.iter().for_each(drop));
        let upstream = format!("http://{upstream}");
        init(
            folder.path(),
            &["--listen", "127.0.0.1:0", "--upstream", &upstream],
        );
        let keys = Keys::read(&folder.path().join("keys"), &SystemRandom::new()).unwrap();
        let keys = keys.attestation_jwks().keys.into_iter();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let place = Self {
            admins: Publisher::new(now_s).unwrap(),
            // What admins sign is good for a day from then on; what expires within one is warned of.
            signed_s: now_s + 3_600,
            response_keys: keys.map(|key| serde_json::to_value(key).unwrap()).collect(),
            folder,
        };
        place.follow(FOLDER);
        fs::write(place.path("root.json"), place.admins.root()).unwrap();
        place.publish(7);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn follow(&self, source: &str) {
        change(&self.path("attest.toml"), SOURCE, source);
    }

    fn compiled(&self, version: u64, response_keys: &[serde_json::Value]) -> Compiled {
        let source = fs::read_to_string(self.path("policy.yaml")).unwrap();
        let source = source.replacen("version: 7", &format!("version: {version}"), 1);
        let mut compiled = attest_policy::compile("policy.yaml", &source).unwrap();
        compiled.device.response_keys = response_keys.to_vec();
        compiled
    }

    fn put(&self, repository: &Repository) {
        let _none = fs::remove_dir_all(self.path("published")).is_err();
        repository.write_to(&self.path("published")).unwrap();
    }

    fn publish(&self, version: u64) {
        let policy = self.compiled(version, &self.response_keys);
        self.put(&self.admins.publish(&policy, self.signed_s).unwrap());
    }

    fn run(&self, name: &str) -> Ended {
        attest(&["gateway", name, "--config", &config(self.folder.path())])
    }

    /// The command finds this one problem.
    fn check_fails(&self, part: &str, code: &str) {
        let ended = self.run("check");
        assert_eq!(ended.code, Some(1), "{part}: {ended:?}");
        assert!(
            ended.err.contains(part) && ended.err.contains(&format!("[{code}]")),
            "{part} [{code}] is not in {}",
            ended.err
        );
        assert!(ended.err.ends_with("1 problem, 0 warnings.\n"), "{}", ended.err);
    }
}

/// What a gateway refuses, and the code it is refused with.
fn spoilt(place: &Place) -> Vec<(Repository, &'static str)> {
    let fit = place.compiled(8, &place.response_keys);
    let unlisted = place.compiled(8, &[]);
    let forged = |forgery| place.admins.forge(forgery, &fit, place.signed_s).unwrap();
    vec![
        (forged(Forgery::OneAdmin), "tuf-threshold"),
        (forged(Forgery::ForeignKeys), "tuf-threshold"),
        (forged(Forgery::Expired), "tuf-expired"),
        (
            place.admins.publish(&unlisted, place.signed_s).unwrap(),
            "policy-response-keys",
        ),
    ]
}

/// A web server with the files of a folder, for as long as the test's process lives.
fn web(folder: &Path) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream, &folder);
        }
    });
    address
}

/// Answers one request; `None` if there was none.
fn serve(mut stream: TcpStream, folder: &Path) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.trim_start_matches('/');
    let (status, body) = fs::read(folder.join(path)).map_or((404, Vec::new()), |body| (200, body));
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).ok()
}

#[test]
fn a_repository_is_looked_through_before_a_gateway_starts() {
    let place = Place::new();
    let good = |source: &str| {
        let ended = place.run("check");
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
        for part in ["root.json: root version 1\n", source, "; its own tests pass\n"] {
            assert!(ended.text().contains(part), "{part}: {}", ended.text());
        }
    };
    good("/published: version 7, ");
    for (repository, code) in spoilt(&place) {
        place.put(&repository);
        place.check_fails("/published: ", code);
    }
    place.publish(9);
    good("/published: version 9, ");
    let soon = place.admins.sign_again(place.signed_s - 7_200).unwrap();
    place.put(&soon);
    let warned = place.run("check");
    assert_eq!(warned.code, Some(0), "{warned:?}");
    assert!(warned.err.contains("[policy-expires]"), "{}", warned.err);
    place.publish(9);
    assert!(!place.path("policy").exists(), "it kept something");

    fs::rename(place.path("root.json"), place.path("away.json")).unwrap();
    place.check_fails(": policy.root: there is no file ", "no-such-file");
    fs::write(place.path("root.json"), "{}").unwrap();
    place.check_fails("/published: ", "tuf-field");
    fs::rename(place.path("away.json"), place.path("root.json")).unwrap();

    let url = format!("http://{}/", web(&place.path("published")));
    change(
        &place.path("attest.toml"),
        "repository = \"published\"",
        &format!("url = \"{url}\""),
    );
    good(&format!("{url}: version 9, "));
    fs::remove_dir_all(place.path("published")).unwrap();
    place.check_fails(&url, "tuf-unavailable");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    change(&place.path("attest.toml"), &url, &format!("http://{gone}/"));
    place.check_fails(&gone.to_string(), "policy-source-unreachable");
}

#[test]
fn the_doctor_sends_a_phone_that_trusts_what_apps_are_built_with() {
    for by_web in [false, true] {
        let place = Place::new();
        if by_web {
            let url = format!("url = \"http://{}\"", web(&place.path("published")));
            change(&place.path("attest.toml"), "repository = \"published\"", &url);
        }
        // A development root signed none of this.
        fs::remove_file(place.path("keys/policy-root.pem")).unwrap();
        let mut running = Running::start(place.folder.path());
        change(
            &place.path("attest.toml"),
            "address = \"127.0.0.1:0\"",
            &format!("address = \"{}\"", running.address),
        );
        let doctor = |failed: &str, parts: &[&str]| {
            let ended = place.run("doctor");
            assert!(ended.text().contains(failed), "{failed}: {}", ended.text());
            for part in parts {
                assert!(ended.text().contains(part), "{part}: {}", ended.text());
            }
        };
        let alive = [
            "version 7 is in force\n",
            "a simulated phone enrolled as bank-android",
            "its request to /v1/balance passed; the backend answered 200",
        ];
        doctor("\n0 failed", &alive);
        // What is refused is named, and what is in force goes on.
        for (repository, code) in spoilt(&place) {
            place.put(&repository);
            doctor("\n1 failed", &[&alive[..], &[&format!("[{code}]")]].concat());
        }
        running.logged("policy-response-keys");
        doctor("\n1 failed", &alive);
        place.publish(9);
        running.logged("policy activated version=9");
        doctor(
            "\n0 failed",
            &[&["version 9 is in force\n"], &alive[1..]].concat(),
        );
        fs::rename(place.path("root.json"), place.path("away.json")).unwrap();
        doctor("\n1 failed", &["policy.root: there is no file "]);
    }
}
