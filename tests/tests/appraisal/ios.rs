//! iOS: App Attest vouches for the app, and each renewal needs an assertion.

use attest_core::device::Platform;
use attest_core::problem::ProblemCode as Code;
use attest_testkit::profile::Profile;

use crate::field::{Field, assert_by, vouch};

#[tokio::test]
async fn an_app_is_believed_by_what_apple_says() {
    let field = Field::open("").await;
    let app = field.app(Platform::Ios);
    let genuine = field.hardware(Platform::Ios, Profile::Genuine);
    field.accepts("a genuine app", &field.enrols(&app, &genuine).await);
    let forged = field.hardware(Platform::Ios, Profile::Repackaged);
    let reply = field.enrols(&app, &forged).await;
    field.scene.refuses(
        "another team",
        &reply,
        403,
        Code::EvidenceRefused,
        "",
        "application",
    );

    let mut prepared = app.prepare(None).await;
    vouch(&mut prepared, &app.key, &genuine);
    prepared.claims.app_version = "9.9.9".to_owned();
    let reply = app.present(&prepared).await;
    field
        .scene
        .refuses("other evidence", &reply, 403, Code::EvidenceRefused, "", "nonce");

    field.republish("app_attest_environment: development", "");
    let reply = field.enrols(&app, &genuine).await;
    field.scene.refuses(
        "development",
        &reply,
        403,
        Code::EvidenceRefused,
        "",
        "environment",
    );
}

#[tokio::test]
async fn a_renewal_needs_an_assertion_that_was_not_seen() {
    let field = Field::open("").await;
    let app = field.app(Platform::Ios);
    let hardware = field.hardware(Platform::Ios, Profile::Genuine);
    let mut prepared = app.prepare(None).await;
    vouch(&mut prepared, &app.key, &hardware);
    let request = app.evidence(&prepared);
    let reply = app.call("enroll", &request).await;
    field.accepts("enrolment", &reply);
    let device = app.open(prepared, &request, &reply).device;

    let bare = app.prepare(Some(device)).await;
    let reply = app.present(&bare).await;
    let missing = "evidence-assertion-missing";
    field
        .scene
        .refuses("no assertion", &reply, 400, Code::EvidenceMalformed, "", missing);

    // Two are made, and the second one arrives first.
    let mut first = app.prepare(Some(device)).await;
    assert_by(&mut first, &hardware);
    let mut second = app.prepare(Some(device)).await;
    assert_by(&mut second, &hardware);
    let request = app.evidence(&second);
    let answers = [
        app.call("renew", &request).await,
        app.call("renew", &request).await,
    ];
    field.accepts("the second", &answers[0]);
    assert_eq!(
        answers[0].body, answers[1].body,
        "a repetition has the same answer"
    );
    let reply = app.present(&first).await;
    field
        .scene
        .refuses("the first", &reply, 403, Code::EvidenceRefused, "", "counter");

    let mut moved = app.prepare(Some(device)).await;
    moved.platform = second.platform;
    let reply = app.present(&moved).await;
    field.scene.refuses(
        "another's assertion",
        &reply,
        403,
        Code::EvidenceRefused,
        "",
        "signature",
    );

    let mut attested = app.prepare(None).await;
    assert_by(&mut attested, &hardware);
    let reply = app.present(&attested).await;
    field.scene.refuses(
        "an assertion at enrolment",
        &reply,
        400,
        Code::EvidenceMalformed,
        "",
        "evidence-assertion",
    );
}

#[tokio::test]
async fn an_app_that_was_installed_again_keeps_its_registration() {
    let field = Field::open("").await;
    let app = field.app(Platform::Ios);
    let hardware = field.hardware(Platform::Ios, Profile::Genuine);
    let mut devices = Vec::new();
    for _ in 0..2 {
        let mut prepared = app.prepare(None).await;
        vouch(&mut prepared, &app.key, &hardware);
        let request = app.evidence(&prepared);
        let reply = app.call("enroll", &request).await;
        field.accepts("enrolment", &reply);
        devices.push(app.open(prepared, &request, &reply).device);
        // The Keychain outlives the app, App Attest's key does not.
        hardware.reinstall();
    }
    assert_eq!(devices[0], devices[1]);
    let record = field
        .scene
        .gateway()
        .store()
        .device(&devices[0].to_text())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.generation, 2);
}
