//! The collector over probes that a test makes and a clock that it drives.
