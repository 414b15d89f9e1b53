//! A compact JWS in parts, so that anything can be put into it and still be signed.

use attest_core::encoding::{base64url, from_base64url};
use attest_core::jose::{MacKey, SigningKey};
use ring::rand::SystemRandom;
use serde_json::{Map, Value};

/// Header and payload as JSON texts. Nothing here says that they are well-formed.
#[derive(Debug, Clone)]
pub struct RawJws {
    /// The first part, decoded.
    pub header: String,
    /// The second part, decoded.
    pub payload: String,
}

impl RawJws {
    /// The parts of a token.
    #[must_use]
    pub fn read(token: &str) -> Self {
        let text = |part: Option<&str>| String::from_utf8(from_base64url(part.unwrap()).unwrap()).unwrap();
        let mut parts = token.split('.');
        Self {
            header: text(parts.next()),
            payload: text(parts.next()),
        }
    }

    /// Sets a member of the header; `null` removes it.
    #[must_use]
    pub fn header(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.header = set(&self.header, member, value.into());
        self
    }

    /// Sets a member of the payload; `null` removes it.
    #[must_use]
    pub fn claim(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.payload = set(&self.payload, member, value.into());
        self
    }

    /// Puts raw members in front of the header's first.
    #[must_use]
    pub fn prepend_header(mut self, members: &str) -> Self {
        self.header.insert_str(1, &format!("{members},"));
        self
    }

    /// Puts raw members in front of the payload's first.
    #[must_use]
    pub fn prepend_claim(mut self, members: &str) -> Self {
        self.payload.insert_str(1, &format!("{members},"));
        self
    }

    fn input(&self) -> String {
        format!("{}.{}", base64url(&self.header), base64url(&self.payload))
    }

    /// With a good MAC over exactly these parts.
    #[must_use]
    pub fn mac(&self, key: &MacKey) -> String {
        let input = self.input();
        format!("{input}.{}", base64url(key.tag(input.as_bytes())))
    }

    /// With a good signature over exactly these parts.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let input = self.input();
        format!(
            "{input}.{}",
            base64url(key.sign(input.as_bytes(), &SystemRandom::new()).unwrap())
        )
    }

    /// With an empty signature.
    #[must_use]
    pub fn unsigned(&self) -> String {
        format!("{}.", self.input())
    }
}

/// A token with the middle character of one part changed.
#[must_use]
pub fn flipped(token: &str, part: usize) -> String {
    let parts = token.split('.').enumerate().map(|(at, text)| {
        let change = |(place, c): (usize, char)| match c {
            _ if at != part || place != text.len() / 2 => c,
            'A' => 'B',
            _ => 'A',
        };
        text.chars().enumerate().map(change).collect::<String>()
    });
    parts.collect::<Vec<_>>().join(".")
}

fn set(json: &str, member: &str, value: Value) -> String {
    let mut object: Map<String, Value> = serde_json::from_str(json).unwrap();
    if value.is_null() {
        object.remove(member);
    } else {
        object.insert(member.to_owned(), value);
    }
    Value::from(object).to_string()
}
