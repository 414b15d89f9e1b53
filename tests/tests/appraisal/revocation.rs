//! Leaked keys: lists of revoked certificates, and how many devices one certificate vouches for.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use attest_core::device::Platform;
use attest_core::problem::ProblemCode as Code;
use attest_testkit::profile::Profile;
use attest_tests::request::Request;
use attest_tests::scene::START_S;
use x509_parser::parse_x509_certificate;

use crate::field::{Field, vouch};

const POLICY: &str = "revocation: {file: revoked.json, max_age_s: 3600}";

/// Writes the list with these serials, as of the moment when the story begins.
fn list(field: &Field, serials: &[String]) -> PathBuf {
    let entries: serde_json::Map<_, _> = serials
        .iter()
        .map(|serial| {
            (
                serial.clone(),
                serde_json::json!({"status": "REVOKED", "reason": "KEY_COMPROMISE"}),
            )
        })
        .collect();
    let path = field.scene.world.folder().join("revoked.json");
    let text = serde_json::json!({ "entries": entries }).to_string();
    std::fs::write(&path, text).unwrap();
    let begins = UNIX_EPOCH + Duration::from_secs(START_S);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(begins)
        .unwrap();
    path
}

#[tokio::test]
async fn a_certificate_that_is_revoked_takes_its_devices_along() {
    let field = Field::open(POLICY).await;
    let (gateway, scene) = (field.scene.gateway(), &field.scene);
    let app = field.app(Platform::Android);
    let hardware = field.hardware(Platform::Android, Profile::Genuine);
    let reply = field.enrols(&app, &hardware).await;
    scene.refuses(
        "no list yet",
        &reply,
        503,
        Code::Unavailable,
        "",
        "revocation-stale",
    );

    list(&field, &["abc".to_owned()]);
    gateway.poll_revocations();
    let mut prepared = app.prepare(None).await;
    vouch(&mut prepared, &app.key, &hardware);
    let request = app.evidence(&prepared);
    let reply = app.call("enroll", &request).await;
    field.accepts("not on the list", &reply);
    let session = app.open(prepared, &request, &reply);
    let spared = field.app(Platform::Android);
    let elsewhere = field.hardware(Platform::Android, Profile::Genuine);
    field.accepts("another phone", &field.enrols(&spared, &elsewhere).await);
    let balance = Request::balance();
    let pays = async || {
        let token = app.session_token(&session, &app.claims(&balance, START_S));
        balance.send(&app.client, &token).await
    };
    assert_eq!(pays().await.status, 200);
    scene.backend.take();

    let chain = hardware.android_chain(&[0; 32], &app.key.public_point()).unwrap();
    let (_, issuer) = parse_x509_certificate(&chain[1]).unwrap();
    let serial = format!("{:x}", issuer.serial);
    list(&field, &["abc".to_owned(), serial]);
    gateway.poll_revocations();
    gateway.cut_revoked().await.unwrap();
    let reply = pays().await;
    scene.refuses(
        "a session of before",
        &reply,
        401,
        Code::SessionCut,
        "balance",
        "sessions-not-before",
    );
    let renewal = app.prepare(Some(session.device)).await;
    let reply = app.present(&renewal).await;
    scene.refuses("a renewal", &reply, 403, Code::EvidenceRefused, "", "revoked");
    let reply = field.enrols(&app, &hardware).await;
    scene.refuses("an enrolment", &reply, 403, Code::EvidenceRefused, "", "revoked");
    field.accepts("another phone again", &field.enrols(&spared, &elsewhere).await);
    let cut: Vec<_> = gateway.store().events(100).await.unwrap();
    assert_eq!(cut.iter().filter(|event| event.kind == "revoked").count(), 1);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_changes_nothing_and_one_that_is_old_stops_enrolment() {
    let field = Field::open(POLICY).await;
    let gateway = field.scene.gateway();
    let app = field.app(Platform::Android);
    let hardware = field.hardware(Platform::Android, Profile::Genuine);
    let path = list(&field, &[]);
    gateway.poll_revocations();
    field.accepts("an empty list", &field.enrols(&app, &hardware).await);
    std::fs::write(&path, "{").unwrap();
    gateway.poll_revocations();
    assert!(
        gateway
            .revocations()
            .problem()
            .unwrap()
            .contains("not a status list")
    );
    field.accepts("the last good one", &field.enrols(&app, &hardware).await);
    field.scene.clock.advance_s(3601);
    let reply = field.enrols(&app, &hardware).await;
    field.scene.refuses(
        "an old list",
        &reply,
        503,
        Code::Unavailable,
        "",
        "revocation-stale",
    );
    field.republish(POLICY, "");
    gateway.poll_revocations();
    assert!(gateway.revocations().active().is_none());
    field.accepts("no list asked for", &field.enrols(&app, &hardware).await);
}

#[tokio::test]
async fn rules_see_how_many_devices_a_certificate_vouches_for() {
    let field = Field::open("").await;
    field.republish(
        "\nrules:",
        "\nrules:\n  - {id: leaked-key, mode: enforce, why: One certificate is in many hands., \
         when: {fact: certificate.devices, op: gt, value: 2}, then: deny}",
    );
    let hardware = field.hardware(Platform::Android, Profile::Genuine);
    let balance = Request::balance();
    for number in 1..=3 {
        let app = field.app(Platform::Android);
        let mut prepared = app.prepare(None).await;
        vouch(&mut prepared, &app.key, &hardware);
        let request = app.evidence(&prepared);
        let reply = app.call("enroll", &request).await;
        let session = app.open(prepared, &request, &reply);
        let token = app.session_token(&session, &app.claims(&balance, START_S));
        let reply = balance.send(&app.client, &token).await;
        if number < 3 {
            assert_eq!(reply.status, 200, "device {number}");
            field.scene.backend.take();
        } else {
            field
                .scene
                .refuses("the third", &reply, 403, Code::Denied, "balance", "leaked-key");
        }
    }
}
