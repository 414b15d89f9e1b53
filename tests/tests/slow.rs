//! Slow connections are closed, and nobody's user notices them. A small version with short limits: how long it takes at the default
//! ones, and what it costs others, is measured by `cargo xtask soak --only slow`.

#![cfg(target_os = "linux")]

use std::time::Duration;

use attest_tests::crowd::Crowd;
use attest_tests::deployment::Deployment;
use attest_tests::slow::{Mode, ROUTES, Siege, let_go, origin, takes};

/// In each mode.
const CONNECTIONS: usize = 120;
/// Between two bytes.
const PAUSE: Duration = Duration::from_millis(200);
/// No test takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const LIMITS: &str = "[limits]\nhead_timeout_ms = 1000\nbody_idle_timeout_ms = 1000\nbody_total_timeout_ms = 2000\n\
                      write_idle_timeout_ms = 1000\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_connections_are_closed_and_nobody_notices_them() {
    let origin = origin().await;
    let deployment = Deployment::new(|policy| policy.more_routes = ROUTES);
    let node = deployment.node("a", &origin.url(), "", LIMITS);
    let instance = node.start();
    let phones = (0..4).map(|_| deployment.phone(node.address)).collect();
    let crowd = Crowd::start(phones, Duration::from_millis(10));
    crowd.answered(40).await;
    // Its listeners and own descriptors, the crowd's connections and the upstream's.
    let before = instance.descriptors();
    for mode in Mode::ALL {
        let siege = Siege::lay(node.address, mode, CONNECTIONS, PAUSE).await;
        let taken = takes(&instance, before + CONNECTIONS / 2, PATIENCE).await;
        assert!(
            taken,
            "{mode:?}: {} descriptors: there was no siege",
            instance.descriptors()
        );
        let closed = let_go(&instance, before + 8, PATIENCE).await;
        assert!(
            closed.is_some(),
            "{mode:?}: {} descriptors, {before} before",
            instance.descriptors()
        );
        drop(siege);
    }
    crowd.rests().await.assert_unharmed();
    instance.ends().await;
}
