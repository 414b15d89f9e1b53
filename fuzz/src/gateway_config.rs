//! A gateway's configuration file.

use attest_gateway::config::Config;

/// Any text is a configuration or a list of problems, each with a place in the text; never neither.
pub fn gateway_config(data: &[u8]) -> bool {
    let text = crate::text(data);
    match Config::parse(text) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a problem");
            let lines = text.lines().count().max(1) + 1;
            assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)), "a problem outside of the text");
            false
        }
    }
}
