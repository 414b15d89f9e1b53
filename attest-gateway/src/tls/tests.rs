//! Certificates made on the spot, in real files.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::names::ByName;
use super::*;
use crate::config::CertificateFiles;

const NOW_S: u64 = 1_800_000_000;

/// Writes a self-signed certificate for `names` that ends with this year, and its key.
fn write(folder: &Path, stem: &str, names: &[&str], last_year: i32) -> CertificateFiles {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 12, 31);
    let key = KeyPair::generate().unwrap();
    let files = CertificateFiles {
        certificate: folder.join(format!("{stem}.pem")),
        key: folder.join(format!("{stem}.key")),
    };
    fs::write(&files.certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

fn tls(certificates: Vec<CertificateFiles>) -> Tls {
    Tls {
        certificates,
        ..Tls::default()
    }
}

#[test]
fn the_certificate_that_names_the_server_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("first", &["default.example"][..]),
        ("api", &["API.bank.example", "bank.example"]),
        ("wild", &["*.bank.example", "api.bank.example"]),
    ]
    .map(|(stem, names)| write(folder.path(), stem, names, 2040));
    let read: Vec<_> = files
        .iter()
        .map(|files| Certificate::read(files).unwrap())
        .collect();
    let chains: Vec<_> = read
        .iter()
        .map(|certificate| certificate.certified.cert.clone())
        .collect();
    let by_name = ByName::new(read);
    let check = |name: Option<&str>, expect: usize| {
        assert_eq!(by_name.chosen(name).cert, chains[expect], "{name:?}");
    };
    check(None, 0);
    check(Some("default.example"), 0);
    check(Some("unknown.example"), 0);
    check(Some("api.bank.example"), 1);
    check(Some("Api.Bank.Example"), 1);
    check(Some("bank.example"), 1);
    check(Some("www.bank.example"), 2);
    check(Some("a.www.bank.example"), 0);
}

#[test]
fn every_problem_names_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let sound = write(folder.path(), "sound", &["a.example"], 2040);
    let other = write(folder.path(), "other", &["a.example"], 2040);
    let expired = write(folder.path(), "expired", &["a.example"], 2021);
    let nonsense = folder.path().join("nonsense.pem");
    fs::write(&nonsense, "no PEM").unwrap();
    let missing = folder.path().join("missing.pem");
    let pair = |certificate: &Path, key: &Path| CertificateFiles {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
    };
    let check = |files: CertificateFiles, code: &str, file: &Path| {
        let found = problems(&tls(vec![files]), NOW_S);
        assert_eq!(found.iter().map(TlsError::code).collect::<Vec<_>>(), [code]);
        assert!(
            found[0].to_string().contains(&file.display().to_string()),
            "{}",
            found[0]
        );
    };
    assert!(problems(&tls(vec![sound.clone()]), NOW_S).is_empty());
    check(pair(&missing, &sound.key), "tls-file-unreadable", &missing);
    check(
        pair(&sound.certificate, &missing),
        "tls-file-unreadable",
        &missing,
    );
    check(
        pair(&nonsense, &sound.key),
        "tls-certificate-malformed",
        &nonsense,
    );
    check(
        pair(&sound.key, &sound.key),
        "tls-certificate-malformed",
        &sound.key,
    );
    check(
        pair(&sound.certificate, &nonsense),
        "tls-key-malformed",
        &nonsense,
    );
    check(
        pair(&sound.certificate, &other.key),
        "tls-key-mismatch",
        &other.key,
    );
    check(
        pair(&expired.certificate, &expired.key),
        "tls-certificate-expired",
        &expired.certificate,
    );
    let authorities = Tls {
        client_auth: ClientAuth::Required,
        client_ca: Some(nonsense.clone()),
        ..tls(vec![sound])
    };
    assert_eq!(
        problems(&authorities, NOW_S)[0].code(),
        "tls-authorities-malformed"
    );
}

#[test]
fn changed_files_are_taken_when_they_are_sound_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), "server", &["a.example"], 2040);
    let server = ServerTls::load(&tls(vec![files.clone()]), &[Protocol::Http1], NOW_S)
        .unwrap()
        .unwrap();
    let first = server.certificate_expires_s();
    assert!(server.poll(NOW_S).is_none());

    let next = write(folder.path(), "next", &["a.example"], 2041);
    fs::rename(&next.certificate, &files.certificate).unwrap();
    let problem = server.poll(NOW_S).unwrap().unwrap_err();
    assert_eq!(problem.code(), "tls-key-mismatch");
    assert_eq!(server.certificate_expires_s(), first);
    assert!(server.poll(NOW_S).is_none(), "one problem is told once");
    fs::rename(&next.key, &files.key).unwrap();
    server.poll(NOW_S).unwrap().unwrap();
    assert!(server.certificate_expires_s() > first);

    let second = server.certificate_expires_s();
    let old = write(folder.path(), "old", &["a.example"], 2021);
    fs::rename(&old.certificate, &files.certificate).unwrap();
    fs::rename(&old.key, &files.key).unwrap();
    assert_eq!(
        server.reload(NOW_S).unwrap_err().code(),
        "tls-certificate-expired"
    );
    assert_eq!(server.certificate_expires_s(), second);
}

#[test]
fn without_certificates_there_is_no_tls_and_an_expired_one_is_served() {
    assert!(ServerTls::load(&Tls::default(), &[], NOW_S).unwrap().is_none());
    let folder = tempfile::tempdir().unwrap();
    let expired = write(folder.path(), "expired", &["a.example"], 2021);
    let loaded = ServerTls::load(&tls(vec![expired]), &[Protocol::H2], NOW_S).unwrap();
    assert!(loaded.unwrap().certificate_expires_s() < NOW_S);
}
