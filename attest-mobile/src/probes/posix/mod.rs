//! The probes that Android and iOS share: paths, descriptors, the network, the environment and where the app's data lies. Both answer
//! by the same code; only what `sys` asks the platform differs.

pub(super) mod app;
pub(super) mod by_view;
pub(super) mod canary;
pub(super) mod environment;
pub(super) mod fds;
mod fresh_name;
pub(super) mod net;
pub(super) mod paths;

use super::Probe;

/// One of each.
#[must_use]
pub fn probes() -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(app::App),
        Box::new(canary::Canary),
        Box::new(environment::Environment),
        Box::new(fds::Fds),
        Box::new(net::Net::default()),
        Box::new(paths::Paths),
    ]
}
