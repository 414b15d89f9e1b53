use super::codec;
use super::*;
use crate::appraisal::{
    AppleClaims, AttestedPackages, MAX_BUNDLE_VERSION_BYTES, PatchLevel, PlatformClaims, PlayClaims, Verdict,
    Verdicts, sample,
};
use crate::device::{BootState, KeyProvisioning};
use crate::encoding::base64url;
use crate::environment::Environment;
use crate::fleet::FleetSecret;
use proptest::prelude::*;
use ring::rand::SystemRandom;

const NOW: u64 = 1_800_000_100;

fn secret() -> FleetSecret {
    FleetSecret::new([3; 32])
}

fn body() -> TicketBody {
    TicketBody {
        result: sample(),
        session_key: Redacted::new([5; 32]),
    }
}

fn sealed() -> String {
    TicketSealer::new(&secret(), 1, Environment::Development)
        .seal(&body(), NOW, &SystemRandom::new())
        .unwrap()
}

/// What a phone of today says, with Play Integrity.
fn android() -> PlatformClaims {
    PlatformClaims {
        attested_packages: AttestedPackages::new(["com.example.bank"]),
        app_version_code: Some(40_200),
        provisioning: Some(KeyProvisioning::Factory),
        boot_state: Some(BootState::Verified),
        boot_locked: Some(true),
        os_version: Some(160_000),
        os_patch: PatchLevel::from_attested(202_610),
        vendor_patch: PatchLevel::from_attested(20_261_005),
        boot_patch: PatchLevel::from_attested(20_261_005),
        certificate_devices: Some(u32::MAX),
        play: Some(Box::new(PlayClaims {
            device: Verdicts::new(["MEETS_BASIC_INTEGRITY", "MEETS_DEVICE_INTEGRITY"]),
            app: Some(Verdict::new("PLAY_RECOGNIZED")),
            licensing: Some(Verdict::new("LICENSED")),
            protect: Some(Verdict::new("NO_ISSUES")),
            apps_detected: Verdicts::new(["KNOWN_INSTALLED"]),
        })),
        apple: None,
    }
}

fn sealed_claims(platform_claims: PlatformClaims) -> Result<String, TicketError> {
    let mut body = body();
    body.result.platform_claims = platform_claims;
    let sealer = TicketSealer::new(&secret(), 1, Environment::Development);
    let ticket = sealer.seal(&body, NOW, &SystemRandom::new())?;
    let opened = keys(&[1], Environment::Development).open(&ticket, NOW);
    assert_eq!(opened, Ok(body));
    Ok(ticket)
}

fn keys(ids: &[u16], environment: Environment) -> TicketKeys {
    TicketKeys::new(&secret(), ids, environment)
}

#[test]
fn opens_what_was_sealed_and_stays_small() {
    let ticket = sealed();
    assert!(ticket.len() < 500, "{}", ticket.len());
    assert_eq!(
        keys(&[2, 1], Environment::Development).open(&ticket, NOW),
        Ok(body())
    );
}

#[test]
fn refuses_by_reason() {
    let ticket = sealed();
    let open = |mut keys: TicketKeys, ticket: &str, now| keys.open(ticket, now).map(|_| ());
    let dev = Environment::Development;
    assert_eq!(open(keys(&[2], dev), &ticket, NOW), Err(TicketError::UnknownKey));
    assert_eq!(
        open(keys(&[1], Environment::Production), &ticket, NOW),
        Err(TicketError::Sealed)
    );
    assert_eq!(
        open(keys(&[1], dev), &ticket, NOW + 50 * 3600),
        Err(TicketError::UnknownEpoch)
    );
    assert_eq!(
        open(keys(&[1], dev), &ticket, NOW - 3 * 3600),
        Err(TicketError::UnknownEpoch)
    );
    let other = TicketKeys::new(&FleetSecret::new([4; 32]), &[1], dev);
    assert_eq!(open(other, &ticket, NOW), Err(TicketError::Sealed));
    for bad in ["", "AA", "AQ==", &"A".repeat(5000)] {
        assert_eq!(
            open(keys(&[1], dev), bad, NOW),
            Err(TicketError::Malformed),
            "{bad:.8}"
        );
    }
}

#[test]
fn too_many_findings_do_not_fit() {
    let mut big = body();
    big.result.findings.hit = (0..60)
        .map(|n| format!("detector.with.a.rather.long.name.{n}"))
        .collect();
    let sealer = TicketSealer::new(&secret(), 1, Environment::Development);
    assert_eq!(
        sealer.seal(&big, NOW, &SystemRandom::new()),
        Err(TicketError::TooLarge)
    );
}

#[test]
fn what_a_platform_says_is_sealed_and_stays_small() {
    let check = |claims: PlatformClaims, most: usize| {
        let bytes = sealed_claims(claims).unwrap().len() * 3 / 4;
        assert!(bytes <= most, "{bytes} bytes");
    };
    check(PlatformClaims::default(), 280);
    check(android(), 350);
    let apple = AppleClaims::new(Some(u32::MAX), Some("4.2.0"));
    let ios = PlatformClaims {
        apple: Some(Box::new(apple)),
        ..PlatformClaims::default()
    };
    check(ios, 290);
    // The most that any platform can say, in words that Play does not use today.
    let long = |letter: &str| letter.repeat(90);
    let names = ["a", "b", "c"].map(long);
    let worst = PlatformClaims {
        attested_packages: AttestedPackages::new(names.iter().map(String::as_str)),
        app_version_code: Some(u64::MAX),
        apple: Some(Box::new(AppleClaims::new(Some(1), Some(&long("7"))))),
        play: Some(Box::new(PlayClaims {
            device: Verdicts::new([long("D").as_str(); 3]),
            app: Some(Verdict::new(&long("A"))),
            licensing: Some(Verdict::new(&long("L"))),
            protect: Some(Verdict::new(&long("P"))),
            apps_detected: Verdicts::new([long("X").as_str(); 3]),
        })),
        ..android()
    };
    check(worst, MAX_TICKET_BYTES);
}

#[test]
fn tickets_of_the_former_format_ask_for_renewal() {
    let check = |version: u8, expect: TicketError| {
        let ticket = base64url([&[version, 0, 1][..], &[0; 60]].concat());
        let opened = keys(&[1], Environment::Development).open(&ticket, NOW);
        assert_eq!(opened.map(|_| ()), Err(expect), "{version}");
    };
    check(0, TicketError::Malformed);
    check(1, TicketError::Version);
    check(2, TicketError::UnknownEpoch);
    check(3, TicketError::Malformed);
}

#[test]
fn a_list_that_somebody_else_made_too_long_does_not_fit() {
    let apple = AppleClaims {
        validation_category: None,
        bundle_version: Some("1".repeat(8 * MAX_BUNDLE_VERSION_BYTES)),
    };
    let claims = PlatformClaims {
        apple: Some(Box::new(apple)),
        ..PlatformClaims::default()
    };
    assert_eq!(sealed_claims(claims), Err(TicketError::TooLarge));
}

fn any_claims() -> impl Strategy<Value = PlatformClaims> {
    let patch = || proptest::option::of((1970u32..2200, 1u32..13, 1u32..29));
    let words = || proptest::collection::vec("[A-Z_]{0,12}|MEETS_BASIC_INTEGRITY|NO_DATA", 0..6);
    let android = (
        proptest::collection::vec("[a-z.]{1,60}", 0..6),
        proptest::option::of(any::<u64>()),
        proptest::option::of(0u8..6),
        proptest::option::of(0u8..6),
        proptest::option::of(any::<bool>()),
        proptest::option::of(any::<u32>()),
        (patch(), patch(), patch()),
        proptest::option::of(any::<u32>()),
    );
    let play = proptest::option::of((words(), words(), words()));
    let apple = proptest::option::of((
        proptest::option::of(any::<u32>()),
        proptest::option::of("\\PC{0,20}"),
    ));
    (android, play, apple).prop_map(|(android, play, apple)| {
        let level = |(year, month, day): (u32, u32, u32)| {
            PatchLevel::from_attested(year * 10_000 + month * 100 + day)
        };
        let (names, code, provisioning, state, locked, version, patches, devices) = android;
        let play = play.map(
            |(device, one, detected): (Vec<String>, Vec<String>, Vec<String>)| {
                let mut one = one.iter().map(|word| Verdict::new(word));
                Box::new(PlayClaims {
                    device: Verdicts::new(device.iter().map(String::as_str)),
                    app: one.next(),
                    licensing: one.next(),
                    protect: one.next(),
                    apps_detected: Verdicts::new(detected.iter().map(String::as_str)),
                })
            },
        );
        PlatformClaims {
            attested_packages: AttestedPackages::new(names.iter().map(String::as_str)),
            app_version_code: code,
            provisioning: provisioning.and_then(KeyProvisioning::from_byte),
            boot_state: state.and_then(BootState::from_byte),
            boot_locked: locked,
            os_version: version,
            os_patch: patches.0.and_then(level),
            vendor_patch: patches.1.and_then(level),
            boot_patch: patches.2.and_then(level),
            certificate_devices: devices,
            play,
            apple: apple.map(|(category, version)| Box::new(AppleClaims::new(category, version.as_deref()))),
        }
    })
}

proptest! {
    /// Both forms in which claims travel say the same.
    #[test]
    fn claims_are_read_as_they_were_written(claims in any_claims()) {
        let json = serde_json::to_string(&claims).unwrap();
        prop_assert_eq!(&serde_json::from_str::<PlatformClaims>(&json).unwrap(), &claims);
        let mut body = body();
        body.result.platform_claims = claims;
        let bytes = codec::write(&body).unwrap();
        prop_assert_eq!(codec::read(&bytes), Ok(body));
    }

    /// Whoever has the key may seal anything: it is read or refused, and a cut or continued ticket is refused.
    #[test]
    fn any_content_is_read_or_refused(claims in any_claims(), at: usize, put: u8, more: Vec<u8>) {
        let mut body = body();
        body.result.platform_claims = claims;
        let mut bytes = codec::write(&body).unwrap();
        let at = at % bytes.len();
        prop_assert!(codec::read(&bytes[..at]).is_err());
        prop_assert_eq!(codec::read(&[&bytes[..], &more].concat()).is_ok(), more.is_empty());
        bytes[at] = put;
        drop(codec::read(&bytes));
    }

    #[test]
    fn tampered_never_opens(at in 0usize..400, bit in 0u8..6) {
        let ticket = sealed();
        let mut bytes = ticket.clone().into_bytes();
        let at = at % bytes.len();
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let value = ALPHABET.iter().position(|c| *c == bytes[at]).unwrap();
        bytes[at] = ALPHABET[value ^ (1 << bit)];
        let tampered = String::from_utf8(bytes).unwrap();
        prop_assert!(keys(&[1], Environment::Development).open(&tampered, NOW).is_err());
    }

    #[test]
    fn any_text_is_refused(text in "[A-Za-z0-9_-]{0,600}") {
        prop_assert!(keys(&[1], Environment::Development).open(&text, NOW).is_err());
    }
}
