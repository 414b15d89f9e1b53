//! Android Key Attestation: chains, what they say about the key, and what a caller asks of it.

use attest_gateway::verifier::VerdictCode::{self, *};
use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::{
    Parameters, PatchFloors, PatchLevel as Level, SecurityLevel, verify,
};
use attest_gateway::verifier::revocation::{RevocationList, Revocations};
use attest_testkit::evidence::android::{ChainBuilder, EAT_OID, KeyDescription, Shape, tag};
use attest_testkit::evidence::certificate::{SubjectKey, Template, TestKey, name};
use attest_testkit::evidence::{Root, TestRoots, der};
use attest_testkit::profile::{FORGER, PACKAGE, SIGNER};

use super::{NOW_S, Seen};

const CHALLENGE: &[u8] = b"0123456789abcdef0123456789abcdef";
const SIGNERS: &[[u8; 32]] = &[SIGNER];

/// What the bank asks.
struct Scene {
    roots: TestRoots,
    anchors: Anchors,
    device_key: [u8; 65],
    floors: PatchFloors,
}

impl Scene {
    fn new() -> Self {
        let roots = TestRoots::generate().unwrap();
        let anchors = [&roots.android, &roots.android_p256, &Root::rsa().unwrap()]
            .iter()
            .fold(Anchors::google().allow_software_roots(), |anchors, root| {
                anchors.with_pem(root.pem()).unwrap()
            });
        let floor = Level::from_number(20_260_901);
        Self {
            roots,
            anchors,
            device_key: TestKey::p256().unwrap().point().unwrap(),
            floors: PatchFloors {
                os: floor,
                vendor: floor,
                boot: floor,
            },
        }
    }

    fn strict(&self) -> Parameters<'_> {
        Parameters {
            challenge: Some(CHALLENGE),
            package: Some(PACKAGE),
            signers: Some(SIGNERS),
            device_key: Some(&self.device_key),
            level_min: Some(SecurityLevel::Hardware),
            require_verified_boot: true,
            patch_min: self.floors,
            ..Parameters::default()
        }
    }

    fn valid(&self, shape: Shape) -> ChainBuilder {
        ChainBuilder::new(&self.roots.android, shape, CHALLENGE, &self.device_key).unwrap()
    }

    fn verdict(&self, chain: &[Vec<u8>], parameters: &Parameters<'_>) -> Option<VerdictCode> {
        self.verdict_with(chain, parameters, None)
    }

    fn verdict_with(
        &self,
        chain: &[Vec<u8>],
        parameters: &Parameters<'_>,
        revocations: Option<Revocations<'_>>,
    ) -> Option<VerdictCode> {
        let chain: Vec<_> = chain.iter().map(Vec::as_slice).collect();
        let verdict = verify(&chain, parameters, &self.anchors, revocations, NOW_S);
        verdict.err().map(|error| error.code())
    }
}

type Change<'a> = &'a dyn Fn(&mut ChainBuilder);

pub(super) fn chains() -> Seen {
    let mut seen = Seen::default();
    let scene = Scene::new();
    accepted(&scene, &mut seen);
    certificates(&scene, &mut seen);
    shapes(&scene, &mut seen);
    presented(&scene, &mut seen);
    revoked(&scene, &mut seen);
    seen
}

/// Every kind of phone, and what real ones get wrong.
fn accepted(scene: &Scene, seen: &mut Seen) {
    // Everybody can read the key of the RSA root: it counts in development alone, even where it is an anchor.
    let readable = Parameters {
        software_chains: true,
        ..scene.strict()
    };
    let rsa = Root::rsa().unwrap();
    let roots = [
        (&scene.roots.android, scene.strict(), None),
        (&scene.roots.android_p256, scene.strict(), None),
        (&rsa, readable, None),
        (&rsa, scene.strict(), Some(AnchorUnknown)),
    ];
    let mut modern = scene.strict();
    modern.patch_min = PatchFloors {
        os: scene.floors.os,
        ..PatchFloors::default()
    };
    for shape in [Shape::Factory, Shape::Rkp] {
        for (root, parameters, expect) in &roots {
            let chain = scene.valid(shape).with(|chain| chain.root = (*root).clone());
            let verdict = scene.verdict(&chain.build().unwrap(), parameters);
            seen.check(&format!("valid, {shape:?}"), verdict, *expect);
        }
        for version in [1, 2, 3, 4, 100, 200, 300, 400, 500] {
            let chain = scene
                .valid(shape)
                .with(|chain| chain.description = KeyDescription::hardware(version, CHALLENGE));
            let verdict = scene.verdict(&chain.build().unwrap(), &modern);
            seen.check(&format!("valid, {shape:?}, version {version}"), verdict, None);
        }
        let mut check = |what: &str, change: Change<'_>| {
            let chain = scene.valid(shape).with(change).build().unwrap();
            seen.check(
                &format!("{what}, {shape:?}"),
                scene.verdict(&chain, &scene.strict()),
                None,
            );
        };
        check("true as 0x01", &|it| {
            it.description.root_of_trust(|root| root.locked = 1)
        });
        check("an unsorted set", &|it| {
            it.description
                .hardware
                .set(tag::PURPOSE, der::integers(&[tag::VERIFY, tag::SIGN]));
        });
        check("tags out of order", &|it| {
            it.description.hardware.fields.reverse()
        });
        check("NULL behind ecdsa-with-SHA256", &|it| {
            it.certificates[0].null_parameters()
        });
        check("times in microseconds", &|it| {
            it.description
                .software
                .set(tag::CREATION_TIME, der::integer(1_790_000_000_000_000));
        });
        check("revocation points that are none", &|it| {
            it.certificates[1].extend(&[2, 5, 29, 31], vec![0x04, 1, 0]);
        });
        check("an issuer that may not issue", &|it| {
            it.certificates[1].is_ca = rcgen::IsCa::ExplicitNoCa
        });
        check("an expired leaf", &|it| {
            it.certificates[0].not_after_s = NOW_S - 1
        });
        check("a leaf from the future", &|it| {
            it.certificates[0].not_before_s = NOW_S + 1
        });
        check("a security chip", &|it| it.description.level(tag::STRONG_BOX));
        check("two packages of one user id", &|it| {
            it.description
                .application(|app| app.packages.insert(0, ("com.example.a".to_owned(), 1)));
        });
        check("a patch level of a month", &|it| {
            it.description
                .hardware
                .set(tag::BOOT_PATCH_LEVEL, der::integer(202_609));
        });
    }
}

fn certificates(scene: &Scene, seen: &mut Seen) {
    let mut check = |what: &str, shape: Shape, expect: Option<VerdictCode>, change: Change<'_>| {
        let chain = scene.valid(shape).with(change).build().unwrap();
        seen.check(
            &format!("{what}, {shape:?}"),
            scene.verdict(&chain, &scene.strict()),
            expect,
        );
    };
    let stranger = TestKey::p256().unwrap();
    let lookalike = Root::new(TestKey::p384().unwrap(), scene.roots.android.name.clone()).unwrap();
    for shape in [Shape::Factory, Shape::Rkp] {
        check("a root of the same name", shape, Some(AnchorUnknown), &|it| {
            it.root = lookalike.clone()
        });
        for position in 0..shape.certificates() - 1 {
            check(
                &format!("{position} signed by somebody else"),
                shape,
                Some(Signature),
                &|it| {
                    it.certificates[position].signer = Some(stranger.clone());
                },
            );
            check(
                &format!("{position} of another issuer's name"),
                shape,
                Some(NameChaining),
                &|it| {
                    it.certificates[position].issuer = Some(name(&[("CN", "Somebody")]));
                },
            );
        }
        for position in 1..shape.certificates() - 1 {
            let expired = (shape == Shape::Rkp).then_some(Expired);
            check(&format!("{position} expired"), shape, expired, &|it| {
                it.certificates[position].not_after_s = NOW_S - 1;
            });
            check(
                &format!("{position} not yet valid"),
                shape,
                Some(NotYetValid),
                &|it| {
                    it.certificates[position].not_before_s = NOW_S + 1;
                },
            );
            check(
                &format!("{position} attests"),
                shape,
                Some(KeyDescriptionMisplaced),
                &|it| {
                    it.described.push(position);
                },
            );
        }
    }
}

/// Chains that are signed well, of a shape that no phone has.
fn shapes(scene: &Scene, seen: &mut Seen) {
    let mut check = |what: &str, shape: Shape, expect: Option<VerdictCode>, change: Change<'_>| {
        let chain = scene.valid(shape).with(change).build().unwrap();
        seen.check(
            &format!("{what}, {shape:?}"),
            scene.verdict(&chain, &scene.strict()),
            expect,
        );
    };
    let attested = TestKey::p256().unwrap();
    let extend = |it: &mut ChainBuilder| {
        it.certificates[0].key = SubjectKey::Held(attested.clone());
        let forged = Template::leaf(name(&[("CN", "Forged")]), SubjectKey::Point(scene.device_key));
        it.certificates.insert(0, forged);
    };
    for shape in [Shape::Factory, Shape::Rkp] {
        check(
            "an attested key that issues",
            shape,
            Some(KeyDescriptionMisplaced),
            &|it| {
                extend(it);
                it.described = vec![0, 1];
            },
        );
        check(
            "an attested key that issues, hiding it",
            shape,
            Some(ChainShape),
            &extend,
        );
        check("one issuer less", shape, Some(ChainShape), &|it| {
            drop(it.certificates.remove(1))
        });
        check("a large certificate", shape, Some(Limit), &|it| {
            it.certificates[0].extend(&[1, 2, 3], der::octets(&[0; 9 << 10]));
        });
        check("a chain of nobody's", shape, Some(ChainShape), &|it| {
            it.certificates.last_mut().unwrap().subject = name(&[("CN", "Droid CA2")]);
        });
    }
    check("a chain for software", Shape::Software, Some(ChainShape), &|_| ());
}

/// Lists of certificates that no phone sends.
fn presented(scene: &Scene, seen: &mut Seen) {
    let valid = scene.valid(Shape::Factory).build().unwrap();
    let mut check = |what: &str, expect: VerdictCode, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut chain = valid.clone();
        change(&mut chain);
        seen.check(what, scene.verdict(&chain, &scene.strict()), Some(expect));
    };
    check("nothing", ChainShape, &|chain| chain.clear());
    check("leaf and root", ChainShape, &|chain| drop(chain.drain(1..3)));
    check("no root", ChainShape, &|chain| drop(chain.pop()));
    check("the root twice", ChainShape, &|chain| {
        chain.push(chain[3].clone())
    });
    check("the leaf twice", KeyDescriptionMisplaced, &|chain| {
        chain.insert(0, chain[0].clone())
    });
    check("seven certificates", Limit, &|chain| {
        chain.resize(7, chain[3].clone())
    });
    check("root first", ChainShape, &|chain| chain.reverse());
    check("issuers the other way round", NameChaining, &|chain| {
        chain.swap(1, 2)
    });
    check("a certificate cut short", Parse, &|chain| chain[0].truncate(500));
    check("a byte behind a certificate", Parse, &|chain| chain[0].push(0));
    check("an empty certificate", Parse, &|chain| chain[1].clear());
    check("a signature bit", Signature, &|chain| {
        *chain[0].last_mut().unwrap() ^= 1
    });
    check("another phone's leaf", Signature, &|chain| {
        chain[0] = scene.valid(Shape::Factory).build().unwrap().swap_remove(0);
    });
}

fn revoked(scene: &Scene, seen: &mut Seen) {
    let chain = scene
        .valid(Shape::Rkp)
        .certificate(1, |issuer| issuer.serial = Some(vec![0x0a, 0xbc]))
        .certificate(2, |issuer| issuer.serial = Some(vec![0x66, 0x81]))
        .build()
        .unwrap();
    let mut check = |json: &str, age_s: u64, expect: Option<VerdictCode>| {
        let list = RevocationList::parse(json.as_bytes()).unwrap();
        let revocations = Revocations {
            list: &list,
            fetched_at_s: NOW_S - age_s,
            age_max_s: Some(1_000),
        };
        let verdict = scene.verdict_with(&chain, &scene.strict(), Some(revocations));
        seen.check(json, verdict, expect);
    };
    let entry =
        |serial: &str, status: &str| format!(r#"{{"entries": {{"{serial}": {{"status": "{status}"}}}}}}"#);
    check(&entry("dead", "REVOKED"), 0, None);
    check(&entry("abc", "REVOKED"), 0, Some(Revoked));
    check(&entry("abc", "SUSPENDED"), 0, Some(Revoked));
    check(&entry("6681", "REVOKED"), 0, Some(Revoked));
    check(&entry("abc", "REVOKED"), 2_000, Some(Revoked));
    check(&entry("dead", "REVOKED"), 2_000, Some(RevocationStale));
    check(&entry("ab", "REVOKED"), 1_000, None);
}

pub(super) fn keys() -> Seen {
    let mut seen = Seen::default();
    let scene = Scene::new();
    let mut check = |what: &str, expect: VerdictCode, change: &dyn Fn(&mut ChainBuilder)| {
        let chain = scene.valid(Shape::Rkp).with(change).build().unwrap();
        seen.check(what, scene.verdict(&chain, &scene.strict()), Some(expect));
    };
    descriptions(&mut check);
    uses(&mut check);
    phones(&mut check);
    let stranger = TestKey::p256().unwrap().point().unwrap();
    check("another device key", KeyUse, &|it| {
        it.certificates[0].key = SubjectKey::Point(stranger)
    });
    switches(&scene, &mut seen);
    demands(&scene, &mut seen);
    seen
}

type Check<'a> = &'a mut dyn FnMut(&str, VerdictCode, &dyn Fn(&mut ChainBuilder));

fn descriptions(check: Check<'_>) {
    check("no description", KeyDescriptionMissing, &|it| {
        it.described.clear()
    });
    check("an entity attestation token", Unsupported, &|it| {
        it.description_oid = EAT_OID.to_vec()
    });
    check("an empty description", Parse, &|it| {
        it.description_der = Some(Vec::new())
    });
    check("another element", Parse, &|it| {
        it.description.more.push(der::null())
    });
    check("a byte behind it", Parse, &|it| {
        let mut der = it.description.to_der();
        der.push(0);
        it.description_der = Some(der);
    });
    check("a byte less", Parse, &|it| {
        let mut der = it.description.to_der();
        der.pop();
        it.description_der = Some(der);
    });
    check("an indefinite length", Parse, &|it| {
        it.description_der = Some(vec![0x30, 0x80, 0, 0])
    });
    check("an unknown level", Parse, &|it| {
        it.description.attestation_level = 3
    });
    check("an unknown boot state", Parse, &|it| {
        it.description.root_of_trust(|root| root.state = 4)
    });
    check("a tag twice", Parse, &|it| {
        let first = it.description.hardware.fields[0].clone();
        it.description.hardware.fields.push(first);
    });
    check("an unknown tag", Unsupported, &|it| {
        it.description.hardware.set(799, der::null())
    });
    check("an unknown tag of the system's", Unsupported, &|it| {
        it.description.software.set(799, der::null())
    });
    check("another challenge", Challenge, &|it| {
        it.description.challenge[0] ^= 1
    });
    check("no challenge", Challenge, &|it| it.description.challenge.clear());
    check("a longer challenge", Challenge, &|it| {
        it.description.challenge.push(0)
    });
}

fn uses(check: Check<'_>) {
    let mut uses = |what: &str, values: &'static [i64], at: u32| {
        check(what, KeyUse, &|it| {
            it.description.hardware.set(at, der::integers(values))
        });
    };
    uses("a key that attests", &[tag::ATTEST_KEY], tag::PURPOSE);
    uses(
        "a key that signs and attests",
        &[tag::SIGN, tag::ATTEST_KEY],
        tag::PURPOSE,
    );
    uses("a key that only verifies", &[tag::VERIFY], tag::PURPOSE);
    uses("a key that agrees on keys", &[tag::SIGN, 6], tag::PURPOSE);
    uses("a key without purpose", &[], tag::PURPOSE);
    uses("a key for any digest but ours", &[0, 6], tag::DIGEST);
    check("purposes by the system's word", KeyUse, &|it| {
        it.description.hardware.remove(tag::PURPOSE);
        it.description
            .software
            .set(tag::PURPOSE, der::integers(&[tag::SIGN]));
    });
    check("an attesting key by the system's word", KeyUse, &|it| {
        it.description
            .software
            .set(tag::PURPOSE, der::integers(&[tag::ATTEST_KEY]));
    });
    check("for all apps", KeyUse, &|it| {
        it.description.hardware.set(tag::ALL_APPLICATIONS, der::null())
    });
    check("for all apps, by the system's word", KeyUse, &|it| {
        it.description.software.set(tag::ALL_APPLICATIONS, der::null());
    });
    check("an RSA key", KeyUse, &|it| {
        it.description.hardware.set(tag::ALGORITHM, der::integer(1))
    });
    check("another curve", KeyUse, &|it| {
        it.description.hardware.set(tag::EC_CURVE, der::integer(2))
    });
    check("a post-quantum key", KeyUse, &|it| {
        it.certificates[0].ml_dsa_key()
    });
    check("imported", Origin, &|it| {
        it.description
            .hardware
            .set(tag::ORIGIN, der::integer(tag::IMPORTED))
    });
    check("of no origin", Origin, &|it| {
        it.description.hardware.remove(tag::ORIGIN)
    });
    check("generated by the system's word", Origin, &|it| {
        it.description.hardware.remove(tag::ORIGIN);
        it.description
            .software
            .set(tag::ORIGIN, der::integer(tag::GENERATED));
    });
    check("kept in software", SoftwareLevel, &|it| {
        it.description.level(tag::SOFTWARE)
    });
    check("attested in software", SoftwareLevel, &|it| {
        it.description.attestation_level = tag::SOFTWARE
    });
    check("kept elsewhere", SoftwareLevel, &|it| {
        it.description.keymint_level = tag::STRONG_BOX
    });
    check("an emulator under a trusted root", SoftwareLevel, &|it| {
        it.description = KeyDescription::software(4, CHALLENGE);
    });
}

fn phones(check: Check<'_>) {
    check("no root of trust", Origin, &|it| {
        it.description.hardware.remove(tag::ROOT_OF_TRUST)
    });
    check("unlocked", BootState, &|it| {
        it.description
            .root_of_trust(|root| (root.locked, root.state) = (0, tag::UNVERIFIED));
    });
    check("unlocked and verified", BootState, &|it| {
        it.description.root_of_trust(|root| root.locked = 0)
    });
    for state in [tag::SELF_SIGNED, tag::UNVERIFIED, 3] {
        check("locked, of another state", BootState, &|it| {
            it.description.root_of_trust(|root| root.state = state);
        });
    }
    check("another package", Application, &|it| {
        it.description
            .application(|app| app.packages[0].0 = "com.example.other".to_owned());
    });
    check("no package", Application, &|it| {
        it.description.application(|app| app.packages.clear())
    });
    check("no app", Application, &|it| {
        it.description.software.remove(tag::APPLICATION_ID)
    });
    check("another signer", Signer, &|it| {
        it.description
            .application(|app| app.signers = vec![FORGER.to_vec()])
    });
    check("a further signer", Signer, &|it| {
        it.description
            .application(|app| app.signers.push(FORGER.to_vec()));
    });
    check("no signer", Signer, &|it| {
        it.description.application(|app| app.signers.clear())
    });
    check("half a signer", Signer, &|it| {
        it.description.application(|app| app.signers[0].truncate(16))
    });
    check("an app by the hardware's word", Application, &|it| {
        let position = it
            .description
            .software
            .fields
            .iter()
            .position(|(tag, _)| *tag == tag::APPLICATION_ID);
        let (tag, app) = it.description.software.fields.remove(position.unwrap());
        it.description.hardware.set(tag, app);
    });
    let levels = [
        (tag::OS_PATCH_LEVEL, 202_608),
        (tag::VENDOR_PATCH_LEVEL, 20_260_831),
        (tag::BOOT_PATCH_LEVEL, 202_608),
    ];
    for (part, level) in levels {
        check("an old patch", PatchLevel, &|it| {
            it.description.hardware.set(part, der::integer(level))
        });
        check("no patch level", PatchLevel, &|it| {
            it.description.hardware.remove(part)
        });
        check("a patch of no month", PatchLevel, &|it| {
            it.description.hardware.set(part, der::integer(0))
        });
    }
}

/// What a caller may permit, and ask.
fn switches(scene: &Scene, seen: &mut Seen) {
    let mut check =
        |what: &str, expect: Option<VerdictCode>, parameters: Parameters<'_>, change: Change<'_>| {
            let chain = scene.valid(Shape::Factory).with(change).build().unwrap();
            seen.check(what, scene.verdict(&chain, &parameters), expect);
        };
    let strict = scene.strict();
    let boot_keys = [[0xb0; 32]];
    let self_signed =
        |it: &mut ChainBuilder| it.description.root_of_trust(|root| root.state = tag::SELF_SIGNED);
    let known = Parameters {
        boot_keys: &boot_keys,
        ..strict
    };
    check("another system, known", None, known, &self_signed);
    check("another system, unlocked", Some(BootState), known, &|it| {
        it.description
            .root_of_trust(|root| (root.state, root.locked) = (tag::SELF_SIGNED, 0));
    });
    check(
        "unlocked, left to rules",
        None,
        Parameters {
            require_verified_boot: false,
            ..strict
        },
        &|it| {
            it.description
                .root_of_trust(|root| (root.locked, root.state) = (0, tag::UNVERIFIED));
        },
    );
    check(
        "an unknown tag, skipped",
        None,
        Parameters {
            unknown_tags: true,
            ..strict
        },
        &|it| {
            it.description.hardware.set(799, der::null());
        },
    );
    let misnamed = Parameters {
        name_mismatch: true,
        ..strict
    };
    let rename = |it: &mut ChainBuilder| it.certificates[1].issuer = Some(name(&[("CN", "Somebody")]));
    check("misnamed, permitted", None, misnamed, &rename);
    check("misnamed and forged", Some(Signature), misnamed, &|it| {
        rename(it);
        it.certificates[1].signer = Some(TestKey::p256().unwrap());
    });
}

/// What else a caller may ask, and what development permits.
fn demands(scene: &Scene, seen: &mut Seen) {
    let strict = scene.strict();
    let mut check =
        |what: &str, expect: Option<VerdictCode>, parameters: Parameters<'_>, change: Change<'_>| {
            let chain = scene.valid(Shape::Factory).with(change).build().unwrap();
            seen.check(what, scene.verdict(&chain, &parameters), expect);
        };
    let chip = Parameters {
        level_min: Some(SecurityLevel::StrongBox),
        ..strict
    };
    check("a chip asked for", Some(SoftwareLevel), chip, &|_| ());
    check("a chip asked for and there", None, chip, &|it| {
        it.description.level(tag::STRONG_BOX)
    });
    check(
        "no signer is accepted",
        Some(Signer),
        Parameters {
            signers: Some(&[]),
            ..strict
        },
        &|_| (),
    );
    check(
        "a post-quantum key, not a device key",
        None,
        Parameters {
            device_key: None,
            ..strict
        },
        &|it| {
            it.certificates[0].ml_dsa_key();
        },
    );
    let lax = Parameters {
        software_chains: true,
        level_min: None,
        require_verified_boot: false,
        patch_min: PatchFloors::default(),
        device_key: None,
        ..strict
    };
    let software = scene.valid(Shape::Software);
    seen.check(
        "software, permitted",
        scene.verdict(&software.build().unwrap(), &lax),
        None,
    );
    let strangers = software
        .with(|it| it.root = scene.roots.android_software.clone())
        .build()
        .unwrap();
    seen.check(
        "software of a stranger",
        scene.verdict(&strangers, &lax),
        Some(AnchorUnknown),
    );
}

#[test]
fn the_root_whose_key_everybody_can_read_is_no_anchor() {
    let rsa = Root::rsa().unwrap();
    let refused = Anchors::google()
        .with_pem(rsa.pem())
        .map_err(|error| error.code());
    assert_eq!(refused.err(), Some("anchor-software-root"));
}

#[test]
fn chains_are_refused_by_what_is_spoiled() {
    chains().assert();
}

#[test]
fn keys_are_refused_by_what_is_spoiled() {
    keys().assert();
}
