//! TLS at the gateway, seen by curl, h2load and sslyze.

use std::path::{Path, PathBuf};

use attest_tests::deployment::PUBLIC_ORIGIN;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use super::curl::curl;
use super::load;
use super::stage::{BALANCE, Behind, Stage, python, script, succeeds};

/// A test's own authority, a certificate of the public name and one of a client, as files.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) ca: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    client: PathBuf,
    client_key: PathBuf,
}

impl Certificates {
    pub(super) fn make(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "a test's authority");
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let issue = |name: &str, host: &str, purpose| {
            let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, host);
            params.extended_key_usages = vec![purpose];
            let begins = std::time::SystemTime::now();
            params.not_before = (begins - std::time::Duration::from_secs(3600)).into();
            params.not_after = (begins + std::time::Duration::from_secs(30 * 86_400)).into();
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            (
                write(&format!("{name}.pem"), &certificate.pem()),
                write(&format!("{name}-key.pem"), &key.serialize_pem()),
            )
        };
        let host = PUBLIC_ORIGIN.trim_start_matches("https://");
        let (certificate, key) = issue("server", host, ExtendedKeyUsagePurpose::ServerAuth);
        let (client, client_key) = issue("client", "partner.example", ExtendedKeyUsagePurpose::ClientAuth);
        Self {
            ca: write("ca.pem", &ca.pem()),
            certificate,
            key,
            client,
            client_key,
        }
    }

    /// The section of the configuration, with further lines.
    pub(super) fn config(&self, more: &str) -> String {
        let Self { certificate, key, .. } = self;
        format!("[tls]\ncertificates = [{{ certificate = {certificate:?}, key = {key:?} }}]\n{more}\n")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_h2load_and_sslyze_over_tls() {
    let Some(python) = python() else { return };
    let stage = Stage::open(&Behind::nobody()).await;
    let certificates = Certificates::make(stage.deployment.folder());
    let node = stage.node("tls", &Behind::nobody(), &certificates.config(""));
    let instance = node.start();
    let token = stage.balance_token();
    let url = format!("{PUBLIC_ORIGIN}{BALANCE}");
    let to = format!(
        "{}:443:{}",
        PUBLIC_ORIGIN.trim_start_matches("https://"),
        instance.address
    );
    let ca = certificates.ca.to_str().unwrap();
    for (protocol, version) in [("--http2", "2"), ("--http1.1", "1.1"), ("--no-alpn", "1.1")] {
        let seen = curl(&["--cacert", ca, "--connect-to", &to, protocol, &url], &token).unwrap();
        assert_eq!((seen.0.as_str(), seen.1.as_str()), ("200", version), "{protocol}");
    }
    for most in ["1.2", "1.3"] {
        let seen = curl(
            &["--cacert", ca, "--connect-to", &to, "--tls-max", most, &url],
            &token,
        );
        assert_eq!(seen.unwrap().0, "200", "TLS {most}");
    }
    let old = curl(
        &["--cacert", ca, "--connect-to", &to, "--tls-max", "1.1", &url],
        &token,
    );
    assert!(old.is_err(), "{old:?}");
    let plain = curl(&[&format!("http://{}{BALANCE}", instance.address)], &token);
    assert!(
        plain.is_err(),
        "the clear is answered on a port with TLS: {plain:?}"
    );
    let address = format!("https://{}{BALANCE}", instance.address);
    load::check(&stage, &address, &["-m", "10"]);
    load::check(&stage, &address, &["--h1"]);
    // Nothing but the authority, which is this test's own.
    let name = PUBLIC_ORIGIN.trim_start_matches("https://");
    let scan = script("sslyze_scan.py");
    let at = instance.address.to_string();
    let told = succeeds(&python, &[scan.to_str().unwrap(), &at, name]);
    let found: serde_json::Map<String, serde_json::Value> = serde_json::from_str(told.trim()).unwrap();
    let kinds: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["certificate_path_validation"], "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_with_a_client_certificate() {
    if python().is_none() {
        return;
    }
    let stage = Stage::open(&Behind::nobody()).await;
    let certificates = Certificates::make(stage.deployment.folder());
    let more = format!("client_ca = {:?}\nclient_auth = \"required\"", certificates.ca);
    let node = stage.node("mutual", &Behind::nobody(), &certificates.config(&more));
    let instance = node.start();
    let token = stage.balance_token();
    let url = format!("{PUBLIC_ORIGIN}{BALANCE}");
    let to = format!(
        "{}:443:{}",
        PUBLIC_ORIGIN.trim_start_matches("https://"),
        instance.address
    );
    let ca = certificates.ca.to_str().unwrap();
    let common = ["--cacert", ca, "--connect-to", &to, &url];
    let (client, key) = (
        certificates.client.to_str().unwrap(),
        certificates.client_key.to_str().unwrap(),
    );
    let seen = curl(&[&common[..], &["--cert", client, "--key", key]].concat(), &token).unwrap();
    assert_eq!(seen.0, "200");
    let without = curl(&common, &token);
    assert!(without.is_err(), "{without:?}");
}
