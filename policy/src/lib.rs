//! Policy compiler: YAML source to canonical device and gateway policy, with a place in every problem.
//!
//! [`analyse`] reads one source and the packs it takes, resolves everything they name, lints them and runs their tests.
//! What it returns as compiled compiles on phone and gateway; what has an error is never returned, not even in part. It
//! touches no file, no network and no clock: packs beside the policy are read by the caller's [`PackFiles`].

mod analysis;
pub mod diff;
pub mod explain;
mod lint;
mod nearest;
mod node;
pub mod packs;
mod problem;
pub mod recorded;
pub mod replay;
mod report;
pub mod repository;
mod run;
mod schema;
pub mod skeleton;
mod source;
mod text;

pub use attest_core::policy::canonical_json as to_canonical_json;
use attest_core::policy::{DevicePolicy, GatewayPolicy};

pub use self::{
    analysis::{Analysis, TestOutcome, TestSubject, analyse},
    node::{MAX_SOURCE_BYTES, MAX_SOURCE_DEPTH, MAX_SOURCE_ITEMS, MAX_SOURCE_NODES, MAX_SOURCE_TEXT_BYTES},
    packs::{NoPackFiles, PackFiles, PackSource, PackTest, PackUse},
    problem::{Level, Position, Problem},
    report::MAX_PROBLEMS,
    run::{EmbeddedTests, EmbeddedTestsError, MAX_TESTS_BYTES, run_tests},
    schema::{pack_schema, schema},
    source::{
        DecisionTest, DetectorSource, DetectorTest, Expected, ExpectedDecision, ExpectedDetection,
        PolicySource, RequirementSource, TestCase, TestRequest,
    },
    text::source_text,
};

/// A commented example with every section, for `gateway init` and as a starting point.
pub const EXAMPLE: &str = include_str!("../examples/bank.yaml");

/// A policy that compiled, linted and passed its own tests.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What phones get.
    pub device: DevicePolicy,
    /// What gateways get.
    pub gateway: GatewayPolicy,
    /// The tests of the policy and its packs, as gateways run them.
    pub tests: EmbeddedTests,
    /// What is probably not meant, in the order of the file.
    pub warnings: Vec<Problem>,
}

impl Compiled {
    /// The canonical JSON that phones get.
    ///
    /// # Errors
    /// Never for a compiled policy; the serialiser's error otherwise.
    pub fn device_json(&self) -> Result<String, serde_json::Error> {
        to_canonical_json(&self.device)
    }

    /// The canonical JSON that gateways get.
    ///
    /// # Errors
    /// Never for a compiled policy; the serialiser's error otherwise.
    pub fn gateway_json(&self) -> Result<String, serde_json::Error> {
        to_canonical_json(&self.gateway)
    }

    /// The canonical JSON of the tests, for [`run_tests`].
    ///
    /// # Errors
    /// Never for a compiled policy; the serialiser's error otherwise.
    pub fn tests_json(&self) -> Result<String, serde_json::Error> {
        to_canonical_json(&self.tests)
    }
}

/// The policies of a source that stands alone, or everything that is wrong with it. Packs that ship can be taken; for
/// packs beside the policy there is [`analyse`].
///
/// # Errors
/// Every problem, warnings among them.
pub fn compile(file_name: &str, source: &str) -> Result<Compiled, Vec<Problem>> {
    analyse(file_name, source, &NoPackFiles).into_result()
}
