//! Play Integrity: each token of the corpus, made by another implementation, gives what it is known to give.

use attest_gateway::verifier::VerdictCode;
use attest_gateway::verifier::play::{Binding, DEFAULT_AGE_MAX_S, Facts, Parameters, PlayKeys, verify};
use serde_json::Value as Json;

use crate::corpus::{Tally, corpus, text};

/// What a token is expected to give, in our words. A word that is new there has to be looked at.
fn expected(words: &str) -> Result<(), VerdictCode> {
    match words {
        "valid" => Ok(()),
        "invalid: unwrap" => Err(VerdictCode::Signature),
        "invalid: not a JWE" => Err(VerdictCode::Parse),
        "invalid: alg must be pinned"
        | "invalid: enc must be pinned to A256GCM"
        | "invalid: inner alg must be ES256" => Err(VerdictCode::Unsupported),
        other => panic!("the corpus expects {other:?}"),
    }
}

#[test]
fn tokens_of_the_corpus() {
    let Some(corpus) = corpus(6) else { return };
    let mut tally = Tally::default();
    for entry in corpus.of_kind("play-integrity-synthetic") {
        let file: Json = serde_json::from_slice(&corpus.read(text(entry, "file"))).unwrap();
        let keys = PlayKeys::from_base64(
            text(&file, "decryption_key_b64"),
            text(&file, "verification_key_b64_der"),
        )
        .unwrap();
        let request = &file["payload"]["requestDetails"];
        let parameters = Parameters {
            package: text(request, "requestPackageName"),
            binding: Some(Binding::RequestHash(text(request, "requestHash"))),
            age_max_s: DEFAULT_AGE_MAX_S,
        };
        let made_s = text(request, "timestampMillis").parse::<u64>().unwrap() / 1000;
        let run = |token: &Json, now_s: u64| verify(text(token, "token"), &parameters, &keys, now_s);
        for token in file["tokens"].as_array().unwrap() {
            let found = run(token, made_s + 1);
            let verdict = found.as_ref().map(drop).map_err(|error| error.code());
            let expect = expected(text(token, "expected"));
            let outcome = if verdict == expect {
                Ok(())
            } else {
                Err(format!(
                    "{}: {verdict:?} instead of {expect:?}",
                    text(token, "name")
                ))
            };
            tally.count(entry, outcome);
            if let Ok(facts) = found {
                same_facts(&facts, &file["payload"]);
                let late = run(token, made_s + 601).map_err(|error| error.code());
                assert_eq!(late, Err(VerdictCode::Expired));
                let early = run(token, made_s - 60).map_err(|error| error.code());
                assert_eq!(early, Err(VerdictCode::NotYetValid));
            }
        }
    }
    tally.report("Play Integrity tokens");
}

fn same_facts(facts: &Facts, payload: &Json) {
    let app = &payload["appIntegrity"];
    assert_eq!(
        facts.app_recognition_verdict.as_deref(),
        app["appRecognitionVerdict"].as_str()
    );
    assert_eq!(facts.package_name.as_deref(), app["packageName"].as_str());
    assert_eq!(facts.version_code, text(app, "versionCode").parse().ok());
    let verdicts = &payload["deviceIntegrity"]["deviceRecognitionVerdict"];
    assert_eq!(serde_json::json!(facts.device_recognition_verdict), *verdicts);
    let licensing = &payload["accountDetails"]["appLicensingVerdict"];
    assert_eq!(facts.app_licensing_verdict.as_deref(), licensing.as_str());
    assert_eq!(facts.certificate_sha256.len(), 1);
}
