//! What chains are accepted, and what refuses the others; then what the caller's parameters refuse.

use super::forge::{
    ECDSA_SHA256_NULL, KEY_DESCRIPTION, NOW_S, Scene, application, der, integer, midnight, name, octets,
    root_of_trust, sequence, set,
};
use super::*;
use crate::verifier::revocation::{RevocationList, Revocations};

const NONE: Parameters<'_> = Parameters {
    challenge: None,
    package: None,
    signers: None,
    device_key: None,
    level_min: None,
    require_verified_boot: false,
    boot_keys: &[],
    patch_min: PatchFloors {
        os: None,
        vendor: None,
        boot: None,
    },
    unknown_tags: false,
    name_mismatch: false,
    software_chains: false,
};

fn factory(spoil: impl FnOnce(&mut Scene)) -> Scene {
    spoilt(Scene::factory(), spoil)
}

fn rkp(spoil: impl FnOnce(&mut Scene)) -> Scene {
    spoilt(Scene::rkp(), spoil)
}

#[test]
fn chains_of_both_kinds_are_accepted() {
    check(&Scene::factory(), &NONE, "ok");
    check(&Scene::rkp(), &NONE, "ok");
}

#[test]
fn what_phones_get_wrong_is_forgiven() {
    let forgiven: [fn(&mut Scene); 6] = [
        |scene| scene.links[0].algorithm = ECDSA_SHA256_NULL.to_vec(),
        |scene| scene.links[0].not_before = der(&[23], b"700101000000+0000"),
        |scene| scene.links[0].not_before = midnight("490101"),
        |scene| scene.links[0].not_after = midnight("700101"),
        // CRL distribution points that are none, and an issuer that says it is none.
        |scene| {
            scene.links[0]
                .extensions
                .push((vec![0x55, 0x1d, 31], vec![0x30, 0x7f, 0xff]))
        },
        |scene| {
            scene.links[1]
                .extensions
                .push((vec![0x55, 0x1d, 19], vec![0x30, 0]))
        },
    ];
    for spoil in forgiven {
        check(&factory(spoil), &NONE, "ok");
        check(&rkp(spoil), &NONE, "ok");
    }
}

#[test]
fn the_root_counts_by_its_key_alone() {
    check(
        &factory(|scene| scene.links[3].not_after = midnight("210101")),
        &NONE,
        "ok",
    );
    check(&factory(|scene| scene.links[3].forged = true), &NONE, "ok");
    let scene = Scene::factory();
    let chain = scene.chain();
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    for anchors in [Anchors::none(), Anchors::google()] {
        assert_eq!(
            word(&verify(&chain, &NONE, &anchors, None, NOW_S)),
            "anchor-unknown"
        );
    }
    let without_root = verify(&chain[..3], &NONE, &scene.anchors(), None, NOW_S);
    assert_eq!(without_root, Err(Error::RootAbsent));
    assert_eq!(word(&without_root), "chain-shape");
}

#[test]
fn shapes_are_exact() {
    for kept in 0..3 {
        let chain = Scene::factory().chain();
        let chain: Vec<&[u8]> = chain.iter().skip(4 - kept).map(Vec::as_slice).collect();
        let outcome = verify(&chain, &NONE, &Scene::factory().anchors(), None, NOW_S);
        assert_eq!(outcome, Err(Error::ChainTooShort { certificates: kept }));
        assert_eq!(word(&outcome), "chain-shape");
    }
    check(
        &factory(|scene| drop(scene.links.remove(1))),
        &NONE,
        "chain-shape",
    );
    check(
        &factory(|scene| scene.links.push(scene.links[3].clone())),
        &NONE,
        "chain-shape",
    );
    check(
        &factory(|scene| scene.links.extend(vec![scene.links[3].clone(); 3])),
        &NONE,
        "limit",
    );
    check(&rkp(|scene| drop(scene.links.remove(2))), &NONE, "chain-shape");
    let other_names: [&[(&[u8], &str)]; 4] = [
        &[(&[0x55, 4, 3], "Droid CA2")],
        &[(&[0x55, 4, 3], "Droid CA1"), (&[0x55, 4, 10], "Google LLC")],
        &[
            (&[0x55, 4, 3], "Droid CA2"),
            (&[0x55, 4, 10], "Google LLC"),
            (&[0x55, 4, 11], "Android"),
        ],
        &[(&[0x55, 4, 3], "Droid CA2"), (&[0x55, 4, 10], "Google Inc")],
    ];
    for other in other_names {
        check(
            &rkp(|scene| scene.links[3].subject = name(other)),
            &NONE,
            "chain-shape",
        );
    }
    check(&Scene::software(), &NONE, "chain-shape");
}

#[test]
fn only_the_leaf_may_attest() {
    for oid in [KEY_DESCRIPTION, certificate::KEY_DESCRIPTION_EAT] {
        check(
            &factory(|scene| scene.links[1].extensions.push((oid.to_vec(), vec![]))),
            &NONE,
            "key-description-misplaced",
        );
        check(
            &factory(|scene| scene.links[2].extensions.push((oid.to_vec(), vec![]))),
            &NONE,
            "key-description-misplaced",
        );
    }
    check(
        &factory(|scene| scene.attested.absent = true),
        &NONE,
        "key-description-missing",
    );
    let eat = factory(|scene| {
        scene.attested.absent = true;
        scene.links[0]
            .extensions
            .push((certificate::KEY_DESCRIPTION_EAT.to_vec(), vec![]));
    });
    check(&eat, &NONE, "unsupported");
    let twice = factory(|scene| {
        scene.links[0]
            .extensions
            .push((KEY_DESCRIPTION.to_vec(), scene.attested.encode()))
    });
    check(&twice, &NONE, "parse");
}

#[test]
fn names_and_signatures_chain() {
    for position in 0..3 {
        let other = factory(|scene| scene.links[position].issuer = name(&[(&[0x55, 4, 3], "another")]));
        assert_eq!(judged(&other, &NONE), Err(Error::NameMismatch { position }));
        let permitted = Parameters {
            name_mismatch: true,
            ..NONE
        };
        assert_eq!(judged(&other, &permitted).unwrap().misnamed, [position]);
        let forged = factory(|scene| scene.links[position].forged = true);
        assert_eq!(judged(&forged, &NONE), Err(Error::SignatureForged { position }));
        check(&forged, &permitted, "signature");
        let sha1 = &[0x30, 9, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
        let unsupported = factory(|scene| scene.links[position].algorithm = sha1.to_vec());
        assert_eq!(
            judged(&unsupported, &NONE),
            Err(Error::AlgorithmUnsupported { position })
        );
        let odd_parameters = [&[0x30, 13][..], &ECDSA_SHA256_NULL[2..12], &[2, 1, 0]].concat();
        check(
            &factory(|scene| scene.links[position].algorithm = odd_parameters),
            &NONE,
            "unsupported",
        );
    }
}

#[test]
fn time_counts_for_issuers_and_their_end_for_remote_provisioning() {
    for position in 1..3 {
        check(
            &factory(|scene| scene.links[position].not_before = midnight("261123")),
            &NONE,
            "not-yet-valid",
        );
        check(
            &rkp(|scene| scene.links[position].not_before = midnight("261123")),
            &NONE,
            "not-yet-valid",
        );
        check(
            &factory(|scene| scene.links[position].not_after = midnight("261121")),
            &NONE,
            "ok",
        );
        let expired = rkp(|scene| scene.links[position].not_after = midnight("261121"));
        assert_eq!(judged(&expired, &NONE), Err(Error::Expired { position }));
        // To the second of the end, and from the second of the start.
        check(
            &rkp(|scene| scene.links[position].not_after = midnight("261122")),
            &NONE,
            "ok",
        );
        check(
            &rkp(|scene| scene.links[position].not_before = midnight("261122")),
            &NONE,
            "ok",
        );
    }
}

#[test]
fn listed_serials_revoke_and_old_lists_settle_nothing() {
    let scene = Scene::factory();
    let chain = scene.chain();
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let judge = |serial: &str, age_max_s| {
        let json = format!(r#"{{"entries": {{"{serial}": {{"status": "SUSPENDED"}}}}}}"#);
        let list = RevocationList::parse(json.as_bytes()).unwrap();
        let revocations = Revocations {
            list: &list,
            fetched_at_s: NOW_S - 10,
            age_max_s,
        };
        verify(&chain, &NONE, &scene.anchors(), Some(revocations), NOW_S)
            .map_err(|error| error.code().as_str())
            .map(|_| ())
    };
    for listed in ["a00b", "A10B", "00a20b"] {
        assert_eq!(judge(listed, Some(10)), Err("revoked"), "{listed}");
        assert_eq!(judge(listed, Some(9)), Err("revoked"), "{listed}");
    }
    // The root's own serial is nobody's.
    assert_eq!(judge("a30b", Some(10)), Ok(()));
    assert_eq!(judge("a30b", Some(9)), Err("revocation-stale"));
    assert_eq!(judge("a30b", None), Ok(()));
}

#[test]
fn the_hardware_vouches() {
    let attested = |spoil: fn(&mut forge::Description)| factory(|scene| spoil(&mut scene.attested));
    check(
        &attested(|attested| attested.attestation_level = 0),
        &NONE,
        "software-level",
    );
    check(
        &attested(|attested| attested.keymint_level = 2),
        &NONE,
        "software-level",
    );
    check(
        &attested(|attested| (attested.attestation_level, attested.keymint_level) = (0, 0)),
        &NONE,
        "software-level",
    );
    check(
        &attested(|attested| (attested.attestation_level, attested.keymint_level) = (2, 2)),
        &NONE,
        "ok",
    );
    check(
        &attested(|attested| attested.attestation_level = 3),
        &NONE,
        "parse",
    );
    check(
        &attested(|attested| attested.hardware(702, integer(2))),
        &NONE,
        "origin",
    );
    check(
        &attested(|attested| attested.hardware.retain(|(tag, _)| *tag != 702)),
        &NONE,
        "origin",
    );
    check(
        &attested(|attested| attested.hardware.retain(|(tag, _)| *tag != 704)),
        &NONE,
        "origin",
    );
    let moved = attested(|attested| {
        attested.hardware.retain(|(tag, _)| ![702, 704].contains(tag));
        attested.software(702, integer(0));
        attested.software(704, root_of_trust(&[9; 32], 0xff, 0));
    });
    check(&moved, &NONE, "origin");
    let unknown = attested(|attested| attested.software(1_500, integer(0)));
    check(&unknown, &NONE, "unsupported");
    assert_eq!(
        judged(
            &unknown,
            &Parameters {
                unknown_tags: true,
                ..NONE
            }
        )
        .unwrap()
        .unknown_tags,
        [1_500]
    );
}

#[test]
fn software_is_for_development_and_for_three_certificates() {
    let development = Parameters {
        software_chains: true,
        ..NONE
    };
    check(&Scene::software(), &development, "ok");
    check(&Scene::factory(), &development, "ok");
    check(
        &factory(|scene| scene.attested.attestation_level = 0),
        &development,
        "software-level",
    );
    let facts = judged(&Scene::software(), &development).unwrap();
    assert_eq!(
        (facts.provisioning, facts.key_level, facts.boot),
        (Provisioning::Software, SecurityLevel::Software, None)
    );
    check(
        &Scene::software(),
        &Parameters {
            require_verified_boot: true,
            ..development
        },
        "boot-state",
    );
    check(
        &Scene::software(),
        &Parameters {
            level_min: Some(SecurityLevel::Hardware),
            ..development
        },
        "software-level",
    );
}

#[test]
fn the_application_is_the_expected_one() {
    let scene = |packages: &[(&str, u64)], signers: &[&[u8]]| {
        let id = octets(&application(packages, signers));
        factory(|scene| scene.attested.software(709, id))
    };
    let package = Parameters {
        package: Some("com.example.bank"),
        ..NONE
    };
    check(&Scene::factory(), &package, "ok");
    check(
        &scene(&[("com.example.other", 1), ("com.example.bank", 1)], &[]),
        &package,
        "ok",
    );
    check(&scene(&[("com.example.bank2", 1)], &[]), &package, "application");
    check(&scene(&[], &[]), &package, "application");
    let absent = factory(|scene| scene.attested.software.retain(|(tag, _)| *tag != 709));
    check(&absent, &package, "application");
    check(&absent, &NONE, "ok");
    let elsewhere = factory(|scene| {
        scene.attested.software.retain(|(tag, _)| *tag != 709);
        scene.attested.hardware(
            709,
            octets(&application(&[("com.example.bank", 42)], &[&[7; 32]])),
        );
    });
    check(&elsewhere, &package, "application");
    let accepted = [[6; 32], [7; 32]];
    let signers = Parameters {
        signers: Some(&accepted),
        ..NONE
    };
    check(&Scene::factory(), &signers, "ok");
    check(&scene(&[], &[&[7; 32], &[6; 32]]), &signers, "ok");
    check(&scene(&[], &[&[7; 32], &[5; 32]]), &signers, "signer");
    check(&scene(&[], &[&[7; 31]]), &signers, "signer");
    check(&scene(&[], &[]), &signers, "signer");
    check(&scene(&[], &[]), &NONE, "ok");
    check(&absent, &signers, "signer");
    check(
        &Scene::factory(),
        &Parameters {
            signers: Some(&[]),
            ..NONE
        },
        "signer",
    );
    check(
        &Scene::factory(),
        &Parameters {
            challenge: Some(b"challenge"),
            ..NONE
        },
        "ok",
    );
    check(
        &Scene::factory(),
        &Parameters {
            challenge: Some(b"challeng"),
            ..NONE
        },
        "challenge",
    );
    check(
        &Scene::factory(),
        &Parameters {
            challenge: Some(b""),
            ..NONE
        },
        "challenge",
    );
}

#[test]
fn boot_is_locked_and_vouched_for() {
    let booted = |locked, state| {
        factory(|scene| {
            scene
                .attested
                .hardware(704, root_of_trust(&[9; 32], locked, state))
        })
    };
    let required = Parameters {
        require_verified_boot: true,
        ..NONE
    };
    let own = [[9; 32]];
    let own = Parameters {
        boot_keys: &own,
        ..required
    };
    for (locked, state, expect, with_key) in [
        (0xff, 0, "ok", "ok"),
        (1, 0, "ok", "ok"),
        (0, 0, "boot-state", "boot-state"),
        (0xff, 1, "boot-state", "ok"),
        (0, 1, "boot-state", "boot-state"),
        (0xff, 2, "boot-state", "boot-state"),
        (0xff, 3, "boot-state", "boot-state"),
    ] {
        let scene = booted(locked, state);
        check(&scene, &NONE, "ok");
        check(&scene, &required, expect);
        check(&scene, &own, with_key);
        let accepted = judged(
            &scene,
            &Parameters {
                require_verified_boot: false,
                ..own
            },
        )
        .unwrap()
        .boot
        .unwrap()
        .accepted;
        assert_eq!(accepted, with_key == "ok");
    }
    check(
        &booted(0xff, 1),
        &Parameters {
            boot_keys: &[[0; 32]],
            ..required
        },
        "boot-state",
    );
    check(&booted(0xff, 4), &NONE, "parse");
}

#[test]
fn floors_hold_for_the_parts_that_tell() {
    let floor = |text: &str| Some(text.parse::<PatchLevel>().unwrap());
    let check = |patch_min, expect| check(&Scene::factory(), &Parameters { patch_min, ..NONE }, expect);
    check(
        PatchFloors {
            os: floor("2026-11"),
            vendor: floor("2026-11-05"),
            boot: floor("2026-11-30"),
        },
        "ok",
    );
    check(
        PatchFloors {
            os: floor("2026-12"),
            ..PatchFloors::default()
        },
        "patch-level",
    );
    check(
        PatchFloors {
            vendor: floor("2026-11-06"),
            ..PatchFloors::default()
        },
        "patch-level",
    );
    check(
        PatchFloors {
            boot: floor("2026-12-01"),
            ..PatchFloors::default()
        },
        "patch-level",
    );
    let silent = factory(|scene| scene.attested.hardware(718, integer(0)));
    let asked = PatchFloors {
        vendor: floor("2000-01"),
        ..PatchFloors::default()
    };
    super::check(
        &silent,
        &Parameters {
            patch_min: asked,
            ..NONE
        },
        "patch-level",
    );
    super::check(&silent, &NONE, "ok");
}

#[test]
fn a_device_key_signs_and_does_nothing_else() {
    let scene = Scene::factory();
    let point = scene.point();
    let device = Parameters {
        device_key: Some(&point),
        ..NONE
    };
    check(&scene, &device, "ok");
    check(
        &scene,
        &Parameters {
            device_key: Some(&[4; 65]),
            ..NONE
        },
        "key-use",
    );
    let numbers = |values: &[u64]| set(&values.iter().map(|value| integer(*value)).collect::<Vec<_>>());
    let hardware = |tag, value: Vec<u8>| factory(|scene| scene.attested.hardware(tag, value));
    let software = |tag, value: Vec<u8>| factory(|scene| scene.attested.software(tag, value));
    check(&hardware(1, numbers(&[3, 2])), &device, "ok");
    check(&hardware(1, numbers(&[3])), &device, "key-use");
    check(&hardware(1, numbers(&[2, 7])), &device, "key-use");
    check(&hardware(1, numbers(&[7])), &device, "key-use");
    check(&hardware(1, numbers(&[])), &device, "key-use");
    check(&software(1, numbers(&[7])), &device, "key-use");
    check(&hardware(600, vec![5, 0]), &device, "key-use");
    check(&software(600, vec![]), &device, "key-use");
    check(&hardware(2, integer(1)), &device, "key-use");
    check(&hardware(10, integer(2)), &device, "key-use");
    check(&hardware(5, numbers(&[6])), &device, "key-use");
    check(&hardware(5, numbers(&[0, 4])), &device, "ok");
    for spoil in [(1, numbers(&[7])), (600, vec![5, 0])] {
        check(&hardware(spoil.0, spoil.1), &NONE, "ok");
    }
    check(
        &scene,
        &Parameters {
            level_min: Some(SecurityLevel::StrongBox),
            ..device
        },
        "software-level",
    );
    check(
        &scene,
        &Parameters {
            level_min: Some(SecurityLevel::Hardware),
            ..device
        },
        "ok",
    );
}

#[test]
fn keys_of_other_kinds_are_named_and_are_no_device_keys() {
    let oid = [&[6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3][..], &[18]].concat();
    let ml_dsa = factory(|scene| scene.links[0].spki = sequence(&[sequence(&[oid]), der(&[3], &[0; 1953])]));
    let facts = judged(&ml_dsa, &NONE).unwrap();
    assert_eq!(
        (facts.key_algorithm, facts.key_point),
        (KeyAlgorithm::MlDsa65, None)
    );
    check(
        &ml_dsa,
        &Parameters {
            device_key: Some(&[0; 65]),
            ..NONE
        },
        "key-use",
    );
    let issuing = factory(|scene| {
        scene.links[1].spki = short_rsa_key();
        scene.links[0].algorithm = [
            &[0x30, 13, 6, 9][..],
            &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0],
        ]
        .concat();
    });
    check(&issuing, &NONE, "unsupported");
}

/// An RSA key of 1024 bits.
fn short_rsa_key() -> Vec<u8> {
    let algorithm = [
        &[0x30, 13, 6, 9][..],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0],
    ]
    .concat();
    let key = sequence(&[der(&[2], &[&[0, 0xff][..], &[1; 127]].concat()), integer(65_537)]);
    sequence(&[algorithm, der(&[3], &[&[0], key.as_slice()].concat())])
}

#[test]
fn facts_are_shown_in_words() {
    let shown = serde_json::to_value(judged(&Scene::rkp(), &NONE).unwrap()).unwrap();
    let expect = serde_json::json!({
        "attestation_version": 400, "keymint_version": 400, "attestation_level": "hardware", "key_level": "hardware",
        "provisioning": "rkp", "provisioning_info": {"certs_issued": 64}, "challenge": "6368616c6c656e6765",
        "packages": [{"name": "com.example.bank", "version": 42}], "signers": ["07".repeat(32)], "origin": "generated",
        "purposes": ["sign"], "key_algorithm": "ec-p256", "ec_curve": "p-256", "digests": ["sha-256"], "all_applications": false,
        "boot": {"state": "verified", "locked": true, "accepted": true, "key": "09".repeat(32), "hash": "08".repeat(32)},
        "patch": {"os": "2026-11", "vendor": "2026-11-05", "boot": "2026-11"}, "os_version": 160_000, "module_hash": "05".repeat(32),
        "root_spki_sha256": shown["root_spki_sha256"], "chain": shown["chain"], "vouching": shown["vouching"],
    });
    assert_eq!(shown, expect);
    let (link, vouching) = (&shown["chain"][1], &shown["vouching"]);
    assert_eq!(shown["chain"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        (&link["serial"], &link["spki_sha256"]),
        (&vouching["serial"], &vouching["spki_sha256"])
    );
    assert_eq!(
        (&link["serial"], &link["not_before"]),
        (&"a10b".into(), &"2020-01-01T00:00:00Z".into())
    );
    assert_eq!(link["subject"], "O=TEE, CN=e18c4f2c");
}

#[test]
fn hardware_ids_go_nowhere() {
    let secret = b"490154203237518";
    let scene = factory(|scene| {
        scene.attested.unique_id = secret.to_vec();
        for tag in (710..=717).chain([723]) {
            scene.attested.hardware(tag, octets(secret));
        }
    });
    let facts = judged(&scene, &NONE).unwrap();
    let read = read(&scene);
    for shown in [serde_json::to_string(&facts).unwrap(), format!("{facts:?}"), read] {
        for spelt in [
            "490154203237518",
            "343930313534323033323337353138",
            "52, 57, 48, 49",
        ] {
            assert!(!shown.contains(spelt), "{shown}");
        }
    }
}

fn read(scene: &Scene) -> String {
    format!("{:?}", key_description::parse(&scene.attested.encode()).unwrap())
}
