//! What a request costs: minting and verifying per token kind, the ticket, the challenge, and the strict JWS beside a general
//! JWT library for the same tokens in one run. It prints; it never judges.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::allow_attributes,
    reason = "a benchmark fails by panicking and speaks by printing"
)]

mod measure;
#[path = "../tests/protocol/world.rs"]
#[allow(dead_code, reason = "the tests need all of it, the benchmarks a part")]
mod world;

use std::hint::black_box;

use attest_core::attestation;
use attest_core::challenge::{ChallengeKey, ChallengeScope, Purpose};
use attest_core::encoding::base64url;
use attest_core::jose::jws::{MAX_TOKEN_BYTES, read_claims};
use attest_core::jose::{Compact, MacKey, VerifyingKey};
use attest_core::redacted::Redacted;
use attest_core::response::Session;
use attest_core::ticket::TicketSealer;
use attest_core::token::claims::TokenClaims;
use attest_core::token::single_use::SingleUseKey;
use attest_core::token::{TimeBounds, proof, session};
use criterion::Criterion;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use world::{APP, KEY_ID, NOW, Payment, Phone, RNG, Service, enrolled, minted, sign};

fn main() {
    let mut criterion = measure::criterion();
    let (service, phone) = (Service::new(), Phone::new());
    let session = enrolled(&service, &phone, NOW);
    session_token(&mut criterion, &service, &session);
    proof_token(&mut criterion, &service, &phone, &session);
    ticket(&mut criterion, &service, &session);
    challenge(&mut criterion, &service);
    beside_a_library(&service, &phone, &session);
    criterion.final_summary();
}

fn session_token(criterion: &mut Criterion, service: &Service, session: &Session) {
    let mut group = criterion.benchmark_group("session token");
    let request = Payment::new();
    let claims = request.claims(NOW);
    group.bench_function("mint", |b| b.iter(|| minted(session, black_box(&claims))));

    let (token, mut tickets) = (minted(session, &claims), service.tickets());
    println!("session token with every binding: {} bytes", token.len());
    let bounds = TimeBounds::default();
    group.bench_function("verify, ticket included", |b| {
        b.iter(|| session::verify(black_box(&token), &mut tickets, bounds, NOW).unwrap());
    });
    group.bench_function("verify, bind, single-use key", |b| {
        b.iter(|| {
            let verified = session::verify(black_box(&token), &mut tickets, bounds, NOW).unwrap();
            SingleUseKey::of(&request.received(|request| verified.bind(request)).unwrap())
        });
    });
    let forged = minted(
        &Session {
            key: MacKey::new(&[1; 32]),
            ..session.clone()
        },
        &claims,
    );
    group.bench_function("refuse a forged one", |b| {
        b.iter(|| session::verify(black_box(&forged), &mut tickets, bounds, NOW).unwrap_err());
    });
    group.finish();
}

fn proof_token(criterion: &mut Criterion, service: &Service, phone: &Phone, session: &Session) {
    let mut group = criterion.benchmark_group("proof token");
    let claims = Payment::new().claims(NOW);
    group.bench_function("mint, software key", |b| {
        b.iter(|| phone.proof(black_box(&claims)))
    });

    let (token, attestation) = (phone.proof(&claims), session.attestation.reveal());
    println!("proof token: {} + {} bytes", attestation.len(), token.len());
    let (keys, environment, bounds) = (service.keys(), service.environment, TimeBounds::default());
    group.bench_function("verify both halves", |b| {
        b.iter(|| proof::verify(attestation, black_box(&token), &keys, environment, bounds, NOW).unwrap());
    });
    let kept = attestation::verify(attestation, &keys, environment, NOW).unwrap();
    group.bench_function("verify with a kept attestation", |b| {
        b.iter(|| proof::verify_with(&kept, black_box(&token), bounds, NOW).unwrap());
    });
    group.bench_function("verify the attestation", |b| {
        b.iter(|| attestation::verify(black_box(attestation), &keys, environment, NOW).unwrap());
    });
    group.finish();
}

fn ticket(criterion: &mut Criterion, service: &Service, session: &Session) {
    let mut group = criterion.benchmark_group("ticket");
    let ticket = session.ticket.reveal();
    println!("ticket: {} bytes", ticket.len());
    let body = service.tickets().open(ticket, NOW).unwrap();
    group.bench_function("seal", |b| {
        // A key seals a bounded number of tickets an hour, so each thousand gets a sealer of its own.
        let sealer = || TicketSealer::new(&service.fleet, KEY_ID, service.environment);
        let (mut current, mut sealed) = (sealer(), 0_u32);
        b.iter(|| {
            sealed += 1;
            if sealed.is_multiple_of(1 << 20) {
                current = sealer();
            }
            current.seal(black_box(&body), NOW, &*RNG).unwrap()
        });
    });
    let mut tickets = service.tickets();
    group.bench_function("open", |b| {
        b.iter(|| tickets.open(black_box(ticket), NOW).unwrap())
    });
    group.bench_function("open with a key not prepared", |b| {
        b.iter(|| service.tickets().open(black_box(ticket), NOW).unwrap());
    });
    group.finish();
}

fn challenge(criterion: &mut Criterion, service: &Service) {
    let mut group = criterion.benchmark_group("challenge");
    let key = ChallengeKey::new(&service.fleet);
    let scope = ChallengeScope {
        purpose: Purpose::Enroll,
        app: APP,
        environment: service.environment,
        device: None,
    };
    group.bench_function("issue", |b| {
        b.iter(|| key.issue(black_box(scope), NOW, &*RNG).unwrap())
    });
    let challenge = key.issue(scope, NOW, &*RNG).unwrap();
    group.bench_function("verify", |b| {
        b.iter(|| key.verify(black_box(&challenge), scope, 120, NOW).unwrap());
    });
    group.finish();
}

/// Ours and the library's for the same text, both ending in the same typed claims.
fn beside_a_library(service: &Service, phone: &Phone, session: &Session) {
    println!("\nstrict JWS beside jsonwebtoken (RustCrypto), the same token, taking turns:");
    let claims = Payment::new().claims(NOW);
    let mac = MacKey::new(&[5; 32]);
    let hs256 = session::mint(session.ticket.reveal(), &mac, &claims).unwrap();
    let mut body = service.tickets().open(session.ticket.reveal(), NOW).unwrap();
    body.session_key = Redacted::new([5; 32]);
    compare(
        "HS256",
        2_000,
        &hs256,
        &VerifyingKey::Mac(mac),
        &DecodingKey::from_secret(&[5; 32]),
        Algorithm::HS256,
    );
    let es256 = sign(proof::prepare(&claims).unwrap(), &phone.key);
    let point = phone.key.public_point();
    let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
    compare(
        "ES256",
        20,
        &es256,
        &VerifyingKey::P256(point),
        &DecodingKey::from_ec_components(&x, &y).unwrap(),
        Algorithm::ES256,
    );
}

fn compare(what: &str, rounds: u32, token: &str, ours: &VerifyingKey, theirs: &DecodingKey, alg: Algorithm) {
    let mut validation = Validation::new(alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let strict = || -> TokenClaims {
        let jws = Compact::parse(black_box(token), MAX_TOKEN_BYTES).unwrap();
        read_claims(&jws.verify(ours).unwrap()).unwrap()
    };
    let library = || decode::<TokenClaims>(black_box(token), theirs, &validation).unwrap();
    assert_eq!(strict(), library().claims);
    let [strict, library] = measure::side_by_side(rounds, strict, library);
    println!(
        "  {what}: ours {strict:.0} ns, the library {library:.0} ns, ratio {:.2}",
        library / strict
    );
}
