//! TLS of the admin listener: with its certificate only, and where an authority for clients is named, with theirs only.

use std::path::{Path, PathBuf};

use attest_gateway::admin::model::Health;
use attest_gateway::admin::{AdminClient, AdminClientError, ClientTls};
use attest_gateway::tls::Identity;
use rcgen::{CertificateParams, KeyPair};

use crate::operator::Operated;

/// Writes a self-signed certificate for this name and its key.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let (certificate_file, key_file) = (
        folder.join(format!("{name}.crt")),
        folder.join(format!("{name}.key")),
    );
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    (certificate_file, key_file)
}

#[tokio::test]
async fn only_those_with_a_certificate_get_as_far_as_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate_file, key) = certificate(folder.path(), "admin.example");
    let (operator, operator_key) = certificate(folder.path(), "operator.example");
    let (stranger, stranger_key) = certificate(folder.path(), "stranger.example");
    let tls =
        format!("tls = {{ certificate = {certificate_file:?}, key = {key:?}, client_ca = {operator:?} }}");
    let operated = Operated::with(&tls, "", |_| ()).await;
    let address = operated.scene.world.server().admin().unwrap().address();
    let client = |identity: Option<(&PathBuf, &PathBuf)>, name: &str, token: &str| {
        let tls = ClientTls {
            authority: certificate_file.clone(),
            server_name: name.to_owned(),
            identity: identity.map(|(certificate, key)| Identity {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
        };
        AdminClient::new(address, token.to_owned(), Some(&tls)).unwrap()
    };
    let health = async |client: AdminClient| client.call::<Health>("GET", "/health", None::<&()>).await;
    let own = Some((&operator, &operator_key));
    assert!(health(client(own, "admin.example", "")).await.unwrap().live);
    for (what, refused) in [
        ("without a certificate", client(None, "admin.example", "")),
        (
            "with a stranger's",
            client(Some((&stranger, &stranger_key)), "admin.example", ""),
        ),
        ("under another name", client(own, "other.example", "")),
        (
            "in clear",
            AdminClient::new(address, String::new(), None).unwrap(),
        ),
    ] {
        let error = health(refused).await.unwrap_err();
        assert!(
            matches!(error, AdminClientError::Unreachable { .. }),
            "{what}: {error}"
        );
    }
    // A certificate is no token.
    let error = client(own, "admin.example", "bad")
        .call::<Health>("GET", "/policy", None::<&()>)
        .await
        .unwrap_err();
    let AdminClientError::Refused(problem) = error else {
        panic!("{error}")
    };
    assert_eq!(problem.status, 401);
    let status: serde_json::Value = client(own, "admin.example", operated.reader.reveal())
        .call("GET", "/status", None::<&()>)
        .await
        .unwrap();
    assert_eq!(status["ready"], true);
}
