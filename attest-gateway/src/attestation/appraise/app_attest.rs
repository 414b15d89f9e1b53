//! Apple App Attest: Apple vouches for a key of the app's, and that key signs what the evidence states. It proves the app, not that
//! the device key is in the Secure Enclave: the level is `app-bound`, whatever the phone says.

use attest_core::appraisal::{AppleClaims, PlatformClaims};
use attest_core::device::{EvidenceClass, KeyLevel};
use attest_core::encoding::from_base64url;
use attest_core::environment::Environment;
use attest_core::evidence::Evidence;
use attest_core::policy::{App, EvidenceKind};
use attest_core::service::PlatformEvidence;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{AppraisalError, Appraised, Basis};
use crate::verifier::apple::{
    AppleEnvironment, AssertionParameters, AttestationParameters, ExtensionFacts, verify_assertion,
    verify_attestation,
};

pub(super) fn appraise(
    evidence: &Evidence,
    object: &str,
    key_id: &str,
    basis: &Basis<'_>,
) -> Result<Appraised, AppraisalError> {
    let app = basis.app;
    if !app.evidence.contains(&EvidenceKind::AppAttest) {
        return Err(AppraisalError::NotAccepted);
    }
    let object = from_base64url(object).map_err(|_| AppraisalError::Encoding { member: "object" })?;
    let key_id = STANDARD.decode(key_id).ok().and_then(|id| id.try_into().ok());
    let key_id: [u8; 32] = key_id.ok_or(AppraisalError::Encoding { member: "key_id" })?;
    let app_id = app_id(app);
    let parameters = AttestationParameters {
        app_ids: &[&app_id],
        key_id: &key_id,
        client_data_hash: evidence.client_data_hash(),
        environment: Some(accepted(app, basis.environment)),
    };
    let facts = verify_attestation(&object, &parameters, &basis.anchors.apple, basis.now_s)?;
    Ok(Appraised {
        key_level: KeyLevel::AppBound,
        class: EvidenceClass::AppAttest,
        claims: PlatformClaims {
            apple: claims(&facts.extensions),
            ..PlatformClaims::default()
        },
        certificates: Vec::new(),
        app_attest: Some(facts.key),
    })
}

/// The assertion of a renewal, decoded.
///
/// # Errors
/// [`AppraisalError::AssertionMissing`], [`AppraisalError::Encoding`].
pub fn assertion(platform: Option<&PlatformEvidence>) -> Result<Vec<u8>, AppraisalError> {
    let Some(PlatformEvidence::AppAttestAssertion { object }) = platform else {
        return Err(AppraisalError::AssertionMissing);
    };
    from_base64url(object).map_err(|_| AppraisalError::Encoding { member: "object" })
}

/// The counter of an assertion by the registered `key` over a renewal's evidence. Whether it was used before is for the store
/// to say, in one step with taking it.
///
/// # Errors
/// [`AppraisalError::Apple`].
pub fn verify_renewal(
    evidence: &Evidence,
    assertion: &[u8],
    key: &[u8; 65],
    app: &App,
) -> Result<u32, AppraisalError> {
    let app_id = app_id(app);
    let parameters = AssertionParameters {
        app_ids: &[&app_id],
        key,
        client_data_hash: evidence.client_data_hash(),
        counter_floor: 0,
    };
    Ok(verify_assertion(assertion, &parameters)?.counter)
}

fn app_id(app: &App) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}.{}", part(&app.team), part(&app.bundle))
}

/// A production gateway takes production evidence, whatever policy says.
fn accepted(app: &App, environment: Environment) -> AppleEnvironment {
    match (environment, app.app_attest_environment()) {
        (Environment::Development, Environment::Development) => AppleEnvironment::Development,
        (Environment::Production, _) | (_, Environment::Production) => AppleEnvironment::Production,
    }
}

fn claims(extensions: &ExtensionFacts) -> Option<Box<AppleClaims>> {
    let claims = AppleClaims::new(
        extensions.validation_category,
        extensions.bundle_version.as_deref(),
    );
    (claims != AppleClaims::default()).then(|| Box::new(claims))
}
