//! Policy activation tests.
