//! Verifies an Android chain with what the command line says.

use attest_gateway::verifier::VerdictCode;
use attest_gateway::verifier::anchors::Anchors;
use attest_gateway::verifier::android::{self, Parameters};
use attest_gateway::verifier::revocation::{RevocationList, Revocations};
use serde_json::{Map, Value};
use x509_parser::pem::Pem;

use super::verdict::{Unusable, Verdict};
use super::verify::Verify;
use super::{android_view, input};

/// One more than any chain has, so that what is too long is refused as that.
const MAX_CERTIFICATES: usize = 16;

/// The certificates of a PEM text, in its order.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut chain = Vec::new();
    for block in Pem::iter_from_buffer(pem).take(MAX_CERTIFICATES) {
        let block = block.map_err(|_| "not PEM")?;
        if block.label != "CERTIFICATE" {
            return Err("a PEM block that is no certificate");
        }
        chain.push(block.contents);
    }
    if chain.is_empty() {
        return Err("no PEM certificate");
    }
    Ok(chain)
}

/// The built-in anchors and those of `--anchors`.
fn anchors(arguments: &Verify) -> Result<Anchors, Unusable> {
    let Some(path) = &arguments.anchors else {
        return Ok(Anchors::google());
    };
    let pem = input::evidence(path)?;
    let pem = std::str::from_utf8(&pem).map_err(|_| Unusable::argument("anchors", "not PEM"))?;
    // Whoever names such a root here knows why; a production gateway refuses it.
    Anchors::google()
        .allow_software_roots()
        .with_pem(pem)
        .map_err(|error| Unusable::new(error.code(), format!("{}: {error}", path.display())))
}

pub(super) fn verdict(arguments: &Verify, now_s: u64) -> Result<Verdict, Unusable> {
    let signers = arguments
        .signer
        .iter()
        .map(|signer| {
            input::from_hex(signer)
                .and_then(|digest| digest.try_into().ok())
                .ok_or_else(|| Unusable::argument("signer", "not the 64 hexadecimal digits of a SHA-256"))
        })
        .collect::<Result<Vec<[u8; 32]>, _>>()?;
    let challenge = arguments
        .challenge_hex
        .as_ref()
        .map(|hex| input::from_hex(hex).ok_or_else(|| Unusable::argument("challenge-hex", "not hexadecimal")))
        .transpose()?;
    let anchors = anchors(arguments)?;
    let list = arguments
        .revocation
        .as_ref()
        .map(|path| {
            RevocationList::parse(&input::list(path)?)
                .map_err(|error| Unusable::new(error.code(), format!("{}: {error}", path.display())))
        })
        .transpose()?;
    let revocations = list.as_ref().map(|list| Revocations {
        list,
        fetched_at_s: now_s,
        age_max_s: None,
    });
    let parameters = Parameters {
        challenge: challenge.as_deref(),
        package: arguments.package.as_deref(),
        signers: (!signers.is_empty()).then_some(&signers),
        require_verified_boot: arguments.require_verified_boot,
        unknown_tags: arguments.allow_unknown_tags,
        name_mismatch: arguments.allow_name_mismatch,
        software_chains: arguments.allow_software,
        ..Parameters::default()
    };
    let pem = input::evidence(&arguments.file)?;
    let chain = match chain(&pem) {
        Ok(chain) => chain,
        Err(problem) => {
            let nothing = || Value::Object(Map::new());
            return Ok(Verdict::refused(
                VerdictCode::Parse,
                problem.to_owned(),
                None,
                nothing,
            ));
        }
    };
    let borrowed: Vec<&[u8]> = chain.iter().map(Vec::as_slice).collect();
    let mut verdict = match android::verify(&borrowed, &parameters, &anchors, revocations, now_s) {
        Ok(facts) => Verdict::accepted(json(&facts)),
        Err(error) => {
            // What was refused for a parameter or by the list may still be true.
            let lenient = Parameters {
                unknown_tags: true,
                name_mismatch: true,
                software_chains: arguments.allow_software,
                ..Parameters::default()
            };
            let proven = android::verify(&borrowed, &lenient, &anchors, None, now_s).ok();
            let read = || android_view::view(&chain);
            Verdict::refused(error.code(), error.to_string(), proven.as_ref().map(json), read)
        }
    };
    if anchors.contains_denied() {
        verdict.warning = Some(
            "--anchors has a root whose private key is public (AOSP software keystore); no production gateway takes it",
        );
    }
    Ok(verdict)
}

fn json(facts: &android::Facts) -> Value {
    serde_json::to_value(facts).unwrap_or_default()
}
