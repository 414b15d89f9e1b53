//! End-to-end, attack, conformance and tidy tests.
