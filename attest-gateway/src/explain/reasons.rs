//! The gateway's inner reasons for refusals that no rule decided. A test reads the sources that give them, so that none is
//! missing here.

/// Every inner reason, in the order of the alphabet.
pub const REASONS: &[&str] = &[
    "absolute-form-disagrees-with-host",
    "anchor-unknown",
    "app-not-on-route",
    "app-platform",
    "app-unknown",
    "app-version",
    "app-version-code",
    "application",
    "appraisal-queue-full",
    "appraisal-stopped",
    "authorization-not-ascii",
    "authorization-not-single",
    "banned",
    "binding-authorization",
    "binding-body",
    "binding-method",
    "binding-missing",
    "binding-query",
    "binding-target",
    "body-beyond-bound",
    "body-broken",
    "body-idle",
    "body-late",
    "body-slow",
    "body-too-large",
    "boot-state",
    "call-json",
    "call-query",
    "call-unknown",
    "chain-shape",
    "challenge",
    "challenge-expired",
    "challenge-foreign",
    "challenge-used",
    "challenges-per-source",
    "chunk-extension",
    "chunk-not-crlf",
    "chunk-size-malformed",
    "connection-field-in-http-2",
    "connection-nominates-end-to-end",
    "connection-not-a-name",
    "connection-not-ascii",
    "content-length-beside-transfer-encoding",
    "content-length-malformed",
    "content-length-not-single",
    "core-overloaded",
    "counter",
    "delivery-share",
    "device-belongs-to-renewal",
    "device-gone",
    "device-key",
    "device-missing",
    "device-record",
    "device-unknown",
    "enroll-failures-per-source",
    "enrolment-race",
    "environment",
    "evidence-age",
    "evidence-assertion",
    "evidence-assertion-missing",
    "evidence-claims",
    "evidence-encoding",
    "evidence-environment",
    "evidence-floor",
    "evidence-not-accepted",
    "evidence-software",
    "expired",
    "fault",
    "field-folded",
    "field-name-malformed",
    "field-space-before-colon",
    "field-value-control",
    "findings-too-many",
    "grpc-where-body-bound",
    "head-beyond-bound",
    "head-fields-beyond-bound",
    "head-late",
    "head-leading-line",
    "header-underscore",
    "host-malformed",
    "host-missing",
    "host-not-single",
    "json",
    "key-description-misplaced",
    "key-description-missing",
    "key-id",
    "key-use",
    "limit",
    "line-not-crlf",
    "method-refused",
    "min-policy-phone",
    "min-policy-session",
    "name-chaining",
    "nonce",
    "not-yet-valid",
    "origin",
    "parse",
    "patch-level",
    "path-dot-segment",
    "path-empty-segment",
    "path-escape",
    "path-escaped-separator",
    "path-not-absolute",
    "path-not-alone",
    "path-not-ascii",
    "path-not-utf-8",
    "path-parameter-or-backslash",
    "per-device-per-minute",
    "platform-evidence-missing",
    "play-keys-missing",
    "play-missing",
    "policy-file-unknown",
    "policy-stale",
    "preface-broken",
    "proof-token-half",
    "purpose",
    "query-not-ascii",
    "random",
    "request-line-malformed",
    "revocation-stale",
    "revoked",
    "route-index",
    "route-unknown",
    "rule",
    "session-audience",
    "session-expired",
    "session-older-than-memory",
    "session-where-proof",
    "sessions-not-before",
    "signature",
    "signer",
    "signing",
    "single-use",
    "single-use-full",
    "software-level",
    "store-busy",
    "store-corrupt",
    "store-unavailable",
    "target-form",
    "target-malformed",
    "te-not-trailers",
    "ticket-epoch",
    "ticket-epoch-exhausted",
    "ticket-key-unknown",
    "ticket-malformed",
    "ticket-sealed",
    "ticket-too-large",
    "ticket-version",
    "token-alg",
    "token-ambiguous",
    "token-audience",
    "token-base64",
    "token-crit",
    "token-embedded-key",
    "token-expired",
    "token-findings",
    "token-header-not-single",
    "token-json",
    "token-jti",
    "token-key-unknown",
    "token-lifetime",
    "token-missing",
    "token-not-yet-valid",
    "token-shape",
    "token-signature",
    "token-too-large",
    "token-typ",
    "trailer-refused",
    "trailers-beyond-bound",
    "transfer-encoding-in-http-1-0",
    "transfer-encoding-not-chunked",
    "transfer-encoding-not-single",
    "two-token-kinds",
    "unsupported",
    "upgrade-where-body-bound",
    "upstream-closed",
    "upstream-connect-timeout",
    "upstream-host",
    "upstream-malformed",
    "upstream-protocol",
    "upstream-refused",
    "upstream-saturated",
    "upstream-switched",
    "upstream-timeout",
    "upstream-tls",
    "upstream-unknown",
    "upstream-unreachable",
    "verification-budget",
    "version-unsupported",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::REASONS;
    use crate::verifier::VerdictCode;

    /// Files whose error codes become reasons.
    const CODES: &[&str] = &[
        "../attest-core/src/jose/jws.rs",
        "../attest-core/src/token/claims.rs",
        "../attest-core/src/token/binding.rs",
        "../attest-core/src/token/mod.rs",
        "../attest-core/src/ticket/mod.rs",
        "../attest-core/src/challenge.rs",
        "../attest-core/src/evidence.rs",
        "src/attestation/appraise/error.rs",
        "src/guard/reason.rs",
        "src/store/mod.rs",
        "src/upstream/body.rs",
        "src/upstream/mod.rs",
    ];
    /// Folders whose files refuse with reasons in place.
    const REFUSING: &[&str] = &["src/stack", "src/attestation"];
    /// Arguments in those folders that are no reasons.
    const OTHER: &[&str] = &[
        "close",
        "enroll-failure",
        "http",
        "https",
        "no-cache",
        "no-store",
        "none",
        "observe",
        "observed",
        "refused",
        "allow",
        "shadow",
        "trailers",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "step-up",
        "expect",
        "challenge",
    ];

    fn shipped(path: &Path) -> String {
        let text =
            std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.split("#[cfg(test)]").next().unwrap().to_owned()
    }

    fn is_kebab(text: &str) -> bool {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    }

    /// Literals that `follows` in the text, as the last argument of a call or the arm of a match.
    fn literals(text: &str, follows: fn(&str, &str) -> bool) -> Vec<String> {
        let parts: Vec<&str> = text.split('"').collect();
        let inside = (1..parts.len().saturating_sub(1)).step_by(2);
        inside
            .filter(|at| is_kebab(parts[*at]) && follows(parts[at - 1], parts[at + 1]))
            .map(|at| parts[at].to_owned())
            .collect()
    }

    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let found = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
        found
            .filter(|path| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs"))
            .collect()
    }

    #[test]
    fn every_reason_that_the_gateway_gives_is_known() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let codes = VerdictCode::ALL.iter().map(|code| code.as_str().to_owned());
        let mut given: BTreeSet<String> = codes.collect();
        for file in CODES {
            let text = shipped(&here.join(file));
            let codes = text
                .split("fn code(")
                .skip(1)
                .filter_map(|rest| rest.split("\n    }").next());
            for code in codes {
                given.extend(literals(code, |before, _| before.ends_with("=> ")));
            }
        }
        for file in REFUSING.iter().flat_map(|folder| files(&here.join(folder))) {
            let text = shipped(&file);
            let refuses = |before: &str, after: &str| {
                after.starts_with(')')
                    && [
                        "refus",
                        "Refusal",
                        "Err(",
                        "err(",
                        "ok_or",
                        "unknown",
                        "malformed",
                        "ambiguous",
                        "unavailable",
                        "weak",
                    ]
                    .iter()
                    .any(|word| before.rsplit('\n').next().unwrap_or(before).contains(word))
            };
            given.extend(
                literals(&text, refuses)
                    .into_iter()
                    .filter(|word| !OTHER.contains(&word.as_str())),
            );
        }
        assert!(given.len() > 80, "the sources are not read any more: {given:?}");
        let known: BTreeSet<_> = REASONS.iter().map(|reason| (*reason).to_owned()).collect();
        let missing: Vec<_> = given.difference(&known).collect();
        assert!(missing.is_empty(), "add to REASONS: {missing:?}");
        assert!(REASONS.is_sorted(), "REASONS is sorted");
    }
}
