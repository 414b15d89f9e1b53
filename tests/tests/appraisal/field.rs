//! A gateway that trusts the roots of simulated hardware, and phones that have it.

use attest_core::challenge::Challenge;
use attest_core::device::Platform;
use attest_core::jose::SigningKey;
use attest_core::service::PlatformEvidence;
use attest_mobile::HttpReply;
use attest_testkit::evidence::TestRoots;
use attest_testkit::evidence::simulated::{Chip, Hardware};
use attest_testkit::policy::IOS_APP;
use attest_testkit::profile::Profile;
use attest_tests::attacker::{Attacker, Prepared};
use attest_tests::scene::{START_S, Scene};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;

/// A scene whose policy trusts the roots of this run.
pub(crate) struct Field {
    pub(crate) scene: Scene,
    pub(crate) roots: TestRoots,
}

impl Field {
    /// With `more` at the top level of the policy.
    pub(crate) async fn open(more: &str) -> Self {
        let scene = Scene::open().await;
        let roots = TestRoots::generate().unwrap();
        let anchors = format!("{}\n{more}\n", roots.policy_anchors());
        scene.world.publish(|policy| policy.anchors = anchors).unwrap();
        scene.gateway().poll_policy();
        assert_eq!(scene.gateway().policies().active().version(), 2);
        Self { scene, roots }
    }

    /// Puts a policy into force that differs from the one before by its text.
    pub(crate) fn republish(&self, from: &str, to: &str) {
        let file = self.scene.world.folder().join("policy.yaml");
        let source = std::fs::read_to_string(file).unwrap();
        let version = self.scene.gateway().policies().active().version();
        let next = source
            .replace(
                &format!("version: {version}"),
                &format!("version: {}", version + 1),
            )
            .replacen(from, to, 1);
        assert!(source.contains(from), "{from}");
        self.scene.world.publish_text(&next).unwrap();
        self.scene.gateway().poll_policy();
        let status = self.scene.gateway().policies().status();
        assert_eq!(status.active_version, version + 1, "{:?}", status.problem);
    }

    pub(crate) fn hardware(&self, platform: Platform, profile: Profile) -> Hardware {
        Hardware::new(platform, profile, Chip::TrustedEnvironment, &self.roots, START_S).unwrap()
    }

    /// A phone's app without its SDK, so that everything it sends can be changed.
    pub(crate) fn app(&self, platform: Platform) -> Attacker {
        let mut app = self.scene.attacker();
        if platform == Platform::Ios {
            app.app = (IOS_APP, Platform::Ios);
        }
        app
    }

    /// The answer to an enrolment of `app`'s key on this hardware.
    pub(crate) async fn enrols(&self, app: &Attacker, hardware: &Hardware) -> HttpReply {
        let mut prepared = app.prepare(None).await;
        vouch(&mut prepared, &app.key, hardware);
        app.present(&prepared).await
    }

    pub(crate) fn accepts(&self, what: &str, reply: &HttpReply) {
        assert_eq!(
            reply.status,
            200,
            "{what}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
}

/// Puts the platform's proof of `key` beside an enrolment.
pub(crate) fn vouch(prepared: &mut Prepared, key: &SigningKey, hardware: &Hardware) {
    prepared.platform = Some(if hardware.attests_keys() {
        let challenge = Challenge::parse(&prepared.claims.challenge).unwrap();
        let chain = hardware
            .android_chain(challenge.as_bytes(), &key.public_point())
            .unwrap();
        android_key(&chain)
    } else {
        let attested = hardware.app_attest(&prepared.client_data_hash()).unwrap();
        PlatformEvidence::AppAttest {
            object: URL_SAFE_NO_PAD.encode(attested.object),
            key_id: STANDARD.encode(attested.key_id),
        }
    });
}

/// The proof of this chain.
pub(crate) fn android_key(chain: &[Vec<u8>]) -> PlatformEvidence {
    PlatformEvidence::AndroidKey {
        chain: chain.iter().map(|der| STANDARD.encode(der)).collect(),
    }
}

/// Puts an assertion beside a renewal.
pub(crate) fn assert_by(prepared: &mut Prepared, hardware: &Hardware) {
    let object = hardware.assertion(&prepared.client_data_hash()).unwrap();
    prepared.platform = Some(PlatformEvidence::AppAttestAssertion {
        object: URL_SAFE_NO_PAD.encode(object),
    });
}

pub(crate) fn other_key() -> SigningKey {
    SigningKey::generate(&SystemRandom::new()).unwrap()
}
