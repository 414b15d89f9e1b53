//! What a stranger can make the verifier do: bytes parsed and signatures checked are counted, and stay in their bounds.

use proptest::prelude::*;

use super::forge::{KEY_DESCRIPTION, NOW_S, Scene, der, integer, name, octets, sequence, tagged};
use super::*;

/// Six certificates of 8 KiB and one extension.
const BYTES: usize = 7 * (8 << 10);

fn counted(chain: &[Vec<u8>], anchors: &Anchors) -> (Result<Facts, Error>, Work) {
    let chain: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let mut work = Work::default();
    let parameters = Parameters {
        unknown_tags: true,
        ..Parameters::default()
    };
    let outcome = verify_counted(&chain, &parameters, anchors, None, NOW_S, &mut work);
    assert!(work.bytes <= BYTES && work.signatures <= 4, "{work:?}");
    (outcome, work)
}

fn check(scene: &Scene, expect: &str) -> Work {
    let (outcome, work) = counted(&scene.chain(), &scene.anchors());
    assert_eq!(word(&outcome), expect, "{outcome:?}");
    work
}

/// What is done to a scene with some bytes.
type Spoil = fn(&mut Scene, Vec<u8>);

/// So many sequences, one in the other.
fn nested(depth: usize) -> Vec<u8> {
    (0..depth).fold(vec![5, 0], |inner, _| sequence(&[inner]))
}

#[test]
fn size_is_judged_before_anything_is_read() {
    let genuine = Scene::factory().chain();
    let anchors = Scene::factory().anchors();
    let long = vec![genuine[1].clone(); 10_000];
    let mut large = genuine.clone();
    large[2] = vec![0x30; 4 << 20];
    let mut just_too_large = genuine.clone();
    just_too_large[0].resize(8_193, 0);
    for chain in [long, large, just_too_large, vec![], genuine[..2].to_vec()] {
        let (outcome, work) = counted(&chain, &anchors);
        assert!(["limit", "chain-shape"].contains(&word(&outcome)));
        assert_eq!(work, Work::default());
    }
}

#[test]
fn a_true_chain_costs_its_size_and_a_signature_for_each_certificate() {
    for (scene, signatures) in [(Scene::factory(), 3), (Scene::rkp(), 4)] {
        let chain = scene.chain();
        let (outcome, work) = counted(&chain, &scene.anchors());
        assert_eq!((word(&outcome), work.signatures), ("ok", signatures));
        assert_eq!(work.bytes, chain.concat().len() + scene.attested.encode().len());
    }
}

#[test]
fn strangers_get_no_signature_checked() {
    for scene in [Scene::factory(), Scene::rkp()] {
        let (outcome, work) = counted(&scene.chain(), &Anchors::google());
        assert_eq!((word(&outcome), work.signatures), ("anchor-unknown", 0));
    }
    let forged = spoilt(Scene::rkp(), |scene| scene.links[3].forged = true);
    assert_eq!(check(&forged, "signature").signatures, 1);
}

#[test]
fn depth_costs_nothing() {
    let deep = nested(1_500);
    assert!(deep.len() < 7_000);
    let spoils: [(Spoil, &str); 6] = [
        (
            |scene, deep| scene.links[0].extensions.push((vec![0x55, 0x1d, 31], deep)),
            "ok",
        ),
        (|scene, deep| scene.links[0].spki = deep, "parse"),
        (
            |scene, _| scene.links[0].algorithm = sequence(&[vec![6, 1, 1], nested(700)]),
            "unsupported",
        ),
        // Nobody asks how the leaf is called.
        (|scene, deep| scene.links[0].subject = deep, "ok"),
        (|scene, deep| scene.attested.hardware(1, deep), "parse"),
        (|scene, deep| scene.attested.hardware(2_000, deep), "ok"),
    ];
    for (spoil, expect) in spoils {
        check(
            &spoilt(Scene::factory(), |scene| spoil(scene, deep.clone())),
            expect,
        );
    }
    let mut chain = Scene::factory().chain();
    chain[0] = nested(1_500);
    assert_eq!(word(&counted(&chain, &Scene::factory().anchors()).0), "parse");
    // Indefinite lengths, one in the other.
    chain[0] = [0x30, 0x80].repeat(4_000);
    assert_eq!(word(&counted(&chain, &Scene::factory().anchors()).0), "parse");
}

#[test]
fn huge_numbers_and_many_elements_cost_their_size() {
    let number = der(&[2], &[0x7f; 7_000]);
    let spoils: [(Spoil, &str); 5] = [
        (|scene, number| scene.links[0].serial = number, "ok"),
        (|scene, number| scene.attested.hardware(705, number), "parse"),
        (
            |scene, _| {
                scene
                    .attested
                    .hardware
                    .extend((2_000..3_500).map(|tag| (tag, vec![])))
            },
            "ok",
        ),
        (
            |scene, _| {
                scene
                    .attested
                    .hardware(1, der(&[0x31], &integer(2).repeat(2_500)))
            },
            "ok",
        ),
        (
            |scene, _| scene.links[0].subject = name(&vec![(&[0x55, 4, 3][..], "a"); 500]),
            "ok",
        ),
    ];
    for (spoil, expect) in spoils {
        check(
            &spoilt(Scene::factory(), |scene| spoil(scene, number.clone())),
            expect,
        );
    }
}

#[test]
fn lengths_beyond_the_end_are_refused() {
    for length in [
        &[0x7f][..],
        &[0x82, 0xff, 0xff],
        &[0x83, 0xff, 0xff, 0xff],
        &[0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x88; 9],
        &[0xff; 3],
    ] {
        let beyond = |identifier: &[u8]| [identifier, length, &[0; 8]].concat();
        for position in 0..4 {
            let mut chain = Scene::factory().chain();
            chain[position] = beyond(&[0x30]);
            assert_eq!(word(&counted(&chain, &Scene::factory().anchors()).0), "parse");
        }
        let attests = |value: Vec<u8>| {
            spoilt(Scene::factory(), |scene| {
                scene.attested.absent = true;
                scene.links[0].extensions.push((KEY_DESCRIPTION.to_vec(), value));
            })
        };
        check(&attests(beyond(&[0x30])), "parse");
        check(&attests(sequence(&[integer(4), beyond(&[10])])), "parse");
        check(
            &spoilt(Scene::factory(), |scene| {
                scene.attested.hardware(704, beyond(&[0x30]))
            }),
            "parse",
        );
        check(
            &spoilt(Scene::factory(), |scene| {
                scene.attested.software(709, octets(&beyond(&[0x30])))
            }),
            "parse",
        );
    }
    let trailing = spoilt(Scene::factory(), |scene| scene.attested.absent = true);
    let mut chain = trailing.chain();
    chain[1].push(0);
    assert_eq!(
        counted(&chain, &trailing.anchors()).0,
        Err(Error::CertificateUnreadable { position: 1 })
    );
}

#[test]
fn provisioning_records_that_cannot_be_read_are_absent() {
    for (record, expect) in [
        (vec![0xa1, 1, 8], Some(Some(8))),
        (vec![0xa2, 3, 0x61, b'G', 1, 8], Some(Some(8))),
        (vec![0xa0], Some(None)),
        (vec![0xa1, 1, 0x20], Some(None)),
        (vec![0x81, 1], None),
        (vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], None),
        ([0x81].repeat(5_000), None),
        (vec![], None),
    ] {
        let scene = spoilt(Scene::rkp(), |scene| {
            scene.links[1].extensions.last_mut().unwrap().1 = record
        });
        let (outcome, _) = counted(&scene.chain(), &scene.anchors());
        assert_eq!(
            outcome.unwrap().provisioning_info.map(|read| read.certs_issued),
            expect
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Nothing that is signed can be changed; what is not, tells nothing.
    #[test]
    fn tampering_changes_no_fact(certificate in 0..4_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let scene = Scene::rkp();
        let mut chain = scene.chain();
        let genuine = counted(&chain, &scene.anchors()).0;
        let at = at.index(chain[certificate].len());
        chain[certificate][at] ^= 1 << bit;
        let tampered = counted(&chain, &scene.anchors()).0;
        prop_assert!(tampered.is_err() || tampered == genuine);
    }

    #[test]
    fn no_bytes_are_a_chain(chain in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..8)) {
        prop_assert!(counted(&chain, &Anchors::google()).0.is_err());
    }
}

#[test]
fn explicit_tags_of_every_length_are_read_as_written() {
    for tag in [1, 30, 31, 127, 128, 704, 16_383] {
        assert_eq!(
            der::Reader::new(&tagged(tag, &[]))
                .element()
                .unwrap()
                .tag
                .explicit(),
            Some(tag)
        );
    }
}
