//! What travels over the admin listener. Members are added, never renamed or removed; times are Unix seconds.
//!
//! Nothing here holds a secret. Devices are shown with id and pseudonym to whoever may read.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::policy::repository::{Answer, BrakeStatus, MetadataVersions, Verdict};

/// The process answers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always true.
    pub live: bool,
}

/// Whether requests should be sent here.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Ready {
    /// A policy is in force, the store answers, and the gateway is not draining.
    pub ready: bool,
}

/// The gateway at a glance.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// `development` or `production`.
    pub environment: String,
    /// Since when it runs.
    pub started_at_s: u64,
    /// Its time now.
    pub now_s: u64,
    /// As `GET ready` says.
    pub ready: bool,
    /// Whether the store answers.
    pub store_answers: bool,
    /// Whether it finishes its last requests.
    pub draining: bool,
    /// Open client connections.
    pub connections: u64,
    /// Registered devices; absent while the store does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// Requests forwarded.
    pub admitted: u64,
    /// Requests and calls refused.
    pub refused: u64,
    /// The policy.
    pub policy: PolicyView,
}

/// The policy in force and what became of the file.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Its version.
    pub version: u64,
    /// SHA-256 of its source, hexadecimal.
    pub source_sha256: String,
    /// Since when it is in force in this process.
    pub since_s: u64,
    /// The audience of tokens: its first public origin.
    pub audience: String,
    /// Its apps.
    pub apps: Vec<String>,
    /// Its routes.
    pub routes: Vec<String>,
    /// Why the file as it is now is not in force; absent if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Warnings about the policy in force.
    pub warnings: Vec<String>,
    /// When it becomes stale; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_s: Option<u64>,
    /// Whether it is stale.
    #[serde(default)]
    pub stale: bool,
    /// Detectors and rules that its kill switch names.
    #[serde(default)]
    pub kill_switch: Vec<String>,
    /// Of a policy from a signed repository; absent where a file is watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<RepositoryView>,
}

/// A signed repository as this gateway follows it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RepositoryView {
    /// Versions of the metadata in force.
    pub metadata: MetadataVersions,
    /// When the first of it expires.
    pub metadata_expires_at_s: u64,
    /// The brake in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<BrakeStatus>,
    /// What was taken last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_ack: Option<Verdict>,
    /// What was refused last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_nack: Option<Verdict>,
}

/// What became of a repository that was sent: the verdict on its policy, and on its brake if one was judged.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    /// Taken or refused.
    pub verdict: Answer,
    /// The policy version that was offered; absent where it was not come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The metadata that was offered, as far as it was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataVersions>,
    /// Stable: `activated`, `unchanged`, `metadata`, or why it was refused.
    pub code: String,
    /// Why, in words; absent for what was taken.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Always `push`.
    pub source: String,
    /// When.
    pub at_s: u64,
    /// From its arrival to this verdict.
    pub took_ms: u64,
    /// About the brake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brake: Option<Verdict>,
    /// The version in force now.
    pub active_version: u64,
}

/// What a look at the policy file found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// What happened.
    pub outcome: ReloadOutcome,
    /// The policy in force now.
    pub policy: PolicyView,
}

/// What became of the policy file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReloadOutcome {
    /// It is as it was.
    Unchanged,
    /// A newer policy is in force.
    Activated,
    /// It was refused; the last good one stays.
    Refused,
}

/// The keys in use, by their public names.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct KeysView {
    /// Key ids that sign attestations and answers to phones.
    pub attestation: Vec<String>,
    /// Key ids that sign assertions for backends.
    pub assertion: Vec<String>,
    /// The development policy root, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_root: Option<String>,
    /// Generations of the ticket key.
    pub ticket: GenerationsView,
    /// Generations of the support-code key.
    pub support: GenerationsView,
    /// The hour under whose key tickets are sealed now.
    pub ticket_epoch: u32,
    /// When the next one begins.
    pub next_epoch_at_s: u64,
}

/// Generations of one symmetric key.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct GenerationsView {
    /// Under which new tickets or codes are made.
    pub current: u16,
    /// Which are accepted.
    pub accepted: Vec<u16>,
}

/// Recent decisions, newest first: all there are room for, a sample of the rest.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionList {
    /// The decisions.
    pub decisions: Vec<DecisionView>,
}

/// One decision.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DecisionView {
    /// When.
    pub at_s: u64,
    /// `allow`, `none` (observed without a good token), `public` or `refused`.
    pub decision: String,
    /// The stable code of a refusal, or of what was wrong with an observed token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The route that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The app, where a verified token says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The device's pseudonym for the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<String>,
    /// What decided, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<Because>,
    /// Rules in shadow that would have decided otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<ShadowView>,
    /// The support code that the client was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support: Option<String>,
    /// Version of the policy that decided.
    pub policy_version: u64,
}

/// A rule in shadow that would have decided otherwise.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ShadowView {
    /// The rule.
    pub rule: String,
    /// What it would have decided.
    pub decision: String,
}

/// What decided. Names are looked up in the policy in force; those it does not have are absent.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Because {
    /// The inner reason, where no rule decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Why the rule exists, in the policy's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The clause's place, such as `rules[2].when.all[0]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The clause's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The fact that it asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<String>,
    /// The value that it met, if it is a word of the policy or the product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// What stands behind a support code.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// When it was refused.
    pub at_s: u64,
    /// The stable code.
    pub code: String,
    /// The route that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// What decided.
    pub because: Because,
    /// Version of the policy that decided.
    pub policy_version: u64,
    /// Whether names were looked up in that very version.
    pub same_version: bool,
}

/// A page of devices, in the order of their ids.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceList {
    /// The devices.
    pub devices: Vec<DeviceView>,
    /// The value of `after` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A registered device of one app.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeviceView {
    /// Random id of the registration.
    pub id: String,
    /// The app's id in policy.
    pub app: String,
    /// What backends know it by.
    pub pseudonym: String,
    /// Where its key lives, in policy's words.
    pub key_level: String,
    /// What vouched for it, in policy's words.
    pub evidence_class: String,
    /// First enrolment.
    pub enrolled_at_s: u64,
    /// Newest accepted platform evidence.
    pub evidence_at_s: u64,
    /// Counts enrolments.
    pub generation: u32,
    /// Newest enrolment or renewal.
    pub last_renewed_at_s: u64,
    /// Device policy version at that time.
    pub policy_version: u64,
}

/// Every ban that is kept.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BanList {
    /// The bans.
    pub bans: Vec<BanView>,
}

/// A ban, or a cut of sessions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BanView {
    /// Names it in `DELETE bans/{id}`: `all`, `app:<app>` or `device:<device>`.
    pub id: String,
    /// Whom it concerns.
    pub scope: BanScopeWord,
    /// The app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What it does.
    pub kind: BanKindWord,
    /// Sessions issued before this are cut; absent for `banned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_s: Option<u64>,
    /// Why, in the operator's words.
    pub reason: String,
    /// Since when.
    pub at_s: u64,
    /// Through when; absent: until lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<u64>,
    /// Whether it is in force now.
    pub in_force: bool,
}

/// Whom a ban concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BanScopeWord {
    /// One device.
    Device,
    /// Every device of an app.
    App,
    /// Everyone.
    All,
}

/// What a ban does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BanKindWord {
    /// Refuses every request, enrolment and renewal.
    Banned,
    /// Cuts the sessions of before; phones renew by themselves.
    SessionsNotBefore,
}

/// A ban to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBan {
    /// Whom it concerns.
    pub scope: BanScopeWord,
    /// What it does.
    pub kind: BanKindWord,
    /// The device's id; for scope `device`, unless `pseudonym` and `app` name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The device's pseudonym for `app`, as backends know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<String>,
    /// The app; for scope `app`, and beside `pseudonym`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// Why: for the list and the audit, never for the client. At most 256 characters.
    #[schema(min_length = 1, max_length = 256)]
    pub reason: String,
    /// Through when; without it, until lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_s: Option<u64>,
    /// For `sessions_not_before`: sessions issued before this are cut; without it, those of now and before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before_s: Option<u64>,
}

/// What became of a ban that was to be lifted.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Lifted {
    /// What was named.
    pub id: String,
    /// Always true; a ban that does not exist is answered 404.
    pub lifted: bool,
}

/// Audit events, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventList {
    /// The events.
    pub events: Vec<EventView>,
    /// How many were lost since the start, because they came faster than the disk takes them.
    pub dropped: u64,
}

/// Something that happened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// When.
    pub at_s: u64,
    /// What, such as `enrolled` or `admin-ban-add`.
    pub kind: String,
    /// The outcome's stable code; `ok` for success.
    pub code: String,
    /// The device concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The app concerned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The name of the operator's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// A keyed hash of where the operator called from: equal for equal addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What else is worth reading.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}
