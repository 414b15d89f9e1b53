//! How big the library was and may be. Growth beyond the limit is a problem; a jump is a warning until it is recorded with a reason.

use std::path::Path;

use serde_json::Value;

/// The history, in the repository.
pub(crate) const FILE: &str = "attest-mobile/link/sizes.json";
/// A change by more than this is a jump.
const JUMP_PERCENT: u64 = 2;

/// What is remembered of one state of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    version: String,
    why: String,
    bytes: Vec<(String, u64)>,
}

/// The limit, and all records, the newest last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    limits: Vec<(String, u64)>,
    records: Vec<Record>,
}

/// What is to be said of a size.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Nothing.
    Steady,
    /// It changed, and nobody said why.
    Jump(String),
    /// It is more than is allowed.
    TooBig(String),
}

impl History {
    /// Reads the file; the error says what is wrong with it.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{FILE}: {error}"))?;
        Self::parse(&text).ok_or_else(|| format!("{FILE}: not as docs/mobile-check.md describes it"))
    }

    fn parse(text: &str) -> Option<Self> {
        let file: Value = serde_json::from_str(text).ok()?;
        let sizes = |value: &Value| -> Option<Vec<(String, u64)>> {
            let pairs = value.as_object()?.iter();
            let mut pairs: Vec<_> = pairs
                .map(|(target, bytes)| Some((target.clone(), bytes.as_u64()?)))
                .collect::<Option<_>>()?;
            pairs.sort();
            Some(pairs)
        };
        let record = |value: &Value| {
            Some(Record {
                version: value.get("version")?.as_str()?.to_owned(),
                why: value.get("why")?.as_str()?.to_owned(),
                bytes: sizes(value.get("bytes")?)?,
            })
        };
        Some(Self {
            limits: sizes(file.get("limit_bytes")?)?,
            records: file
                .get("history")?
                .as_array()?
                .iter()
                .map(record)
                .collect::<Option<_>>()?,
        })
    }

    /// Whether there is a limit for `target`.
    pub(crate) fn knows(&self, target: &str) -> bool {
        self.limits.iter().any(|(name, _)| name == target)
    }

    /// What is to be said of `bytes` for `target`.
    pub(crate) fn judge(&self, target: &str, bytes: u64) -> Judgement {
        let of = |sizes: &[(String, u64)]| {
            sizes
                .iter()
                .find(|(name, _)| name == target)
                .map(|(_, bytes)| *bytes)
        };
        if let Some(limit) = of(&self.limits).filter(|limit| bytes > *limit) {
            return Judgement::TooBig(format!(
                "has {bytes} bytes and may have {limit}: find what grew, or leave something out"
            ));
        }
        let Some(before) = self.records.last().and_then(|last| of(&last.bytes)) else {
            return Judgement::Jump(format!(
                "has {bytes} bytes, of which nothing is recorded: --record \"first\""
            ));
        };
        if bytes.abs_diff(before) * 100 > before * JUMP_PERCENT {
            let word = if bytes > before { "grew" } else { "shrank" };
            return Judgement::Jump(format!(
                "{word} from {before} to {bytes} bytes, more than {JUMP_PERCENT} %: --record \"WHY\" keeps it with the reason"
            ));
        }
        Judgement::Steady
    }

    /// The history with one record more.
    pub(crate) fn with(mut self, version: &str, why: &str, bytes: Vec<(String, u64)>) -> Self {
        self.records.push(Record {
            version: version.to_owned(),
            why: why.to_owned(),
            bytes,
        });
        self
    }

    /// The file's text: one record per line, so that a change is one line.
    pub(crate) fn text(&self) -> String {
        let sizes = |sizes: &[(String, u64)]| {
            let pairs = sizes
                .iter()
                .map(|(target, bytes)| format!("\"{target}\": {bytes}"));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        };
        let mut text = format!(
            "{{\n  \"limit_bytes\": {},\n  \"history\": [\n",
            sizes(&self.limits)
        );
        for (index, Record { version, why, bytes }) in self.records.iter().enumerate() {
            let (version, why) = (Value::from(version.as_str()), Value::from(why.as_str()));
            let end = if index + 1 < self.records.len() { "," } else { "" };
            let line = format!(
                "{{\"version\": {version}, \"why\": {why}, \"bytes\": {}}}{end}",
                sizes(bytes)
            );
            text.push_str(&format!("    {line}\n"));
        }
        text.push_str("  ]\n}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{History, Judgement};

    const TEXT: &str = "{\n  \"limit_bytes\": {\"arm\": 600000},\n  \"history\": [\n    \
        {\"version\": \"0.1.0\", \"why\": \"first\", \"bytes\": {\"arm\": 100, \"x86\": 200}},\n    \
        {\"version\": \"0.1.0\", \"why\": \"a \\\"word\\\"\", \"bytes\": {\"arm\": 1000, \"x86\": 200}}\n  ]\n}\n";

    #[test]
    fn a_history_is_written_as_it_was_read() {
        let history = History::parse(TEXT).unwrap();
        assert_eq!(history.text(), TEXT);
        let longer = history.with("0.2.0", "more", vec![("arm".into(), 1100)]);
        assert_eq!(History::parse(&longer.text()).unwrap(), longer);
        for broken in [
            "",
            "[]",
            "{}",
            "{\"limit_bytes\": {}, \"history\": [{}]}",
            "{\"limit_bytes\": {\"arm\": -1}, \"history\": []}",
        ] {
            assert_eq!(History::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn sizes_are_compared_with_the_limit_and_the_newest_record() {
        let history = History::parse(TEXT).unwrap();
        let check = |target, bytes, expect: &str| {
            let found = match history.judge(target, bytes) {
                Judgement::Steady => "steady",
                Judgement::Jump(problem) => {
                    assert!(problem.contains("--record"), "{problem}");
                    "jump"
                }
                Judgement::TooBig(_) => "too big",
            };
            assert_eq!(found, expect, "{target} {bytes}");
        };
        check("arm", 1000, "steady");
        check("arm", 1020, "steady");
        check("arm", 1021, "jump");
        check("arm", 980, "steady");
        check("arm", 979, "jump");
        check("arm", 600_000, "jump");
        check("arm", 600_001, "too big");
        check("x86", 700_000, "jump");
        check("ios", 1, "jump");
    }
}
