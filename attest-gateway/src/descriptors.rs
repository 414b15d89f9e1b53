//! Room for as many sockets as the configuration allows, made before the first client comes.
//!
//! A kernel that enlarges a table of descriptors while several threads use it lets all of them wait for each other: tens of
//! milliseconds for everyone at the 1,025th connection, the 2,049th, and so on. At the start nobody waits.

use crate::config::Config;

/// Files, pipes and sockets that are there without any connection.
const BESIDE_CONNECTIONS: usize = 128;

/// Descriptors that are open when every connection is that is configured.
#[must_use]
pub fn needed(config: &Config) -> u64 {
    let cores = match config.listen.cores {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        cores => cores,
    };
    let upstream: usize = config
        .upstreams
        .iter()
        .map(|upstream| upstream.connections_per_core)
        .sum();
    let needed = cores
        .saturating_mul(upstream)
        .saturating_add(config.limits.connections_max)
        .saturating_add(BESIDE_CONNECTIONS);
    u64::try_from(needed).unwrap_or(u64::MAX)
}

/// Makes room for `needed` descriptors, or as many as the process may ever have, and raises its soft limit so far.
///
/// Without room the gateway serves all the same, less evenly.
pub fn reserve(needed: u64) {
    #[cfg(unix)]
    unix::reserve(needed);
    #[cfg(not(unix))]
    let _ = needed;
}

#[cfg(unix)]
mod unix {
    use rustix::io::fcntl_dupfd_cloexec;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    pub(super) fn reserve(needed: u64) {
        let limit = getrlimit(Resource::Nofile);
        let allowed = limit.maximum.unwrap_or(u64::MAX).min(needed);
        if limit.current.is_some_and(|current| current < allowed) {
            let raised = Rlimit {
                current: Some(allowed),
                maximum: limit.maximum,
            };
            if let Err(error) = setrlimit(Resource::Nofile, raised) {
                tracing::warn!(%error, "the limit of open files cannot be raised");
            }
        }
        let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let Ok(last) = i32::try_from(current.min(needed).saturating_sub(1)) else {
            return;
        };
        // The table grows to hold the copy, and never shrinks. Where even that cannot be, connections will say so.
        let _closed = fcntl_dupfd_cloexec(std::io::stdin(), last).is_ok();
    }
}
