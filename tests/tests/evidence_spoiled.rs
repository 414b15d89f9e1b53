//! Platform evidence that is right in everything is accepted; spoiled in one thing, it is refused by the word for that thing.
//!
//! Evidence is built by the testkit, verified by the product, and shares nothing between the two but the roots of one run.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's own failure is a panic, in its supporting functions too"
)]

#[path = "evidence_spoiled/android.rs"]
mod android;
#[path = "evidence_spoiled/apple.rs"]
mod apple;
#[path = "evidence_spoiled/play.rs"]
mod play;

use std::collections::BTreeSet;

use attest_gateway::verifier::VerdictCode;

/// When evidence is verified: 2026-11-22.
const NOW_S: u64 = 1_795_305_600;

/// The verdicts of one platform.
#[derive(Default)]
struct Seen {
    codes: BTreeSet<VerdictCode>,
    wrong: Vec<String>,
}

impl Seen {
    /// Compares one verdict; `None` is acceptance.
    fn check(&mut self, what: &str, verdict: Option<VerdictCode>, expect: Option<VerdictCode>) {
        if verdict != expect {
            self.wrong
                .push(format!("{what}: {verdict:?} instead of {expect:?}"));
        }
        self.codes.extend(verdict);
    }

    /// Fails with everything that was wrong.
    fn assert(self) -> BTreeSet<VerdictCode> {
        assert!(self.wrong.is_empty(), "\n{}", self.wrong.join("\n"));
        self.codes
    }
}

#[test]
fn every_verdict_is_reached() {
    let mut left: BTreeSet<_> = VerdictCode::ALL.iter().copied().collect();
    let platforms = [
        android::chains(),
        android::keys(),
        apple::attestations(),
        apple::assertions(),
        play::tokens(),
    ];
    for seen in platforms {
        left.retain(|code| !seen.codes.contains(code));
    }
    assert_eq!(left, BTreeSet::new());
}
