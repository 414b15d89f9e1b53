//! `attest gateway doctor` and `health` on a deployment with certificates everywhere: towards clients, operators and upstreams.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};

use crate::gateway::{Running, change, config, init};
use crate::support::*;

const DAY: Duration = Duration::from_secs(86_400);

/// Writes a self-signed certificate for localhost that ends then, and its key.
fn certificate(folder: &Path, stem: &str, ends: SystemTime) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = ends.into();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    fs::write(folder.join(format!("{stem}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{stem}.key")), key.serialize_pem()).unwrap();
}

/// A gateway's folder with certificates of a year, that serves clients by TLS with `own`.
fn folder(more: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &[&["--listen", "127.0.0.1:0"], more].concat());
    for stem in ["own", "admin", "shown", "other"] {
        certificate(folder.path(), stem, SystemTime::now() + 365 * DAY);
    }
    change(
        &folder.path().join("attest.toml"),
        "#certificates = []",
        "certificates = [{ certificate = 'own.pem', key = 'own.key' }]",
    );
    folder
}

/// Writes the ports that the system chose into the configuration.
fn pin(folder: &Path, running: &mut Running) {
    let toml = folder.join("attest.toml");
    for address in [running.address, running.operators()] {
        change(
            &toml,
            "address = \"127.0.0.1:0\"",
            &format!("address = \"{address}\""),
        );
    }
}

fn command(folder: &Path, name: &str, more: &[&str]) -> Ended {
    attest(&[&["gateway", name, "--config", &config(folder)], more].concat())
}

/// What failed, each once.
fn failed(folder: &Path) -> Vec<String> {
    let ended = command(folder, "doctor", &["--json"]);
    let findings = ended.json()["findings"].as_array().unwrap().clone();
    let failed = findings.iter().filter(|finding| finding["state"] == "fail");
    let mut failed: Vec<_> = failed
        .map(|finding| finding["what"].as_str().unwrap().to_owned())
        .collect();
    failed.dedup();
    assert_eq!(
        ended.code,
        Some(i32::from(!failed.is_empty())),
        "{}",
        ended.text()
    );
    failed
}

#[test]
fn every_certificate_is_looked_at_where_it_is_used() {
    let backend = folder(&[]);
    let upstream = Running::start(backend.path());
    let url = format!("https://localhost:{}", upstream.address.port());
    let folder = folder(&["--upstream", &url]);
    let folder = folder.path();
    let toml = folder.join("attest.toml");
    fs::copy(backend.path().join("own.pem"), folder.join("backend.pem")).unwrap();
    let line = format!("url = \"{url}\"");
    let files = "ca_file = 'backend.pem'\nclient_certificate = 'shown.pem'\nclient_key = 'shown.key'";
    change(&toml, &line, &format!("{line}\n{files}"));
    change(
        &toml,
        "enabled = true",
        "enabled = true\ntls = { certificate = 'admin.pem', key = 'admin.key' }",
    );
    let mut running = Running::start(folder);
    pin(folder, &mut running);
    let healthy = command(folder, "doctor", &[]);
    for part in [
        "by TLS, with a certificate that is configured",
        "jwks.json has the keys on the disk",
        "it gives challenges to bank-android",
        "accepts TLS, and its certificate verifies; requests go by HTTP/2",
        &format!("({url}) expires "),
        "own.pem expires ",
        "admin.pem expires ",
        "shown.pem expires ",
        "by TLS, and is ready",
        "simulated phones speak no TLS",
        "0 failed, 0 to look at",
    ] {
        assert!(healthy.text().contains(part), "{part}: {}", healthy.text());
    }
    assert_eq!((healthy.code, healthy.err.as_str()), (Some(0), ""));
    assert_eq!(command(folder, "health", &[]).text(), "healthy\n");

    let good = fs::read_to_string(&toml).unwrap();
    let changed = |from: &str, to: &str| {
        change(&toml, from, to);
        let failed = failed(folder);
        let health = command(folder, "health", &[]);
        fs::write(&toml, &good).unwrap();
        (failed.join(" "), health.code)
    };
    let (clean, ill) = (Some(0), Some(1));
    // Another certificate than the one that is served. The store is in use by a gateway that is not known, then.
    let other = changed("'own.pem', key = 'own.key'", "'other.pem', key = 'other.key'");
    assert_eq!(other, ("gateway store".to_owned(), ill));
    // In clear, where TLS is spoken.
    assert_eq!(
        changed("certificates = [{", "#certificates = [{"),
        ("gateway store".to_owned(), ill)
    );
    assert_eq!(
        changed("ca_file = 'backend.pem'", "ca_file = 'other.pem'"),
        ("upstream".to_owned(), clean)
    );
    assert_eq!(
        changed("https://localhost:", "https://127.0.0.1:"),
        ("upstream".to_owned(), clean),
        "the certificate has no such name"
    );
    assert_eq!(
        changed("'admin.pem', key = 'admin.key'", "'other.pem', key = 'other.key'"),
        ("admin".to_owned(), clean)
    );

    certificate(folder, "shown", SystemTime::now() + 5 * DAY);
    let soon = command(folder, "doctor", &[]);
    assert!(
        soon.code == Some(0) && soon.text().contains("0 failed, 1 to look at"),
        "{}",
        soon.text()
    );
    certificate(folder, "shown", SystemTime::now() - DAY);
    assert_eq!(failed(folder), ["expiry"]);
}

#[test]
fn a_gateway_for_clients_with_certificates_or_for_http2_alone_is_reached() {
    let folder = folder(&[]);
    let folder = folder.path();
    let toml = folder.join("attest.toml");
    change(
        &toml,
        "#client_auth = \"off\"",
        "client_auth = 'required'\nclient_ca = 'shown.pem'",
    );
    change(&toml, "#protocols = [\"h2\", \"http/1.1\"]", "protocols = ['h2']");
    let mut running = Running::start(folder);
    pin(folder, &mut running);
    let unknown = command(folder, "health", &[]);
    assert!(
        unknown.code == Some(1) && unknown.err.contains("name --client-certificate"),
        "{unknown:?}"
    );
    let file = |name: &str| text(&folder.join(name)).to_owned();
    let (certificate, key) = (file("shown.pem"), file("shown.key"));
    let identity = ["--client-certificate", &certificate, "--client-key", &key];
    assert_eq!(command(folder, "health", &identity).text(), "healthy\n");
    let seen = command(folder, "doctor", &identity);
    assert!(
        seen.text().contains("with a certificate that is configured"),
        "{}",
        seen.text()
    );
    assert_eq!(
        command(folder, "health", &identity[..2]).code,
        Some(2),
        "both or neither"
    );
    let other = file("other.key");
    let unfit = command(
        folder,
        "health",
        &["--client-certificate", &certificate, "--client-key", &other],
    );
    assert!(
        unfit.code == Some(2) && unfit.err.contains("[tls-key-mismatch]"),
        "{unfit:?}"
    );
    drop(running);
    // In clear there is nothing to agree by.
    change(&toml, "certificates = [{", "#certificates = [{");
    change(&toml, "client_auth = 'required'\nclient_ca = 'shown.pem'", "");
    let _running = Running::start(folder);
    assert_eq!(command(folder, "health", &[]).text(), "healthy\n");
}
