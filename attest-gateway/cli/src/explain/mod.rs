//! `attest explain`: from a support code back to what refused a request. Only the keys of the deployment open it.

use std::io;
use std::path::Path;

use attest_core::policy::GatewayPolicy;
use attest_core::problem::RetryClass;
use attest_core::support_code::{Cause, SupportCodeError};
use attest_gateway::clock::{Clock as _, SystemClock};
use attest_gateway::config::{Config, PolicyOrigin};
use attest_gateway::explain::{Deciding, Names};
use attest_gateway::gateway::open_support_code;
use attest_gateway::keys::Keys;
use attest_gateway::policy::{analyse_file, analyse_kept, configured_policy};
use clap::Args;
use ring::rand::SystemRandom;
use serde_json::{Value, json};

use crate::gateway::{ConfigFile, config_lines};
use crate::out::{Exit, Out, printable};
use crate::when;

/// Open the support code of a refusal: route, rule, clause, fact, value, policy version, time.
///
/// A user reads the code from the app's error; only this deployment's keys open it. Spaces, hyphens and case do not matter.
/// Names come from the policy whose version the code carries, if it is still there.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  attest explain 4wq2m-... --config my-gateway/attest.toml\n\n\
                        Exit codes: 0 explained, 1 not a code of this deployment, 2 unreadable configuration or keys."
)]
pub(crate) struct Explain {
    /// The code, in as many words as it was read to you.
    #[arg(value_name = "CODE", required = true)]
    code: Vec<String>,
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn run(self, out: &mut Out<'_>) -> io::Result<Exit> {
        let path = &self.file.config;
        let config = match Config::read(path) {
            Ok(config) => config,
            Err(problems) => {
                for line in config_lines(path, &problems) {
                    writeln!(out.err, "{line}")?;
                }
                return Ok(Exit::Unusable);
            }
        };
        let keys = match Keys::read(&config.keys.directory, &SystemRandom::new()) {
            Ok(keys) => keys,
            Err(error) => {
                writeln!(out.err, "{}: {error}", error.code())?;
                return Ok(Exit::Unusable);
            }
        };
        let cause = match open_support_code(&keys, &self.code.concat()) {
            Ok(cause) => cause,
            Err(error) => return self.refused(error, out),
        };
        let policies = policies(&config);
        let explained = Explained::new(&cause, &policies, SystemClock::new().now_s());
        if self.json {
            writeln!(out.out, "{}", explained.json())?;
        } else {
            explained.show(out)?;
        }
        Ok(Exit::Clean)
    }

    fn refused(&self, error: SupportCodeError, out: &mut Out<'_>) -> io::Result<Exit> {
        let malformed = error == SupportCodeError::Malformed;
        let code = if malformed {
            "support-code-malformed"
        } else {
            "support-code-foreign"
        };
        writeln!(out.err, "{code}: {error}")?;
        if self.json {
            writeln!(
                out.out,
                "{}",
                json!({ "result": "refused", "code": code, "message": error.to_string() })
            )?;
        }
        Ok(Exit::Refused)
    }
}

/// The policies that are still there, the one in force first; those that do not compile are left out.
fn policies(config: &Config) -> Vec<GatewayPolicy> {
    if !matches!(config.policy.origin(), PolicyOrigin::File(_)) {
        return configured_policy(config).into_iter().collect();
    }
    let folder = config.store.path.parent().unwrap_or_else(|| Path::new("."));
    let in_force = analyse_kept(folder);
    let offered = analyse_file(&config.policy.file).ok();
    [in_force, offered]
        .into_iter()
        .flatten()
        .filter_map(|(_, analysis)| Some(analysis.compiled?.gateway))
        .collect()
}

/// A cause with its names.
struct Explained<'p> {
    cause: &'p Cause,
    now_s: u64,
    /// The version in which names were looked up; `None` without any policy.
    looked_up_in: Option<u64>,
    route: Option<String>,
    deciding: Deciding<'p>,
    fact: Option<String>,
    value: Option<String>,
    /// What the code carries and no policy here explains.
    unresolved: Vec<&'static str>,
}

impl<'p> Explained<'p> {
    fn new(cause: &'p Cause, policies: &'p [GatewayPolicy], now_s: u64) -> Self {
        let same = policies
            .iter()
            .find(|policy| policy.version == cause.policy_version);
        let policy = same.or_else(|| policies.first());
        let names = Names::new(policy);
        let route = names.route(cause.route);
        let deciding = names.deciding(cause);
        let fact = names.fact(cause.fact);
        let value = names.value(cause.value, fact.as_deref());
        let parts = [
            ("route", cause.route.is_none(), route.is_some()),
            (
                "rule",
                cause.rule.is_none(),
                !matches!(deciding, Deciding::Unknown),
            ),
            ("fact", cause.fact.is_none(), fact.is_some()),
            ("value", cause.value.is_none(), value.is_some()),
        ];
        let unresolved = parts
            .into_iter()
            .filter(|(_, none, found)| !none && !found)
            .map(|(what, ..)| what)
            .collect();
        Self {
            cause,
            now_s,
            looked_up_in: policy.map(|policy| policy.version),
            route,
            deciding,
            fact,
            value,
            unresolved,
        }
    }

    fn same_version(&self) -> bool {
        self.looked_up_in == Some(self.cause.policy_version)
    }

    fn show(&self, out: &mut Out<'_>) -> io::Result<()> {
        let cause = self.cause;
        let at_s = u64::from(cause.at_s);
        let mut line = |name: &str, text: &str| writeln!(out.out, "{name:<8} {}", printable(text));
        line("Refused", cause.code.as_str())?;
        line(
            "When",
            &format!("{}, {}", when::rfc3339(at_s), when::distance(at_s, self.now_s)),
        )?;
        let absent = |none: bool, unknown: &str| {
            if none {
                "none".to_owned()
            } else {
                unknown.to_owned()
            }
        };
        let unknown = "a name that is not in the policy here";
        line(
            "Route",
            &self
                .route
                .clone()
                .unwrap_or_else(|| absent(cause.route.is_none(), unknown)),
        )?;
        match &self.deciding {
            Deciding::Rule(rule) => {
                line("Rule", &format!("{} ({}): {}", rule.id, rule.mode, rule.why))?;
                match &rule.clause {
                    Some(clause) => line(
                        "Clause",
                        &format!("{} (number {}): {}", clause.path, cause.clause, clause.text),
                    )?,
                    None => line(
                        "Clause",
                        &format!("number {}, which the rule does not have here", cause.clause),
                    )?,
                }
            }
            Deciding::Reason(reason) => line("Reason", reason)?,
            Deciding::Unknown => line("Rule", &absent(cause.rule.is_none(), unknown))?,
        }
        if !cause.fact.is_none() {
            line(
                "Fact",
                &self
                    .fact
                    .as_deref()
                    .map_or_else(|| unknown.to_owned(), with_meaning),
            )?;
            let hidden = "not one of the policy's own words; the code does not carry it";
            line("Value", self.value.as_deref().unwrap_or(hidden))?;
        }
        line("Policy", &self.policy_words())?;
        let retry = cause.code.retry();
        line(
            "Phone",
            &format!("was told `{}`: {}", retry_word(retry), retry_meaning(retry)),
        )
    }

    fn policy_words(&self) -> String {
        let version = self.cause.policy_version;
        match self.looked_up_in {
            Some(_) if self.same_version() => format!("version {version}"),
            Some(other) => format!(
                "version {version}; NOTE: the policy here has version {other}, so names may be missing and clauses may differ"
            ),
            None => format!("version {version}; NOTE: no policy here can be read, so no names are known"),
        }
    }

    fn json(&self) -> Value {
        let cause = self.cause;
        let (rule, clause, reason) = match &self.deciding {
            Deciding::Rule(rule) => (Some(rule), Some(&rule.clause), None),
            Deciding::Reason(reason) => (None, None, Some(*reason)),
            Deciding::Unknown => (None, None, None),
        };
        json!({
            "result": "explained",
            "code": cause.code.as_str(),
            "at": when::rfc3339(u64::from(cause.at_s)),
            "at_s": cause.at_s,
            "route": self.route,
            "rule": rule.map(|rule| json!({ "id": rule.id, "mode": rule.mode, "why": rule.why })),
            "reason": reason,
            "clause": clause.map(|clause| json!({
                "ordinal": cause.clause,
                "path": clause.as_ref().map(|clause| clause.path.as_str()),
                "text": clause.as_ref().map(|clause| clause.text.as_str()),
            })),
            "fact": self.fact,
            "value": self.value,
            "policy_version": cause.policy_version,
            "looked_up_in": self.looked_up_in,
            "same_version": self.same_version(),
            "retry": retry_word(cause.code.retry()),
            "unresolved": self.unresolved,
        })
    }
}

/// A question with what the table of facts says about it.
fn with_meaning(fact: &str) -> String {
    let about = fact
        .parse::<attest_core::facts::FactRef>()
        .ok()
        .map(|fact| fact.fact().about());
    about.map_or_else(|| fact.to_owned(), |about| format!("{fact}: {about}"))
}

fn retry_word(retry: RetryClass) -> String {
    let word = serde_json::to_value(retry).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

/// What a phone does about each class.
const fn retry_meaning(retry: RetryClass) -> &'static str {
    match retry {
        RetryClass::None => "the answer stands",
        RetryClass::FreshToken => "mint a new token and repeat once",
        RetryClass::StrongerToken => "repeat once with the token kind and bindings that the refusal named",
        RetryClass::Renew => "renew the session, then repeat once",
        RetryClass::Enroll => "enrol again, then repeat once",
        RetryClass::RefreshPolicy => "fetch the device policy, renew, then repeat once",
        RetryClass::StepUp => "complete the step-up, then repeat",
        RetryClass::Later => "wait, then repeat",
    }
}
