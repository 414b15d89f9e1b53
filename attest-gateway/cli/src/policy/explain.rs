//! `attest policy explain`: why a request is decided as it is, or a detector concludes what it does, clause by clause.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use attest_core::policy::TokenKind;
use attest_policy::explain::{self, ExplainError, Facts};
use attest_policy::{Compiled, PolicySource, TestRequest};
use clap::{Args, ValueEnum};

use super::{explained, input};
use crate::out::{Exit, Out, printable};

/// Explain clause by clause what a policy decides about a request, or what a detector concludes.
///
/// Facts are what is known beside the request, in the form of a policy's tests: a YAML or JSON map of names and values, `null` for
/// what is absent, `{error: 13}` for what could not be read. What is not stated is absent for rules, and was not observed for
/// detectors. Roll-outs that have begun count as complete. A policy whose tests fail can be explained.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  attest policy explain policy.yaml --request 'POST /v1/payments/x' --app bank-android \\\n    \
                  --fact 'findings.hit=[clone.data_dir]' --fact device.age_s=864000\n  \
                  attest policy explain policy.yaml --request 'POST /v1/login' --app bank-ios --token proof --facts facts.yaml\n  \
                  attest policy explain policy.yaml --detector root.su_path --fact 'path.exists(/sbin/su)@syscall=true'\n\n\
                  Exit codes: 0 explained, whatever is decided; 1 the policy has errors; 2 wrong use or unreadable file."
)]
pub(super) struct Explain {
    /// The policy; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The request: method and path.
    #[arg(long, value_name = "METHOD PATH", required_unless_present = "detector")]
    request: Option<String>,
    /// The app that calls; without it, the policy's only one.
    #[arg(long, value_name = "APP", requires = "request")]
    app: Option<String>,
    /// The kind of its token; without it, what the route asks for.
    #[arg(long, value_enum, value_name = "TOKEN", requires = "request")]
    token: Option<Token>,
    /// The step-up by a user that it carries, by the issuer's name in the policy.
    #[arg(long, value_name = "ISSUER", requires = "request")]
    step_up: Option<String>,
    /// The detector, instead of a request.
    #[arg(long, value_name = "ID", conflicts_with = "request")]
    detector: Option<String>,
    /// A variable of the phone on which the detector runs, such as `user_id=999`; repeat it for more.
    #[arg(long, value_name = "NAME=VALUE", requires = "detector")]
    variable: Vec<String>,
    /// A file of facts.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// A fact; it counts more than the file's. Repeat it for more.
    #[arg(long, value_name = "NAME=VALUE")]
    fact: Vec<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Token {
    Session,
    Proof,
}

impl From<Token> for TokenKind {
    fn from(token: Token) -> Self {
        match token {
            Token::Session => Self::Session,
            Token::Proof => Self::Proof,
        }
    }
}

impl Explain {
    pub(super) fn run(&self, out: &mut Out<'_>) -> io::Result<Exit> {
        let analysed = match input::analysed(&self.file) {
            Ok(analysed) => analysed,
            Err(error) => return error.show(out),
        };
        let facts = match self.stated() {
            Ok(facts) => facts,
            Err(problems) => {
                for problem in problems {
                    writeln!(out.err, "{}", printable(&problem))?;
                }
                return Ok(Exit::Unusable);
            }
        };
        let (compiled, source) = match input::whole(analysed, "explained", out)? {
            Ok(whole) => whole,
            Err(exit) => return Ok(exit),
        };
        let shown = match &self.detector {
            Some(id) => self.detector(id, &source, &facts, out)?,
            None => self.decision(&compiled, &facts, out)?,
        };
        match shown {
            Ok(()) => Ok(Exit::Clean),
            Err(problem) => {
                writeln!(out.err, "{}", printable(&problem))?;
                Ok(Exit::Unusable)
            }
        }
    }

    fn stated(&self) -> Result<Facts, Vec<String>> {
        let mut facts = Facts::default();
        if let Some(file) = &self.facts {
            let (name, text) = input::text(file).map_err(|error| vec![error.to_string()])?;
            let lines = |problems: Vec<_>| problems.iter().map(input::line).collect::<Vec<_>>();
            facts = Facts::read(&name, &text).map_err(lines)?;
        }
        let mut problems = Vec::new();
        for fact in &self.fact {
            match split(fact) {
                Some((name, value)) => {
                    let stated = facts.state(name, value);
                    problems.extend(
                        stated
                            .err()
                            .map(|problem| format!("--fact {name}: {}: {}", problem.code, problem.message)),
                    );
                }
                None => problems.push(format!("argument: --fact {fact}: expected NAME=VALUE")),
            }
        }
        if problems.is_empty() {
            Ok(facts)
        } else {
            Err(problems)
        }
    }

    fn decision(
        &self,
        compiled: &Compiled,
        facts: &Facts,
        out: &mut Out<'_>,
    ) -> io::Result<Result<(), String>> {
        let request = match self.test_request(compiled) {
            Ok(request) => request,
            Err(problem) => return Ok(Err(problem)),
        };
        let trace = match explain::decision(&compiled.gateway, &request, facts) {
            Ok(trace) => trace,
            Err(error) => return Ok(Err(told(&error))),
        };
        if self.json {
            writeln!(out.out, "{}", explained::decision_json(&request, &trace))?;
        } else {
            let version = compiled.gateway.version;
            write!(out.out, "{}", explained::decision_text(&request, version, &trace))?;
        }
        Ok(Ok(()))
    }

    fn test_request(&self, compiled: &Compiled) -> Result<TestRequest, String> {
        let words: Vec<&str> = self
            .request
            .iter()
            .flat_map(|text| text.split_whitespace())
            .collect();
        let [method, path] = words.as_slice() else {
            return Err(
                "argument: --request: expected a method and a path, such as 'POST /v1/payments'".to_owned(),
            );
        };
        let path = path.split('?').next().unwrap_or_default();
        let app = match (&self.app, compiled.gateway.apps.as_slice()) {
            (Some(app), _) => app.clone(),
            (None, [only]) => only.id.clone(),
            (None, apps) => {
                let ids: Vec<&str> = apps.iter().map(|app| app.id.as_str()).collect();
                return Err(format!("argument: --app: which of {}?", ids.join(", ")));
            }
        };
        Ok(TestRequest {
            method: method.to_uppercase(),
            path: path.to_owned(),
            app,
            token: self.token.map(TokenKind::from),
            step_up: self.step_up.clone(),
        })
    }

    fn detector(
        &self,
        id: &str,
        source: &PolicySource,
        facts: &Facts,
        out: &mut Out<'_>,
    ) -> io::Result<Result<(), String>> {
        let mut variables = BTreeMap::new();
        for variable in &self.variable {
            let Some((name, value)) = variable.split_once('=') else {
                return Ok(Err(format!(
                    "argument: --variable {variable}: expected NAME=VALUE"
                )));
            };
            variables.insert(name.to_owned(), value.to_owned());
        }
        let trace = match explain::detector(source, id, &variables, facts) {
            Ok(trace) => trace,
            Err(error) => return Ok(Err(told(&error))),
        };
        if self.json {
            writeln!(out.out, "{}", explained::detector_json(&trace))?;
        } else {
            write!(out.out, "{}", explained::detector_text(&trace))?;
        }
        Ok(Ok(()))
    }
}

/// Name and value: the name ends at the first `=` outside its parameter.
fn split(fact: &str) -> Option<(&str, &str)> {
    let mut depth = 0_u32;
    for (at, c) in fact.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '=' if depth == 0 => return Some((fact.get(..at)?, fact.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

fn told(error: &ExplainError) -> String {
    format!("{}: {error}", error.code())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_ends_after_its_parameter() {
        for (fact, expect) in [
            ("device.age_s=60", Some(("device.age_s", "60"))),
            ("env(A=B)@libc=c=d", Some(("env(A=B)@libc", "c=d"))),
            ("x=", Some(("x", ""))),
            ("env(A=B)", None),
        ] {
            assert_eq!(super::split(fact), expect);
        }
    }
}
