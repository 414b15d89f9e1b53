use super::*;
use crate::appraisal::sample;
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

proptest! {
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
