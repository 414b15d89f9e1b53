//! What rules can ask about the platform's proof. What the platform did not say is absent: a rule that compares it cannot be
//! decided, and `exists` tells the difference.

use std::cell::OnceCell;

use attest_core::appraisal::{
    AppleClaims, PatchLevel, PlatformClaims, PlayClaims, Verdict, Verdicts, android_version_text,
};
use attest_core::facts::{Answer, FactId, TextList};

/// The facts of one device's proof, at one time.
#[derive(Debug)]
pub(in crate::stack) struct PlatformFacts<'a> {
    claims: &'a PlatformClaims,
    now_s: u64,
    os_version: OnceCell<String>,
}

impl<'a> PlatformFacts<'a> {
    pub(in crate::stack) const fn new(claims: &'a PlatformClaims, now_s: u64) -> Self {
        Self {
            claims,
            now_s,
            os_version: OnceCell::new(),
        }
    }

    /// The answer, `None` if the fact is not about the proof.
    pub(super) fn answer(&self, fact: FactId) -> Option<Answer<'_>> {
        let claims = self.claims;
        let play = claims.play.as_deref();
        let apple = claims.apple.as_deref();
        Some(match fact {
            FactId::APP_ATTESTED_PACKAGE => list(Some(&claims.attested_packages)),
            FactId::APP_ATTESTED_PACKAGE_COUNT => {
                let count = claims.attested_packages.count();
                integer((count > 0).then_some(count))
            }
            FactId::APP_ATTESTED_VERSION_CODE => integer(claims.app_version_code),
            FactId::KEY_PROVISIONING => text(claims.provisioning.map(|word| word.as_str())),
            FactId::CERTIFICATE_DEVICES => integer(claims.certificate_devices),
            FactId::BOOT_STATE => text(claims.boot_state.map(|word| word.as_str())),
            FactId::BOOT_LOCKED => claims.boot_locked.map_or(Answer::Absent, Answer::Boolean),
            FactId::PATCH_AGE_DAYS => self.age_days(claims.os_patch),
            FactId::PATCH_VENDOR_AGE_DAYS => self.age_days(claims.vendor_patch),
            FactId::PATCH_BOOT_AGE_DAYS => self.age_days(claims.boot_patch),
            FactId::OS_ATTESTED_VERSION => text(claims.os_version.map(|number| self.version(number))),
            FactId::PLAY_DEVICE_VERDICT => verdicts(play.map(|play| &play.device)),
            FactId::PLAY_APP_VERDICT => verdict(play, |play| play.app.as_ref()),
            FactId::PLAY_LICENSING_VERDICT => verdict(play, |play| play.licensing.as_ref()),
            FactId::PLAY_PROTECT_VERDICT => verdict(play, |play| play.protect.as_ref()),
            FactId::PLAY_APPS_DETECTED => verdicts(play.map(|play| &play.apps_detected)),
            FactId::APPLE_VALIDATION_CATEGORY => integer(apple.and_then(|apple| apple.validation_category)),
            FactId::APPLE_BUNDLE_VERSION => text(apple.and_then(bundle_version)),
            _ => return None,
        })
    }

    fn age_days(&self, level: Option<PatchLevel>) -> Answer<'static> {
        integer(level.map(|level| level.age_days(self.now_s)))
    }

    fn version(&self, number: u32) -> &str {
        self.os_version.get_or_init(|| android_version_text(number))
    }
}

fn bundle_version(apple: &AppleClaims) -> Option<&str> {
    apple.bundle_version.as_deref()
}

fn text(word: Option<&str>) -> Answer<'_> {
    word.map_or(Answer::Absent, Answer::Text)
}

fn verdict<'a>(
    play: Option<&'a PlayClaims>,
    of: impl Fn(&'a PlayClaims) -> Option<&'a Verdict>,
) -> Answer<'a> {
    text(play.and_then(of).map(Verdict::as_str))
}

/// Play answered: a list without an item is an answer.
fn verdicts(verdicts: Option<&Verdicts>) -> Answer<'_> {
    verdicts.map_or(Answer::Absent, |verdicts| Answer::List(verdicts))
}

fn list<L: TextList>(list: Option<&L>) -> Answer<'_> {
    list.filter(|list| !list.is_empty())
        .map_or(Answer::Absent, |list| Answer::List(list))
}

fn integer(number: Option<impl TryInto<i64>>) -> Answer<'static> {
    number.map_or(Answer::Absent, |number| {
        Answer::Integer(number.try_into().unwrap_or(i64::MAX))
    })
}

#[cfg(test)]
mod tests;
