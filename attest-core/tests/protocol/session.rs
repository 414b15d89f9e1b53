//! Session tokens: a valid token, its ticket, its gateway and its request, spoiled one at a time.

use attest_core::device::DeviceId;
use attest_core::environment::Environment;
use attest_core::finding::{FindingSource, Findings, United};
use attest_core::fleet::FleetSecret;
use attest_core::ticket::TicketKeys;
use attest_core::token::binding::Bound;
use attest_core::token::claims::TokenClaims;
use attest_core::token::{TimeBounds, session};
use serde_json::json;

use super::raw::{RawJws, Signer, set};
use super::samples::World;
use super::world::{KEY_ID, NOW, Outcome, Payment, Phone, Service, enrolled, minted};

/// A token on its way to a gateway, with the request it came with.
pub(crate) struct Case<'a> {
    pub(crate) world: &'a World,
    pub(crate) raw: RawJws,
    pub(crate) request: Payment,
    pub(crate) tickets: TicketKeys,
    pub(crate) bounds: TimeBounds,
    pub(crate) now_s: u64,
}

impl<'a> Case<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        let request = Payment::new();
        Self {
            world,
            raw: RawJws::read(&minted(&world.session, &request.claims(NOW))),
            request,
            tickets: world.service.tickets(),
            bounds: TimeBounds::default(),
            now_s: NOW,
        }
    }

    pub(crate) fn claim(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        set(&mut self.raw.payload, name, value);
    }

    fn kid(&mut self, ticket: &str) {
        set(&mut self.raw.header, "kid", ticket);
    }

    pub(crate) fn outcome(mut self) -> Outcome<Bound> {
        let token = self.raw.signed(Signer::Mac(&self.world.session.key));
        let verified = session::verify(&token, &mut self.tickets, self.bounds, self.now_s)
            .map_err(|error| error.code())?;
        self.request
            .received(|request| verified.bind(request).map_err(|error| error.code()))
    }
}

/// What is done to a valid case, and what the gateway says then.
pub(crate) type Spoil = (&'static str, fn(&mut Case<'_>), Outcome);

pub(crate) fn check(spoils: &[Spoil]) {
    let world = World::new();
    for (what, spoil, expect) in spoils {
        let mut case = Case::new(&world);
        spoil(&mut case);
        assert_eq!(case.outcome().map(|_| ()), *expect, "{what}");
    }
}

#[test]
fn the_ticket_decides_who_speaks() {
    check(&[
        ("nothing spoiled", |_| {}, Ok(())),
        (
            "no kid",
            |c| set(&mut c.raw.header, "kid", json!(null)),
            Err("token-key-unknown"),
        ),
        ("an empty kid", |c| c.kid(""), Err("ticket-malformed")),
        (
            "a kid that is no ticket",
            |c| c.kid("key-1"),
            Err("ticket-malformed"),
        ),
        (
            "an oversized kid",
            |c| c.kid(&"A".repeat(2000)),
            Err("ticket-malformed"),
        ),
        (
            "another version of ticket",
            |c| c.kid(&"B".repeat(400)),
            Err("ticket-malformed"),
        ),
        (
            "an altered ticket",
            |c| {
                let ticket = c.world.session.ticket.reveal();
                let (head, tail) = ticket.split_at(60);
                let other = if tail.starts_with('A') { "B" } else { "A" };
                c.kid(&format!("{head}{other}{}", tail.split_at(1).1));
            },
            Err("ticket-sealed"),
        ),
        (
            "a gateway of another environment",
            |c| {
                c.tickets = TicketKeys::new(&c.world.service.fleet, &[KEY_ID], Environment::Production);
            },
            Err("ticket-sealed"),
        ),
        (
            "a gateway of another fleet",
            |c| {
                c.tickets = TicketKeys::new(&FleetSecret::new([1; 32]), &[KEY_ID], Environment::Development);
            },
            Err("ticket-sealed"),
        ),
        (
            "a retired key id",
            |c| {
                c.tickets = TicketKeys::new(&c.world.service.fleet, &[KEY_ID + 1], Environment::Development);
            },
            Err("ticket-key-unknown"),
        ),
        (
            "a key id that is being introduced",
            |c| {
                c.tickets = TicketKeys::new(
                    &c.world.service.fleet,
                    &[KEY_ID + 1, KEY_ID],
                    Environment::Development,
                );
            },
            Ok(()),
        ),
        (
            "two days later",
            |c| c.now_s = NOW + 50 * 3600,
            Err("ticket-epoch"),
        ),
        (
            "two hours earlier",
            |c| c.now_s = NOW - 3 * 3600,
            Err("ticket-epoch"),
        ),
        (
            "the ticket of another phone",
            |c| {
                let other = enrolled(&c.world.service, &Phone::new(), NOW);
                c.kid(other.ticket.reveal());
            },
            Err("token-signature"),
        ),
        (
            "the ticket of the same phone's next session",
            |c| {
                let next = enrolled(&c.world.service, &c.world.phone, NOW);
                c.kid(next.ticket.reveal());
            },
            Err("token-signature"),
        ),
        ("the last second of the session", |c| at(c, NOW + 899), Ok(())),
        ("the session's end", |c| at(c, NOW + 900), Err("session-expired")),
    ]);
}

/// A token minted in the moment in which it arrives.
fn at(case: &mut Case<'_>, now_s: u64) {
    case.claim("iat", now_s);
    case.claim("exp", now_s + 60);
    case.now_s = now_s;
}

#[test]
fn claims_are_bounded_both_ways() {
    check(&[
        ("from 60 s ahead", |c| c.claim("iat", NOW + 60), Ok(())),
        (
            "from 61 s ahead",
            |c| {
                c.claim("iat", NOW + 61);
                c.claim("exp", NOW + 90);
            },
            Err("token-not-yet-valid"),
        ),
        (
            "ended 59 s ago",
            |c| {
                c.claim("iat", NOW - 90);
                c.claim("exp", NOW - 59);
            },
            Ok(()),
        ),
        (
            "ended 60 s ago",
            |c| {
                c.claim("iat", NOW - 90);
                c.claim("exp", NOW - 60);
            },
            Err("token-expired"),
        ),
        ("the longest life", |c| c.claim("exp", NOW + 300), Ok(())),
        (
            "a longer life",
            |c| c.claim("exp", NOW + 301),
            Err("token-lifetime"),
        ),
        (
            "a shorter policy",
            |c| c.bounds.lifetime_max_s = 59,
            Err("token-lifetime"),
        ),
        (
            "ends before it begins",
            |c| c.claim("exp", NOW - 1),
            Err("token-lifetime"),
        ),
        (
            "no exp, as foreign tokens have",
            |c| c.claim("exp", json!(null)),
            Ok(()),
        ),
        (
            "no exp and old",
            |c| {
                c.claim("exp", json!(null));
                c.claim("iat", NOW - 360);
            },
            Err("token-expired"),
        ),
        (
            "the largest iat",
            |c| {
                c.claim("iat", u64::MAX);
                c.claim("exp", u64::MAX);
            },
            Err("token-not-yet-valid"),
        ),
        ("nbf 60 s ahead", |c| c.claim("nbf", NOW + 60), Ok(())),
        (
            "nbf 61 s ahead",
            |c| c.claim("nbf", NOW + 61),
            Err("token-not-yet-valid"),
        ),
        ("no iat", |c| c.claim("iat", json!(null)), Err("token-json")),
        ("a negative iat", |c| c.claim("iat", -1), Err("token-json")),
        (
            "iat as text",
            |c| c.claim("iat", NOW.to_string()),
            Err("token-json"),
        ),
        (
            "another audience",
            |c| c.claim("aud", "https://api.other.example"),
            Err("token-audience"),
        ),
        (
            "a longer audience",
            |c| c.claim("aud", "https://api.bank.example/"),
            Err("token-audience"),
        ),
        ("no audience", |c| c.claim("aud", json!(null)), Err("token-json")),
        (
            "audiences in a list",
            |c| c.claim("aud", json!(["https://api.bank.example"])),
            Err("token-json"),
        ),
        (
            "a short jti",
            |c| c.claim("jti", "A".repeat(15)),
            Err("token-jti"),
        ),
        ("the shortest jti", |c| c.claim("jti", "A".repeat(16)), Ok(())),
        ("a long jti", |c| c.claim("jti", "A".repeat(65)), Err("token-jti")),
        (
            "a jti with other letters",
            |c| c.claim("jti", "A".repeat(20) + "+/"),
            Err("token-jti"),
        ),
        ("no jti", |c| c.claim("jti", json!(null)), Err("token-json")),
        (
            "a finding that is no id",
            |c| c.claim("fnd", json!({"hit": ["A b"]})),
            Err("token-findings"),
        ),
        (
            "too many findings",
            |c| c.claim("fnd", json!({"hit": vec!["a"; 65]})),
            Err("token-findings"),
        ),
        (
            "findings that are no findings",
            |c| c.claim("fnd", json!({"hit": "a"})),
            Err("token-json"),
        ),
        (
            "claims that mean nothing here",
            |c| c.claim("foo", json!({"bar": [1]})),
            Ok(()),
        ),
    ]);
}

/// Sealed: a hit on `clone.data-dir`, `root.mounts` inconclusive.
#[test]
fn a_token_adds_findings_and_never_clears_them() {
    let world = World::new();
    let united = |token: Findings| {
        let mut case = Case::new(&world);
        case.claim("fnd", json!(token));
        let bound = case.outcome().unwrap();
        let (ticket, token) = (&bound.token().result().findings, &bound.token().claims().findings);
        let united = United::new(ticket, token);
        let shown = |(id, source): (&str, FindingSource)| format!("{id} {source:?}");
        (
            united.hits().map(shown).collect::<Vec<_>>().join(", "),
            united.inconclusive().map(shown).collect::<Vec<_>>().join(", "),
        )
    };
    let names = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let check = |hit: &[&str], inconclusive: &[&str], expect: (&str, &str)| {
        let token = Findings {
            hit: names(hit),
            inconclusive: names(inconclusive),
            ..Findings::default()
        };
        let (hits, open) = united(token);
        assert_eq!((hits.as_str(), open.as_str()), expect);
    };
    check(&[], &[], ("clone.data-dir Ticket", "root.mounts Ticket"));
    check(
        &[],
        &["clone.data-dir"],
        ("clone.data-dir Ticket", "root.mounts Ticket"),
    );
    check(
        &["clone.data-dir"],
        &[],
        ("clone.data-dir Ticket", "root.mounts Ticket"),
    );
    check(
        &["root.mounts"],
        &[],
        ("clone.data-dir Ticket, root.mounts Token", ""),
    );
    check(
        &["hook.frida"],
        &["emu.gl"],
        (
            "clone.data-dir Ticket, hook.frida Token",
            "root.mounts Ticket, emu.gl Token",
        ),
    );
}

#[test]
fn an_oversized_token_is_not_minted() {
    let world = World::new();
    let claims = |ids: usize| TokenClaims {
        findings: Findings {
            hit: (0..ids).map(|id| format!("{}.{id}", "x".repeat(55))).collect(),
            ..Findings::default()
        },
        ..Payment::new().claims(NOW)
    };
    let mint = |claims| session::mint(world.session.ticket.reveal(), &world.session.key, &claims);
    assert!(mint(claims(10)).is_ok());
    assert_eq!(
        mint(claims(64)).map_err(|error| error.code()),
        Err("token-too-large")
    );
    assert_eq!(
        attest_core::token::proof::prepare(&claims(64))
            .map(|_| ())
            .map_err(|error| error.code()),
        Err("token-too-large")
    );
}

#[test]
fn the_usual_token_is_small() {
    let world = World::new();
    let token = minted(&world.session, &Payment::new().claims(NOW));
    assert!(token.len() <= 1024, "{} bytes", token.len());
    let id = world.session.device.to_text();
    assert!(
        !token.contains(&id) && DeviceId::parse(&id).is_ok(),
        "the device id travels sealed only"
    );
}

#[test]
fn a_gateway_without_the_fleet_secret_mints_nothing_that_passes() {
    let (ours, theirs) = (Service::new(), Service::new());
    let stolen = enrolled(&theirs, &Phone::new(), NOW);
    let token = minted(&stolen, &Payment::new().claims(NOW));
    let outcome = session::verify(&token, &mut ours.tickets(), TimeBounds::default(), NOW);
    assert_eq!(
        outcome.map_err(|error| error.code()).map(|_| ()),
        Err("ticket-sealed")
    );
}
