//! Play Integrity beside the key's own proof.

use std::path::Path;

use attest_core::device::Platform;
use attest_core::encoding::base64url;
use attest_core::problem::ProblemCode as Code;
use attest_gateway::keys::PLAY_FOLDER;
use attest_mobile::HttpReply;
use attest_testkit::evidence::play::{Binding, PlayKeys, TokenBuilder};
use attest_testkit::profile::Profile;
use attest_tests::scene::START_S;

use crate::field::{Field, vouch};

fn install(folder: &Path, keys: &PlayKeys) {
    let folder = folder.join("keys").join(PLAY_FOLDER);
    std::fs::create_dir_all(&folder).unwrap();
    let file = serde_json::json!({
        "decryption_key": keys.decryption_base64(),
        "verification_key": keys.verification_base64(),
    });
    std::fs::write(folder.join("bank-android.json"), file.to_string()).unwrap();
}

/// An enrolment whose token is what `change` makes of a good one.
async fn enrols(
    field: &Field,
    keys: &PlayKeys,
    change: impl FnOnce(TokenBuilder) -> Option<TokenBuilder>,
) -> HttpReply {
    let app = field.app(Platform::Android);
    let hardware = field.hardware(Platform::Android, Profile::Genuine);
    let mut prepared = app.prepare(None).await;
    vouch(&mut prepared, &app.key, &hardware);
    let binding = Binding::RequestHash(base64url(prepared.client_data_hash()));
    let token = change(TokenBuilder::new(keys, &binding, START_S * 1000));
    prepared.play_integrity = token.map(|token| token.build().unwrap());
    app.present(&prepared).await
}

#[tokio::test]
async fn a_token_counts_for_the_evidence_that_it_was_made_for() {
    let field = Field::open("").await;
    let keys = PlayKeys::generate().unwrap();
    let refuses = |what: &str, reply: &HttpReply, status: u16, code: Code, reason: &str| {
        field.scene.refuses(what, reply, status, code, "", reason);
    };
    // Nobody asked: it is not even read.
    field.accepts("unasked", &enrols(&field, &keys, Some).await);

    field.republish(
        "evidence: [software, android_key]",
        "evidence: [android_key, play_integrity]",
    );
    field.accepts("optional and absent", &enrols(&field, &keys, |_| None).await);
    let reply = enrols(&field, &keys, Some).await;
    refuses(
        "without keys",
        &reply,
        503,
        Code::Unavailable,
        "play-keys-missing",
    );

    install(field.scene.world.folder(), &keys);
    field
        .scene
        .gateway()
        .reload(&field.scene.world.folder().join("attest.toml"))
        .unwrap();
    field.accepts("a good one", &enrols(&field, &keys, Some).await);
    let other = Binding::RequestHash(base64url([1; 32]));
    let moved = TokenBuilder::new(&keys, &other, START_S * 1000);
    let reply = enrols(&field, &keys, |_| Some(moved)).await;
    refuses("of other evidence", &reply, 403, Code::EvidenceRefused, "nonce");
    let forged = PlayKeys {
        decryption: keys.decryption,
        ..PlayKeys::generate().unwrap()
    };
    let reply = enrols(&field, &forged, Some).await;
    refuses(
        "signed by another",
        &reply,
        403,
        Code::EvidenceRefused,
        "signature",
    );

    field.republish("play_integrity]", "play_integrity]\n    play_integrity: required");
    let reply = enrols(&field, &keys, |_| None).await;
    refuses(
        "required and absent",
        &reply,
        403,
        Code::EvidenceRefused,
        "play-missing",
    );
    field.accepts("required", &enrols(&field, &keys, Some).await);
}
