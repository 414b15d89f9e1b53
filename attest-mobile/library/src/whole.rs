//! Keeps all that a surface calls, where there is none: without a caller the linker would leave it out, and what is then measured
//! would be next to nothing. It does nothing, and what is shipped is built without it.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use attest_core::policy::Variables;
#[cfg(any(target_os = "linux", target_os = "android"))]
use attest_mobile::probes::java::Java;
use attest_mobile::probes::{Collector, Probe};
use attest_mobile::{AppRequest, Attempt, AttestConfig, Attestor, Authorization, Host, HttpReply};

/// Returns at once; that is more than the optimiser can know.
// SAFETY: no other function of this name is linked; the prefix is ours.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn attest_whole() {
    if let Some(made) = black_box(None::<Box<(AttestConfig, Host)>>) {
        let (config, mut host) = *made;
        let collector = Collector::new(probes(), Arc::clone(&host.clock), Variables::default());
        host.observations = Arc::new(collector.in_background(Arc::clone(&host.timer)));
        black_box(collector.costs().len());
        if let Ok(attestor) = Attestor::new(config, host) {
            calls(&attestor);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn probes() -> Vec<Box<dyn Probe>> {
    let mut probes = attest_mobile::probes::linux::probes();
    probes.push(Box::new(crate::android::isolated().clone()));
    if let Some(java) = Java::begun() {
        probes.extend(attest_mobile::probes::java::probes(&java));
    }
    probes
}

#[cfg(target_os = "ios")]
fn probes() -> Vec<Box<dyn Probe>> {
    attest_mobile::probes::ios::probes()
}

/// All that a surface calls.
fn calls(attestor: &Attestor) {
    let Some(given) = black_box(None::<&'static (AppRequest<'static>, Authorization, HttpReply)>) else {
        return;
    };
    let (request, sent, reply) = given;
    poll(async { attestor.run().await });
    poll(async { black_box(attestor.ready().await.is_ok()) });
    poll(async { black_box(attestor.authorize(request).await.is_ok()) });
    poll(async { black_box(attestor.forget().await.is_ok()) });
    poll(async {
        // Apps send by themselves: `send_with` is for callers in Rust.
        let mut attempt = Attempt::default();
        black_box(attestor.follow(&mut attempt, request, sent, reply).await.is_ok());
        black_box(attestor.authorize_again(&attempt, request).await.is_ok())
    });
    black_box(attestor.try_authorize(request).is_some());
    black_box(attestor.status().enrolled);
    black_box(attestor.device().is_some());
    attestor.connectivity_restored();
}

fn poll<T>(future: impl Future<Output = T>) {
    let mut context = Context::from_waker(Waker::noop());
    black_box(pin!(future).as_mut().poll(&mut context).is_ready());
}
