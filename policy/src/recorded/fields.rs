//! Members of a JSON object, each of one type or an error that names its place; `null` is the same as no member.

use attest_core::facts::Platform;
use serde_json::{Map, Value as Json};

use super::RecordError;

/// An object and where it stands.
pub(super) struct Fields<'a> {
    members: &'a Map<String, Json>,
    place: &'a str,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(members: &'a Map<String, Json>, place: &'a str) -> Self {
        Self { members, place }
    }

    /// The place of a member.
    pub(super) fn place(&self, name: &str) -> String {
        format!("{}.{name}", self.place)
    }

    fn unfit(&self, name: &str, expected: &'static str) -> RecordError {
        RecordError::MemberUnfit {
            place: self.place(name),
            expected,
        }
    }

    pub(super) fn any(&self, name: &str) -> Option<&'a Json> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, RecordError> {
        let read = |value: &'a Json| value.as_str().ok_or_else(|| self.unfit(name, "text or null"));
        self.any(name).map(read).transpose()
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, RecordError> {
        let read = |value: &Json| {
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            number.ok_or_else(|| self.unfit(name, "an integer or null"))
        };
        self.any(name).map(read).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, RecordError> {
        let read = |value: &Json| {
            value
                .as_bool()
                .ok_or_else(|| self.unfit(name, "true, false or null"))
        };
        self.any(name).map(read).transpose()
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&'a Map<String, Json>>, RecordError> {
        let read = |value: &'a Json| value.as_object().ok_or_else(|| self.unfit(name, "an object"));
        self.any(name).map(read).transpose()
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, RecordError> {
        let unfit = || self.unfit(name, "a list of text or null");
        let read = |value: &Json| {
            let items = value.as_array().ok_or_else(unfit)?.iter();
            items
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(unfit))
                .collect()
        };
        self.any(name).map(read).transpose()
    }

    /// The lines of a text, or a list that holds them.
    pub(super) fn lines(&self, name: &str) -> Result<Option<Vec<String>>, RecordError> {
        match self.any(name) {
            Some(Json::String(text)) => Ok(Some(text.lines().map(str::to_owned).collect())),
            _ => self.list(name),
        }
    }

    /// Refuses a record that says it is of another platform.
    pub(super) fn of_platform(&self, asked: Platform) -> Result<(), RecordError> {
        match self.text("platform")? {
            Some(recorded) if recorded != asked.as_str() => Err(RecordError::PlatformDiffers {
                place: self.place("platform"),
                recorded: recorded.to_owned(),
                asked: asked.as_str(),
            }),
            _ => Ok(()),
        }
    }

    /// Notes the members that are neither read nor of people's interest only.
    pub(super) fn note_others(&self, known: &[&str], notes: &mut Vec<String>) {
        for name in self.members.keys().filter(|name| !known.contains(&name.as_str())) {
            notes.push(format!("{} is not known and not read", self.place(name)));
        }
    }
}

/// Members that describe a record to people.
pub(super) const ABOUT: [&str; 11] = [
    "id",
    "name",
    "device",
    "kind",
    "label",
    "licence",
    "note",
    "source",
    "platform",
    "recorded_at",
    "about",
];
