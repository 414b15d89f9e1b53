//! Policy as phone and gateway share it: source types, compilation, and one total evaluator.
//!
//! Plain serde types say what was written; `compile` turns them into prebuilt forms that look nothing up and allocate
//! nothing while deciding. Compilation reports every problem with its field path. Nothing here loops without a bound,
//! reads a clock, or turns a missing answer into a clean one.

mod brake;
mod canonical;
mod condition;
mod detector;
mod device;
mod document;
mod error;
mod gateway;
mod identity;
mod limits;
mod matcher;
mod newer;
mod operator;
mod pattern;
mod phone;
mod predicate;
mod regex;
mod route;
mod rule;
mod trust;
mod variables;
mod verify;

pub use self::{
    brake::{BRAKE_SKEW_S, Brake, BrakeError, MAX_BRAKE_BYTES, MAX_BRAKE_S},
    canonical::canonical_json,
    condition::{AtLeast, ColumnTest, Condition, Except, FactTest},
    detector::{
        Category, Detection, Detector, DetectorEntry, DetectorSet, Mode, Scanned, Severity, evaluated_digest,
    },
    device::CompiledDevice,
    document::{
        DevicePolicy, GatewayPolicy, KeySet, MAX_DETECTORS, MAX_POLICY_BYTES, MAX_ROUTES, MAX_RULES,
        PolicyReadError, StepUpIssuer,
    },
    error::{Fault, PolicyError},
    gateway::CompiledGateway,
    identity::{
        AndroidReading, App, Boot, BootRequire, EvidenceKind, NameMismatch, PatchMin, PlayIntegrity,
        UnknownTags,
    },
    limits::{DeviceLimits, Limits},
    matcher::{
        Clause, MAX_COLUMN_TESTS, MAX_DEPTH, MAX_DIFFERING_ITEMS, MAX_ITEMS_READ, MAX_NODES, Matcher,
        Outcome, Scope, Side, Verdict,
    },
    pattern::{PathPattern, PathPatternError},
    route::{
        Bind, CompiledRoute, Require, Requirement, RequirementTable, Route, RouteLimits, RouteTable,
        TokenKind, WhenPolicyStale, WhenStoreDown,
    },
    rule::{
        Action, Cause, Completed, Decided, Decision, Rule, Shadow, Spared, SparedBy, StepUp, StepUpKind,
        Subject,
    },
    trust::{Anchor, MAX_ANCHORS, Revocation},
    variables::Variables,
};

/// The version of this evaluator. A policy or detector that asks for a newer one is `unsupported`, never skipped.
pub const ENGINE_VERSION: u32 = 1;

/// The lists that follow from a policy's apps. A clause that names one without entries is never decided: nothing is known
/// that could be compared with.
pub const APP_LISTS: [&str; 4] = ["apps.signers", "apps.packages", "apps.teams", "apps.bundles"];

/// The longest list in a policy.
pub const MAX_LIST_ITEMS: usize = 1_000;

/// The longest text in a policy, in bytes.
pub const MAX_TEXT_BYTES: usize = 4_096;

#[cfg(test)]
mod tests;
