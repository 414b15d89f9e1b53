//! Finds the names behind the 32-bit hashes of a support code, among the words of a policy and of the product. Two words of
//! one hash are both told: a wrong name would be worse than two.

use std::collections::BTreeSet;

use attest_core::appraisal::Verdict;
use attest_core::device::{BootState, EvidenceClass, KeyLevel, KeyProvisioning, Platform, TokenKind};
use attest_core::facts::{FactId, FactRef, Kind, Value};
use attest_core::policy::{Category, Condition, GatewayPolicy, Severity};
use attest_core::problem::StepUpKind;
use attest_core::support_code::{Cause, NameHash};

use super::reasons::REASONS;
use super::rule::{self, Deciding};

/// Integers up to this are tried for facts that are numbers: more than a day in seconds, far fewer than there are hashes.
const INTEGERS_TRIED: u32 = 100_000;

/// The words that a hash may stand for.
#[derive(Debug)]
pub struct Names<'p> {
    policy: Option<&'p GatewayPolicy>,
}

impl<'p> Names<'p> {
    /// The words of the product, and of this policy if there is one.
    #[must_use]
    pub const fn new(policy: Option<&'p GatewayPolicy>) -> Self {
        Self { policy }
    }

    /// The route, with what it matches.
    #[must_use]
    pub fn route(&self, hash: NameHash) -> Option<String> {
        let routes = self.policy?.routes.iter();
        let mut found = routes.filter(|route| NameHash::of(&route.id) == hash);
        let route = found.next()?;
        Some(format!(
            "{} ({} {})",
            route.id,
            route.methods.join(", "),
            route.path
        ))
    }

    /// The rule and clause, or the inner reason.
    #[must_use]
    pub fn deciding(&self, cause: &Cause) -> Deciding<'p> {
        if let Some(rule) = self
            .policy
            .and_then(|policy| rule::find(policy, cause.rule, cause.clause))
        {
            return Deciding::Rule(rule);
        }
        let reason = REASONS.iter().find(|reason| NameHash::of(reason) == cause.rule);
        reason.map_or(Deciding::Unknown, |reason| Deciding::Reason(reason))
    }

    /// The question about a fact.
    #[must_use]
    pub fn fact(&self, hash: NameHash) -> Option<String> {
        let mut asked = BTreeSet::new();
        for rule in self.policy.into_iter().flat_map(|policy| &policy.rules) {
            clauses(&rule.when, &mut |fact, _| {
                asked.extend(fact.parse::<FactRef>().ok().map(|fact| fact.to_string()));
            });
        }
        for fact in FactId::all() {
            let views = fact
                .entry()
                .views
                .iter()
                .map(|view| format!("{}@{}", fact.name(), view.as_str()));
            asked.extend(views);
            asked.insert(fact.name().to_owned());
        }
        matching(hash, asked.iter().map(String::as_str))
    }

    /// The value, if it is a word of the policy or the product, or a small number for a fact that is one.
    #[must_use]
    pub fn value(&self, hash: NameHash, fact: Option<&str>) -> Option<String> {
        let words = self.words();
        matching(hash, words.iter().map(String::as_str)).or_else(|| {
            let fact: FactRef = fact?.parse().ok()?;
            let is_number = fact.fact().entry().kind == Kind::Integer;
            let mut numbers = (0..=INTEGERS_TRIED).map(|number| number.to_string());
            is_number
                .then(|| numbers.find(|number| NameHash::of(number) == hash))
                .flatten()
        })
    }

    /// Every word that a clause may have met.
    fn words(&self) -> BTreeSet<String> {
        let mut words: BTreeSet<String> = ["absent", "true", "false"].map(str::to_owned).into();
        words.extend((0..=128).map(|count| format!("{count} items")));
        let product = CATEGORIES
            .iter()
            .map(|category| category.as_str())
            .chain(SEVERITIES.iter().map(|severity| severity.as_str()))
            .chain([Platform::Android, Platform::Ios].map(Platform::as_str))
            .chain(
                [
                    KeyLevel::Software,
                    KeyLevel::AppBound,
                    KeyLevel::Hardware,
                    KeyLevel::StrongBox,
                ]
                .map(KeyLevel::as_str),
            )
            .chain(
                [
                    EvidenceClass::Software,
                    EvidenceClass::AndroidKey,
                    EvidenceClass::AppAttest,
                ]
                .map(EvidenceClass::as_str),
            )
            .chain(
                [
                    BootState::Verified,
                    BootState::SelfSigned,
                    BootState::Unverified,
                    BootState::Failed,
                ]
                .map(BootState::as_str),
            )
            .chain(
                [
                    KeyProvisioning::Factory,
                    KeyProvisioning::Rkp,
                    KeyProvisioning::Unknown,
                ]
                .map(KeyProvisioning::as_str),
            )
            .chain(Verdict::KNOWN)
            .chain([TokenKind::Session, TokenKind::Proof].map(TokenKind::as_str))
            .chain([StepUpKind::Proof, StepUpKind::User].map(StepUpKind::as_str));
        words.extend(product.map(str::to_owned));
        let Some(policy) = self.policy else { return words };
        for (id, entry) in &policy.detectors {
            let (category, severity) = (entry.category.as_str(), entry.severity.as_str());
            words.insert(id.clone());
            // As a clause over `findings.rows` shows the row that decided.
            words.insert(format!("id={id} category={category} severity={severity}"));
        }
        words.extend(policy.apps.iter().map(|app| app.id.clone()));
        words.extend(policy.apps.iter().filter_map(|app| app.package.clone()));
        for route in &policy.routes {
            words.insert(route.id.clone());
            words.insert(route.path.clone());
            words.extend(route.methods.iter().cloned());
        }
        words.extend(policy.lists.values().flatten().cloned());
        for rule in &policy.rules {
            clauses(&rule.when, &mut |_, value| match value {
                Some(Value::Text(text)) => words.extend([text.clone()]),
                Some(Value::List(items)) => words.extend(items.iter().cloned()),
                Some(Value::Integer(number)) => words.extend([number.to_string()]),
                Some(Value::Boolean(_) | Value::Rows(_)) | None => {}
            });
        }
        words
    }
}

const CATEGORIES: [Category; 11] = [
    Category::Cloner,
    Category::Emulator,
    Category::Root,
    Category::Hook,
    Category::Debugger,
    Category::Repackaging,
    Category::Jailbreak,
    Category::Simulator,
    Category::Resigning,
    Category::Policy,
    Category::App,
];
const SEVERITIES: [Severity; 5] = [
    Severity::Info,
    Severity::Low,
    Severity::Medium,
    Severity::High,
    Severity::Critical,
];

fn matching<'a>(hash: NameHash, words: impl Iterator<Item = &'a str>) -> Option<String> {
    let found: Vec<_> = words
        .filter(|word| !hash.is_none() && NameHash::of(word) == hash)
        .collect();
    (!found.is_empty()).then(|| found.join(" or "))
}

/// Visits the fact and value of every clause.
fn clauses(condition: &Condition, visit: &mut impl FnMut(&str, Option<&Value>)) {
    match condition {
        Condition::Fact(test) => {
            visit(&test.fact, test.value.as_ref());
            if let Some(from) = &test.from {
                visit(from, None);
            }
        }
        Condition::All(children) | Condition::Any(children) => {
            for child in children {
                clauses(child, visit);
            }
        }
        Condition::AtLeast(at_least) => {
            for child in &at_least.of {
                clauses(child, visit);
            }
        }
        Condition::Not(child) => clauses(child, visit),
    }
}
