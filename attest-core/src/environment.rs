//! The environment a deployment belongs to. It is bound into challenges, tickets and attestations, so that nothing made
//! for development is ever accepted in production.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::words_from_json;

/// Which world a gateway, a policy and a token belong to. A mismatch is refused before policy is consulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Software evidence and test anchors may be accepted; binds loopback unless forced.
    Development,
    /// Refuses every development shortcut, whatever policy says.
    Production,
}

impl Environment {
    /// The word used in configuration, policy and tokens.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }

    /// One byte for binary formats.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Development => 1,
            Self::Production => 2,
        }
    }

    /// The environment of a byte, `None` for any other byte.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Development),
            2 => Some(Self::Production),
            _ => None,
        }
    }
}

words_from_json! {
    Environment => Development Production;
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
