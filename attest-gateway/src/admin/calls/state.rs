//! Health, readiness, status, metrics, keys, and the description of all this.

use attest_core::jose::JwkSet;
use attest_core::problem::ProblemCode;
use attest_core::ticket::{EPOCH_S, epoch_of};

use super::super::ask::{Ask, Reply};
use super::super::model::{GenerationsView, Health, KeysView, Ready, Status};
use super::super::problem::{AdminCode, AdminProblem};
use super::super::{Shared, openapi};
use super::policy;
use crate::keys::Generations;
use crate::metrics;
use crate::tally::Passed;

type Answer = Result<Reply, AdminProblem>;

pub(in super::super) fn health(_: &Ask) -> Answer {
    Reply::json(&Health { live: true })
}

pub(in super::super) async fn ready(ask: Ask) -> Answer {
    let ready = is_ready(&ask.shared, ask.shared.devices().await);
    let reply = Reply::json(&Ready { ready })?;
    Ok(if ready {
        reply
    } else {
        reply.with_status(AdminCode::Unavailable.status())
    })
}

/// A policy is always in force: without one the gateway does not start.
fn is_ready(shared: &Shared, devices: Option<u64>) -> bool {
    devices.is_some() && !shared.running.is_draining()
}

pub(in super::super) async fn status(ask: Ask) -> Answer {
    let (shared, gateway) = (&ask.shared, &ask.shared.gateway);
    let devices = shared.devices().await;
    let tally = gateway.tally();
    let forwarded = [Passed::Allowed, Passed::Unattested, Passed::Public];
    Reply::json(&Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        environment: gateway.live().config.environment.as_str().to_owned(),
        started_at_s: gateway.metrics.started_at_s(),
        now_s: gateway.clock.now_s(),
        ready: is_ready(shared, devices),
        store_answers: devices.is_some(),
        draining: shared.running.is_draining(),
        connections: u64::try_from(shared.running.connections()).unwrap_or(u64::MAX),
        devices,
        admitted: forwarded.into_iter().map(|passed| tally.passed(passed)).sum(),
        refused: ProblemCode::ALL.iter().map(|code| tally.refused(*code)).sum(),
        policy: policy::view(gateway),
    })
}

pub(in super::super) async fn metrics(ask: Ask) -> Answer {
    let devices = ask.shared.devices().await;
    let page = metrics::scrape(&ask.shared.gateway, &ask.shared.running, devices);
    Ok(Reply::text(prometheus::TEXT_FORMAT, page))
}

pub(in super::super) fn keys(ask: &Ask) -> Answer {
    let gateway = &ask.shared.gateway;
    let live = gateway.live();
    let keys = &live.keys;
    let epoch = epoch_of(gateway.clock.now_s());
    let view = |generations: &Generations| GenerationsView {
        current: generations.current,
        accepted: generations.accepted.clone(),
    };
    let kids = |set: JwkSet| set.keys.into_iter().filter_map(|key| key.kid).collect();
    Reply::json(&KeysView {
        attestation: kids(keys.attestation_jwks()),
        assertion: kids(keys.assertion_jwks()),
        policy_root: keys.policy_root.as_ref().map(|root| root.kid.clone()),
        ticket: view(&keys.ticket),
        support: view(&keys.support),
        ticket_epoch: epoch,
        next_epoch_at_s: u64::from(epoch).saturating_add(1).saturating_mul(EPOCH_S),
    })
}

pub(in super::super) fn openapi(_: &Ask) -> Answer {
    Reply::json(&openapi::document())
}
