//! A policy as an admin writes it, with the packs beside it.

use std::cell::RefCell;

use attest_core::policy::{DevicePolicy, GatewayPolicy};
use attest_policy::{Level, MAX_PROBLEMS, PackFiles, analyse};

/// Stands between the policy and each pack that follows it.
const NEXT: &str = "\n%%%\n";

/// The packs of an input, one for each that is asked for.
struct Packs<'a>(RefCell<std::str::Split<'a, &'static str>>);

impl PackFiles for Packs<'_> {
    fn read(&self, _: &str) -> Result<String, String> {
        self.0.borrow_mut().next().map(str::to_owned).ok_or_else(|| "no such file".to_owned())
    }
}

/// Any text is a policy or a list of problems, each in a file and at a place; what phones and gateways get of a policy is
/// read by both and has the same canonical text again.
pub fn policy_source(data: &[u8]) -> bool {
    let mut parts = crate::text(data).split(NEXT);
    let source = parts.next().unwrap_or_default();
    let analysis = analyse("policy.yaml", source, &Packs(RefCell::new(parts)));
    let errors = analysis.problems.iter().filter(|problem| problem.level == Level::Error).count();
    assert_eq!(analysis.compiled.is_none(), errors > 0, "errors and a policy, or neither");
    assert!(errors <= 33 * (MAX_PROBLEMS + 1), "unbounded problems");
    for problem in &analysis.problems {
        assert!(!problem.file.is_empty() && problem.position.line > 0, "a problem without a place");
    }
    assert!(analysis.compiled.is_none() || analysis.tests.iter().all(|test| test.passed), "a failed test passed");
    let Some(compiled) = analysis.compiled else { return false };
    let device = compiled.device_json().unwrap_or_default();
    let gateway = compiled.gateway_json().unwrap_or_default();
    let device_again = DevicePolicy::from_json(device.as_bytes());
    let gateway_again = GatewayPolicy::from_json(gateway.as_bytes());
    assert!(device_again.is_ok_and(|policy| crate::canonical(&policy) == device), "phones read another policy");
    assert!(gateway_again.is_ok_and(|policy| crate::canonical(&policy) == gateway), "gateways read another policy");
    true
}
