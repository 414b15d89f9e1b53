//! A policy as an admin writes it.

use attest_core::policy::{DevicePolicy, GatewayPolicy};

/// Any text is a policy or a list of problems; what phones and gateways get of a policy is read by both.
pub fn policy_source(data: &[u8]) -> bool {
    match attest_policy::compile("policy.yaml", crate::text(data)) {
        Ok(compiled) => {
            let device = compiled.device_json().unwrap_or_default();
            let gateway = compiled.gateway_json().unwrap_or_default();
            assert!(DevicePolicy::from_json(device.as_bytes()).is_ok(), "phones cannot read it");
            assert!(GatewayPolicy::from_json(gateway.as_bytes()).is_ok(), "gateways cannot read it");
            true
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a problem");
            false
        }
    }
}
