//! App Attest: real objects give what they are known to give, and none of their bytes that say something can change.

use attest_core::encoding::{from_base64url, sha256};
use attest_gateway::verifier::VerdictCode;
use attest_gateway::verifier::apple::{
    AppleAnchors, AppleEnvironment, AssertionParameters, AttestationFacts, AttestationParameters, Error,
    verify_assertion, verify_attestation,
};
use ciborium::Value;
use serde_json::Value as Json;

use crate::corpus::{Corpus, Tally, corpus, seconds, text};

const CASES: usize = 27;

/// Bytes in hexadecimal digits.
fn hex(digits: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_bytes().chunks(2).map(byte).collect()
}

/// Bytes in the base64 of RFC 4648 section 4.
fn base64(text: &str) -> Vec<u8> {
    from_base64url(&text.trim_end_matches('=').replace('+', "-").replace('/', "_")).unwrap()
}

/// A real attestation and what it must agree with.
struct Real<'a> {
    entry: &'a Json,
    object: Vec<u8>,
    key_id: [u8; 32],
    client_data_hash: Vec<u8>,
}

impl<'a> Real<'a> {
    fn read(corpus: &Corpus, entry: &'a Json) -> Self {
        Self {
            entry,
            object: corpus.read(text(entry, "file")),
            key_id: base64(text(entry, "key_id_b64")).try_into().unwrap(),
            client_data_hash: hex(text(entry, "client_data_hash_hex")),
        }
    }

    fn environment(&self) -> AppleEnvironment {
        match text(self.entry, "environment") {
            "production" => AppleEnvironment::Production,
            "development" => AppleEnvironment::Development,
            other => panic!("environment {other}"),
        }
    }

    fn verify(
        &self,
        object: &[u8],
        change: impl FnOnce(&mut AttestationParameters<'_>),
        at: &str,
    ) -> Result<AttestationFacts, Error> {
        let mut parameters = AttestationParameters {
            app_ids: &[text(self.entry, "app_id")],
            key_id: &self.key_id,
            client_data_hash: &self.client_data_hash,
            environment: Some(self.environment()),
        };
        change(&mut parameters);
        verify_attestation(object, &parameters, &AppleAnchors::built_in(), seconds(at))
    }

    fn verify_as(&self, object: &[u8]) -> Result<AttestationFacts, Error> {
        self.verify(object, |_| {}, text(self.entry, "verify_at"))
    }

    /// The object with `change` made to its members.
    fn changed(&self, change: impl FnOnce(&mut Object)) -> Vec<u8> {
        let mut object = Object(ciborium::from_reader(self.object.as_slice()).unwrap());
        change(&mut object);
        let mut bytes = vec![];
        ciborium::into_writer(&object.0, &mut bytes).unwrap();
        bytes
    }
}

/// An attestation object that can be changed.
struct Object(Value);

fn member<'a>(map: &'a mut Value, name: &str) -> &'a mut Value {
    let members = map.as_map_mut().unwrap().iter_mut();
    let mut named = members.filter(|(key, _)| key.as_text() == Some(name));
    &mut named.next().unwrap().1
}

impl Object {
    fn authenticator_data(&mut self) -> &mut Vec<u8> {
        member(&mut self.0, "authData").as_bytes_mut().unwrap()
    }

    fn receipt(&mut self) -> &mut Vec<u8> {
        let statement = member(&mut self.0, "attStmt");
        member(statement, "receipt").as_bytes_mut().unwrap()
    }

    fn certificate(&mut self, position: usize) -> &mut Vec<u8> {
        let chain = member(member(&mut self.0, "attStmt"), "x5c");
        chain.as_array_mut().unwrap()[position].as_bytes_mut().unwrap()
    }
}

fn position(bytes: &[u8], part: &[u8]) -> usize {
    bytes
        .windows(part.len())
        .position(|window| window == part)
        .unwrap()
}

/// What the index says of a case, in our words. A word that is new there has to be looked at.
fn expected(words: &str) -> Result<(), VerdictCode> {
    match words.strip_prefix("invalid:").unwrap_or(words) {
        "valid" => Ok(()),
        "AssertionError:validity@0" => Err(VerdictCode::Expired),
        "AssertionError:nonce" => Err(VerdictCode::Nonce),
        "AssertionError:counter" => Err(VerdictCode::Counter),
        "InvalidSignature:" => Err(VerdictCode::Signature),
        other => panic!("the index expects {other:?}"),
    }
}

/// Holds each expectation of an entry against what `verdict` answers for its name.
fn compare(entry: &Json, verdict: impl Fn(&str) -> Result<(), Error>) -> Result<(), String> {
    for (case, words) in entry["expected"].as_object().unwrap() {
        let found = verdict(case).map_err(|error| error.code());
        let expect = expected(words.as_str().unwrap());
        if found != expect {
            return Err(format!("{case}: {found:?} instead of {expect:?}"));
        }
    }
    Ok(())
}

#[test]
fn attestations_of_the_corpus() {
    let Some(corpus) = corpus(CASES) else { return };
    let mut tally = Tally::default();
    for entry in corpus.of_kind("apple-appattest-attestation") {
        let real = Real::read(&corpus, entry);
        let verify = |change: fn(&mut AttestationParameters<'_>), at| real.verify(&real.object, change, at);
        let told = compare(entry, |case| {
            let verdict = match case {
                "at_verify_at" => verify(|_| {}, text(entry, "verify_at")),
                "at_2026-11-22" => verify(|_| {}, "2026-11-22T00:00:00Z"),
                "wrong_challenge" => verify(
                    |parameters| parameters.client_data_hash = &[0; 32],
                    text(entry, "verify_at"),
                ),
                other => panic!("the index has a case {other:?}"),
            };
            verdict.map(drop)
        });
        tally.count(entry, told.and_then(|()| same_facts(&real)));
    }
    tally.report("App Attest attestations");
}

/// Holds the facts of a real attestation against what the index knows of it.
fn same_facts(real: &Real<'_>) -> Result<(), String> {
    let entry = real.entry;
    let any = |parameters: &mut AttestationParameters<'_>| parameters.environment = None;
    let facts = real
        .verify(&real.object, any, text(entry, "verify_at"))
        .map_err(|error| error.to_string())?;
    let pairs = [
        ("environment", facts.environment == real.environment()),
        (
            "key",
            facts.key.as_slice() == hex(text(entry, "public_key_x962_hex")),
        ),
        ("key id", facts.key_id == sha256(&[&facts.key])),
        ("app", facts.app_id == text(entry, "app_id")),
        (
            "leaf app",
            facts.leaf_app_id.as_deref() == entry["app_id_in_cert_ext_8_5"].as_str(),
        ),
        (
            "system",
            facts.os_version.as_deref() == entry["os"]["1400"].as_str(),
        ),
        ("counter", facts.counter == 0),
        ("receipt", facts.receipt.len() > 1000),
        (
            "validity",
            [facts.leaf.not_before_s, facts.leaf.not_after_s]
                == [0, 1].map(|end| seconds(entry["leaf_valid"][end].as_str().unwrap()).cast_signed()),
        ),
    ];
    let different: Vec<_> = pairs
        .iter()
        .filter(|(_, same)| !same)
        .map(|(name, _)| *name)
        .collect();
    if different.is_empty() {
        Ok(())
    } else {
        Err(format!("different: {different:?}"))
    }
}

#[test]
fn assertions_of_the_corpus() {
    let Some(corpus) = corpus(CASES) else { return };
    let mut tally = Tally::default();
    for entry in corpus.of_kind("apple-appattest-assertion") {
        let object = corpus.read(text(entry, "file"));
        let key: [u8; 65] = hex(text(entry, "public_key_x962_hex")).try_into().unwrap();
        let counter = u32::try_from(entry["counter"].as_u64().unwrap()).unwrap();
        let hash = sha256(&[&base64(text(entry, "client_data_b64"))]);
        let verify = |floor, hash| {
            let parameters = AssertionParameters {
                app_ids: &[text(entry, "app_id")],
                key: &key,
                client_data_hash: hash,
                counter_floor: floor,
            };
            verify_assertion(&object, &parameters)
        };
        let told = compare(entry, |case| {
            let verdict = match case {
                "prev_counter_0" => verify(0, &hash),
                "replayed(prev==counter)" => verify(counter, &hash),
                "client_data_changed" => verify(0, &[0; 32]),
                other => panic!("the index has a case {other:?}"),
            };
            verdict.map(|facts| assert_eq!(facts.counter, counter))
        });
        tally.count(entry, told);
    }
    tally.report("App Attest assertions");
}

#[test]
fn receipts_of_the_corpus_are_carried_unread() {
    let Some(corpus) = corpus(CASES) else { return };
    let real = Real::read(
        &corpus,
        corpus.of_kind("apple-appattest-attestation").next().unwrap(),
    );
    let mut tally = Tally::default();
    for entry in corpus.of_kind("apple-appattest-receipt") {
        let receipt = corpus.read(text(entry, "file"));
        let object = real.changed(|object| *object.receipt() = receipt.clone());
        let told = match real.verify_as(&object) {
            Ok(facts) if facts.receipt == receipt => Ok(()),
            other => Err(format!("{other:?}")),
        };
        tally.count(entry, told);
    }
    tally.report("App Attest receipts");
    let object = real.changed(|object| *object.receipt() = vec![0; 16 << 10]);
    let found = object.len();
    let limit = attest_gateway::verifier::apple::MAX_ATTESTATION_BYTES;
    assert_eq!(real.verify_as(&object), Err(Error::TooLong { found, limit }));
}

#[test]
fn the_root_of_the_corpus_is_the_built_in_one() {
    let Some(corpus) = corpus(CASES) else { return };
    for entry in corpus.of_kind("apple-appattest-root") {
        assert_eq!(
            text(entry, "spki_sha256"),
            "1ae751fd29896d0f1f13fe226c063f445d40d8938acc6245c251ecc0679330bd"
        );
        let pem = corpus.text(text(entry, "file"));
        AppleAnchors::built_in().with_pem(&pem).unwrap();
    }
}

#[test]
fn a_real_attestation_spoilt_in_one_place_is_refused_for_that() {
    let Some(corpus) = corpus(CASES) else { return };
    use VerdictCode as Code;
    for entry in corpus.of_kind("apple-appattest-attestation") {
        let real = Real::read(&corpus, entry);
        let check = |what: &str, code: Code, change: &dyn Fn(&mut Object)| {
            let found = real.verify_as(&real.changed(change));
            assert_eq!(found.map(drop).map_err(|error| error.code()), Err(code), "{what}");
        };
        let at = |what, code, at: usize| {
            check(what, code, &|object| object.authenticator_data()[at] ^= 1);
        };
        at("app", Code::Application, 0);
        at("flags", Code::Nonce, 32);
        at("counter", Code::Counter, 36);
        at("environment", Code::Environment, 40);
        at("credential id's length", Code::Parse, 53);
        at("credential id", Code::KeyId, 60);
        at("credential key's x", Code::KeyId, 100);
        at("credential key's y", Code::KeyId, 150);
        check("behind", Code::Nonce, &|object| {
            object.authenticator_data().extend(b"\xa1\x61a\x01");
        });
        check("behind, not a map", Code::Parse, &|object| {
            object.authenticator_data().push(0)
        });
        check("cut", Code::Parse, &|object| {
            object.authenticator_data().pop();
        });

        let point = hex(text(entry, "public_key_x962_hex"));
        let nonce = b"\x06\x09\x2a\x86\x48\x86\xf7\x63\x64\x08\x02";
        let app = text(entry, "app_id").as_bytes();
        let leaf = |what, code, part: &[u8], offset: usize| {
            check(what, code, &|object| {
                let certificate = object.certificate(0);
                let at = position(certificate, part) + offset;
                certificate[at] ^= 1;
            });
        };
        leaf("leaf's key", Code::KeyId, &point, 20);
        leaf("leaf's nonce", Code::Nonce, nonce, 25);
        leaf("leaf's app", Code::Application, app, 3);
        leaf("leaf's subject", Code::Signature, b"AAA Certification", 0);
        leaf(
            "leaf's issuer",
            Code::NameChaining,
            b"Apple App Attestation CA 1",
            0,
        );
        for position in [0, 1] {
            check("certificate's signature", Code::Signature, &|object| {
                *object.certificate(position).last_mut().unwrap() ^= 1;
            });
            check("certificate's end", Code::Parse, &|object| {
                object.certificate(position).push(0)
            });
        }
        check("issuer's issuer", Code::AnchorUnknown, &|object| {
            let certificate = object.certificate(1);
            let at = position(certificate, b"Apple App Attestation Root CA");
            certificate[at] ^= 1;
        });
        let parameter = |code, change: fn(&mut AttestationParameters<'_>)| {
            let found = real.verify(&real.object, change, text(entry, "verify_at"));
            assert_eq!(found.map(drop).map_err(|error| error.code()), Err(code));
        };
        parameter(Code::KeyId, |parameters| parameters.key_id = &[0; 32]);
        parameter(Code::Application, |parameters| {
            parameters.app_ids = &["TEAM.bundle"]
        });
        parameter(Code::Environment, |parameters| {
            parameters.environment = match parameters.environment {
                Some(AppleEnvironment::Production) => Some(AppleEnvironment::Development),
                Some(AppleEnvironment::Development) | None => Some(AppleEnvironment::Production),
            };
        });
        let before = real.verify(&real.object, |_| {}, "2020-01-01T00:00:00Z");
        assert_eq!(before.map(drop), Err(Error::NotYetValid));
    }
}

#[test]
fn a_bit_of_a_real_certificate_cannot_change() {
    let Some(corpus) = corpus(CASES) else { return };
    let entry = corpus.of_kind("apple-appattest-attestation").next().unwrap();
    let real = Real::read(&corpus, entry);
    for certificate in [0, 1] {
        let mut length = 0;
        real.changed(|object| length = object.certificate(certificate).len())
            .clear();
        // Every third byte, each with another bit.
        for at in (0..length).step_by(3) {
            let object = real.changed(|object| object.certificate(certificate)[at] ^= 1 << (at % 8));
            assert!(
                real.verify_as(&object).is_err(),
                "byte {at} of certificate {certificate}"
            );
        }
    }
}
