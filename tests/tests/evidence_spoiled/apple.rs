//! App Attest: attestations and assertions.

use attest_gateway::verifier::VerdictCode::{self, *};
use attest_gateway::verifier::apple::{
    AppleAnchors, AppleEnvironment, AssertionParameters, AttestationParameters, verify_assertion,
    verify_attestation,
};
use attest_testkit::evidence::apple::{AssertionBuilder, AttestationBuilder, DEVELOPMENT, PRODUCTION};
use attest_testkit::evidence::certificate::{SubjectKey, Template, TestKey, name};
use attest_testkit::evidence::{Root, TestRoots};
use rcgen::IsCa;

use super::{NOW_S, Seen};

const APP: &str = "A1B2C3D4E5.com.example.bank";
const OTHER_APP: &str = "A1B2C3D4E5.com.example.other";
const HASH: [u8; 32] = [7; 32];

/// One run's root and key.
struct Scene {
    root: Root,
    key: TestKey,
    anchors: AppleAnchors,
}

impl Scene {
    fn new() -> Self {
        let root = TestRoots::generate().unwrap().apple;
        Self {
            anchors: AppleAnchors::built_in().with_pem(root.pem()).unwrap(),
            key: TestKey::p256().unwrap(),
            root,
        }
    }

    fn valid(&self) -> AttestationBuilder {
        AttestationBuilder::new(&self.root, APP, &self.key, PRODUCTION, HASH).unwrap()
    }

    fn verdict_of(&self, object: &[u8], key_id: [u8; 32], hash: &[u8]) -> Option<VerdictCode> {
        let parameters = AttestationParameters {
            app_ids: &[APP],
            key_id: &key_id,
            client_data_hash: hash,
            environment: Some(AppleEnvironment::Production),
        };
        let verdict = verify_attestation(object, &parameters, &self.anchors, NOW_S);
        verdict.err().map(|error| error.code())
    }

    fn verdict(&self, change: impl FnOnce(&mut AttestationBuilder)) -> Option<VerdictCode> {
        let object = self.valid().with(change).build().unwrap();
        self.verdict_of(&object, self.key.id(), &HASH)
    }
}

pub(super) fn attestations() -> Seen {
    let mut seen = Seen::default();
    let scene = Scene::new();
    certificates(&scene, &mut seen);
    authenticator_data(&scene, &mut seen);
    statements(&scene, &mut seen);
    seen
}

fn certificates(scene: &Scene, seen: &mut Seen) {
    type Change<'a> = &'a dyn Fn(&mut AttestationBuilder);
    let mut check = |what: &str, expect: Option<VerdictCode>, change: Change<'_>| {
        seen.check(what, scene.verdict(change), expect);
    };
    let stranger = TestKey::p384().unwrap();
    let leaf_key = TestKey::p256().unwrap();
    let another_root = TestRoots::generate().unwrap().apple;
    let renamed = Root::new(TestKey::p384().unwrap(), name(&[("CN", "Somebody")])).unwrap();

    check("valid", None, &|_| ());
    check("valid, as of iOS 27", None, &|it| it.auth_data.ios_27(4, "42"));
    check("valid, of an older system", None, &|it| {
        it.auth_data.extensions = None
    });
    check("valid on its last second", None, &|it| {
        it.certificates[0].not_after_s = NOW_S
    });
    check("valid from this second on", None, &|it| {
        it.certificates[0].not_before_s = NOW_S
    });
    check("a root of another name", Some(AnchorUnknown), &|it| {
        it.root = renamed.clone()
    });
    // The name leads to a root whose key did not sign.
    check("a root of the same name", Some(Signature), &|it| {
        it.root = another_root.clone()
    });
    check("leaf signed by somebody else", Some(Signature), &|it| {
        it.certificates[0].signer = Some(stranger.clone());
    });
    check("issuer signed by somebody else", Some(Signature), &|it| {
        it.certificates[1].signer = Some(stranger.clone());
    });
    check("leaf of another issuer's name", Some(NameChaining), &|it| {
        it.certificates[0].issuer = Some(name(&[("CN", "Somebody")]));
    });
    check("issuer of another root's name", Some(AnchorUnknown), &|it| {
        it.certificates[1].issuer = Some(name(&[("CN", "Somebody")]));
    });
    check("leaf expired", Some(Expired), &|it| {
        it.certificates[0].not_after_s = NOW_S - 1
    });
    check("issuer expired", Some(Expired), &|it| {
        it.certificates[1].not_after_s = NOW_S - 1
    });
    check("leaf not yet valid", Some(NotYetValid), &|it| {
        it.certificates[0].not_before_s = NOW_S + 1
    });
    check("issuer not yet valid", Some(NotYetValid), &|it| {
        it.certificates[1].not_before_s = NOW_S + 1
    });
    check("one certificate", Some(ChainShape), &|it| {
        drop(it.certificates.remove(1))
    });
    check("three certificates", Some(ChainShape), &|it| {
        it.certificates
            .push(Template::issuer(name(&[("CN", "More")]), stranger.clone()));
    });
    check("an issuer that may not issue", Some(ChainShape), &|it| {
        it.certificates[1].is_ca = IsCa::ExplicitNoCa
    });
    check("an issuer that says nothing of it", Some(ChainShape), &|it| {
        it.certificates[1].is_ca = IsCa::NoCa
    });
    check("a leaf with a P-384 key", Some(Unsupported), &|it| {
        it.certificates[0].key = SubjectKey::Held(stranger.clone());
    });
    check("a leaf with another key", Some(KeyId), &|it| {
        it.certificates[0].key = SubjectKey::Held(leaf_key.clone());
    });
    check("a leaf with a post-quantum key", Some(Unsupported), &|it| {
        it.certificates[0].ml_dsa_key()
    });
}

fn authenticator_data(scene: &Scene, seen: &mut Seen) {
    type Change<'a> = &'a dyn Fn(&mut AttestationBuilder);
    let mut check = |what: &str, expect: Option<VerdictCode>, change: Change<'_>| {
        seen.check(what, scene.verdict(change), expect);
    };
    let credential = |it: &mut AttestationBuilder, change: &dyn Fn(&mut _)| {
        change(it.auth_data.credential.as_mut().unwrap());
    };

    check("another nonce", Some(Nonce), &|it| it.nonce = Some(vec![0; 32]));
    check("a short nonce", Some(Nonce), &|it| it.nonce = Some(vec![0; 31]));
    check("no nonce", Some(Nonce), &|it| it.with_nonce = false);
    check("a nonce of another shape", Some(Nonce), &|it| {
        it.nonce_extension = Some(vec![0x05, 0])
    });
    check("other client data", Some(Nonce), &|it| {
        it.client_data_hash = [8; 32]
    });
    check("a counter", Some(Counter), &|it| it.auth_data.counter = 1);
    check("the development environment", Some(Environment), &|it| {
        credential(it, &|credential| credential.aaguid = DEVELOPMENT);
    });
    check("an unknown environment", Some(Environment), &|it| {
        credential(it, &|credential| credential.aaguid = *b"appattestfactory");
    });
    check("another app", Some(Application), &|it| {
        it.auth_data.rp_id_hash = attest_core::encoding::sha256(&[OTHER_APP.as_bytes()]);
    });
    check("a leaf of another app", Some(Application), &|it| {
        it.app_id_in_leaf = OTHER_APP.to_owned()
    });
    check("another credential", Some(KeyId), &|it| {
        credential(it, &|credential| credential.id = vec![9; 32])
    });
    check("no credential id", Some(KeyId), &|it| {
        credential(it, &|credential| credential.id.clear())
    });
    check("another public key beside it", Some(KeyId), &|it| {
        credential(it, &|credential| {
            credential.cose_key[3].1 = ciborium::Value::Bytes(vec![1; 32])
        });
    });
    check("no credential", Some(Parse), &|it| it.auth_data.credential = None);
    check("an id longer than all there is", Some(Parse), &|it| {
        credential(it, &|credential| credential.id_length = Some(u16::MAX));
    });
    check("bytes behind authenticator data", Some(Parse), &|it| {
        it.auth_data.ios_27(4, "42");
        it.auth_data.trailing = vec![0];
    });
}

fn statements(scene: &Scene, seen: &mut Seen) {
    type Change<'a> = &'a dyn Fn(&mut AttestationBuilder);
    let mut check = |what: &str, expect: Option<VerdictCode>, change: Change<'_>| {
        seen.check(what, scene.verdict(change), expect);
    };
    let big = ciborium::Value::Bytes(vec![0; 17 << 10]);
    check("another format", Some(Unsupported), &|it| {
        it.format = "packed".to_owned()
    });
    check("a member twice", Some(Parse), &|it| {
        it.more.push(("fmt".into(), "apple-appattest".into()));
    });
    check("a member more", None, &|it| {
        it.more.push(("other".into(), 1.into()))
    });
    check("more members than are read", Some(Limit), &|it| {
        it.more.extend((0..40).map(|n| (n.into(), 1.into())));
    });
    check("longer than is read", Some(Limit), &|it| {
        it.more.push(("other".into(), big.clone()))
    });

    let object = scene.valid().build().unwrap();
    let cut = &object[..object.len() - 1];
    seen.check(
        "cut short",
        scene.verdict_of(cut, scene.key.id(), &HASH),
        Some(Parse),
    );
    let more = [&object[..], &[0]].concat();
    seen.check(
        "bytes behind it",
        scene.verdict_of(&more, scene.key.id(), &HASH),
        Some(Parse),
    );
    seen.check(
        "nothing",
        scene.verdict_of(&[], scene.key.id(), &HASH),
        Some(Parse),
    );
    seen.check(
        "another key id",
        scene.verdict_of(&object, [1; 32], &HASH),
        Some(KeyId),
    );
    seen.check(
        "other client data expected",
        scene.verdict_of(&object, scene.key.id(), &[1; 32]),
        Some(Nonce),
    );
}

pub(super) fn assertions() -> Seen {
    let mut seen = Seen::default();
    let key = TestKey::p256().unwrap();
    let verdict_of = |object: &[u8]| {
        let parameters = AssertionParameters {
            app_ids: &[APP],
            key: &key.point().unwrap(),
            client_data_hash: &HASH,
            counter_floor: 5,
        };
        verify_assertion(object, &parameters)
            .err()
            .map(|error| error.code())
    };
    type Change<'a> = &'a dyn Fn(&mut AssertionBuilder);
    let valid = AssertionBuilder::new(APP, &key, 6, HASH);
    let mut check = |what: &str, expect: Option<VerdictCode>, change: Change<'_>| {
        let object = valid.clone().with(change).build().unwrap();
        seen.check(what, verdict_of(&object), expect);
    };
    let stranger = TestKey::p256().unwrap();
    check("valid", None, &|_| ());
    check("valid, as of iOS 27", None, &|it| it.auth_data.ios_27(4, "42"));
    check("valid after a gap", None, &|it| it.auth_data.counter = u32::MAX);
    check("the last counter again", Some(Counter), &|it| {
        it.auth_data.counter = 5
    });
    check("a counter below", Some(Counter), &|it| it.auth_data.counter = 0);
    check("another key", Some(Signature), &|it| it.key = stranger.clone());
    check("other client data", Some(Signature), &|it| {
        it.client_data_hash = [8; 32]
    });
    check("another nonce", Some(Signature), &|it| it.nonce = Some([0; 32]));
    check("no signature", Some(Signature), &|it| {
        it.signature = Some(Vec::new())
    });
    check("another app", Some(Application), &|it| {
        it.auth_data.rp_id_hash = attest_core::encoding::sha256(&[OTHER_APP.as_bytes()]);
    });
    check("bytes behind authenticator data", Some(Parse), &|it| {
        it.auth_data.ios_27(4, "42");
        it.auth_data.trailing = vec![0];
    });
    check("a member twice", Some(Parse), &|it| {
        it.more.push(("signature".into(), 1.into()))
    });
    check("longer than is read", Some(Limit), &|it| {
        it.more
            .push(("other".into(), ciborium::Value::Bytes(vec![0; 5 << 10])));
    });
    let object = valid.build().unwrap();
    seen.check("cut short", verdict_of(&object[..object.len() - 1]), Some(Parse));
    seen
}

#[test]
fn attestations_are_refused_by_what_is_spoiled() {
    attestations().assert();
}

#[test]
fn assertions_are_refused_by_what_is_spoiled() {
    assertions().assert();
}
