//! `[decision_log]`: which decisions are recorded for later questions, and how much room they get.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Ratio;
use super::problems::Report;

/// `[decision_log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionLog {
    /// Which decisions of rules are written. Off: a record of people's requests is kept only where somebody wants it.
    pub record: Recorded,
    /// The file, one JSON object per line; its folder must exist. Older ones lie beside it as `FILE.1`, `FILE.2` and so on.
    pub file: PathBuf,
    /// The share of uneventful passes that is written where `record = "sampled"`, from 0 to 1. Refusals, step-ups and what a
    /// rule in shadow or outside of its roll-out would have decided are always written: they are few, and what is looked for.
    pub sample_ratio: Ratio,
    /// Which facts. All: a rule that nobody has written yet can be tried.
    pub facts: RecordedFacts,
    /// Size at which the next file is begun: some 100 000 decisions, and still a file that tools open.
    pub file_max_bytes: u64,
    /// Files kept, the current one among them: 512 MiB with the default size.
    pub files_max: u32,
    /// Lines waiting for the disk; further ones are dropped and counted. About 1 KiB each: 8 MiB.
    pub queue_len: usize,
}

/// Which decisions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Recorded {
    /// None.
    #[default]
    Off,
    /// All that are not plain passes, and a share of those.
    Sampled,
    /// Each.
    Full,
}

/// Which facts are written. What identifies a device for longer than a day never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordedFacts {
    /// All that a rule could ask.
    #[default]
    All,
    /// Those that a rule of the policy in force asks.
    Asked,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self {
            record: Recorded::Off,
            file: "decisions.jsonl".into(),
            sample_ratio: Ratio::from_per_million(10_000),
            facts: RecordedFacts::All,
            file_max_bytes: 64 << 20,
            files_max: 8,
            queue_len: 8_192,
        }
    }
}

impl DecisionLog {
    pub(super) fn bounds(&self) -> [(&'static str, u64, RangeInclusive<u64>); 3] {
        let queue_len = u64::try_from(self.queue_len).unwrap_or(u64::MAX);
        [
            ("file_max_bytes", self.file_max_bytes, (1 << 16)..=(1 << 40)),
            ("files_max", self.files_max.into(), 1..=1_000),
            ("queue_len", queue_len, 16..=(1 << 20)),
        ]
    }

    /// The folder must exist; the file is made by the gateway.
    pub(super) fn files(&self, report: &mut Report<'_>) {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if self.record == Recorded::Off {
            return;
        }
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let message = format!("there is no folder {}", folder.display());
            report.at("decision_log.file", "no-such-file", &message);
        }
    }
}
