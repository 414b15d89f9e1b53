//! Keeps all that the foreign side will come to call: without a caller the linker would leave it out, and what is then checked and
//! measured would be next to nothing. It does nothing, and what is shipped is built without it.

use std::future::Future;
use std::hint::black_box;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use attest_core::policy::Variables;
use attest_mobile::probes::{Collector, Probe};
#[cfg(any(target_os = "linux", target_os = "android"))]
use attest_mobile::probes::{
    isolated::{self, Isolated},
    java::Java,
    sys::Unlimited,
};
use attest_mobile::{AppRequest, Attempt, AttestConfig, Attestor, Authorization, Host, HttpReply};
use ring::rand::SystemRandom;

/// Returns at once; that is more than the optimiser can know.
// SAFETY: no other function of this name is linked; the prefix is ours.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn attest_whole() {
    if let Some((config, host, request)) = black_box(None::<(AttestConfig, Host, AppRequest<'static>)>) {
        attestor(config, host, &request);
    }
    if let Some((host, variables)) = black_box(None::<(Host, Variables)>) {
        let collector = Collector::new(probes(), Arc::clone(&host.clock), variables);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        isolated(&collector);
        let background = collector.in_background(Arc::clone(&host.timer));
        black_box(background.hanging());
        black_box(Host {
            observations: Arc::new(background),
            ..host
        });
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn probes() -> Vec<Box<dyn Probe>> {
    let mut probes = attest_mobile::probes::linux::probes();
    let isolated = Isolated::new(Arc::new(SystemRandom::new()));
    if let Some(channel) = black_box(None::<UnixStream>) {
        isolated.connect(channel);
    }
    probes.push(Box::new(isolated));
    if let Some(java) = Java::begun() {
        probes.extend(attest_mobile::probes::java::probes(&java));
    }
    probes
}

/// What the process answers by that nobody else's code is in.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn isolated(collector: &Collector) {
    if let Some(channel) = black_box(None::<UnixStream>) {
        black_box(isolated::serve(&channel, &|asked| collector.scan(asked), &Unlimited).is_ok());
    }
}

#[cfg(target_os = "ios")]
fn probes() -> Vec<Box<dyn Probe>> {
    attest_mobile::probes::ios::probes()
}

fn attestor(config: AttestConfig, host: Host, request: &AppRequest<'_>) {
    let random = Arc::new(SystemRandom::new());
    let Ok(attestor) = Attestor::new(config, Host { random, ..host }) else {
        return;
    };
    poll(attestor.run());
    poll(attestor.ready());
    poll(attestor.authorize(request));
    poll(attestor.forget());
    // Apps send by themselves: `send_with` is for callers in Rust.
    if let Some((mut attempt, sent, reply)) = black_box(None::<(Attempt, Authorization, HttpReply)>) {
        poll(attestor.authorize_again(&attempt, request));
        poll(attestor.follow(&mut attempt, request, &sent, &reply));
    }
    black_box(attestor.try_authorize(request));
    black_box(attestor.status());
    black_box(attestor.device());
    attestor.connectivity_restored();
}

fn poll(future: impl Future) {
    let mut context = Context::from_waker(Waker::noop());
    let polled = pin!(future).poll(&mut context).is_ready();
    black_box(polled);
}
