//! The attest command: gateway, policy, tokens, simulated phones and the demo.

fn main() {}
