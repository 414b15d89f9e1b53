//! The two messages, as JSON that is read strictly.

use attest_core::facts::{FactMap, FactRef, Observation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::IsolatedError;

const VERSION: u32 = 1;
/// Questions of one exchange: more than all packs together ask.
pub const QUESTIONS_MAX: usize = 1024;

/// Tells one exchange from every other one: 128 random bits of whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// The nonce of these random bytes.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Questions {
    version: u32,
    nonce: Nonce,
    questions: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answers {
    version: u32,
    nonce: Nonce,
    answers: Vec<(String, Observation)>,
}

/// The part of a message that every version has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, IsolatedError> {
    let Versioned { version } = serde_json::from_slice(bytes).map_err(|_| IsolatedError::Malformed)?;
    if version != VERSION {
        return Err(IsolatedError::Version(version));
    }
    serde_json::from_slice(bytes).map_err(|_| IsolatedError::Malformed)
}

fn print(message: &impl Serialize) -> Result<Vec<u8>, IsolatedError> {
    serde_json::to_vec(message).map_err(|_| IsolatedError::Malformed)
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
        parse(bytes)
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
        parse(bytes)
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
