//! How a KeyDescription is read: what real phones get wrong is forgiven, everything else is refused.

use proptest::prelude::*;

use super::forge::{
    Description, application, der, enumerated, integer, octets, root_of_trust, sequence, set, tagged,
};
use super::key_description::{BootState, KeyDescription, KeyDescriptionError, parse};

/// The code of what refuses the reading, or `ok`.
fn check(attested: &Description, expect: &str) {
    let bytes = attested.encode();
    let outcome = parse(&bytes);
    assert_eq!(
        outcome.as_ref().map_or_else(KeyDescriptionError::code, |_| "ok"),
        expect,
        "{outcome:?}"
    );
}

fn spoilt(spoil: impl FnOnce(&mut Description)) -> Description {
    let mut attested = Description::default();
    spoil(&mut attested);
    attested
}

fn hardware(tag: u32, value: Vec<u8>) -> Description {
    spoilt(|attested| attested.hardware(tag, value))
}

fn software(tag: u32, value: Vec<u8>) -> Description {
    spoilt(|attested| attested.software(tag, value))
}

/// What is read of a description that can be.
fn reading<T>(attested: &Description, look: impl FnOnce(&KeyDescription<'_>) -> T) -> T {
    look(&parse(&attested.encode()).unwrap())
}

#[test]
fn locked_is_any_value_but_zero() {
    for (value, expect) in [(0, false), (1, true), (0xff, true)] {
        let attested = hardware(704, root_of_trust(&[0; 32], value, 0));
        assert_eq!(
            reading(&attested, |read| read.hardware.root_of_trust.unwrap().locked),
            expect
        );
    }
}

#[test]
fn sets_come_in_any_order() {
    let numbers = |values: &[u64]| set(&values.iter().map(|value| integer(*value)).collect::<Vec<_>>());
    let attested = hardware(1, numbers(&[7, 2, 3, 2]));
    assert_eq!(
        reading(&attested, |read| read.hardware.purposes.clone()),
        [2, 3, 7]
    );
    let id = octets(&application(&[("z", 0), ("a", u64::MAX)], &[&[9; 32], &[1; 32]]));
    let attested = software(709, id);
    let id = |read: &KeyDescription<'_>| {
        read.software
            .application_id
            .clone()
            .map(|id| (id.packages[0].name.to_owned(), id.signers[0][0]))
    };
    assert_eq!(reading(&attested, id), Some(("z".to_owned(), 9)));
}

#[test]
fn tags_come_in_any_order_but_once() {
    check(&spoilt(|attested| attested.hardware.reverse()), "ok");
    check(
        &spoilt(|attested| attested.hardware.push((702, integer(0)))),
        "key-description-repeated",
    );
    check(
        &spoilt(|attested| attested.hardware.push((503, vec![5, 0]))),
        "key-description-repeated",
    );
    check(
        &spoilt(|attested| attested.software.extend([(9_999, vec![]), (9_999, vec![])])),
        "key-description-repeated",
    );
    // The same in both lists is no repetition.
    check(&software(702, integer(0)), "ok");
}

#[test]
fn times_are_whatever_phones_write() {
    for value in [
        integer(1_795_305_600_000_000),
        integer(u64::MAX),
        der(&[2], &[0x7f; 40]),
        vec![],
    ] {
        check(&software(701, value), "ok");
    }
}

#[test]
fn an_app_may_have_no_signers_or_no_id() {
    check(&software(709, octets(&application(&[("a", 1)], &[]))), "ok");
    check(&software(709, octets(&application(&[], &[]))), "ok");
    check(&spoilt(|attested| attested.software.clear()), "ok");
    check(&spoilt(|attested| attested.hardware.clear()), "ok");
}

#[test]
fn older_versions_tell_less() {
    let without_hash = sequence(&[octets(&[9; 32]), vec![1, 1, 0], enumerated(2)]);
    let attested = hardware(704, without_hash);
    let boot = reading(&attested, |read| {
        read.hardware
            .root_of_trust
            .map(|boot| (boot.state, boot.hash.is_some()))
    });
    assert_eq!(boot, Some((BootState::Unverified, false)));
}

#[test]
fn unknown_tags_are_told_and_hardware_ids_are_known() {
    let attested = spoilt(|attested| {
        for tag in (710..=717).chain([
            723, 720, 400, 401, 402, 405, 502, 504, 505, 506, 507, 508, 509, 11, 203, 303, 305,
        ]) {
            attested.hardware(tag, der(&[2], &[1]));
        }
        attested.hardware(725, vec![0xff; 3]);
        attested.hardware(1_000, vec![]);
    });
    assert_eq!(
        reading(&attested, |read| read.hardware.unknown_tags.clone()),
        [725, 1_000]
    );
}

#[test]
fn what_is_not_of_the_schema_is_refused() {
    let encoding = "key-description-encoding";
    check(&hardware(702, integer(u64::MAX)), encoding);
    check(&hardware(702, der(&[2], &[0x80])), encoding);
    check(&hardware(702, der(&[2], &[0, 0])), encoding);
    check(&hardware(702, enumerated(0)), encoding);
    check(&hardware(702, vec![]), encoding);
    check(&hardware(702, [integer(0), integer(0)].concat()), encoding);
    check(&hardware(706, der(&[2], &[1; 4_000])), encoding);
    check(&hardware(1, integer(2)), encoding);
    check(&hardware(1, set(&[octets(&[2])])), encoding);
    check(
        &hardware(704, root_of_trust(&[0; 32], 0, 4)),
        "key-description-boot-state",
    );
    check(
        &hardware(
            704,
            sequence(&[
                octets(&[9; 32]),
                vec![1, 1, 0],
                enumerated(2),
                octets(&[]),
                octets(&[]),
            ]),
        ),
        encoding,
    );
    check(
        &hardware(
            704,
            sequence(&[octets(&[9; 32]), vec![1, 2, 0, 0], enumerated(2)]),
        ),
        encoding,
    );
    check(&hardware(704, vec![0x30, 0x80, 0, 0]), encoding);
    check(&software(709, application(&[("a", 1)], &[])), encoding);
    check(
        &software(709, octets(&[application(&[], &[]), vec![0]].concat())),
        encoding,
    );
    check(
        &software(
            709,
            octets(&sequence(&[
                set(&[sequence(&[octets(&[0xff]), integer(1)])]),
                set(&[]),
            ])),
        ),
        "key-description-package-name",
    );
    check(
        &spoilt(|attested| attested.keymint_level = 3),
        "key-description-security-level",
    );
    check(
        &spoilt(|attested| attested.attestation_level = 100),
        "key-description-security-level",
    );
}

#[test]
fn the_outside_is_of_the_schema_too() {
    let whole = Description::default().encode();
    let check = |bytes: &[u8], expect: &str| {
        assert_eq!(
            parse(bytes)
                .as_ref()
                .map_or_else(KeyDescriptionError::code, |_| "ok"),
            expect
        );
    };
    check(&whole, "ok");
    check(&[whole.as_slice(), &[0]].concat(), "key-description-encoding");
    for cut in 0..whole.len() {
        check(&whole[..cut], "key-description-encoding");
    }
    let untagged = sequence(&[
        integer(4),
        enumerated(1),
        integer(4),
        enumerated(1),
        octets(&[]),
        octets(&[]),
        sequence(&[integer(1)]),
        sequence(&[]),
    ]);
    check(&untagged, "key-description-untagged");
    let implicit = sequence(&[
        integer(4),
        enumerated(1),
        integer(4),
        enumerated(1),
        octets(&[]),
        octets(&[]),
        sequence(&[vec![0x82, 1, 3]]),
        sequence(&[]),
    ]);
    check(&implicit, "key-description-untagged");
    let nine = sequence(&[
        integer(4),
        enumerated(1),
        integer(4),
        enumerated(1),
        octets(&[]),
        octets(&[]),
        sequence(&[]),
        sequence(&[]),
        octets(&[]),
    ]);
    check(&nine, "key-description-encoding");
    check(&tagged(1, &whole), "key-description-encoding");
}

proptest! {
    #[test]
    fn whatever_is_read_came_from_the_input(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(read) = parse(&bytes) {
            prop_assert!(read.challenge.len() <= bytes.len());
        }
    }

    #[test]
    fn a_flipped_bit_never_panics(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = Description::default().encode();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let _read = parse(&bytes);
    }
}
