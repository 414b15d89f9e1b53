//! The two messages, as JSON that is read strictly.

use attest_core::facts::{FactMap, FactRef, Observation};
use attest_core::json::{self, FromJson, Json, Members};
use serde::Serialize;

use super::IsolatedError;

const VERSION: u32 = 1;
/// Questions of one exchange: more than all packs together ask.
pub const QUESTIONS_MAX: usize = 1024;

/// Tells one exchange from every other one: 128 random bits of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// The nonce of these random bytes.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Questions {
    version: u32,
    nonce: Nonce,
    questions: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answers {
    version: u32,
    nonce: Nonce,
    answers: Vec<(String, Observation)>,
}

impl FromJson for Nonce {
    fn from_json(json: Json) -> Option<Self> {
        FromJson::from_json(json).map(Self)
    }
}

/// The nonce of a message, and what it lists as `name`.
fn parse<T: FromJson>(bytes: &[u8], name: &str) -> Result<(Nonce, Vec<T>), IsolatedError> {
    let mut members = json::read(bytes)
        .and_then(Members::of)
        .ok_or(IsolatedError::Malformed)?;
    // Every version has one; what else another has nobody knows.
    match members.take("version") {
        Some(VERSION) => {}
        Some(other) => return Err(IsolatedError::Version(other)),
        None => return Err(IsolatedError::Malformed),
    }
    let mut rest = || Some((members.take("nonce")?, members.take(name)?));
    let read = rest().ok_or(IsolatedError::Malformed)?;
    members.all_known(read).ok_or(IsolatedError::Malformed)
}

fn print(message: &impl Serialize) -> Result<Vec<u8>, IsolatedError> {
    json::written(message).ok_or(IsolatedError::Malformed)
}

impl Questions {
    pub(super) fn new(nonce: &Nonce, questions: &[FactRef]) -> Result<Self, IsolatedError> {
        if questions.len() > QUESTIONS_MAX {
            return Err(IsolatedError::Oversized);
        }
        Ok(Self {
            version: VERSION,
            nonce: nonce.clone(),
            questions: questions.iter().map(ToString::to_string).collect(),
        })
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, IsolatedError> {
        let (nonce, questions) = parse(bytes, "questions")?;
        Ok(Self {
            version: VERSION,
            nonce,
            questions,
        })
    }

    pub(super) fn print(&self) -> Result<Vec<u8>, IsolatedError> {
        print(self)
    }

    /// The nonce and the questions, all of which this side's table of facts knows: both are of one app.
    pub(super) fn read(self) -> Result<(Nonce, Vec<FactRef>), IsolatedError> {
        if self.questions.len() > QUESTIONS_MAX {
            return Err(IsolatedError::Oversized);
        }
        let questions = self.questions.iter().map(|question| question.parse());
        let questions = questions
            .collect::<Result<_, _>>()
            .map_err(|_| IsolatedError::Malformed)?;
        Ok((self.nonce, questions))
    }
}

impl Answers {
    /// Of `facts`, what was asked.
    pub(super) fn new(nonce: &Nonce, questions: &[FactRef], facts: &FactMap) -> Self {
        let asked = facts.iter().filter(|(question, _)| questions.contains(question));
        Self {
            version: VERSION,
            nonce: nonce.clone(),
            answers: asked
                .map(|(question, said)| (question.to_string(), said.clone()))
                .collect(),
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, IsolatedError> {
        let (nonce, answers) = parse(bytes, "answers")?;
        Ok(Self {
            version: VERSION,
            nonce,
            answers,
        })
    }

    pub(super) fn print(&self) -> Result<Vec<u8>, IsolatedError> {
        print(self)
    }

    /// The answers, if they are to these questions.
    pub(super) fn to(self, nonce: &Nonce, questions: &[FactRef]) -> Result<FactMap, IsolatedError> {
        if self.nonce != *nonce {
            return Err(IsolatedError::Foreign);
        }
        let mut facts = FactMap::default();
        for (question, said) in self.answers {
            let question = question.parse().map_err(|_| IsolatedError::Unasked)?;
            if !questions.contains(&question) || facts.insert(question, said).is_some() {
                return Err(IsolatedError::Unasked);
            }
        }
        Ok(facts)
    }
}
