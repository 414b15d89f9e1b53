//! Policy compiler: YAML source to canonical device and gateway policy, with a place in every problem.
//!
//! [`compile`] reads one source, resolves everything it names, lints it and runs its own tests. What it returns
//! compiles on phone and gateway; what has an error is never returned, not even in part. It touches no file, no network
//! and no clock.

mod lint;
mod node;
mod problem;
pub mod recorded;
mod run;
mod schema;
mod source;

pub use attest_core::policy::canonical_json as to_canonical_json;
use attest_core::policy::{DevicePolicy, GatewayPolicy, PolicyError};

pub use self::{
    node::{MAX_SOURCE_BYTES, MAX_SOURCE_DEPTH, MAX_SOURCE_ITEMS, MAX_SOURCE_NODES, MAX_SOURCE_TEXT_BYTES},
    problem::{Level, Position, Problem},
    schema::schema,
    source::{
        DecisionTest, DetectorTest, Expected, ExpectedDecision, ExpectedDetection, PolicySource,
        RequirementSource, TestCase, TestRequest,
    },
};
use self::{problem::Report, source::PolicySource as Source};

/// A commented example with every section, for `gateway init` and as a starting point.
pub const EXAMPLE: &str = include_str!("../examples/bank.yaml");

/// A policy that compiled, linted and passed its own tests.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// What phones get.
    pub device: DevicePolicy,
    /// What gateways get.
    pub gateway: GatewayPolicy,
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
}

/// The policies of a source, or everything that is wrong with it, in the order of the file.
///
/// # Errors
/// Every problem, warnings among them. Text that is not YAML or not of the right types gives its first problem only.
pub fn compile(file_name: &str, source: &str) -> Result<Compiled, Vec<Problem>> {
    let root = node::read(file_name, source).map_err(|problem| vec![*problem])?;
    let source: Source = node::from_node(&root).map_err(|error| {
        vec![Problem {
            file: file_name.to_owned(),
            position: error.position.unwrap_or(root.at),
            path: error.path(),
            code: error.code,
            level: Level::Error,
            message: error.message,
        }]
    })?;
    let mut report = Report::new(file_name, &root);
    let (device, gateway) = (source.device(), source.gateway());
    let extra = source.requirements.extra.len();
    report_all(device.lint(), extra, &mut report);
    report_all(gateway.clone().compile().map(|_| ()), extra, &mut report);
    lint::lint(&source, &mut report);
    if !report.has_errors() {
        run::run(&source, &gateway, &mut report);
    }
    let failed = report.has_errors();
    let problems = report.finish();
    if failed {
        Err(problems)
    } else {
        Ok(Compiled {
            device,
            gateway,
            warnings: problems,
        })
    }
}

/// Problems by their paths in the source: requirements that were derived are reported where their route is.
fn report_all(result: Result<(), Vec<PolicyError>>, extra: usize, report: &mut Report<'_>) {
    for error in result.err().into_iter().flatten() {
        let index = error
            .path
            .strip_prefix("requirements[")
            .and_then(|rest| rest.split_once(']'));
        let path = match index.map(|(index, rest)| (index.parse::<usize>(), rest)) {
            Some((Ok(index), rest)) if index < extra => format!("requirements.extra[{index}]{rest}"),
            Some(_) => continue,
            None => error.path.clone(),
        };
        report.error(path, error.code(), &error.fault);
    }
}
