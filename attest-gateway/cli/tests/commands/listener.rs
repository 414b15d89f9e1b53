//! The gateway's listener as its operator meets it: without file descriptors left, and with certificates that do not work.
#![cfg(all(test, unix))]
#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::support::*;

fn init(folder: &Path) {
    let made = attest(&["gateway", "init", text(folder), "--listen", "127.0.0.1:0"]);
    assert_eq!(made.code, Some(0), "{made:?}");
}

/// Ends its process.
struct Ending(std::process::Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _gone = self.0.kill().is_err();
        let _reaped = self.0.wait().is_err();
    }
}

#[test]
fn it_serves_newcomers_when_strangers_hold_every_file_descriptor() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path());
    let mut running = Ending(
        Command::new("sh")
            .args(["-c", "ulimit -n 64; exec \"$0\" gateway run --config \"$1\""])
            .args([
                env!("CARGO_BIN_EXE_attest"),
                text(&folder.path().join("attest.toml")),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address: SocketAddr = line
        .trim_end()
        .strip_prefix("listening on http://")
        .unwrap_or_else(|| panic!("it says {line:?}"))
        .parse()
        .unwrap();
    let strangers: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..3 {
        let mut customer = TcpStream::connect(address).unwrap();
        customer.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = "GET /.attest/v1/jwks.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        customer.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        customer.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let mut log = BufReader::new(running.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("cannot accept connections") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it never said so");
    }
    drop(strangers);
}

/// Writes a self-signed certificate that ends with this year, and its key.
fn certificate(folder: &Path, stem: &str, last_year: i32) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 12, 31);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join(format!("{stem}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{stem}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn certificates_that_would_not_work_are_problems() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    init(folder);
    certificate(folder, "good", 2090);
    certificate(folder, "other", 2090);
    certificate(folder, "old", 2021);
    let toml = folder.join("attest.toml");
    let template = fs::read_to_string(&toml).unwrap();
    let check = |certificate: &str, key: &str, problems: &[&str]| {
        let tls = format!("certificates = [{{ certificate = '{certificate}', key = '{key}' }}]");
        let text = template.replace("#certificates = []", &tls);
        assert!(text.contains(&tls));
        fs::write(&toml, text).unwrap();
        let ended = attest(&["gateway", "check", "--config", toml.to_str().unwrap()]);
        assert_eq!(ended.code, Some(i32::from(!problems.is_empty())), "{ended:?}");
        for part in problems {
            assert!(ended.err.contains(part), "{part} is not in:\n{}", ended.err);
        }
        assert_eq!(ended.text().contains("TLS: 1 certificate"), problems.is_empty());
    };
    check("good.pem", "good.key", &[]);
    check(
        "good.pem",
        "other.key",
        &["other.key: not the key of", "[tls-key-mismatch]"],
    );
    check(
        "old.pem",
        "old.key",
        &["old.pem: expired", "[tls-certificate-expired]"],
    );
    check(
        "good.key",
        "good.key",
        &["good.key: ", "[tls-certificate-malformed]"],
    );
    check(
        "none.pem",
        "good.key",
        &["tls.certificates[0].certificate: ", "[no-such-file]"],
    );
}
