//! Phones whose hardware vouches for their keys, through the SDK itself: they enrol, pay, renew and are installed again, and nobody
//! notices; those that are not what they say do not get in.

#![expect(
    clippy::unwrap_used,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

use attest_core::device::Platform;
use attest_core::support_code::NameHash;
use attest_gateway::store::DeviceRecord;
use attest_gateway::tally::Passed;
use attest_mobile::{AttestError, SendError};
use attest_testkit::evidence::simulated::Chip;
use attest_testkit::phone::Phone;
use attest_testkit::policy::IOS_APP;
use attest_testkit::profile::Profile;
use attest_tests::request::Request;
use attest_tests::scene::Scene;

fn phone(scene: &Scene, platform: Platform, profile: Profile, chip: Chip) -> Phone {
    let mut options = scene.world.phone();
    options.platform = platform;
    options.profile = profile;
    options.evidence = scene.world.hardware(chip);
    if platform == Platform::Ios {
        IOS_APP.clone_into(&mut options.app);
    }
    Phone::new(options).unwrap()
}

/// Logs in. Returns how often the SDK had to send the request.
async fn logs_in(phone: &Phone) -> u32 {
    let login = Request::login();
    let sent = phone
        .send(login.method, &login.target, &login.headers, login.body.as_bytes())
        .await
        .unwrap();
    assert_eq!(sent.reply.status, 200, "{:?}", sent.refusal);
    sent.sends
}

async fn record(scene: &Scene, phone: &Phone) -> DeviceRecord {
    let id = phone.attestor().device().unwrap().to_text();
    scene.gateway().store().device(&id).await.unwrap().unwrap()
}

#[tokio::test]
async fn genuine_phones_get_in_and_are_known_for_what_they_are() {
    let scene = Scene::open().await;
    for (platform, chip, level, class) in [
        (
            Platform::Android,
            Chip::TrustedEnvironment,
            "hardware",
            "android_key",
        ),
        (Platform::Android, Chip::StrongBox, "strongbox", "android_key"),
        (Platform::Ios, Chip::TrustedEnvironment, "app-bound", "app_attest"),
    ] {
        let phone = phone(&scene, platform, Profile::Genuine, chip);
        logs_in(&phone).await;
        let record = record(&scene, &phone).await;
        assert_eq!(
            (record.key_level.as_str(), record.evidence_class.as_str()),
            (level, class)
        );
    }
}

#[tokio::test]
async fn sessions_are_renewed_and_evidence_is_made_anew_by_themselves() {
    let scene = Scene::open().await;
    let tally = || {
        let tally = scene.gateway().tally();
        (tally.passed(Passed::Enrolled), tally.passed(Passed::Renewed))
    };
    for platform in [Platform::Android, Platform::Ios] {
        let phone = phone(&scene, platform, Profile::Genuine, Chip::TrustedEnvironment);
        logs_in(&phone).await;
        let (enrolled, renewed) = tally();
        for round in 1..=2 {
            scene.clock.advance_s(1_000);
            assert_eq!(logs_in(&phone).await, 2, "{platform:?}");
            assert_eq!(tally(), (enrolled, renewed + round), "{platform:?}");
        }
        scene.clock.advance_s(8 * 86_400);
        logs_in(&phone).await;
        assert_eq!(tally().0, enrolled + 1, "{platform:?}: evidence got old");
        let hardware = phone.hardware().unwrap();
        hardware.reinstall();
        scene.clock.advance_s(1_000);
        logs_in(&phone).await;
        let again = u64::from(platform == Platform::Ios);
        assert_eq!(
            tally().0,
            enrolled + 1 + again,
            "{platform:?}: the app's own key is gone"
        );
    }
}

#[tokio::test]
async fn phones_that_are_not_what_they_say_do_not_get_in() {
    let scene = Scene::open().await;
    for (platform, profile, reason) in [
        (Platform::Android, Profile::Repackaged, "signer"),
        (Platform::Android, Profile::Cloner, "application"),
        (Platform::Android, Profile::Rooted, "boot-state"),
        (Platform::Android, Profile::Emulator, "anchor-unknown"),
        (Platform::Ios, Profile::Repackaged, "application"),
    ] {
        let phone = phone(&scene, platform, profile, Chip::TrustedEnvironment);
        phone.hide();
        let login = Request::login();
        let sent = phone
            .send(login.method, &login.target, &login.headers, login.body.as_bytes())
            .await;
        let Err(SendError::Attest(AttestError::Refused { support, .. })) = sent else {
            panic!("{profile}: {sent:?}");
        };
        let cause = scene.gateway().open_support_code(&support).unwrap();
        assert_eq!(cause.rule, NameHash::of(reason), "{profile}: not {reason}");
    }
    assert_eq!(scene.gateway().tally().passed(Passed::Enrolled), 0);
    assert!(scene.backend.take().is_empty());
}
