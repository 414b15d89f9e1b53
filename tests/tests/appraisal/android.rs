//! Android: the attested key is the device key.

use attest_core::challenge::Challenge;
use attest_core::device::Platform;
use attest_core::problem::ProblemCode as Code;
use attest_testkit::evidence::android::{ChainBuilder, Shape, tag};
use attest_testkit::profile::Profile;

use attest_core::environment::Environment;
use attest_core::policy::GatewayPolicy;
use attest_gateway::policy::TrustAnchors;

use crate::field::{Field, android_key, other_key, vouch};

const SIGNER: &str = "3f7a1c0b9e2d4856a1b0c9d8e7f60514233241506f7e8d9cabbbccddeeff0011";

#[tokio::test]
async fn a_phone_is_believed_by_what_its_hardware_says() {
    let field = Field::open("").await;
    for (profile, expect) in [
        (Profile::Genuine, None),
        (Profile::Repackaged, Some("signer")),
        (Profile::Cloner, Some("application")),
        (Profile::Rooted, Some("boot-state")),
        (Profile::Emulator, Some("anchor-unknown")),
    ] {
        let hardware = field.hardware(Platform::Android, profile);
        let reply = field.enrols(&field.app(Platform::Android), &hardware).await;
        match expect {
            None => field.accepts("a genuine phone", &reply),
            Some(reason) => {
                field
                    .scene
                    .refuses(profile.as_str(), &reply, 403, Code::EvidenceRefused, "", reason);
            }
        }
    }
}

#[tokio::test]
async fn a_proof_is_for_one_key_and_one_challenge() {
    let field = Field::open("").await;
    let app = field.app(Platform::Android);
    let hardware = field.hardware(Platform::Android, Profile::Genuine);
    let mut prepared = app.prepare(None).await;
    vouch(&mut prepared, &other_key(), &hardware);
    let reply = app.present(&prepared).await;
    field
        .scene
        .refuses("another key", &reply, 403, Code::EvidenceRefused, "", "key-use");

    let mut earlier = app.prepare(None).await;
    vouch(&mut earlier, &app.key, &hardware);
    let mut prepared = app.prepare(None).await;
    prepared.platform = earlier.platform;
    let reply = app.present(&prepared).await;
    field.scene.refuses(
        "another challenge",
        &reply,
        403,
        Code::EvidenceRefused,
        "",
        "challenge",
    );
}

#[tokio::test]
async fn a_self_signed_system_is_accepted_by_its_boot_key() {
    let field = Field::open("").await;
    let app = field.app(Platform::Android);
    let enrols = async || {
        let mut prepared = app.prepare(None).await;
        let challenge = Challenge::parse(&prepared.claims.challenge).unwrap();
        let chain = ChainBuilder::new(
            &field.roots.android,
            Shape::Factory,
            challenge.as_bytes(),
            &app.key.public_point(),
        );
        let own_system = chain.unwrap().with(|chain| {
            chain.description.root_of_trust(|root| {
                root.state = tag::SELF_SIGNED;
                root.boot_key = vec![7; 32];
            });
        });
        prepared.platform = Some(android_key(&own_system.build().unwrap()));
        app.present(&prepared).await
    };
    let reply = enrols().await;
    field.scene.refuses(
        "an unlisted key",
        &reply,
        403,
        Code::EvidenceRefused,
        "",
        "boot-state",
    );
    let signers = format!("signers: ['{SIGNER}']");
    let listed = format!("{signers}\n    boot: {{keys: ['{}']}}", "07".repeat(32));
    field.republish(&signers, &listed);
    field.accepts("a listed key", &enrols().await);
}

#[tokio::test]
async fn what_policy_asks_for_later_is_asked_of_renewals_too() {
    let field = Field::open("").await;
    let (app, hardware) = (
        field.app(Platform::Android),
        field.hardware(Platform::Android, Profile::Genuine),
    );
    let mut prepared = app.prepare(None).await;
    vouch(&mut prepared, &app.key, &hardware);
    let request = app.evidence(&prepared);
    let reply = app.call("enroll", &request).await;
    let session = app.open(prepared, &request, &reply);
    let renewal = app.prepare(Some(session.device)).await;
    field.accepts("as it was", &app.present(&renewal).await);
    let signers = format!("signers: ['{SIGNER}']");
    field.republish(&signers, &format!("{signers}\n    patch_min: {{os: 2027-01-10}}"));
    let renewal = app.prepare(Some(session.device)).await;
    let reply = app.present(&renewal).await;
    field.scene.refuses(
        "too old by now",
        &reply,
        403,
        Code::EvidenceExpired,
        "",
        "evidence-floor",
    );
    let reply = field.enrols(&app, &hardware).await;
    field.scene.refuses(
        "still too old",
        &reply,
        403,
        Code::EvidenceRefused,
        "",
        "patch-level",
    );
}

#[tokio::test]
async fn roots_of_tests_are_no_anchors_in_production() {
    let field = Field::open("").await;
    let active = field.scene.gateway().policies().active();
    let policy: &GatewayPolicy = active.compiled().policy();
    assert_eq!(policy.anchors.len(), 3);
    for anchor in &policy.anchors {
        let anchors = std::slice::from_ref(anchor);
        TrustAnchors::with(anchors, Environment::Development).unwrap();
        let error = TrustAnchors::with(anchors, Environment::Production).unwrap_err();
        assert_eq!(error.code(), "policy-anchor", "{error}");
    }
}

#[tokio::test]
async fn a_kind_of_evidence_that_is_not_listed_any_more_renews_nothing() {
    let field = Field::open("").await;
    let app = field.app(Platform::Android);
    let device = app.session(None).await.device;
    field.republish("evidence: [software, android_key]", "evidence: [android_key]");
    let renewal = app.prepare(Some(device)).await;
    let reply = app.present(&renewal).await;
    field.scene.refuses(
        "software by now",
        &reply,
        403,
        Code::EvidenceExpired,
        "",
        "evidence-floor",
    );
}
