//! Which verdicts tell something new: none is told twice in a row, and a source that only changes what is wrong with it is told of
//! once a minute, however often it does. What somebody signed, or an operator sent, is always told of.

use std::collections::BTreeMap;

use super::verdict::{Answer, Subject, Verdict};

/// The least time between two refusals of one kind that who holds the network can cause alone.
const EVERY_MS: u64 = 60_000;
/// What the codes of a source that is unsteady, or spoilt on its way, begin with.
const FAMILIES: [&str; 2] = ["policy-source-", "tuf-"];

/// What a verdict is to who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing new.
    Again,
    /// New, and not told yet: it is news at a later look, if it stays.
    Quietly,
    /// To be told.
    News,
}

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The last verdict on each subject, and whether it was told.
    last: BTreeMap<Subject, (Verdict, bool)>,
    /// When a refusal of each family was told. As many as there are codes.
    told_ms: BTreeMap<(Subject, String), u64>,
}

impl News {
    /// Takes a verdict in, at this time of the monotonic clock.
    pub(super) fn hear(&mut self, verdict: &Verdict, now_ms: u64) -> Heard {
        let last = self.last.get(&verdict.subject);
        let (again, told) = last.map_or((false, false), |(last, told)| (verdict.repeats(last), *told));
        if again && told {
            return Heard::Again;
        }
        let due = !is_bounded(verdict) || self.is_due(verdict, now_ms);
        self.last.insert(verdict.subject, (verdict.clone(), due));
        match (due, again) {
            (true, _) => Heard::News,
            (false, true) => Heard::Again,
            (false, false) => Heard::Quietly,
        }
    }

    /// Forgets the last verdict on a subject that is gone.
    pub(super) fn forget(&mut self, subject: Subject) {
        self.last.remove(&subject);
    }

    fn is_due(&mut self, verdict: &Verdict, now_ms: u64) -> bool {
        let family = FAMILIES.into_iter().find(|start| verdict.code.starts_with(start));
        let key = (verdict.subject, family.unwrap_or(&verdict.code).to_owned());
        let told = self.told_ms.get(&key);
        let due = told.is_none_or(|told| now_ms.saturating_sub(*told) >= EVERY_MS);
        if due {
            self.told_ms.insert(key, now_ms);
        }
        due
    }
}

/// Whether it takes no key to cause this verdict: of what was signed and verified the metadata is known.
fn is_bounded(verdict: &Verdict) -> bool {
    verdict.verdict == Answer::Nack && verdict.metadata.is_none() && verdict.source != "push"
}

#[cfg(test)]
mod tests {
    use super::super::verdict::MetadataVersions;
    use super::*;

    fn verdict(answer: Answer, code: &str, reason: &str) -> Verdict {
        Verdict {
            verdict: answer,
            subject: Subject::Policy,
            version: None,
            metadata: None,
            code: code.to_owned(),
            reason: reason.to_owned(),
            source: "url".to_owned(),
            at_s: 0,
            took_ms: 0,
        }
    }

    fn nack(code: &str) -> Verdict {
        verdict(Answer::Nack, code, "")
    }

    /// Hears verdicts in their order, each at a second.
    fn check(steps: &[(u64, Verdict, Heard)]) {
        let mut news = News::default();
        for (at, (now_s, verdict, expect)) in steps.iter().enumerate() {
            assert_eq!(news.hear(verdict, now_s * 1000), *expect, "step {at}");
        }
    }

    #[test]
    fn what_stays_is_told_once_and_what_only_changes_once_a_minute() {
        use Heard::{Again, News, Quietly};
        let (status, slow) = (nack("policy-source-status"), nack("policy-source-slow"));
        check(&[
            (0, status.clone(), News),
            (1, status.clone(), Again),
            (90, status.clone(), Again),
        ]);
        check(&[
            (0, status.clone(), News),
            (1, slow.clone(), Quietly),
            (2, slow.clone(), Again),
            (3, status.clone(), Quietly),
            (59, slow.clone(), Quietly),
            // What stays is not lost.
            (60, slow.clone(), News),
            (61, slow.clone(), Again),
            (119, status.clone(), Quietly),
            (120, slow.clone(), News),
        ]);
    }

    #[test]
    fn coming_and_going_is_change_as_well() {
        use Heard::{Again, News, Quietly};
        let (bad, good) = (
            nack("policy-source-status"),
            verdict(Answer::Ack, "unchanged", ""),
        );
        check(&[
            (0, bad.clone(), News),
            (1, good.clone(), News),
            (2, bad.clone(), Quietly),
            (3, good.clone(), News),
            (4, good.clone(), Again),
            (60, bad, News),
        ]);
    }

    #[test]
    fn families_subjects_and_who_has_a_key_are_told_apart() {
        use Heard::{News, Quietly};
        let rollback = |found: u64| verdict(Answer::Nack, "tuf-rollback", &format!("found {found}"));
        let brake = Verdict {
            subject: Subject::Brake,
            ..nack("tuf-threshold")
        };
        check(&[
            (0, nack("policy-source-status"), News),
            (0, rollback(1), News),
            (1, rollback(2), Quietly),
            (1, nack("tuf-threshold"), Quietly),
            (1, brake, News),
            (1, nack("policy-not-kept"), News),
        ]);
        let pushed = |reason: &str| Verdict {
            source: "push".to_owned(),
            ..verdict(Answer::Nack, "tuf-rollback", reason)
        };
        let signed = |timestamp: u64| Verdict {
            metadata: Some(MetadataVersions {
                timestamp,
                ..MetadataVersions::default()
            }),
            ..nack("policy-tests-failed")
        };
        check(&[
            (0, pushed("1"), News),
            (0, pushed("2"), News),
            (0, signed(1), News),
            (0, signed(2), News),
        ]);
    }
}
