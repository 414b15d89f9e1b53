//! Writes the seeds that carry signatures or seals anew, with the keys of `attest_fuzz::fixture`. Needed only when a wire
//! format changes: `cargo run -p attest-fuzz --example seeds`. It never touches a seed that it did not write.

#[path = "seeds/platform.rs"]
mod platform;
#[path = "seeds/probes.rs"]
mod probes;

use std::error::Error;
use std::fs;
use std::path::Path;

use attest_core::appraisal::AppraisalResult;
use attest_core::attestation;
use attest_core::challenge::{ChallengeKey, ChallengeScope, Purpose};
use attest_core::device::Platform;
use attest_core::encoding::base64url;
use attest_core::environment::Environment;
use attest_core::evidence::EvidenceClaims;
use attest_core::jose::{Jwk, JwkSet, MacKey, SigningKey, Unsigned};
use attest_core::problem::ProblemCode;
use attest_core::support_code::{Cause, NameHash, SupportCodes};
use attest_core::token::binding::{BindingClaims, OutgoingRequest};
use attest_core::token::claims::TokenClaims;
use attest_core::token::{proof, session};
use attest_fuzz::fixture::{NOW_S, ORIGIN, SESSION_KEY, claims, fleet, result, ticket};
use attest_gateway::config::Config;
use ring::rand::SystemRandom;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn write(path: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::create_dir_all(path.parent().ok_or("a path without a folder")?)?;
    Ok(fs::write(path, bytes)?)
}

fn signed(unsigned: Unsigned, key: &SigningKey) -> Result<String> {
    let signature = key.sign(unsigned.signing_input(), &SystemRandom::new())?;
    Ok(unsigned.attach(&signature))
}

fn main() -> Result<()> {
    let rng = SystemRandom::new();
    let (issuer, device) = (SigningKey::generate(&rng)?, SigningKey::generate(&rng)?);
    let published = Jwk::published(&issuer.public_point());
    let kid = published.kid.clone().unwrap_or_default();
    write(
        "src/issuer.jwks.json",
        serde_json::to_string(&JwkSet {
            keys: vec![published],
        })?,
    )?;
    tokens(&issuer, &kid, &device)?;
    evidence(&issuer, &device)?;
    support_code()?;
    platform::app_attest()?;
    platform::play_integrity()?;
    probes::probes()?;
    documents()
}

/// What the product itself gives to start from.
fn documents() -> Result<()> {
    write("seeds/policy_source/bank.yaml", attest_policy::EXAMPLE)?;
    let taken = "version: 1\nenvironment: development\npacks: [{use: ./mine.yaml, mode: shadow}]\n%%%\n";
    let pack = attest_policy::packs::shipped("android/debugger").unwrap_or_default();
    write("seeds/policy_source/pack.yaml", format!("{taken}{pack}"))?;
    let problems = |problems: Vec<attest_policy::Problem>| format!("{problems:?}");
    let bank = attest_policy::compile("bank.yaml", attest_policy::EXAMPLE).map_err(problems)?;
    write("seeds/device_policy/bank", bank.device_json()?)?;
    write("seeds/gateway_policy/bank", bank.gateway_json()?)?;
    write(
        "seeds/gateway_config/template",
        Config::template(Environment::Development),
    )
}

fn tokens(issuer: &SigningKey, kid: &str, device: &SigningKey) -> Result<()> {
    let request = OutgoingRequest {
        method: "POST",
        origin: ORIGIN,
        path: "/v1/payments",
        query: Some("a=1"),
        body: b"{}",
        authorization: None,
    };
    let bound = claims(BindingClaims::of(&request, &[])?);
    let late = TokenClaims {
        iat: NOW_S - 1000,
        exp: Some(NOW_S - 900),
        ..bound.clone()
    };
    let key = MacKey::new(&SESSION_KEY);
    write(
        "seeds/session_token/verifies",
        session::mint(ticket(), &key, &bound)?,
    )?;
    write("seeds/session_token/late", session::mint(ticket(), &key, &late)?)?;
    write(
        "seeds/session_token/other-key",
        session::mint(ticket(), &MacKey::new(&[6; 32]), &bound)?,
    )?;
    write("seeds/ticket/opens", ticket())?;

    let attested = |result: &AppraisalResult| {
        signed(
            attestation::prepare("attest", kid, &device.public_point(), result)?,
            issuer,
        )
    };
    let (good, ended) = (
        attested(&result())?,
        attested(&AppraisalResult {
            expires_at_s: NOW_S,
            ..result()
        })?,
    );
    let proven = signed(proof::prepare(&bound)?, device)?;
    write("seeds/proof_token/verifies", format!("{good}\n{proven}"))?;
    write("seeds/proof_token/ended", format!("{ended}\n{proven}"))?;
    write(
        "seeds/proof_token/other-device",
        format!("{good}\n{}", signed(proof::prepare(&bound)?, issuer)?),
    )?;
    Ok(())
}

fn evidence(issuer: &SigningKey, device: &SigningKey) -> Result<()> {
    let scope = ChallengeScope {
        purpose: Purpose::Enroll,
        app: "com.example.bank",
        environment: Environment::Development,
        device: None,
    };
    let challenge = ChallengeKey::new(&fleet()).issue(scope, NOW_S, &SystemRandom::new())?;
    write("seeds/challenge/enroll", challenge.to_text())?;
    let evidence = EvidenceClaims {
        purpose: Purpose::Enroll,
        challenge: challenge.to_text(),
        app: "com.example.bank".to_owned(),
        app_version: "4.2.0".to_owned(),
        platform: Platform::Android,
        environment: Environment::Development,
        device: None,
        jwk: Jwk::p256(&device.public_point()),
        share: base64url(issuer.public_point()),
        policy_version: 12,
        findings: result().findings,
        iat: NOW_S,
    };
    write("seeds/evidence/verifies", signed(evidence.prepare()?, device)?)?;
    write("seeds/evidence/other-key", signed(evidence.prepare()?, issuer)?)?;
    let renewal = EvidenceClaims {
        purpose: Purpose::Renew,
        ..evidence
    };
    write(
        "seeds/evidence/renewal-without-device",
        signed(renewal.prepare()?, device)?,
    )?;
    Ok(())
}

fn support_code() -> Result<()> {
    let cause = Cause {
        code: ProblemCode::Denied,
        route: NameHash::of("payments"),
        rule: NameHash::of("no-cloners"),
        clause: 2,
        fact: NameHash::of("findings.hit"),
        value: NameHash::NONE,
        policy_version: 12,
        at_s: u32::try_from(NOW_S)?,
    };
    let codes = SupportCodes::new(&fleet(), 1).ok_or("no key")?;
    write(
        "seeds/support_code/opens",
        codes.seal(&cause, &SystemRandom::new())?,
    )
}
