//! A device policy as phones read it. What is read in this way reads the same through serde, with which hosts write and explain it.

use super::{
    AtLeast, Bind, Category, ColumnTest, Condition, Detector, DeviceLimits, DevicePolicy, ENGINE_VERSION,
    Except, MAX_POLICY_BYTES, Mode, PolicyReadError, Requirement, Severity, TokenKind, condition::Written,
    detector::first_engine,
};
use crate::facts::Platform;
use crate::json::{self, FromJson, Json, Members, words_from_json};

impl DevicePolicy {
    /// The policy of a JSON text, as [`Self::from_json`] reads it, but for its response keys: those stand beside it, and it has none.
    ///
    /// # Errors
    /// [`PolicyReadError`] if it is too large, malformed or made for a newer engine. What is malformed is not told further.
    pub fn read(json: &[u8]) -> Result<(Self, Vec<Json>), PolicyReadError> {
        if json.len() > MAX_POLICY_BYTES {
            return Err(PolicyReadError::TooLarge);
        }
        let mut members = json::read(json)
            .and_then(Members::of)
            .ok_or(PolicyReadError::Unreadable)?;
        let needed = members
            .take_or("engine_min", first_engine())
            .ok_or(PolicyReadError::Unreadable)?;
        if needed > ENGINE_VERSION {
            return Err(PolicyReadError::Unsupported { needed });
        }
        of(members, needed).ok_or(PolicyReadError::Unreadable)
    }
}

fn of(mut members: Members, engine_min: u32) -> Option<(DevicePolicy, Vec<Json>)> {
    let response_keys = members.take_or("response_keys", Vec::new())?;
    let policy = DevicePolicy {
        version: members.take("version")?,
        environment: members.take("environment")?,
        engine_min,
        issued_at: members.take("issued_at")?,
        expires_at: members.take("expires_at")?,
        detectors: members.take_or("detectors", Vec::new())?,
        requirements: members.take_or("requirements", Vec::new())?,
        response_keys: Vec::new(),
        limits: members.take_or("limits", DeviceLimits::default())?,
        lists: members.take_or("lists", Default::default())?,
        values: members.take_or("values", Default::default())?,
    };
    members.all_known((policy, response_keys))
}

impl FromJson for Detector {
    /// The condition of one that needs a newer engine is not kept: it may be written in ways that this one does not know.
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let engine_min = members.take_or("engine_min", first_engine())?;
        let is_newer = engine_min > ENGINE_VERSION;
        let detector = Self {
            id: members.take("id")?,
            platform: members.take("platform")?,
            category: members.take("category")?,
            severity: members.take("severity")?,
            mode: members.take_or("mode", Mode::default())?,
            engine_min,
            why: members.take("why")?,
            when: if is_newer {
                Condition::All(Vec::new())
            } else {
                members.take("when")?
            },
        };
        if is_newer {
            Some(detector)
        } else {
            members.all_known(detector)
        }
    }
}

impl FromJson for Condition {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let written = Written {
            fact: members.take("fact")?,
            op: members.take("op")?,
            value: members.take("value")?,
            from: members.take("from")?,
            columns: members.take("where")?,
            except: members.take("except")?,
            all: members.take("all")?,
            any: members.take("any")?,
            not: members.take("not")?,
            at_least: members.take("at_least")?,
        };
        members.all_known(written)?.try_into().ok()
    }
}

impl FromJson for AtLeast {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let at_least = Self {
            n: members.take("n")?,
            of: members.take("of")?,
        };
        members.all_known(at_least)
    }
}

impl FromJson for ColumnTest {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let test = Self {
            column: members.take("column")?,
            op: members.take("op")?,
            value: members.take("value")?,
        };
        members.all_known(test)
    }
}

impl FromJson for Except {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let except = Self {
            column: members.take("column")?,
            op: members.take("op")?,
            value: members.take("value")?,
        };
        members.all_known(except)
    }
}

impl FromJson for Requirement {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let requirement = Self {
            origin: members.take("origin")?,
            methods: members.take("methods")?,
            path: members.take("path")?,
            token: members.take_or("token", TokenKind::default())?,
            bind: members.take_or("bind", Vec::new())?,
            single_use: members.take_or("single_use", false)?,
        };
        members.all_known(requirement)
    }
}

impl FromJson for DeviceLimits {
    fn from_json(json: Json) -> Option<Self> {
        let mut members = Members::of(json)?;
        let default = Self::default();
        let limits = Self {
            token_lifetime_max_s: members.take_or("token_lifetime_max_s", default.token_lifetime_max_s)?,
            evidence_max_age_s: members.take_or("evidence_max_age_s", default.evidence_max_age_s)?,
            body_bound_max_bytes: members.take_or("body_bound_max_bytes", default.body_bound_max_bytes)?,
        };
        members.all_known(limits)
    }
}

words_from_json! {
    Bind => Query Body Authorization;
    Category => Cloner Emulator Root Hook Debugger Repackaging Jailbreak Simulator Resigning Policy App;
    Mode => Off Shadow Enforce;
    Platform => Android Ios;
    Severity => Info Low Medium High Critical;
    TokenKind => Session Proof;
}

#[cfg(test)]
mod tests;
