//! Play Integrity beside other evidence: bound to it by the request hash, its verdicts are inputs of rules.

use attest_core::appraisal::{PlayClaims, Verdict, Verdicts};
use attest_core::encoding::base64url;
use attest_core::evidence::Evidence;

use super::{AppraisalError, Basis};
use crate::verifier::play::{self, Binding, DEFAULT_AGE_MAX_S, Parameters};

pub(super) fn appraise(
    evidence: &Evidence,
    token: &str,
    basis: &Basis<'_>,
) -> Result<PlayClaims, AppraisalError> {
    let keys = basis.play_keys.ok_or(AppraisalError::PlayKeysMissing)?;
    let request_hash = base64url(evidence.client_data_hash());
    let parameters = Parameters {
        package: basis.app.package.as_deref().unwrap_or_default(),
        binding: Some(Binding::RequestHash(&request_hash)),
        age_max_s: DEFAULT_AGE_MAX_S,
    };
    let facts = play::verify(token, &parameters, keys, basis.now_s)?;
    let verdict = |word: &Option<String>| word.as_deref().map(Verdict::new);
    let verdicts = |words: &[String]| Verdicts::new(words.iter().map(String::as_str));
    Ok(PlayClaims {
        device: verdicts(&facts.device_recognition_verdict),
        app: verdict(&facts.app_recognition_verdict),
        licensing: verdict(&facts.app_licensing_verdict),
        protect: verdict(&facts.play_protect_verdict),
        apps_detected: verdicts(&facts.apps_detected),
    })
}
